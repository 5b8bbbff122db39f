"""Sorts the download of a learning platform into ``submitted/``: who handed in what, and what was left where it was.

Canvas, Moodle, ILIAS and plain folders are told apart by their names; ``--pattern`` takes any other.
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.errors import GraderError
from autograder.reading import MAX_BYTES

_MOODLE = re.compile(
    r"^(?:.*/)?(?P<student>[^/]+?_\d+)_assignsubmission_(?P<what>file|onlinetext)_?/?(?P<file>[^/].*)$"
)
_CANVAS = re.compile(r"^(?:.*/)?(?P<student>[^/_]+)_(?P<late>LATE_)?(?P<id>\d+)_\d+_(?P<file>[^/]+)$")
_FOLDER = re.compile(r"^(?:.*?/)??(?P<student>[^/]+)/(?P<file>.+)$")
_FLAT = re.compile(r"^(?P<student>[^/]+?)\.(?P<kind>ipynb|py|zip)$")


@dataclass(frozen=True)
class Taken:
    """One file of an archive: the student it is from and its name there, or, without a student, why it was left."""

    place: str
    student: str | None
    file: str
    note: str = ""


def collect(
    course: Course, assignment: str, archive: Path, pattern: str | None = None, dry_run: bool = False
) -> list[Taken]:
    """Copy what *archive*, a zip file or a folder, holds of *assignment* to ``submitted/``; return what became of each
    file. *pattern* is a regular expression with the groups ``student`` and, if it likes, ``file``.

    A file that is there already is replaced. With *dry_run* nothing is written. Raises GraderError where the archive
    cannot be read, holds nothing, or the pattern is none.
    """
    course.lesson_file(assignment)
    own = _compiled(pattern) if pattern else None
    contents = dict(_contents(archive))
    taken = [_place(place, own, folders=_has_folders(contents)) for place in sorted(contents)]
    if not any(one.student for one in taken):
        raise GraderError(
            f"No student's file was recognised in {archive}; name them with --pattern, a regular expression with the "
            f"groups student and file."
        )
    for one in taken:
        if one.student and not dry_run:
            target = course.submitted / one.student / assignment / one.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_read(archive, contents[one.place]))
    return taken


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise GraderError(f"--pattern is no regular expression: {error}.") from None
    if "student" not in compiled.groupindex:
        raise GraderError("--pattern has no group (?P<student>...); put one around the student's name.")
    return compiled


def _contents(archive: Path) -> Iterator[tuple[str, str | zipfile.ZipInfo]]:
    """Every file of the archive: its path there, with / between the parts, and how to get at it."""
    if archive.is_dir():
        for path in archive.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(archive).as_posix(), str(path)
        return
    try:
        with zipfile.ZipFile(archive) as file:
            yield from ((member.filename, member) for member in file.infolist() if not member.is_dir())
    except FileNotFoundError:
        raise GraderError(f"There is no {archive}; check the name.") from None
    except (zipfile.BadZipFile, OSError) as error:
        raise GraderError(f"{archive} is no zip file that can be read ({error}); download it again.") from None


def _read(archive: Path, place: str | zipfile.ZipInfo) -> bytes:
    if isinstance(place, str):
        return Path(place).read_bytes()
    try:
        with zipfile.ZipFile(archive) as file, file.open(place) as member:
            return member.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise GraderError(f"{place.filename} in {archive} cannot be read ({error}); download it again.") from None


def _has_folders(contents: dict[str, str | zipfile.ZipInfo]) -> bool:
    return any("/" in place for place in contents)


def _place(place: str, own: re.Pattern[str] | None, folders: bool) -> Taken:
    parts = place.replace("\\", "/").split("/")
    if ".." in parts or place.startswith("/"):
        return Taken(place, None, "", "its path leads out of the archive")
    if any(part.startswith((".", "__MACOSX")) for part in parts):
        return Taken(place, None, "", "a hidden file")
    place = "/".join(parts)
    if own:
        found = own.search(place)
        if not found:
            return Taken(place, None, "", "does not match the pattern")
        return _taken(place, found["student"], found.groupdict().get("file") or parts[-1])
    if found := _MOODLE.match(place):
        if found["what"] == "onlinetext":
            return Taken(place, None, "", "text typed into Moodle")
        return _taken(place, found["student"], found["file"])
    if found := _CANVAS.match(place):
        return _taken(place, f"{found['student']}_{found['id']}", found["file"], "late" if found["late"] else "")
    if folders and (found := _FOLDER.match(place)):
        return _taken(place, found["student"], found["file"])
    if found := _FLAT.match(place):
        return _taken(place, found["student"], place)
    return Taken(place, None, "", "no student can be told from its name")


def _taken(place: str, student: str, file: str, note: str = "") -> Taken:
    """A file of a student whose name, and its own, are safe as names of folders and files."""
    names = [_safe(part) for part in file.split("/")]
    return Taken(place, _safe(student).replace(" ", "_"), "/".join(name for name in names if name), note)


def _safe(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    kept = "".join(c if c.isalnum() or c in " ._-()@'" else "_" for c in name)
    return kept.strip(". ")[:120] or "_"
