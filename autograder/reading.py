"""Reads the cells out of whatever file was handed in. It trusts nothing in it and runs nothing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from autograder.foreign import portable
from autograder.names import defined, parse
from autograder.repairs import Repair, repair

MAX_BYTES = 50_000_000
_BIG_OUTPUTS = 5_000_000
_KINDS = {b"%PDF": "a PDF", b"PK\x03\x04": "a zip archive", b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture"}
_CELL_START = re.compile(r'\{\s*"(?:attachments|cell_type|execution_count|id|metadata|outputs|source)"')
_MARKS = {character * 7 for character in "<|=>"}
_MARKS_OF_ONE = 3
_BUDGET = 2_000_000_000
_PERCENT = re.compile(r"^# (?:%%|In ?\[[ \d]*\]:?)(?P<head>[^\n]*)$", re.MULTILINE)
MARKER = re.compile(
    r"^[ \t]*(?:#|<!--)[ \t]*Answer cell:[ \t]*(?P<id>[\w-]+)[ \t]*(?:-->)?[ \t]*(?:\n|\Z)", re.MULTILINE
)
"""The line that a release puts into every answer cell, which survives where metadata does not."""


class Unreadable(Exception):  # noqa: N818 - what the file is, not what went wrong here
    """A file that holds no cells. ``repair`` says why, and what to do."""

    def __init__(self, code: str, **words: Any) -> None:
        self.repair = repair(code, **words)
        super().__init__(self.repair["message"])


@dataclass(frozen=True)
class Found:
    """A cell as it was handed in. *names*: its grade_id, cell id, Colab's id and marker, where editors kept them."""

    number: int
    kind: str
    source: str
    names: tuple[str | None, str | None, str | None, str | None]
    nbgrader: dict[str, Any]
    outputs: list[Any] = field(default_factory=list)
    attachments: dict[str, Any] = field(default_factory=dict)
    count: int | None = None
    was_text: bool = False

    @cached_property
    def code(self) -> str:
        """The source as Python, commands to the notebook taken out of use."""
        return portable(self.source)

    @cached_property
    def defines(self) -> frozenset[str]:
        """The names that the cell binds, where it is Python."""
        return defined(self.code) if self.kind == "code" else frozenset()

    @cached_property
    def parses(self) -> bool:
        """Whether it is Python."""
        return parse(self.code) is not None


@dataclass(frozen=True)
class Sheet:
    """The cells of one file, the release it says it comes from, and what had to be put right to read it."""

    cells: list[Found]
    assignment: str | None
    version: str | None
    repairs: list[Repair]


