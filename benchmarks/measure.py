"""Runs each contestant over a class, in processes of its own, and returns plain figures. It compares nothing."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from autograder.course import Course
from autograder.grade import answer_key
from autograder.workers import start_workers
from benchmarks import stock
from benchmarks.machine import wait_until_quiet
from benchmarks.memory import Memory, held, peak
from benchmarks.students import LESSON, make_course

_POLL_SECONDS = 0.25


@dataclass
class Run:
    """One run of one contestant over one class. *seconds* is what counts; bytes, points by student and check."""

    seconds: float
    memory: int = 0
    memory_before: int = 0
    times: list[tuple[int, float]] = field(default_factory=list)
    points: dict[str, dict[str, float]] = field(default_factory=dict)


class Bench:
    """A folder with the key and one fresh course for each run, and a bar for each on the terminal."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        self.busy = 0.0
        """The largest share of the processors that others used just before a run."""
        self._courses = 0

    def make_key(self) -> tuple[dict[str, Any], float]:
        """The answer key, which all runs share, and the seconds that two workers took to make it, start included."""
        course = self._course(1)
        started = time.perf_counter()
        with start_workers(course, 2) as workers:
            key = answer_key(course, LESSON, workers=workers)
        return key, time.perf_counter() - started

    def command(self, count: int, workers: int) -> Run:
        """``autograder grade`` as typed: everything from the start of Python to its end."""
        course = self._course(count)
        program = "from autograder.cli import main; main()"
        words = [sys.executable, "-c", program, "grade", LESSON, "--workers", str(workers)]
        seconds, _ = self._run(f"autograder grade -j {workers}", words, course.root, _graded(course), count)
        return self._done(course, Run(seconds))

    def started(self, count: int, workers: int, one_core: bool = False) -> Run:
        """This grader with workers that have started: from the submitted folder to everything it writes."""
        course = self._course(count)
        words = [sys.executable, "-m", "benchmarks.ours", str(course.root), str(workers)]
        words = ["taskset", "--cpu-list", "0", *words] if one_core else words
        what = f"started workers: {workers}{', one core' if one_core else ''}"
        _, printed = self._run(what, words, course.root, _graded(course), count)
        return self._done(course, Run(**json.loads(printed)))

    def bare(self, count: int) -> Run:
        """The same cells in one warm process."""
        course = self._course(count)
        words = ["taskset", "--cpu-list", "0", sys.executable, "-m", "benchmarks.bare", str(course.root)]
        _, printed = self._run("bare cells", words, course.root, lambda: 0, count)
        return self._done(course, Run(**json.loads(printed)))

    def stock(self, count: int, key: dict[str, Any], teaching: bool) -> Run:
        """``nbgrader autograde`` as shipped, from the start of Python to its end."""
        root = self._stock_course(count, key, teaching)
        what = f"nbgrader, {'all' if teaching else 'graded'} cells"
        seconds, _ = self._run(what, [str(stock.BIN / "nbgrader"), "autograde", LESSON], root, _autograded(root), count)
        run = Run(seconds, points=stock.points(root))
        shutil.rmtree(root)
        return run

    def memory(self, count: int, workers: int) -> Memory:
        """The peak of each group of processes while this grader runs; sampling slows it, so it is not timed."""
        course = self._course(count)
        words = [sys.executable, "-m", "benchmarks.ours", str(course.root), str(workers)]
        samples: list[Memory] = []
        self._run(f"memory, workers: {workers}", words, course.root, _graded(course), count, samples)
        shutil.rmtree(course.root)
        return peak(samples)

    def stock_memory(self, count: int, key: dict[str, Any]) -> Memory:
        """The peak of nbgrader and its kernel."""
        root = self._stock_course(count, key, teaching=True)
        samples: list[Memory] = []
        words = [str(stock.BIN / "nbgrader"), "autograde", LESSON]
        self._run("memory, nbgrader", words, root, _autograded(root), count, samples)
        shutil.rmtree(root)
        return peak(samples)

    def _course(self, count: int) -> Course:
        self._courses += 1
        return make_course(self.folder / f"course{self._courses}", count, self.folder / "keys")

    def _stock_course(self, count: int, key: dict[str, Any], teaching: bool) -> Path:
        course = self._course(count)
        root = self.folder / f"stock{self._courses}"
        stock.make_stock_course(root, course, key, teaching)
        shutil.rmtree(course.root)
        return root

    def _done(self, course: Course, run: Run) -> Run:
        shutil.rmtree(course.root)
        return run

    def _run(
        self,
        what: str,
        words: list[str],
        folder: Path,
        done: Callable[[], int],
        total: int,
        samples: list[Memory] | None = None,
    ) -> tuple[float, str]:
        """Run a command to its end: the seconds it took and what it printed. A bar follows how much is *done*."""
        if samples is None:
            self.busy = max(self.busy, wait_until_quiet())
        task = self.progress.add_task(what, total=total)
        with (self.folder / "out").open("w+") as out, (self.folder / "err").open("w+") as err:
            started = time.perf_counter()
            process = subprocess.Popen(words, cwd=folder, env=stock.environment(), stdout=out, stderr=err)
            try:
                while process.poll() is None:
                    self.progress.update(task, completed=done())
                    if samples is not None:
                        samples.append(held(process.pid))
                    try:
                        process.wait(_POLL_SECONDS if samples is None else 0.05)
                    except subprocess.TimeoutExpired:
                        continue
                seconds = time.perf_counter() - started
            finally:
                process.kill()
            self.progress.update(task, completed=total)
            err.seek(0)
            if process.returncode != 0:
                raise RuntimeError(f"{what} ended with status {process.returncode}:\n{err.read()[-4000:]}")
            out.seek(0)
            return seconds, out.read()


def bars() -> Progress:
    """A bar for each run."""
    return Progress(TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def _graded(course: Course) -> Callable[[], int]:
    return lambda: len(list((course.graded / LESSON).glob("*.json")))


def _autograded(root: Path) -> Callable[[], int]:
    return lambda: len(list(root.glob(f"autograded/*/{LESSON}/{LESSON}.ipynb")))
