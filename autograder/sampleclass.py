"""Makes a class of invented students from a recipe, so that everything can be tried without real submissions."""

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import GraderError
from autograder.lesson import Lesson, Notebook, grade_id, is_answer, read_lesson
from autograder.release import student_form
from autograder.variants import Variant, read_variants

SOLUTION, STUB = "solution", "stub"

Files = dict[str, bytes]
"""What one student hands in: contents by file name."""


def make_sample_class(course: Course, assignment: str) -> list[str]:
    """Write ``submitted/`` for the students of *assignment*'s recipe and return their names.

    Raises GraderError where there is no recipe, where it names what does not exist, and where ``submitted/`` holds
    others: invented students must not mix with real ones.
    """
    lesson = read_lesson(course.lesson_file(assignment))
    recipe = _read_recipe(course.root / "data" / "sample_class" / f"{assignment}.toml")
    students = recipe["students"]
    others = sorted({path.name for path in course.submitted.glob("*") if path.is_dir()} - set(students))
    if others:
        raise GraderError(
            f"{course.submitted} holds {others[0]!r}, who is not of the sample class; "
            "make the sample class in a fresh clone."
        )
    variants = read_variants(course.source / assignment / "misconceptions", lesson.check_names())
    defaults = recipe["defaults"]
    made = {student: _files(course, lesson, variants, {**defaults, **own}) for student, own in students.items()}
    for student, files in made.items():
        folder = course.submitted / student / assignment
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    return list(students)


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GraderError(f"There is no recipe {path}; write one, as data/README.md describes.") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise GraderError(f"{path} cannot be read: {error}.") from error
    for table in ("defaults", "students"):
        if not isinstance(recipe.get(table), dict):
            raise GraderError(f"{path} has no table {table!r}; write one, as data/README.md describes.")
    return recipe


def _files(course: Course, lesson: Lesson, variants: list[Variant], choices: dict[str, str]) -> Files:
    notebook = student_form(lesson, course.config)
    solutions = {str(grade_id(cell)): cell["source"] for cell in lesson.notebook["cells"] if is_answer(cell)}
    sources = {(variant.part, variant.name): variant.source for variant in variants}
    for cell in notebook["cells"]:
        name = grade_id(cell)
        if name is None or not is_answer(cell):
            continue
        choice = choices.get(name, "nothing")
        if choice == STUB:
            continue
        if choice == SOLUTION:
            cell["source"] = solutions[name]
        elif cell["cell_type"] == "markdown":
            cell["source"] = choice
        elif (name, choice) in sources:
            cell["source"] = sources[name, choice]
        else:
            raise GraderError(f"The sample class of {lesson.assignment} names {choice!r}, no implementation of {name}.")
    damage = choices.get("damage", "")
    if damage not in _DAMAGES:
        known = ", ".join(filter(None, _DAMAGES))
        raise GraderError(f"The sample class of {lesson.assignment} names the damage {damage!r}; there is: {known}.")
    data = json.dumps(notebook, indent=1).encode()
    return _DAMAGES[damage](data, f"{lesson.assignment}.ipynb", notebook)


def _answer_deleted(data: bytes, name: str, notebook: Notebook) -> Files:
    answers = [number for number, cell in enumerate(notebook["cells"]) if is_answer(cell)]
    kept = [cell for number, cell in enumerate(notebook["cells"]) if number != answers[0]]
    return {name: json.dumps({**notebook, "cells": kept}).encode()}


_DAMAGES: dict[str, Callable[[bytes, str, Notebook], Files]] = {
    "": lambda data, name, notebook: {name: data},
    "login_page": lambda data, name, notebook: {name: b"<!DOCTYPE html><title>Sign in</title><p>Session expired.</p>"},
    "cut_off": lambda data, name, notebook: {name: data[: len(data) // 2]},
    "answer_deleted": _answer_deleted,
    "renamed": lambda data, name, notebook: {f"Copy of {name}": data},
    "nothing_handed_in": lambda data, name, notebook: {},
}
