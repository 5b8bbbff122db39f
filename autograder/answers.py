"""Puts one answer together from the cells that may hold it: copies, halves, other cells, and the helpers it needs."""

import itertools

from autograder.foreign import portable
from autograder.lesson import ANSWERED, MISSING, UNCHANGED, Answered, Master, grade_id, is_answer, is_run
from autograder.matching import Match, name_of, squeezed
from autograder.names import defined, definitions, parse, used
from autograder.reading import MARKER, Found
from autograder.repairs import Repair, repair

_PIECES = 3

Lifted = tuple[Answered, str, list[Repair]]
"""The answer, the source of helpers that have to run before it, and what was put right."""


def lift(part: str, cells: list[Found], matched: Match, master: Master) -> Lifted:
    """Find the answer *part* among *cells*."""
    copies = matched.owned.get(part, [])
    if part in master.names:
        return _code(part, copies, cells, matched, master)
    return _text(part, copies, matched, master)


def _text(part: str, copies: list[Found], matched: Match, master: Master) -> Lifted:
    """A written answer: all copies that were worked on, or the student's own text right behind an empty one."""
    worked = _worked(copies, master.stubs[part])
    repairs = [repair("stub_dropped", part)] if worked and len(copies) > len(worked) else []
    if not worked and copies:
        behind = _run_of(matched.loose, copies[-1].number, "markdown")
        if behind:
            worked = behind
            repairs.append(repair("answer_elsewhere", part))
    if not worked:
        return _not_there(part, copies, master, repairs)
    if any(cell.kind != "markdown" for cell in worked):
        repairs.append(repair("type_restored", part))
    said = dict.fromkeys(MARKER.sub("", cell.source, count=1).strip("\n") for cell in worked)
    if len(worked) > 1:
        repairs.append(repair("answer_joined" if len(said) > 1 else "two_copies", part, what=len(worked)))
    return Answered(ANSWERED, "\n\n".join(said)), "", repairs


def _code(part: str, copies: list[Found], cells: list[Found], matched: Match, master: Master) -> Lifted:
    wanted = master.names[part]
    copies = [_without_given(cell, part, master) for cell in copies]
    repairs = [repair("given_code_cut", part)] if [*map(id, copies)] != [*map(id, matched.owned.get(part, []))] else []
    if any(cell.kind != "code" or cell.was_text for cell in copies):
        repairs.append(repair("type_restored", part))
    worked = _worked(copies, master.stubs[part])
    repairs += [repair("stub_dropped", part)] if worked and len(copies) > len(worked) else []
    whole = [cell for cell in worked if wanted <= defined(portable(cell.source))]
    if joined := _halves(worked, matched, wanted):
        source, pieces = joined
        repairs.append(repair("answer_joined", part, what=pieces))
    elif whole:
        source = whole[-1].source
        if whole[-1].number in matched.pieces:
            repairs.append(repair("answer_joined", part, what=matched.pieces[whole[-1].number]))
        if any(wanted & cell.defines for cell in matched.loose):
            repairs.append(repair("also_defined", part))
    elif worked:
        source = _joined(part, worked, matched, wanted, repairs)
    else:
        source = _elsewhere(part, cells, matched, wanted)
        if not source:
            return _not_there(part, copies, master, repairs)
        repairs.append(repair("answer_elsewhere", part))
    if len(worked) > 1 and source in [cell.source for cell in worked]:
        repairs.append(repair("two_copies", part, what=len(worked)))
    helpers = _helpers(part, portable(source), _own_code(cells, matched, master), repairs, master)
    return Answered(ANSWERED, source), helpers, repairs


def _worked(copies: list[Found], stub: str) -> list[Found]:
    return [cell for cell in copies if cell.source.strip() and squeezed(cell.source) != squeezed(stub)]


def _not_there(part: str, copies: list[Found], master: Master, repairs: list[Repair]) -> Lifted:
    if copies:
        return Answered(UNCHANGED, master.stubs[part]), "", repairs
    return Answered(MISSING), "", [*repairs, repair("answer_missing", part)]


def _halves(worked: list[Found], matched: Match, wanted: frozenset[str]) -> tuple[str, int] | None:
    """The answer from a cell that was split within a definition, and the number of its pieces; None where none was.

    A piece that begins with an indented line, or is no Python, goes to its neighbour if the two together are."""
    if not worked:
        return None
    behind = _run_of(matched.loose, worked[-1].number, "code")[:_PIECES]
    for cells in (worked, *([*worked[-1:], *behind[:n]] for n in range(1, len(behind) + 1))):
        source = "\n".join(cell.source for cell in cells)
        broken = any(not cell.parses or cell.source.lstrip("\n")[:1].isspace() for cell in cells[1:])
        if len(cells) > 1 and broken and wanted <= defined(portable(source)):
            return source, len(cells)
    return None


