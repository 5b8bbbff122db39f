"""Keeps every release of an assignment as it stood, so that a submission of an older one can still be graded."""

import shutil
import tempfile
from pathlib import Path

from autograder.course import Course


def keep(course: Course, assignment: str, version: str) -> None:
    """Keep the author's notebook and misconceptions as release *version*, unless they are kept already."""
    target = _folder(course, assignment) / version
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as folder:
        copy = Path(folder) / version
        source = course.lesson_file(assignment)
        shutil.copytree(source.parent / "misconceptions", copy / "misconceptions", dirs_exist_ok=True)
        shutil.copy(source, copy)
        copy.replace(target)


def older(course: Course, assignment: str, versions: set[str]) -> dict[str, Path]:
    """The author's notebooks of those of *versions* that were kept."""
    folder = _folder(course, assignment)
    paths = {version: folder / version / f"{assignment}.ipynb" for version in sorted(versions)}
    return {version: path for version, path in paths.items() if path.is_file()}


def _folder(course: Course, assignment: str) -> Path:
    return course.state / "releases" / assignment
