"""Lifts the answers out of whatever was handed in and puts them into the master notebook; never runs them."""

from dataclasses import dataclass, field
from typing import Any

from autograder import reading
from autograder.answers import lift
from autograder.foreign import notes, portable
from autograder.lesson import ANSWERED, MISSING, Answered, Cell, Master, Notebook, grade_id, is_answer, is_check, tags
from autograder.matching import GRADE_ID, NAMES, POSITION, Match, match, name_of, squeezed
from autograder.names import defined
from autograder.outputs import harmless_outputs, harmless_pictures
from autograder.reading import Found, Sheet, Unreadable
from autograder.repairs import Repair, repair


@dataclass(frozen=True)
class Grafted:
    """A clean notebook, or None where nothing could be read; what became of each answer; and what was put right.

    *experiments*: what the student's own experiments were and showed, harmless, as cells by the name of the cell of the
    assignment. *pictures*: attachments of written answers, by grade_id.
    """

    notebook: Notebook | None
    answers: dict[str, Answered]
    repairs: list[Repair] = field(default_factory=list)
    experiments: dict[str, Cell] = field(default_factory=dict)
    pictures: dict[str, dict[str, Any]] = field(default_factory=dict)
    assignment: str | None = None
    version: str | None = None

    @property
    def answered(self) -> int:
        """How many answers were worked on."""
        return sum(answer.state == ANSWERED for answer in self.answers.values())


def graft(data: bytes, master: Master) -> Grafted:
    """Put the answers found in *data*, the bytes of a submitted file, into a copy of *master*'s notebook.

    All cells but the answers are the master's, whatever was handed in. It never raises.
    """
    try:
        sheets = reading.read(data)
    except Unreadable as reason:
        return unreadable(reason.repair, master)
    return max((_graft(sheet, master) for sheet in sheets), key=lambda grafted: _merit(grafted, master))


def _merit(grafted: Grafted, master: Master) -> tuple[int, int, int]:
    """How many answers define what they have to, how many were worked on, and how much was written in all."""
    answers = {name: answer for name, answer in grafted.answers.items() if answer.state == ANSWERED}
    whole = [n for n, a in answers.items() if n in master.names and master.names[n] <= defined(portable(a.source))]
    return len(whole), len(answers), sum(len(answer.source) for answer in answers.values())


def unreadable(reason: Repair, master: Master) -> Grafted:
    """What is known of a submission that cannot be read: the reason, and that no answer was found."""
    return Grafted(None, {name: Answered(MISSING) for name in master.stubs}, [reason])


def _graft(sheet: Sheet, master: Master) -> Grafted:
    matched = match(sheet.cells, master)
    if not any(matched.owned.get(name) for name in master.stubs) and not any(
        names & cell.defines for cell in sheet.cells for names in master.names.values()
    ):
        other = sheet.assignment not in (None, master.assignment)
        reason = repair("other_assignment", what=sheet.assignment) if other else repair("nothing_found")
        return unreadable(reason, master)
    repairs = [*sheet.repairs, *_given(matched, master), *_names(matched, master)]
    answers: dict[str, Answered] = {}
    cells: list[Cell] = []
    for cell in master.notebook["cells"]:
        name = grade_id(cell)
        if name is not None and is_answer(cell):
            answers[name], helpers, said = lift(name, matched.cells, matched, master)
            repairs += said
            if answers[name].state == ANSWERED and cell["cell_type"] == "code":
                repairs += [repair(code, name, **words) for code, words in notes(answers[name].source)]
            if helpers:
                cells.append(_helper_cell(name, helpers))
            cell = {**cell, "source": portable(answers[name].source) or master.stubs[name]}
        cells.append(cell)
    return Grafted(
        {**master.notebook, "cells": cells},
        answers,
        repairs,
        dict(_experiments(matched, master)),
        {name: kept for name in answers if (kept := _pictures(matched.owned.get(name, [])))},
        sheet.assignment,
        sheet.version,
    )


def _helper_cell(name: str, source: str) -> Cell:
    return {
        "cell_type": "code",
        "id": f"{name[:50]}-helpers",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _given(matched: Match, master: Master) -> list[Repair]:
    """What had become of the cells that were given."""
    missing = doubled = edited = restored = 0
    repairs: list[Repair] = []
    firsts: list[int] = []
    checks: list[str] = []
    for given in master.released["cells"]:
        name, owned = name_of(given), matched.owned.get(name_of(given), [])
        if owned:
            firsts.append(owned[0].number)
        meta = given["metadata"].get("nbgrader")
        if meta:
            restored += any(_settings(cell.nbgrader) != _settings(meta) for cell in owned[:1])
            repairs += [repair("points_raised", name) for cell in owned[:1] if _more_points(cell.nbgrader, meta)]
        if not meta or is_answer(given):
            continue
        missing += not owned
        doubled += len(owned) > 1
        if any(squeezed(cell.source) != squeezed(given["source"]) for cell in owned):
            edited += not is_check(given)
            if is_check(given):
                checks.append(name)
    repairs += [repair("given_missing", what=missing)] if missing else []
    repairs += [repair("given_doubled", what=doubled)] if doubled else []
    repairs += [repair("given_edited", what=edited)] if edited else []
    repairs += [repair("check_edited", checks[0], what=len(checks), name=", ".join(checks[:3]))] if checks else []
    repairs += [repair("metadata_restored", what=restored)] if restored else []
    repairs += [repair("reordered")] if firsts != sorted(firsts) else []
    return repairs


def _settings(meta: dict[str, Any]) -> list[Any]:
    return [meta.get(key) for key in ("grade_id", "grade", "solution", "locked", "points", "schema_version")]


def _more_points(mine: dict[str, Any], given: dict[str, Any]) -> bool:
    points = mine.get("points")
    return isinstance(points, int | float) and points > (given.get("points") or 0)


def _names(matched: Match, master: Master) -> list[Repair]:
    """How answers were recognised that had lost their names."""
    how = {name: matched.how[owned[0].number] for name in master.stubs if (owned := matched.owned.get(name))}
    lost = {name: key for name, key in how.items() if key != GRADE_ID}
    repairs = [
        repair("wrong_name", name, what=matched.misnamed[owned[0].number])
        for name in lost
        if (owned := matched.owned[name])[0].number in matched.misnamed
    ]
    if len(lost) == len(how) and len(how) > 1:
        return [*repairs, repair("metadata_lost", what=f"{len(how)} of {len(master.stubs)}")]
    for name, key in lost.items():
        code = "recognised_by_content" if key in (NAMES, POSITION) else "recognised"
        repairs.append(repair(code, name, what=key))
    return repairs


def _experiments(matched: Match, master: Master) -> list[tuple[str, Cell]]:
    """What the student's experiments were and showed, for the person who marks what was written about them."""
    cells = []
    for given in master.released["cells"]:
        owned = matched.owned.get(name_of(given), [])
        if "experiment" in tags(given) and given["cell_type"] == "code" and owned:
            last = next((cell for cell in reversed(owned) if cell.outputs), owned[-1])
            cells.append((name_of(given), {"source": last.source, "outputs": harmless_outputs(last.outputs)}))
    return cells


def _pictures(owned: list[Found]) -> dict[str, Any]:
    return {name: picture for cell in owned for name, picture in harmless_pictures(cell.attachments).items()}
