"""The sentences for everything that is put right in a submission, or that a person should know of it."""

from typing import Any

Repair = dict[str, Any]

INFO, WARNING, REVIEW = "info", "warning", "review"
"""For the record; for the student; for the student and the teacher."""

_CATALOGUE: dict[str, tuple[str, str]] = {
    # The file
    "encoding": (INFO, "The file was not written in UTF-8; it was read as {what}."),
    "old_format": (INFO, "The file has an old notebook format; it was brought up to date."),
    "not_strict": (INFO, "The file has entries that a notebook should not have; they were left out."),
    "front_end": (INFO, "What {what} added to the file was left out."),
    "kernel_restored": (INFO, "The file names the kernel {what!r}; the course's own was used."),
    "python_file": (
        WARNING,
        "You handed in a Python file; its answers were graded. Hand in the notebook next time.",
    ),
    "big_outputs": (WARNING, "The file holds {what} MB of stored outputs; clear them before you hand in."),
    "cut_off": (
        REVIEW,
        "The file is damaged or cut off; {what} complete cells could be read. Send the whole file again, if you can.",
    ),
    "merge_conflict": (
        REVIEW,
        "The file holds the marks of a merge conflict; the side with more answers was graded. Resolve and resend it.",
    ),
    "chosen": (REVIEW, "There were {what} files; {name} was graded, as it has the most answers, or is newest."),
    "renamed": (WARNING, "The file is called {name}; it was recognised all the same."),
    "other_version": (
        REVIEW,
        "The notebook is version {what} of the assignment, which is not known here; it was graded as the current one.",
    ),
    "older_version": (REVIEW, "The notebook is an older version of the assignment ({what}), and was graded as that."),
    # Answers
    "recognised": (INFO, "The answer {cell} had lost its name; it was recognised by {what}."),
    "recognised_by_content": (WARNING, "The answer {cell} had lost its name; it was recognised by {what}."),
    "metadata_lost": (WARNING, "The cells had lost their names; {what} answers were recognised."),
    "wrong_name": (WARNING, "A cell with the name of {what} holds the answer {cell}; it was graded as that."),
    "answer_missing": (
        REVIEW,
        "The answer {cell} is not in the file, so it could not be graded. If you deleted its cell, put it back.",
    ),
    "two_copies": (WARNING, "There are {what} copies of your answer {cell}; the last complete one was graded."),
    "stub_dropped": (WARNING, "Beside your answer {cell} there is an empty copy of its cell; that was left out."),
    "answer_joined": (WARNING, "Your answer {cell} stood in {what} cells; they were joined."),
    "answer_elsewhere": (
        WARNING,
        "Your answer {cell} was found in another cell than its own, and graded. Write it into its own cell.",
    ),
    "given_code_cut": (WARNING, "Your answer {cell} had a given cell merged into it; that was cut out."),
    "type_restored": (WARNING, "The cell of your answer {cell} was of another type; it was set back."),
    "helpers_kept": (INFO, "Your answer {cell} uses {what} from other cells of yours; that was kept with it."),
    "also_defined": (INFO, "Another cell defines {cell} too; the one in the answer's own cell was graded."),
    # Given cells
    "reordered": (WARNING, "The cells stood in another order than they were given; the given order was used."),
    "given_missing": (WARNING, "{what} of the given cells were missing; they were put back."),
    "given_doubled": (INFO, "{what} of the given cells were there twice; each was used once."),
    "given_edited": (INFO, "{what} of the given cells had been edited; they were used as they were given."),
    "check_edited": (REVIEW, "{what} hidden checks had been edited ({name}); they were used as they were given."),
    "metadata_restored": (INFO, "The settings of {what} cells had been changed; the given ones were used."),
    "points_raised": (REVIEW, "The points of {cell} had been raised in the file; the given ones count."),
    "run_out_of_order": (
        INFO,
        "The cells were last run in another order than they stand in. Before you hand in, restart and run them all.",
    ),
    # What an answer does
    "command_left_out": (INFO, "The answer {cell} has a command to the notebook ({what}); it is not run when grading."),
    "input_called": (WARNING, "The answer {cell} asks for input(); nobody is there, so it gets an empty text."),
    "folder_changed": (INFO, "The answer {cell} changes the folder; every check starts in its own again."),
    "colab_used": (WARNING, "The answer {cell} uses google.colab, which does nothing when grading."),
    "path_elsewhere": (
        WARNING,
        "Line {line} of the answer {cell} names a place on your machine ({what}) that is not there when grading.",
    ),
    "lookalike": (WARNING, "Line {line} of the answer {cell} holds {what}, which Python does not take; type it anew."),
    # What could not be read at all
    "empty_file": (REVIEW, "The file is empty. Save the notebook, look that it is not empty, and hand it in again."),
    "no_cells": (REVIEW, "The notebook has no cells. Save it with your work in it, and hand it in again."),
    "web_page": (REVIEW, "The file is a web page, not a notebook. Download the notebook as .ipynb and hand that in."),
    "other_kind": (REVIEW, "The file is {what}, not a notebook. Export the notebook as .ipynb and hand that in."),
    "too_large": (REVIEW, "The file has {what} MB, which is too much. Clear all outputs, save, and hand it in again."),
    "not_a_notebook": (REVIEW, "The file is no notebook that can be read. Export it again as .ipynb and hand that in."),
    "other_assignment": (REVIEW, "This is the notebook of {what}, not of this assignment. Hand in the right one."),
    "nothing_found": (
        REVIEW,
        "No answer of this assignment is in the file. Hand in the notebook that you were given.",
    ),
}


def repair(code: str, cell: str | None = None, **words: Any) -> Repair:
    """The entry for *code*, about the cell with this grade_id if it is about one; *words* fill its sentence."""
    severity, sentence = _CATALOGUE[code]
    return {"code": code, "cell": cell, "severity": severity, "message": sentence.format(cell=cell, **words)}
