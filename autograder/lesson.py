"""Reads an author's notebook: its answers, its hidden checks and their points, and says what is wrong with it."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

from autograder.errors import GraderError
from autograder.names import defined

Notebook = dict[str, Any]
Cell = dict[str, Any]

SETUP_TAG = "setup"
"""The cell with this tag is where ``release`` puts ``autograder.lab``."""

UNGRADED_TAGS = frozenset({"demonstration", "experiment", "figure", "public-check", "specification"})
"""Cells with one of these tags are not run when grading: they teach, and no answer may need them."""

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
    folder: Path
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


@dataclass(frozen=True, eq=False)
class Master:
    """What a submission is lifted into: the notebook with its hidden checks, and what students were given of it."""

    assignment: str
    notebook: Notebook
    released: Notebook

    @cached_property
    def stubs(self) -> dict[str, str]:
        """Each answer as it was given, by grade_id."""
        return {str(grade_id(cell)): cell["source"] for cell in self.released["cells"] if is_answer(cell)}

    @cached_property
    def names(self) -> dict[str, frozenset[str]]:
        """The names that each code answer has to define, by grade_id."""
        cells = (cell for cell in self.released["cells"] if is_answer(cell) and cell["cell_type"] == "code")
        return {str(grade_id(cell)): defined(cell["source"]) for cell in cells}

    @cached_property
    def given(self) -> frozenset[str]:
        """The names that are there whatever a student wrote: those of given cells that are run, and of all answers."""
        cells = [cell for cell in self.notebook["cells"] if is_run(cell) and not is_check(cell) and not is_answer(cell)]
        return frozenset().union(*self.names.values(), *(defined(cell["source"]) for cell in cells))

    @property
    def version(self) -> str:
        """The version that the release stamped it with."""
        return str(self.released["metadata"].get("autograder", {}).get("version", ""))


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


def is_run(cell: Cell) -> bool:
    """Whether grading runs this cell: code, not empty, and not one that only teaches."""
    return cell["cell_type"] == "code" and bool(cell["source"].strip()) and not UNGRADED_TAGS.intersection(tags(cell))


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
    answers = [_answer(cell, path) for cell in named if is_answer(cell)]
    parts = {answer.id for answer in answers}
    checks = [_check(cell, parts, path) for cell in plain["cells"] if is_check(cell) or BEGIN_HIDDEN in cell["source"]]
    return Lesson(assignment, path.parent, plain, tuple(checks), tuple(answers))


def _answer(cell: Cell, path: Path) -> Answer:
    meta = cell["metadata"]["nbgrader"]
    return Answer(meta["grade_id"], cell["cell_type"], _points(meta, path) if meta.get("grade") else 0.0)


def _points(meta: dict[str, Any], path: Path) -> float:
    points = meta.get("points") or 0
    if not isinstance(points, int | float):
        raise GraderError(f"The cell {meta.get('grade_id')!r} of {path} has {points!r} points; give it a number.")
    return float(points)


def _check(cell: Cell, parts: set[str], path: Path) -> Check:
    meta = cell["metadata"].get("nbgrader") or {}
    name = str(meta.get("grade_id") or cell.get("id", "?"))
    where = f"The hidden check {name!r} of {path}"
    if not meta.get("grade"):
        raise GraderError(f"{where} is not marked as autograder tests; mark it, and give it points.")
    points = _points(meta, path)
    if not points > 0:
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
    words = title["words"]
    first = words.split()[0].rstrip(",")
    if len(first) > 1 and first.isalpha():  # not the name of a variable
        words = words[0].upper() + words[1:]
    return Check(name, part, words, points)
