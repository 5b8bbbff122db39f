"""Which of the files that a student handed in is graded, and as which release."""

import io
import json
import os
import zipfile

import nbformat
import pytest
from conftest import LESSON
from handin import filled_in, hand_in, solutions

from autograder.grade import grade
from autograder.release import release
from autograder.results import read_results

ANSWERS = solutions()
HALF = {name: source for name, source in ANSWERS.items() if name in ("normalize", "scale_shift")}
FULL, TWO = 15, 4.5


def graded(course, pool):
    return {result["student"]: result for result in grade(course, LESSON, workers=pool)}


def codes(result):
    return [repair["code"] for repair in result["repairs"]]


def archive(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in files.items():
            made.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return data.getvalue()


def test_any_name_is_found(course, pool):
    names = [
        f"Copy of {LESSON}.ipynb",
        f"{LESSON} (1).ipynb",
        f"{LESSON}-2.ipynb",
        "HW1.ipynb",
        "über ü.ipynb",
        "x.txt",
    ]
    names += ["x.txt", f"{LESSON}.ipynb.txt", f"{LESSON}.json", "no_extension"]
    for number, name in enumerate(names):
        hand_in(course, f"s{number}", filled_in(ANSWERS), name)
    results = graded(course, pool)
    for number, name in enumerate(names):
        result = results[f"s{number}"]
        assert (result["score"], result["file"], codes(result)) == (FULL, name, ["renamed"])
        assert name in result["repairs"][0]["message"]


def test_of_several_the_one_with_most_answers_is_graded_then_the_newest(course, pool):
    hand_in(course, "ada", filled_in({}))
    hand_in(course, "ada", filled_in(ANSWERS), "final_FINAL.ipynb")
    hand_in(course, "ada", filled_in(HALF), f"Copy of {LESSON}.ipynb")
    older = hand_in(course, "bo", filled_in({**ANSWERS, "normalize": "def normalize(*args):\n    return None"}))
    newer = hand_in(course, "bo", filled_in(ANSWERS), "a.ipynb")
    os.utime(older, (1, 1))
    os.utime(newer, (2, 2))
    results = graded(course, pool)
    assert (results["ada"]["file"], results["ada"]["score"]) == ("final_FINAL.ipynb", FULL)
    assert (results["bo"]["file"], results["bo"]["score"]) == ("a.ipynb", FULL)
    assert codes(results["ada"]) == codes(results["bo"]) == ["chosen"]
    assert "There were 3 files; final_FINAL.ipynb was graded" in results["ada"]["repairs"][0]["message"]


def test_folders_and_archives_are_looked_into(course, pool):
    notebook = filled_in(ANSWERS)
    hand_in(course, "zip", archive({f"hw/{LESSON}.ipynb": notebook, "__MACOSX/x.ipynb": b"?"}), "hw.zip")
    hand_in(course, "folder", notebook, f"week 2/{LESSON}.ipynb")
    hand_in(course, "checkpoint", notebook)
    hand_in(course, "checkpoint", filled_in(HALF), f".ipynb_checkpoints/{LESSON}-checkpoint.ipynb")
    hand_in(course, "beside", notebook)
    hand_in(course, "beside", b"1,2\n", "data.csv")
    hand_in(course, "broken", archive({"a.ipynb": notebook})[:-30], "hw.zip")
    hand_in(course, "traversal", archive({"../../../etc/x.ipynb": notebook}), "hw.zip")
    results = graded(course, pool)
    for student in ("zip", "folder", "checkpoint", "beside", "traversal"):
        assert results[student]["score"] == FULL, student
    assert codes(results["checkpoint"]) == codes(results["beside"]) == []
    assert results["broken"]["status"] == "unreadable" and "zip archive" in results["broken"]["repairs"][0]["message"]


def test_a_zip_that_unpacks_to_very_much_is_a_row(course, pool):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("bomb.ipynb", b"0" * 49_000_000)
    hand_in(course, "bomb", data.getvalue(), "x.zip")
    hand_in(course, "ada", filled_in(ANSWERS))
    results = graded(course, pool)
    assert results["bomb"]["status"] == "unreadable" and results["ada"]["score"] == FULL


def test_grading_again_skips_what_has_not_changed_and_sees_what_has(course, pool):
    hand_in(course, "ada", filled_in(HALF))
    hand_in(course, "ada", filled_in({}), "other.ipynb")
    first = graded(course, pool)["ada"]
    assert graded(course, pool)["ada"] == first and first["score"] == TWO
    hand_in(course, "ada", filled_in(ANSWERS), "other.ipynb")
    assert graded(course, pool)["ada"]["score"] == FULL


@pytest.fixture
def changed(course):
    """The course after its lesson has changed: a check was dropped, since a first version was released."""
    release(course, LESSON)
    path = course.lesson_file(LESSON)
    old = nbformat.read(course.release / LESSON / f"{LESSON}.ipynb", 4)
    notebook = nbformat.read(path, 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "normalize--input_unchanged"]
    nbformat.write(notebook, path)
    release(course, LESSON)
    return old


def fill(notebook):
    for cell in notebook["cells"]:
        if cell["id"] in ANSWERS:
            cell["source"] = ANSWERS[cell["id"]]
    return notebook


def test_an_older_release_is_graded_as_what_it_was(course, pool, changed):
    new = nbformat.read(course.release / LESSON / f"{LESSON}.ipynb", 4)
    hand_in(course, "early", fill(changed))
    hand_in(course, "late", fill(new))
    results = graded(course, pool)
    assert (results["early"]["score"], results["early"]["max_score"]) == (FULL, FULL)
    assert (results["late"]["score"], results["late"]["max_score"]) == (FULL - 0.25, FULL - 0.25)
    assert codes(results["early"]) == ["older_version"] and codes(results["late"]) == []
    assert graded(course, pool)["early"] == results["early"], "it is not graded again"


def test_a_release_that_nobody_kept_is_graded_as_the_current_one_and_said_so(course, pool):
    notebook = filled_in(ANSWERS)
    notebook["metadata"]["autograder"]["version"] = "0123456789ab"
    hand_in(course, "ada", notebook)
    result = graded(course, pool)["ada"]
    assert result["score"] == FULL and codes(result) == ["other_version"]


def test_the_notebook_of_another_assignment_is_called_that(course, pool):
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"autograder": {"assignment": "09_other"}}}
    cell = {"cell_type": "code", "id": "x", "metadata": {}, "source": "def g(): pass", "outputs": []}
    hand_in(course, "ada", {**notebook, "cells": [cell]})
    hand_in(course, "bo", filled_in(ANSWERS))
    result = graded(course, pool)["ada"]
    assert result["status"] == "unreadable" and "notebook of 09_other" in result["repairs"][0]["message"]
    page = (course.feedback / "ada" / LESSON / f"{LESSON}.html").read_text()
    assert "notebook of 09_other" in page
    assert "notebook of 09_other" in (course.report / f"{LESSON}.html").read_text()
    assert len(read_results(course.graded / LESSON)) == 2


