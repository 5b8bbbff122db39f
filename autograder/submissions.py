"""Finds what students handed in: all files of each, whatever their names, also inside folders and archives."""

import hashlib
import io
import itertools
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograder.course import Course
from autograder.errors import GraderError
from autograder.gradebook import read_timestamp
from autograder.reading import MAX_BYTES

_MAX_FILES = 200
_NOTEBOOKS = (".ipynb", ".json", ".py")
_NOT_HANDED_IN = {"timestamp.txt", "__MACOSX", "__pycache__"}


@dataclass(frozen=True)
class File:
    """One file as it was handed in. *name* is its path below the student's folder; *modified* in seconds since 1970."""

    name: str
    data: bytes
    modified: float


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one assignment; read only when it is needed, so that a class takes no memory."""

    student: str
    folder: Path
    timestamp: datetime | None = None

    def files(self) -> list[File]:
        """The notebooks that were handed in, or, where there is none, the other files; none for nothing at all."""
        found = sorted(itertools.islice(_files(self.folder), _MAX_FILES), key=lambda file: file.name)
        return [file for file in found if _is_notebook(file.name)] or found


def fingerprint(files: list[File]) -> str | None:
    """A hash of what was handed in: that of the file, where it is one; None for nothing."""
    hashes = [hashlib.sha256(file.data).hexdigest() for file in files]
    if len(files) < 2:
        return hashes[0] if hashes else None
    lines = [f"{digest} {file.name}\n" for digest, file in zip(hashes, files, strict=True)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def find_submissions(course: Course, assignment: str, known: list[str], only: list[str] | None) -> list[Submission]:
    """One submission for each student: those with a folder below ``submitted/`` and those *known* otherwise, by name.

    *only* keeps these students. Raises GraderError where nobody handed anything in, or a student is not found.
    """
    folders = [path for path in course.submitted.glob("*") if _is_real(path) and path.is_dir()]
    where = f"{course.submitted}/<student>/{assignment}/{assignment}.ipynb"
    if not folders:
        raise GraderError(f"There are no submissions in {course.submitted}; put each at {where}.")
    names = sorted({folder.name for folder in folders} | set(known))
    unknown = sorted(set(only or []) - set(names))
    if unknown:
        raise GraderError(f"There is no student {unknown[0]!r} in {course.submitted}; check the name.")
    found = [_find(course.submitted / name / assignment, name) for name in names]
    if not any(submission.files() for submission in found):
        raise GraderError(f"Nobody handed in {assignment}; put each submission at {where}.")
    return [submission for submission in found if not only or submission.student in only]


def unpacked(name: str, data: bytes, modified: float) -> Iterator[File]:
    """The file itself, or the files in it where it is a zip archive; within bounds, whatever the archive says."""
    if not data.startswith(b"PK\x03\x04"):
        yield File(name, data, modified)
        return
    empty = True
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[: 10 * _MAX_FILES]:
                if not member.is_dir() and _counts(member.filename) and member.file_size <= MAX_BYTES:
                    with archive.open(member) as file:
                        yield File(f"{name}/{member.filename}", file.read(MAX_BYTES), _moment(member))
                        empty = False
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        empty = True  # broken, or locked with a password
    if empty:
        yield File(name, data, modified)


def _moment(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0


def _find(folder: Path, student: str) -> Submission:
    stamp = folder / "timestamp.txt"
    there = stamp.is_file() and not stamp.is_symlink()
    return Submission(student, folder, read_timestamp(stamp.read_text(errors="replace")) if there else None)


def _files(folder: Path) -> Iterator[File]:
    """Every file below *folder* that counts. No link is followed: it would lead to what is not the student's."""
    if not _is_real(folder) or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if not _is_real(path) or path.name in _NOT_HANDED_IN:
            continue
        if path.is_dir():
            yield from (File(f"{path.name}/{file.name}", file.data, file.modified) for file in _files(path))
        elif path.is_file():
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            yield from unpacked(path.name, data, path.stat().st_mtime)


def _is_real(path: Path) -> bool:
    """Whether *path* counts: not hidden, and no link."""
    return not path.name.startswith(".") and not path.is_symlink()


def _counts(name: str) -> bool:
    parts = name.split("/")
    return not any((part.startswith(".") and part != "..") or part in _NOT_HANDED_IN for part in parts)


def _is_notebook(name: str) -> bool:
    """Whether a file of this name can be a notebook: also ``x.ipynb.txt`` and ``x.ipynb-1``."""
    return name.lower().endswith(_NOTEBOOKS) or ".ipynb" in name.lower()
