"""Where the things of a course are: the folders that nbgrader_config.py names, and some that nbgrader lacks."""

import os
import secrets
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from autograder.errors import GraderError
from autograder.results import write_text

if TYPE_CHECKING:
    from nbgrader.coursedir import CourseDirectory

CONFIG_FILE = "nbgrader_config.py"


@dataclass(frozen=True)
class Course:
    """The folders of one course, and nbgrader's configuration of it."""

    root: Path
    config: Config

    @property
    def source(self) -> Path:
        """The authors' notebooks."""
        return self._folder(self._nbgrader.source_directory)

    @property
    def release(self) -> Path:
        """What students get."""
        return self._folder(self._nbgrader.release_directory)

    @property
    def submitted(self) -> Path:
        """What students handed in."""
        return self._folder(self._nbgrader.submitted_directory)

    @property
    def autograded(self) -> Path:
        """What Formgrader shows to whoever marks written answers."""
        return self._folder(self._nbgrader.autograded_directory)

    @property
    def feedback(self) -> Path:
        """What students get back."""
        return self._folder(self._nbgrader.feedback_directory)

    @property
    def db_url(self) -> str:
        """Where nbgrader's gradebook is."""
        return str(self._nbgrader.db_url)

    @property
    def graded(self) -> Path:
        """Results, one JSON file a student: what grading resumes from and every other command reads."""
        return self.root / "graded"

    @property
    def report(self) -> Path:
        """Class pages."""
        return self.root / "report"

    @property
    def state(self) -> Path:
        """The seed of the hidden checks, the releases so far, answer keys, the lock of a running command.

        The first two are worth keeping: without them the next run grades with other inputs, and older releases as
        the current one.
        """
        return self.root / ".autograder"

    @classmethod
    def find(cls, start: Path | None = None) -> "Course":
        """Read the course that holds *start* (default: the current folder).

        Raises GraderError where neither it nor a folder above it has an nbgrader_config.py.
        """
        here = (start or Path.cwd()).resolve()
        root = next((folder for folder in (here, *here.parents) if (folder / CONFIG_FILE).is_file()), None)
        if root is None:
            raise GraderError(f"There is no {CONFIG_FILE} in {here} or above it; change to the course's folder first.")
        config = _load_config(root)
        config.CourseDirectory.root = str(root)
        # nbgrader calls the program `alembic` when it makes a new gradebook; it lies beside this Python.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return cls(root, config)

    def seed(self) -> int:
        """The course's own seed for hidden checks: drawn once, kept beside the keys, never sent to students.

        Raises GraderError where its file holds something else.
        """
        path = self.state / "seed"
        if not path.is_file():
            write_text(path, f"{secrets.randbits(48)}\n")
        try:
            return int(path.read_text())
        except ValueError:
            raise GraderError(f"{path} holds no whole number; delete it, and a new seed will be drawn.") from None

    def lesson_file(self, assignment: str) -> Path:
        """The author's notebook of *assignment*. Raises GraderError where there is none."""
        path = self.source / assignment / f"{assignment}.ipynb"
        if assignment not in self.assignments():
            known = ", ".join(self.assignments()) or "none yet"
            raise GraderError(f"There is no assignment {assignment!r} in {self.source}; there is: {known}.")
        return path

    def assignments(self) -> list[str]:
        """The names of all assignments, sorted: each folder below the source folder with a notebook of its name."""
        return sorted(path.stem for path in self.source.glob("*/*.ipynb") if path.parent.name == path.stem)

    @cached_property
    def _nbgrader(self) -> "CourseDirectory":
        """nbgrader's own view of the course. Asked for late: importing nbgrader takes seconds."""
        from nbgrader.coursedir import CourseDirectory

        return CourseDirectory(config=self.config)

    def _folder(self, name: Any) -> Path:
        return self.root / str(name)


def _load_config(root: Path) -> Config:
    try:
        return PyFileConfigLoader(CONFIG_FILE, path=str(root)).load_config()
    except ConfigFileNotFound:
        raise GraderError(f"{root / CONFIG_FILE} cannot be read; check its permissions.") from None
    except Exception as error:
        raise GraderError(f"{root / CONFIG_FILE} does not run: {type(error).__name__}: {error}.") from error
