"""Finds out which handed-in cell is which cell of the assignment, by the keys that editors leave, then by content."""

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from autograder.lesson import Cell, Master, grade_id, tags
from autograder.names import defined
from autograder.reading import MARKER, Found

GRADE_ID, CELL_ID, COLAB_ID, MARK, SOURCE, NAMES, POSITION = (
    "its grade_id",
    "its cell id",
    "Colab's id",
    "its marker line",
    "its text",
    "the names it defines",
    "its place",
)
_KEYS = (GRADE_ID, CELL_ID, COLAB_ID, MARK)
_ALIKE = 0.6
_NEAR = 20  # cells in one place that are compared with what was given


@dataclass
class Match:
    """*owned*: the handed-in cells of each cell of the assignment, by the latter's name, in order. *how*: the key that
    told, by the handed-in cell's number. *loose*: cells of the student's own. *misnamed*: cells whose name lied.
    *pieces*: of how many a cell was put together that had been split. *cells*: all of them."""

    owned: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))
    how: dict[int, str] = field(default_factory=dict)
    loose: list[Found] = field(default_factory=list)
    misnamed: dict[int, str] = field(default_factory=dict)
    pieces: dict[int, int] = field(default_factory=dict)
    cells: list[Found] = field(default_factory=list)


def squeezed(source: str) -> str:
    """*source* without its marker line and without white space: equal for cells that say the same."""
    return "".join(MARKER.sub("", source, count=1).split())


def match(cells: list[Found], master: Master) -> Match:
    """Assign each of *cells* to the cell of the assignment that it is, or to none.

    A key that is met first wins: grade_id, cell id, Colab's id, marker, equal text, defined names, place. A name is not
    believed where the cell defines what another answer asks for, and nothing of its own.
    """
    cells, pieces = healed([_typed(cell, master) for cell in cells])
    found = Match(pieces=pieces, cells=cells)
    released = {name_of(cell): cell for cell in master.released["cells"]}
    known = {cell["id"]: name for name, cell in released.items()} | {name: name for name in released}
    left = cells
    for place, key in enumerate(_KEYS):
        left = [cell for cell in left if not _by_key(cell, cell.names[place], key, known, master, found)]
    texts = defaultdict[str, list[str]](list)
    for name, cell in released.items():
        texts[squeezed(cell["source"])].append(name)
    left = [cell for cell in left if not _by_text(cell, texts, found)]
    left = [cell for cell in left if not _by_names(cell, master, found)]
    found.loose = _by_place(left, released, master, found)
    for owned in found.owned.values():
        owned.sort(key=lambda cell: cell.number)
    return found


def _typed(cell: Found, master: Master) -> Found:
    """The cell as code, where it is text that holds an answer: a slip of the key that changes a cell's type."""
    if cell.kind == "code" or not any(names and names <= defined(cell.code) for names in master.names.values()):
        return cell
    return replace(cell, kind="code", was_text=True)


def healed(cells: list[Found]) -> tuple[list[Found], dict[int, int]]:
    """*cells* with those put together again that were split within a statement: a cell that is no Python by itself, and
    is with the one before it."""
    whole: list[Found] = []
    pieces: dict[int, int] = {}
    for cell in cells:
        last = whole[-1] if whole else None
        if last and last.kind == cell.kind == "code" and cell.source.strip() and not cell.parses:
            together = replace(last, source=f"{last.source}\n{cell.source}")
            if together.parses and together.defines:
                pieces[last.number] = pieces.get(last.number, 1) + 1
                whole[-1] = together
                continue
        whole.append(cell)
    return whole, pieces


def name_of(cell: Cell) -> str:
    """What a cell of the assignment is called: its grade_id, or its id where it is not one of nbgrader's."""
    return grade_id(cell) or str(cell["id"])


def _own(found: Match, name: str | None, cell: Found, key: str) -> bool:
    if name is None:
        return False
    found.owned[name].append(cell)
    found.how[cell.number] = key
    return True


def _by_key(cell: Found, key: str | None, what: str, known: dict[str, str], master: Master, found: Match) -> bool:
    if key is None or key not in known:
        return False
    name = known[key]
    others = {part for part, names in master.names.items() if names and names <= cell.defines}
    if others and name not in others and not master.names.get(name, frozenset()) & cell.defines:
        found.misnamed[cell.number] = name
        return False
    return _own(found, name, cell, what)


def _by_text(cell: Found, texts: dict[str, list[str]], found: Match) -> bool:
    names = texts.get(squeezed(cell.source)) if cell.source.strip() else None
    if not names:
        return False
    return _own(found, next((name for name in names if not found.owned.get(name)), names[0]), cell, SOURCE)


def _by_names(cell: Found, master: Master, found: Match) -> bool:
    """Whether the cell is the answer whose names it defines, and whose own cell is not there."""
    parts = [part for part, names in master.names.items() if names and names <= cell.defines]
    if len(parts) != 1 or any(found.how[owned.number] != NAMES for owned in found.owned.get(parts[0], [])):
        return False
    return _own(found, parts[0], cell, NAMES)


def _by_place(left: list[Found], released: dict[str, Cell], master: Master, found: Match) -> list[Found]:
    """Give answers and experiments that nobody owns the cell in their place that is most like them, or, for a written
    answer, the only one there; return what is left."""
    order = list(released)
    first = {name: min(cell.number for cell in owned) for name, owned in found.owned.items() if owned}
    for place, name in enumerate(order):
        given = released[name]
        if name in first or not (name in master.stubs or "experiment" in tags(given)):
            continue
        before = max((first[other] for other in order[:place] if other in first), default=-1)
        after = min((first[other] for other in order[place:] if other in first), default=1 << 40)
        here = [cell for cell in left if before < cell.number < after and cell.kind == given["cell_type"]]
        alike = {cell.number: _likeness(cell.source, given["source"]) for cell in here[:_NEAR]}
        best = max(here[:_NEAR], key=lambda cell: alike[cell.number], default=None)
        written = name in master.stubs and given["cell_type"] == "markdown"
        if best is not None and (alike[best.number] > _ALIKE or (written and len(here) == 1)):
            _own(found, name, best, POSITION)
            first[name] = best.number
            left = [cell for cell in left if cell is not best]
    return left


def _likeness(mine: str, given: str) -> float:
    """How much of the words of *given* is in *mine*, in their order: 0 to 1."""
    words: list[str] = re.findall(r"\w+", mine[:4000])
    wanted: list[str] = re.findall(r"\w+", given[:4000])
    if not wanted or len(words) * 4 < len(wanted):
        return 0.0
    blocks = SequenceMatcher(None, words, wanted, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)
