"""Courses to test on: copies of this one, with a fixed seed, and one whose sample class has been graded."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from autograder.course import Course
from autograder.grade import answer_key, grade
from autograder.lesson import read_lesson
from autograder.limits import Limits
from autograder.results import Result, read_results
from autograder.sampleclass import make_sample_class
from autograder.workers import Workers

ROOT = Path(__file__).parent.parent
LESSON = "02_batchnorm_by_hand"
SEED = 20261121

EXPLORE = bool(os.environ.get("NORMDROP_EXPLORE"))
"""Whether Hypothesis and the combinations of damage draw anew. Else they are the same in every run."""

settings.register_profile("course", derandomize=not EXPLORE)
settings.load_profile("course")


def make_course(root: Path, lessons: list[str]) -> Course:
    """A copy of this course in *root* with some of its lessons, and the seed that tests share."""
    root.mkdir(exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(ROOT / "data" / "sample_class", root / "data" / "sample_class")
    for lesson in lessons:
        shutil.copytree(ROOT / "solutions" / lesson, root / "solutions" / lesson)
    (root / ".autograder").mkdir()
    (root / ".autograder" / "seed").write_text(f"{SEED}\n")
    return Course.find(root)


@pytest.fixture(scope="session")
def pool() -> Iterator[Workers]:
    """Two workers and their sandbox, started once for all tests of a session."""
    with Workers(2, Limits(), SEED) as workers:
        yield workers


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answer keys, made once for all tests of a session."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def answer_keys(tmp_path_factory: pytest.TempPathFactory, keys: Path, pool: Workers) -> Callable[[str], dict[str, Any]]:
    """The answer key of any lesson, made at most once in a session."""
    course = make_course(tmp_path_factory.mktemp("lessons"), Course.find(ROOT).assignments())
    (course.state / "keys").symlink_to(keys)
    return cache(partial(answer_key, course, workers=pool))


@pytest.fixture
def course(tmp_path: Path, keys: Path) -> Course:
    """A course with lesson 2 and no students. Its key is made at most once in a session."""
    course = make_course(tmp_path, [LESSON])
    (course.state / "keys").symlink_to(keys)
    return course


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory, keys: Path, pool: Workers) -> Course:
    """A course whose sample class has been graded. Tests read it; they do not change it."""
    course = make_course(tmp_path_factory.mktemp("graded"), [LESSON])
    (course.state / "keys").symlink_to(keys)
    make_sample_class(course, LESSON)
    grade(course, LESSON, workers=pool)
    return course


@pytest.fixture
def results(graded: Course) -> dict[str, Result]:
    """The sample class's results, by student."""
    return {result["student"]: result for result in read_results(graded.graded / LESSON)}


@pytest.fixture(scope="session")
def lesson():
    """Lesson 2, read."""
    return read_lesson(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb")


@pytest.fixture
def command():
    """Run the command ``autograder`` in a folder; returns what subprocess.run does."""

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).parent / "autograder"
        return subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, timeout=300)

    return run
