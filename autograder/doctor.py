"""Says what would happen to a file if it were handed in, in words, without running any of it."""

from dataclasses import dataclass
from pathlib import Path

import nbformat

from autograder.candidates import choose
from autograder.course import Course
from autograder.errors import GraderError
from autograder.foreign import portable
from autograder.graft import Grafted
from autograder.lesson import ANSWERED, MISSING, Master
from autograder.names import parse
from autograder.repairs import REVIEW
from autograder.submissions import File, unpacked


@dataclass(frozen=True)
class Diagnosis:
    """What would become of one file. *answers*: a word or sentence by grade_id. *notes*: what would be put right."""

    path: Path
    assignment: str | None
    headline: str
    answers: dict[str, str]
    notes: list[str]


def diagnose(course: Course, path: Path, assignment: str | None = None) -> Diagnosis:
    """Look at *path*, a file or a folder, as a submission of *assignment* (default: the one it fits best).

    It needs the released notebooks alone, so students can use it as well. Raises GraderError where there is no such
    file, and where no notebook has been released.
    """
    files = _files(path)
    masters = [_master(course, name) for name in ([assignment] if assignment else _released(course))]
    if not masters:
        raise GraderError(f"There is no notebook in {course.release}; run `autograder release` first.")
    outcomes = [(master, chosen) for master in masters if (chosen := choose(files, master, {}))]
    if not outcomes:
        return Diagnosis(path, None, "There is nothing in it to grade.", {}, [])
    master, best = max(
        outcomes,
        key=lambda pair: (
            pair[1].grafted.assignment == pair[0].assignment,
            pair[1].grafted.notebook is not None,
            pair[1].grafted.answered,
        ),
    )
    grafted = best.grafted
    notes = [repair["message"] for repair in grafted.repairs]
    if grafted.notebook is None:
        return Diagnosis(path, None, "It could not be graded.", {}, notes)
    answers = {name: _state(grafted, name) for name in grafted.answers}
    serious = any(repair["severity"] == REVIEW for repair in grafted.repairs)
    headline = f"It would be graded: {grafted.answered} of {len(answers)} answers are there."
    return Diagnosis(path, master.assignment, f"{headline} Read the notes." if serious else headline, answers, notes)


def _state(grafted: Grafted, name: str) -> str:
    answer = grafted.answers[name]
    if answer.state != ANSWERED:
        return "not in the file" if answer.state == MISSING else "not attempted"
    notebook = grafted.notebook or {"cells": []}
    written = any(cell["id"] == name and cell["cell_type"] == "markdown" for cell in notebook["cells"])
    if not written and parse(portable(answer.source)) is None:
        return "there, but not Python that can be read; run the cell and look at the error"
    return "there"


def _files(path: Path) -> list[File]:
    if path.is_dir():
        return [file for inner in sorted(path.iterdir()) if inner.is_file() for file in _files(inner)]
    try:
        return list(unpacked(path.name, path.read_bytes(), path.stat().st_mtime))
    except FileNotFoundError:
        raise GraderError(f"There is no {path}; check the name.") from None


def _released(course: Course) -> list[str]:
    return sorted(path.stem for path in course.release.glob("*/*.ipynb") if path.parent.name == path.stem)


def _master(course: Course, assignment: str) -> Master:
    path = course.release / assignment / f"{assignment}.ipynb"
    try:
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise GraderError(f"There is no notebook {path}; run `autograder release {assignment}` first.") from None
    return Master(assignment, notebook, notebook)
