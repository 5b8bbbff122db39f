"""Writes what one student reads: a verdict in words for every check, and why."""

from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.lesson import Lesson
from autograder.pages import fill
from autograder.repairs import INFO
from autograder.results import Result, write_text

WORDS = {
    "passed": "Passed",
    "failed": "Failed",
    "error": "Error",
    "timeout": "Stopped",
    "crashed": "Crashed",
    "not_attempted": "Not attempted",
}
"""The word a person reads for each verdict."""

_STEPS = {
    "failed": "Compare your function with its specification on an input like this one.",
    "error": "Call your function on an input like this one and read the whole error.",
    "timeout": "Look for a loop that does not end, or for work that grows with every call.",
    "crashed": "Look for code that ends Python or asks for very much memory.",
}


def write_feedback(course: Course, lesson: Lesson, result: Result, marks: dict[str, dict[str, Any]]) -> Path:
    """Write the page of one result and return its path. *marks* are what a person gave, by grade_id."""
    folder = course.feedback / str(result["student"]) / lesson.assignment
    path = folder / f"{lesson.assignment}.html"
    manual = [_manual(answer.id, answer.points, result, marks) for answer in lesson.manual]
    waiting = sum(answer["max_points"] for answer in manual if answer["waits"])
    shown = manual if result["status"] == "graded" else []
    page = fill(
        "feedback.html.j2",
        result=result,
        notes=[*(repair for repair in result["repairs"] if repair["severity"] != INFO), *result["flags"]],
        details=[repair for repair in result["repairs"] if repair["severity"] == INFO],
        parts=_parts(lesson, result),
        manual=shown,
        waiting=waiting,
    )
    write_text(path, page)
    return path


def _parts(lesson: Lesson, result: Result) -> list[dict[str, Any]]:
    titles = {check.id: check.title for check in lesson.checks}
    parts = []
    for name in dict.fromkeys(check["id"].partition("--")[0] for check in result["checks"]):
        own = [check for check in result["checks"] if check["id"].partition("--")[0] == name]
        said: set[str] = set()
        checks = [_check(check, titles.get(check["id"], check["id"]), said) for check in own]
        passed = sum(check["verdict"] == "passed" for check in own)
        parts.append(
            {
                "id": name,
                "checks": checks,
                "points": sum(check["points"] for check in own),
                "max_points": sum(check["max_points"] for check in own),
                "summary": f"{passed} of {len(own)} checks passed",
            }
        )
    return parts


def _check(check: dict[str, Any], title: str, said: set[str]) -> dict[str, Any]:
    """What a row shows. A diagnosis is spelled out once in each part; *said* holds those that were."""
    step = "" if check["diagnosis"] else _STEPS.get(check["verdict"], "")
    diagnosis = check["diagnosis"]
    if diagnosis in said:
        diagnosis, step = None, "The same cause as above."
    elif diagnosis:
        said.add(diagnosis)
    return {**check, "title": title, "word": WORDS[check["verdict"]], "diagnosis": diagnosis, "step": step}


def _manual(answer: str, max_points: float, result: Result, marks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    mark = marks.get(answer, {"points": None, "comment": None})
    waits = answer in result["needs_manual"] and mark["points"] is None
    word = "Waits for a person" if waits else "Marked" if mark["points"] is not None else "Not answered"
    return {"id": answer, "max_points": max_points, "waits": waits, "word": word, **mark}