def test_repairs_are_on_the_students_page_and_on_the_class_page(course, pool):
    notebook = filled_in(ANSWERS)
    (cell,) = (cell for cell in notebook["cells"] if cell["id"] == "normalize")
    notebook["cells"].append({**cell, "id": "copy"})
    hand_in(course, "ada", notebook)
    graded(course, pool)
    sentence = "There are 2 copies of your answer normalize; the last complete one was graded."
    assert sentence in (course.feedback / "ada" / LESSON / f"{LESSON}.html").read_text()
    assert sentence in (course.report / f"{LESSON}.html").read_text()


def test_a_written_answer_and_what_experiments_showed_reach_the_person_who_marks(course, pool):
    notebook = filled_in(ANSWERS)
    cells = {cell["id"]: cell for cell in notebook["cells"]}
    written = cells["momentum_question"]
    written["source"] = "Because <script>alert(1)</script> of ![this](attachment:plot.png)"
    picture = "iVBORw0KGgo="
    written["attachments"] = {"plot.png": {"image/png": picture}, "evil.svg": {"image/svg+xml": "<svg onload=x>"}}
    written["metadata"], written["id"] = {}, "lost"
    experiment = cells["experiment-momentum"]
    experiment["source"] += "\n# mine"
    experiment["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "deviation 0.5 <b>\x1b[31mred\x1b[0m"},
        {
            "output_type": "display_data",
            "data": {"text/html": "<script>x</script>", "text/plain": "plain"},
            "metadata": {},
        },
        {"output_type": "display_data", "data": {"image/png": picture, "text/html": "<script>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": "bm90IGEgcGljdHVyZQ=="}, "metadata": {}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["<script>"]},
        None,
    ]
    hand_in(course, "ada", notebook)
    result = graded(course, pool)["ada"]
    assert result["needs_manual"] == ["momentum_question"]
    shown = nbformat.read(course.autograded / "ada" / LESSON / f"{LESSON}.ipynb", 4)
    nbformat.validate(shown)
    marked = {cell.id: cell for cell in shown.cells}
    assert "<script>" not in json.dumps(shown) and "onload" not in json.dumps(shown)
    assert marked["momentum_question"].source.startswith("Because &lt;script>")
    assert marked["momentum_question"].attachments == {"plot.png": {"image/png": picture}}
    assert marked["experiment-momentum"].source.endswith("# mine")
    outputs = marked["experiment-momentum"].outputs
    texts = [output.get("text") for output in outputs if output.output_type == "stream"]
    assert texts == ["deviation 0.5 <b>red", "plain", "ValueError: no"]
    assert [output.data for output in outputs if output.output_type == "display_data"] == [{"image/png": picture}]
