"""Lifts the answers out of whatever was handed in and puts them into the master notebook; never runs them."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from autograder.lesson import (
    ANSWERED,
    MISSING,
    UNCHANGED,
    Answered,
    Cell,
    Master,
    Notebook,
    grade_id,
    is_answer,
)

Repair = dict[str, Any]


@dataclass(frozen=True)
class Grafted:
    """A clean notebook, or None where nothing could be read; what became of each answer; and what was put right."""

    notebook: Notebook | None
    answers: dict[str, Answered]
    repairs: list[Repair] = field(default_factory=list)


def graft(data: bytes, master: Master) -> Grafted:
    """Put the answers found in *data*, the bytes of a submitted file, into a copy of *master*'s notebook.

    All cells but the answers are the master's, whatever was handed in.
    """
    try:
        submitted = json.loads(data.decode("utf-8-sig"))
        cells = [cell for cell in submitted["cells"] if isinstance(cell, dict)]
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError):
        return unreadable(
            "not_a_notebook", "The file is no notebook; export it again as .ipynb and hand that in.", master
        )
    found: dict[str, list[str]] = {}
    for cell in cells:
        name = _name(cell)
        if name in master.stubs:
            found.setdefault(name, []).append(_source(cell))
    notebook = copy.deepcopy(master.notebook)
    answers: dict[str, Answered] = {}
    repairs: list[Repair] = []
    for cell in notebook["cells"]:
        name = grade_id(cell)
        if name is None or not is_answer(cell):
            continue
        answers[name] = _answered(found.get(name, []), master.stubs[name], name, repairs)
        cell["source"] = answers[name].source or master.stubs[name]
    return Grafted(notebook, answers, repairs)


def unreadable(code: str, message: str, master: Master) -> Grafted:
    """What is known of a submission that cannot be read: the reason, and that no answer was found."""
    repairs = [{"code": code, "cell": None, "severity": "review", "message": message}]
    return Grafted(None, {name: Answered(MISSING) for name in master.stubs}, repairs)


def _answered(sources: list[str], stub: str, name: str, repairs: list[Repair]) -> Answered:
    if not sources:
        message = f"The cell of the answer {name} is not in the file, so it could not be graded."
        repairs.append({"code": "answer_missing", "cell": name, "severity": "review", "message": message})
        return Answered(MISSING)
    worked = [source for source in sources if _squeezed(source) != _squeezed(stub)]
    if len(sources) > 1:
        message = f"There are {len(sources)} copies of the answer {name}; the last one that was worked on was graded."
        repairs.append({"code": "answer_duplicated", "cell": name, "severity": "warning", "message": message})
    return Answered(ANSWERED, worked[-1]) if worked else Answered(UNCHANGED, sources[-1])


def _name(cell: Cell) -> Any:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None


def _source(cell: Cell) -> str:
    source = cell.get("source")
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")


def _squeezed(source: str) -> str:
    return "".join(source.split())
