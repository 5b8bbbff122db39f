"""Keeps two commands from writing one course at the same time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from autograder.course import Course
from autograder.errors import GraderError


@contextmanager
def only_one(course: Course) -> Iterator[None]:
    """Hold the course's lock. The system lets go of it when the process ends, however it ends.

    Raises GraderError, naming the process, where another holds it.
    """
    course.state.mkdir(exist_ok=True)
    with (course.state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise GraderError(
                f"Another command (process {holder}) is working on {course.root}; wait for it, or stop it first."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
