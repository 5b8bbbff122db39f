"""Puts this grader in the place of nbgrader's own: `nbgrader autograde` and Formgrader's button go through here.

nbgrader_config.py names ``GradingExporter`` as the exporter of nbgrader's Autograde step.
"""

import atexit
import threading
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbgrader.converters.base import NbGraderException

from autograder.course import Course
from autograder.errors import GraderError
from autograder.grade import grade
from autograder.workers import Runners, start_workers

_IDLE_SECONDS = 60.0


class GradingExporter(NotebookExporter):  # type: ignore[misc]
    """Grades the submission that nbgrader is at, and hands nbgrader the notebook that Formgrader is to show.

    nbgrader comes by twice for each submission: for the submitted notebook, and for the one it wrote from that. The
    second time there is nothing left to do.
    """

    def from_filename(self, filename: str, resources: Any = None, **options: Any) -> tuple[str, Any]:
        """The notebook for ``autograded/``. Raises NbGraderException, with a sentence, where grading cannot start."""
        names = resources["nbgrader"]
        course = Course.find(Path(self.config.CourseDirectory.get("root", ".")))
        student, assignment = names["student"], names["assignment"]
        shown = course.autograded / student / assignment / f"{assignment}.ipynb"
        resources["output_extension"] = ".ipynb"
        if Path(filename).resolve() != shown.resolve():
            try:
                grade(course, assignment, [student], workers=_runners.get(course), force=True, report=False)
            except GraderError as error:
                raise NbGraderException(str(error)) from error
        return shown.read_text(encoding="utf-8"), resources


class _Runners:
    """One worker that stays for a while, since nbgrader hands over one submission at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runners: Runners | None = None
        self._timer: threading.Timer | None = None
        atexit.register(self.close)

    def get(self, course: Course) -> Runners:
        """The worker, started where there is none. It ends when nobody has asked for it in a minute."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(_IDLE_SECONDS, self.close)
            self._timer.daemon = True
            self._timer.start()
            if self._runners is None:
                self._runners = start_workers(course, 1)
                self._runners.__enter__()
            return self._runners

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            if self._runners is not None:
                self._runners.__exit__()
                self._runners = None


_runners = _Runners()
