"""Lifting answers out of what was handed in."""

import json

import pytest
from conftest import LESSON, ROOT

from autograder.course import Course
from autograder.graft import graft
from autograder.key import master_of
from autograder.lesson import ANSWERED, MISSING, UNCHANGED, grade_id, is_answer


@pytest.fixture(scope="module")
def master(lesson):
    return master_of(lesson, Course.find(ROOT))


@pytest.fixture
def submitted(master):
    """The released notebook with every code answer filled in."""
    notebook = json.loads((ROOT / "notebooks" / LESSON / f"{LESSON}.ipynb").read_text())
    for cell in notebook["cells"]:
        if is_answer(cell) and cell["cell_type"] == "code":
            cell["source"] = f"def {grade_id(cell)}(*args):\n    return 'mine'"
    return notebook


def lifted(notebook, master):
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    return graft(data, master)


def test_answers_are_lifted_and_all_else_is_the_masters(submitted, master):
    for cell in submitted["cells"]:
        if not is_answer(cell):
            cell["source"] = "tampered"
            cell["metadata"].get("nbgrader", {})["points"] = 99
    submitted["metadata"]["kernelspec"] = {"name": "bash"}
    done = lifted(submitted, master)
    said = {repair["code"]: repair for repair in done.repairs}
    assert set(said) == {"check_edited", "given_edited", "metadata_restored", "points_raised", "kernel_restored"}
    for mine, theirs in zip(done.notebook["cells"], master.notebook["cells"], strict=True):
        if is_answer(theirs) and theirs["cell_type"] == "code":
            assert "return 'mine'" in mine["source"]
        elif not is_answer(theirs):
            assert mine == theirs
    assert done.notebook["metadata"] == master.notebook["metadata"]
    assert done.answers["normalize"].state == ANSWERED
    assert done.answers["momentum_question"].state == UNCHANGED


def test_the_untouched_release_is_unchanged(master):
    done = lifted((ROOT / "notebooks" / LESSON / f"{LESSON}.ipynb").read_bytes(), master)
    assert {answer.state for answer in done.answers.values()} == {UNCHANGED}
    assert done.repairs == []


def test_a_missing_answer_is_reported(submitted, master):
    submitted["cells"] = [cell for cell in submitted["cells"] if grade_id(cell) != "scale_shift"]
    done = lifted(submitted, master)
    assert done.answers["scale_shift"].state == MISSING and done.answers["normalize"].state == ANSWERED
    assert [(repair["code"], repair["cell"]) for repair in done.repairs] == [("answer_missing", "scale_shift")]


def test_the_last_copy_that_was_worked_on_counts(submitted, master):
    (place,) = (n for n, cell in enumerate(submitted["cells"]) if grade_id(cell) == "normalize")
    cell = submitted["cells"][place]
    other = {**cell, "source": "def normalize(*args):\n    return 'second'"}
    stub = {**cell, "source": master.stubs["normalize"]}
    submitted["cells"][place + 1 : place + 1] = [other, stub]
    done = lifted(submitted, master)
    assert "second" in done.answers["normalize"].source
    assert sorted(repair["code"] for repair in done.repairs) == ["stub_dropped", "two_copies"]


@pytest.mark.parametrize("other", ["def normalize(*args):\n    return (", "print('so far')"])
def test_what_stands_beside_the_answer_under_its_name_is_reported(submitted, master, other):
    (place,) = (n for n, cell in enumerate(submitted["cells"]) if grade_id(cell) == "normalize")
    submitted["cells"].insert(place, {**submitted["cells"][place], "source": other})
    done = lifted(submitted, master)
    assert done.answers["normalize"].source == "def normalize(*args):\n    return 'mine'"
    assert [(repair["code"], repair["cell"]) for repair in done.repairs] == [("two_copies", "normalize")]


@pytest.mark.parametrize(
    ("more", "text", "code"), [("Second.", "First.\n\nSecond.", "answer_joined"), ("First.", "First.", "two_copies")]
)
def test_of_a_written_answer_nothing_is_left_out(submitted, master, more, text, code):
    (place,) = (n for n, cell in enumerate(submitted["cells"]) if grade_id(cell) == "momentum_question")
    cell = submitted["cells"][place]
    submitted["cells"][place : place + 1] = [{**cell, "source": "First."}, {**cell, "source": more}]
    done = lifted(submitted, master)
    assert done.answers["momentum_question"].source == text
    assert [repair["code"] for repair in done.repairs] == [code]


@pytest.mark.parametrize("data", [b"", b"{", b"<html>", b"\xff\xfe\x00", b"[]", b'{"cells": 3}', b"3", b"null"])
def test_what_is_no_notebook_says_so(master, data):
    done = lifted(data, master)
    assert done.notebook is None
    assert {answer.state for answer in done.answers.values()} == {MISSING}
    assert done.repairs[0]["severity"] == "review" and done.repairs[0]["message"].endswith(".")


@pytest.mark.parametrize(
    "cell", [None, 3, {}, {"metadata": None}, {"metadata": {"nbgrader": {"grade_id": ["normalize"]}}}]
)
def test_odd_cells_are_passed_over(submitted, master, cell):
    submitted["cells"].insert(0, cell)
    assert lifted(submitted, master).answers["normalize"].state == ANSWERED
