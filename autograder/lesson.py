"""Reads an author's notebook: its answers, its hidden checks and their points, and says what is wrong with it."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from autograder.errors import GraderError

Notebook = dict[str, Any]
Cell = dict[str, Any]

SETUP_TAG = "setup"
"""The cell with this tag is where ``release`` puts ``autograder.lab``."""

BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
_TITLE = re.compile(r"^#\s*Hidden check:\s*(?P<words>.+?)\s*(\([\d.]+ points?\))?\s*$")


@dataclass(frozen=True)
class Check:
    """One hidden check: a locked cell with points whose grade_id is ``<part>--<name>``."""

    id: str
    part: str
    title: str
    points: float

    @property
    def name(self) -> str:
        """The check's name within its part."""
        return self.id.partition("--")[2]


@dataclass(frozen=True)
class Answer:
    """One cell that a student fills in. *points* is 0 where checks give them, else what a person can give."""

    id: str
    cell_type: str
    points: float


UNCHANGED, MISSING, ANSWERED = "unchanged", "missing", "answered"


@dataclass(frozen=True)
class Answered:
    """What a student put into an answer: whether it is still the stub, not to be found, or there; and its source."""

    state: str
    source: str = ""


@dataclass(frozen=True)
class Lesson:
    """An author's notebook, read and found sound."""

    assignment: str
    notebook: Notebook
    checks: tuple[Check, ...]
    answers: tuple[Answer, ...]

    @property
    def manual(self) -> tuple[Answer, ...]:
        """The answers that a person marks."""
        return tuple(answer for answer in self.answers if answer.points)

    def check_names(self) -> dict[str, list[str]]:
        """The names of the checks of each answer that checks look at."""
        return {
            answer.id: [check.name for check in self.checks if check.part == answer.id]
            for answer in self.answers
            if not answer.points
        }


@dataclass(frozen=True)
class Master:
    """What a submission is lifted into: the notebook with its hidden checks, and the stub of each answer."""

    assignment: str
    notebook: Notebook
    stubs: dict[str, str]


def grade_id(cell: Cell) -> str | None:
    """The cell's name in nbgrader, or None where it is not one of nbgrader's."""
    meta = cell["metadata"].get("nbgrader") or {}
    return str(meta.get("grade_id")) if any(meta.get(key) for key in ("grade", "solution", "locked", "task")) else None


def is_answer(cell: Cell) -> bool:
    """Whether a student fills this cell in."""
    return bool((cell["metadata"].get("nbgrader") or {}).get("solution"))


def is_check(cell: Cell) -> bool:
    """Whether this is a hidden check."""
    meta = cell["metadata"].get("nbgrader") or {}
    return bool(meta.get("grade")) and not meta.get("solution") and cell["cell_type"] == "code"


def tags(cell: Cell) -> list[str]:
    """The cell's tags."""
    return list(cell["metadata"].get("tags", []))


def read_lesson(path: Path) -> Lesson:
    """Read the author's notebook at *path*. Raises GraderError, naming the cell, where it is not sound."""
    assignment = path.stem
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat converts old versions and meets anything there
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraderError(
            f"{path} is not a valid notebook ({reason}); open it in Jupyter and save it again."
        ) from error
    plain: Notebook = json.loads(json.dumps(notebook))
    named = [cell for cell in plain["cells"] if grade_id(cell) is not None]
    doubled = [name for name, count in Counter(grade_id(cell) for cell in named).items() if count > 1]
    if doubled:
        raise GraderError(f"Two cells of {path} have the grade_id {doubled[0]!r}; give each its own.")
    answers = [_answer(cell) for cell in named if is_answer(cell)]
    parts = {answer.id for answer in answers}
    checks = [_check(cell, parts, path) for cell in plain["cells"] if is_check(cell) or BEGIN_HIDDEN in cell["source"]]
    return Lesson(assignment, plain, tuple(checks), tuple(answers))


def _answer(cell: Cell) -> Answer:
    meta = cell["metadata"]["nbgrader"]
    return Answer(meta["grade_id"], cell["cell_type"], float(meta.get("points", 0)) if meta.get("grade") else 0.0)


def _check(cell: Cell, parts: set[str], path: Path) -> Check:
    meta = cell["metadata"].get("nbgrader") or {}
    name = str(meta.get("grade_id") or cell.get("id", "?"))
    where = f"The hidden check {name!r} of {path}"
    if not meta.get("grade"):
        raise GraderError(f"{where} is not marked as autograder tests; mark it, and give it points.")
    if not float(meta.get("points") or 0) > 0:
        raise GraderError(f"{where} has no points; give it some, or delete it.")
    part = name.partition("--")[0]
    if part not in parts:
        raise GraderError(
            f"{where} belongs to no answer: no answer cell has the grade_id {part!r}; rename one of them."
        )
    if BEGIN_HIDDEN not in cell["source"] or END_HIDDEN not in cell["source"]:
        raise GraderError(f"{where} lacks {BEGIN_HIDDEN!r} or {END_HIDDEN!r}, so students would see it; put both in.")
    title = _TITLE.match(cell["source"].splitlines()[0])
    if not title:
        raise GraderError(f"{where} must begin with a line '# Hidden check: what it looks at'; students see it.")
    return Check(name, part, title["words"][:1].upper() + title["words"][1:], float(meta["points"]))
