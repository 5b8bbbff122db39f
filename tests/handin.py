"""Handing in: the released notebook with answers filled in, where a student's submission belongs."""

import copy
import json
from functools import cache
from pathlib import Path

from autograder.course import Course
from autograder.lesson import grade_id, is_answer, read_lesson
from autograder.release import student_form

ROOT = Path(__file__).parent.parent
LESSON = "02_batchnorm_by_hand"


@cache
def _released(lesson: str):
    course = Course.find(ROOT)
    return student_form(read_lesson(course.lesson_file(lesson)), course.config)


def filled_in(answers: dict[str, str], lesson: str = LESSON):
    """The released notebook of *lesson* with *answers* (source by grade_id) in it; the rest are stubs."""
    notebook = copy.deepcopy(_released(lesson))
    for cell in notebook["cells"]:
        if is_answer(cell) and grade_id(cell) in answers:
            cell["source"] = answers[grade_id(cell)]
    return notebook


def hand_in(course: Course, student: str, notebook, name: str | None = None, lesson: str = LESSON) -> Path:
    """Put *notebook* (a notebook, or bytes) into the student's folder and return its path."""
    path = course.submitted / student / lesson / (name or f"{lesson}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    return path


def solutions(lesson: str = LESSON) -> dict[str, str]:
    """The author's answers, source by grade_id."""
    cells = read_lesson(Course.find(ROOT).lesson_file(lesson)).notebook["cells"]
    return {str(grade_id(cell)): cell["source"] for cell in cells if is_answer(cell)}
