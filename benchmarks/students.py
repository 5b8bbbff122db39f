"""Makes courses with an invented class: the same students for the same seed, however many are asked for."""

import copy
import json
import random
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.grade import announce
from autograder.lesson import Lesson, Notebook, grade_id, is_answer, is_check, read_lesson
from autograder.release import student_form
from autograder.variants import read_variants

ROOT = Path(__file__).parent.parent
LESSON = "02_batchnorm_by_hand"
SEED = 20261121
"""Of the class, and of the hidden checks."""

KINDS = {"solution": 5, "alternative": 2, "misconception": 2, "stub": 1}
"""How often, out of ten, an answer is the author's, another right one, a wrong one, or not attempted."""

WORDS = "With 0.9 nearly only the last batch counts, so evaluation jumps from batch to batch."


@cache
def lesson() -> Lesson:
    """The lesson that is graded, read."""
    return read_lesson(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb")


@cache
def _handed_out() -> Notebook:
    """What students open, with the outputs that its cells show once they were run: as large as real submissions."""
    notebook = student_form(lesson(), Course.find(ROOT).config)
    shown = {cell["id"]: cell["outputs"] for cell in lesson().notebook["cells"] if "outputs" in cell}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and not is_check(cell):
            cell["outputs"] = copy.deepcopy(shown[cell["id"]])
    return notebook


def invent_class(count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield *count* students and what they answer, source by grade_id. A larger class begins with the smaller one."""
    draw = random.Random(SEED)
    variants = read_variants(ROOT / "solutions" / LESSON / "misconceptions", lesson().check_names())
    own = {str(grade_id(cell)): cell["source"] for cell in lesson().notebook["cells"] if is_answer(cell)}
    choices: dict[str, dict[str, list[str]]] = {
        part: {
            "solution": [own[part]],
            "alternative": [variant.source for variant in variants if variant.part == part and variant.right],
            "misconception": [variant.source for variant in variants if variant.part == part and not variant.right],
        }
        for part in lesson().check_names()
    }
    for number in range(count):
        answers = {answer.id: WORDS for answer in lesson().manual}
        for part, sources in choices.items():
            (kind,) = draw.choices(list(KINDS), list(KINDS.values()))
            if kind != "stub":
                answers[part] = draw.choice(sources[kind])
        yield f"student{number:04}", answers


def filled_in(answers: dict[str, str]) -> Notebook:
    """The student notebook with *answers* in it; what has none stays the stub."""
    notebook = _handed_out()
    cells = [{**cell, "source": answers.get(str(grade_id(cell)), cell["source"])} for cell in notebook["cells"]]
    return {**notebook, "cells": cells}


def make_course(root: Path, count: int, keys: Path) -> Course:
    """A course in *root* with the lesson and *count* submissions, none graded yet. Answer keys are kept in *keys*."""
    shutil.copytree(ROOT / "solutions" / LESSON, root / "solutions" / LESSON)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    (root / ".autograder").mkdir()
    (root / ".autograder" / "seed").write_text(f"{SEED}\n")
    keys.mkdir(exist_ok=True)
    (root / ".autograder" / "keys").symlink_to(keys)
    course = Course.find(root)
    for student, answers in invent_class(count):
        write_notebook(course.submitted / student / LESSON / f"{LESSON}.ipynb", filled_in(answers))
    announce(course, LESSON)  # as `autograder release` does: the gradebook is there before anybody hands in
    return course


def write_notebook(path: Path, notebook: dict[str, Any]) -> None:
    """Write *notebook* to *path*, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