def read(data: bytes) -> list[Sheet]:
    """Read a file: one sheet, or two where it holds the sides of a merge conflict. Raises Unreadable."""
    if not data.strip(b"\0 \t\r\n"):
        raise Unreadable("empty_file")
    if len(data) > MAX_BYTES:
        raise Unreadable("too_large", what=len(data) // 1_000_000)
    for start, what in _KINDS.items():
        if data.startswith(start):
            raise Unreadable("other_kind", what=what)
    text, repairs = _decode(data)
    sides = _sides(text)
    if text.lstrip().startswith("<") and not sides:
        raise Unreadable("web_page")
    try:
        sheet = _sheet(json.loads(text, parse_int=_integer), repairs)
        if (size := len(data) - sum(len(cell.source) for cell in sheet.cells)) > _BIG_OUTPUTS:
            sheet.repairs.append(repair("big_outputs", what=size // 1_000_000))
        return [sheet]
    except Unreadable as told:
        reason = told
    except (ValueError, RecursionError):
        reason = Unreadable("not_a_notebook")
    if sides:
        conflict = [*repairs, repair("merge_conflict")]
        sheets = [one for side in sides if (one := _side(side, conflict))]
        if sheets:
            return sheets
    cells = list(_salvaged(text))
    if any(cell.get("source") for cell in cells):
        return [_sheet({"cells": cells}, [*repairs, repair("cut_off", what=len(cells))])]
    if not text.lstrip().startswith(("{", "[")) and _looks_like_python(text):
        return [Sheet(list(_python_cells(text)), None, None, [*repairs, repair("python_file")])]
    raise reason


def _decode(data: bytes) -> tuple[str, list[Repair]]:
    """The text of *data*: UTF-8, else what its first bytes say, else the old encoding of Windows."""
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        pass
    try:
        encoding = json.detect_encoding(data)
        if encoding != "utf-8":
            return data.decode(encoding), [repair("encoding", what=encoding.upper())]
    except UnicodeDecodeError:
        pass
    return data.decode("cp1252", errors="replace"), [repair("encoding", what="Windows-1252")]


def _side(text: str, repairs: list[Repair]) -> Sheet | None:
    try:
        return _sheet(json.loads(text, parse_int=_integer), repairs)
    except (ValueError, RecursionError, Unreadable):
        cells = list(_salvaged(text))
        return _sheet({"cells": cells}, [*repairs, repair("cut_off", what=len(cells))]) if cells else None


def _sides(text: str) -> list[str]:
    """The two texts between which a merge could not decide; none where there is no mark of one."""
    ours, theirs = list[str](), list[str]()
    both: tuple[list[str], ...] = (ours, theirs)
    into = both
    marks = 0
    if "\n>>>>>>>" not in text:
        return []
    for line in text.splitlines(keepends=True):
        mark = line[:7]
        if mark in _MARKS:
            into = {"<": both[:1], "|": (), "=": both[1:], ">": both}[mark[0]]
            marks += 1
        else:
            for side in into:
                side.append(line)
    return ["".join(ours), "".join(theirs)] if marks >= _MARKS_OF_ONE else []


def _integer(digits: str) -> int:
    """The number, or 0 for one with more digits than anybody counted."""
    return int(digits) if len(digits) < 20 else 0


def _salvaged(text: str) -> Iterator[dict[str, Any]]:
    """The complete cells in a text that as a whole is no JSON. It looks at each part of it a few times at most."""
    decoder = json.JSONDecoder(parse_int=_integer)
    place, budget = 0, _BUDGET
    while budget > 0 and (start := _CELL_START.search(text, place)):
        try:
            cell, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            budget -= error.pos + 1000  # finding out where it went wrong looks at all before it
            place = start.end()
            continue
        except RecursionError:
            return
        place = end if "cell_type" in cell else start.end()
        if "cell_type" in cell:
            yield cell


def _looks_like_python(text: str) -> bool:
    return bool(_PERCENT.search(text)) or bool(defined(portable(text)))


def _python_cells(text: str) -> Iterator[Found]:
    """The cells of a Python file in percent format or as nbconvert writes it; a file without marks is one cell."""
    marks = [*_PERCENT.finditer(text)]
    starts = [0, *(mark.end() for mark in marks)]
    ends = [*(mark.start() for mark in marks), len(text)]
    heads = ["", *(mark["head"] for mark in marks)]
    for number, (start, end, head) in enumerate(zip(starts, ends, heads, strict=True)):
        source = _clean(text[start:end]).strip("\n")
        if not source:
            continue
        kind = "markdown" if re.search(r"\[(markdown|md)\]", head) else "code"
        if kind == "markdown":
            source = "\n".join(re.sub(r"^# ?", "", line) for line in source.split("\n"))
            source = re.sub(r'^(?:r?""")\n?|\n?"""$', "", source)
        yield Found(number, kind, source, (None, None, None, _marked(source)), {})


def _sheet(value: Any, repairs: list[Repair]) -> Sheet:
    """The sheet of a notebook of any version that is JSON. Raises Unreadable."""
    repairs = list(repairs)
    if not isinstance(value, dict):
        raise Unreadable("not_a_notebook")
    raw = value.get("cells")
    if not isinstance(raw, list) and isinstance(sheets := value.get("worksheets"), list):
        raw = [cell for sheet in sheets if isinstance(sheet, dict) for cell in _list(sheet.get("cells"))]
        repairs.append(repair("old_format"))
    if not isinstance(raw, list):
        raise Unreadable("not_a_notebook" if "nbformat" not in value else "no_cells")
    cells = [_found(number, cell) for number, cell in enumerate(raw) if isinstance(cell, dict)]
    if not any(cell.source.strip() for cell in cells):
        raise Unreadable("no_cells")
    metadata = _dict(value.get("metadata"))
    stamp = _dict(metadata.get("autograder"))
    repairs += _oddities(value, metadata, raw)
    return Sheet(cells, _text(stamp.get("assignment")), _text(stamp.get("version")), repairs)


def _found(number: int, cell: dict[str, Any]) -> Found:
    metadata = _dict(cell.get("metadata"))
    nbgrader = _dict(metadata.get("nbgrader"))
    source = cell.get("source", cell.get("input"))
    text = _clean("".join(map(str, source)) if isinstance(source, list) else str(source or ""))
    kind = "code" if cell.get("cell_type") == "code" else "markdown"
    count = cell.get("execution_count", cell.get("prompt_number"))
    return Found(
        number,
        kind,
        text,
        (_text(nbgrader.get("grade_id")), _text(cell.get("id")), _text(metadata.get("id")), _marked(text)),
        nbgrader,
        _list(cell.get("outputs")),
        _dict(cell.get("attachments")),
        count if type(count) is int else None,
    )


def _oddities(value: dict[str, Any], metadata: dict[str, Any], raw: list[Any]) -> Iterator[Repair]:
    cells = [cell for cell in raw if isinstance(cell, dict)]
    kept = [_dict(cell.get("metadata")) for cell in cells]
    if "colab" in metadata or any({"executionInfo", "outputId", "colab_type"} & meta.keys() for meta in kept):
        yield repair("front_end", what="Colab")
    if "kaggle" in metadata or any("_uuid" in meta for meta in kept):
        yield repair("front_end", what="Kaggle")
    if any("vscode" in meta for meta in [metadata, *kept]):
        yield repair("front_end", what="VS Code")
    kernel = _text(_dict(metadata.get("kernelspec")).get("name"))
    if kernel != "python3" and "metadata" in value:
        yield repair("kernel_restored", what=(kernel or "none")[:40])
    if len(cells) < len(raw) or any(not isinstance(cell.get("source"), str | list) for cell in cells):
        yield repair("not_strict")
    counts = [count for cell in cells if type(count := cell.get("execution_count")) is int]
    if counts != sorted(counts):
        yield repair("run_out_of_order")


def _marked(source: str) -> str | None:
    found = MARKER.search(source)
    return found["id"] if found else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str) -> str:
    """*text* as every file and program takes it: one kind of line end, no NUL, no half of a surrogate pair."""
    return text.replace("\r\n", "\n").replace("\0", "").encode("utf-8", "replace").decode("utf-8")
