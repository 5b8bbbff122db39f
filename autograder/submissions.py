"""Finds what students handed in: one file a student, whatever its name."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograder.course import Course
from autograder.errors import GraderError
from autograder.gradebook import read_timestamp


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one assignment. *path* and *sha256* are None where there is nothing.

    The file itself is read again when its turn comes, so that a class takes no more memory than its largest file.
    """

    student: str
    path: Path | None
    sha256: str | None = None
    timestamp: datetime | None = None


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
    found = [_read(course.submitted / name / assignment, assignment, name) for name in names]
    if not any(submission.path for submission in found):
        raise GraderError(f"Nobody handed in {assignment}; put each submission at {where}.")
    return [submission for submission in found if not only or submission.student in only]


def _is_real(path: Path) -> bool:
    """Whether *path* counts: not hidden, and no link. A link in a submission leads to what is not the student's."""
    return not path.name.startswith(".") and not path.is_symlink()


def _read(folder: Path, assignment: str, student: str) -> Submission:
    files = [path for path in sorted(folder.glob("*")) if _is_real(path) and path.is_file()] if _is_real(folder) else []
    path = _choose(files, assignment)
    if path is None:
        return Submission(student, None)
    stamp = folder / "timestamp.txt"
    timestamp = read_timestamp(stamp.read_text(errors="replace")) if stamp.is_file() else None
    return Submission(student, path, hashlib.sha256(path.read_bytes()).hexdigest(), timestamp)


def _choose(files: list[Path], assignment: str) -> Path | None:
    """The notebook of the right name, else the first notebook, else the first file that is not nbgrader's own."""
    files = [path for path in files if path.name != "timestamp.txt"]
    return min(files, key=lambda path: (path.stem != assignment, path.suffix != ".ipynb", path.name), default=None)