def _joined(part: str, worked: list[Found], matched: Match, wanted: frozenset[str], repairs: list[Repair]) -> str:
    """The answer from several cells, none of which holds all of it: the pieces as they follow each other, or the rest
    from another cell. What cannot be completed is taken as it stands."""
    behind = _run_of(matched.loose, worked[-1].number, "code")
    before = _run_before(matched.loose, worked[0].number)
    orders = itertools.permutations(worked) if len(worked) <= _PIECES else [tuple(worked)]
    longer = [(*worked, *behind[:n]) for n in range(1, len(behind[:_PIECES]) + 1)]
    for cells in (*orders, *longer, (*before, *worked)):
        source = "\n".join(cell.source for cell in cells)
        if len(cells) > 1 and wanted <= defined(portable(source)):
            repairs.append(repair("answer_joined", part, what=len(cells)))
            return source
    alone = worked[-1].source
    missing = wanted - defined(portable(alone))
    rest = next((cell.code for cell in reversed(matched.loose) if missing <= cell.defines), None)
    if rest is not None and parse(portable(alone)) is not None:
        repairs.append(repair("answer_elsewhere", part))
        return f"{definitions(rest, missing)}\n\n{alone}"
    return alone


def _elsewhere(part: str, cells: list[Found], matched: Match, wanted: frozenset[str]) -> str:
    """The answer from a cell of the student's own, or out of one that holds other answers too."""
    for cell in reversed(matched.loose):
        if cell.kind == "code" and wanted <= cell.defines:
            return definitions(cell.code, wanted)
    others = {cell.number for name, owned in matched.owned.items() if name != part for cell in owned}
    for cell in reversed(cells):
        if cell.number in others and wanted <= cell.defines:
            return definitions(cell.code, wanted)
    return ""


def _own_code(cells: list[Found], matched: Match, master: Master) -> list[tuple[Found, frozenset[str]]]:
    """Every code cell with the names in it that are the student's own, the last cell first.

    What a given cell that only teaches defines, such as a specification, is not there when grading, and stays so.
    """
    released = {name_of(cell): cell for cell in master.released["cells"] if not is_run(cell)}
    given = {
        cell.number: defined(released[name]["source"])
        for name, owned in matched.owned.items()
        if name in released
        for cell in owned
    }
    return [(cell, cell.defines - given.get(cell.number, frozenset())) for cell in reversed(cells)]


def _helpers(
    part: str, source: str, own: list[tuple[Found, frozenset[str]]], repairs: list[Repair], master: Master
) -> str:
    """What *source* uses and neither defines nor was given, from wherever else in the file the student defined it."""
    missing = used(source) - master.given
    kept: list[str] = []
    while missing:
        found = next(((cell, names & missing) for cell, names in own if names & missing), None)
        if found is None:
            break
        cell, there = found
        statements = definitions(cell.code, there)
        kept.insert(0, statements)
        missing = (missing | used(statements)) - master.given - frozenset().union(*map(defined, kept))
    if kept:
        names = sorted(frozenset().union(*map(defined, kept)))
        repairs.append(repair("helpers_kept", part, what=", ".join(names[:5])))
    return "\n".join(kept)


def _run_of(loose: list[Found], number: int, kind: str) -> list[Found]:
    """The student's own cells of one kind that stand right behind cell *number*, without another between."""
    by_number = {cell.number: cell for cell in loose}
    cells = []
    while (cell := by_number.get(number + 1)) is not None and cell.kind == kind and cell.source.strip():
        cells.append(cell)
        number += 1
    return cells


def _run_before(loose: list[Found], number: int) -> list[Found]:
    by_number = {cell.number: cell for cell in loose}
    cell = by_number.get(number - 1)
    return [cell] if cell is not None and cell.kind == "code" else []


def _without_given(cell: Found, part: str, master: Master) -> Found:
    """The cell without the text of given cells that was merged into it; the very same cell where there is none."""
    source = cell.source
    for given in master.released["cells"]:
        text = given["source"].strip("\n")
        if grade_id(given) != part and not is_answer(given) and given["cell_type"] == "code" and len(text) > 20:
            place = f"\n{source}\n".find(f"\n{text}\n")
            if place >= 0:
                source = (source[:place] + source[place + len(text) :]).strip("\n")
    return cell if source == cell.source else Found(cell.number, cell.kind, source, cell.names, cell.nbgrader)
