"""Runs many notebooks at once on the cores of this machine, each in a kernel of its own, all in one sandbox."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from autograder.course import Course
from autograder.errors import GraderError
from autograder.limits import Limits, read_limits
from autograder.outcome import outcome
from autograder.sandbox import Sandbox, SandboxLost, share

if TYPE_CHECKING:
    from autograder.lesson import Notebook

Name = TypeVar("Name")
Outcomes = dict[str, Any]


class Runners(Protocol):
    """Whatever runs notebooks: processes here, or a cluster. Use as a context manager."""

    limits: Limits
    seed: int

    def __enter__(self) -> "Runners": ...

    def __exit__(self, *exception: object) -> None: ...

    def run(self, notebooks: Iterable[tuple[Name, "Notebook"]]) -> Iterator[tuple[Name, Outcomes]]:
        """Yield (name, outcomes) as they become ready."""
        ...


def start_workers(course: Course, count: int | None = None, scheduler: str = "", unsafe: bool = False) -> Runners:
    """Workers for this course: *count* of them here (default: one a core), or those of a Dask *scheduler*."""
    limits = read_limits(course.config, unsafe)
    if scheduler:
        from autograder.cluster import Cluster

        return Cluster(scheduler, limits, course.seed())
    return Workers(count or os.cpu_count() or 1, limits, course.seed(), hide=(course.root,))


def crashed(notebook: "Notebook") -> Outcomes:
    """The outcomes of a notebook that ended the grader itself."""
    from autograder.lesson import is_run

    ended = outcome("crashed", reason="grader")
    return {"seconds": 0.0, "cells": {cell["id"]: ended for cell in filter(is_run, notebook["cells"])}}


class Workers:
    """*count* processes that call ``run``. Use as a context manager; leaving it ends them and all they started.

    The folders *hide* are empty in the sandbox, even where the rest of the machine shows.
    """

    def __init__(self, count: int, limits: Limits, seed: int, hide: tuple[Path, ...] = ()) -> None:
        self.count, self.limits, self.seed, self.hide = count, limits, seed, hide
        self.sandbox: Sandbox | None = None
        self._proven = False  # whether there has been a sandbox that gave kernels

    def __enter__(self) -> "Workers":
        """Start them, without waiting for them. Raises GraderError where there is no program for a sandbox."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["autograder.run"])  # imported once, for all workers
        if not self.limits.unsafe:
            self.sandbox = Sandbox(self.hide)
        try:
            place = self.sandbox.path if self.sandbox else None
            self.pool = ProcessPoolExecutor(self.count, context, initializer=_begin_worker, initargs=(place,))
            forkserver.ensure_running()  # it imports beside the sandbox and the driver; the processes start when needed
        except BaseException as error:
            self.__exit__(error)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for process in list((self.pool._processes or {}).values()):  # their kernels end with them
            with contextlib.suppress(ValueError):
                process.kill()
        # Not waited for, the pool's thread may close its pipe just as Python, ending, writes to it.
        self.pool.shutdown(wait=True, cancel_futures=True)
        if self.sandbox:
            self.sandbox.close()

    def run(self, notebooks: Iterable[tuple[Name, "Notebook"]]) -> Iterator[tuple[Name, Outcomes]]:
        """Yield (name, outcomes) as they become ready. Notebooks are taken as they are needed, not all at once.

        Where a worker or the sandbox ends, whatever was being run is run again, one notebook after the other. One that
        then ends it once more has crashed the grader, and every cell of it says so. Raises GraderError where the
        sandbox gives no kernels at all.
        """
        waiting: dict[Future[Outcomes], tuple[Name, Notebook]] = {}
        for name, notebook in notebooks:
            self._check()
            while len(waiting) >= 2 * self.count:
                yield from self._ready(waiting)
            try:
                waiting[self._submit(notebook)] = name, notebook
            except BrokenProcessPool:
                yield from self._again([*waiting.values(), (name, notebook)])
                waiting.clear()
        while waiting:
            yield from self._ready(waiting)

    def _check(self) -> None:
        """See that the sandbox gives kernels. Where an earlier one did, one that does not is replaced once."""
        if self.sandbox is None or self.sandbox.checked:
            return
        try:
            self.sandbox.check()
        except GraderError:
            if not self._proven:
                raise
            self._renew()
            self.sandbox.check()
        self._proven = True

    def _submit(self, notebook: "Notebook") -> Future[Outcomes]:
        return self.pool.submit(_run, notebook, self.limits, self.seed)

    def _ready(self, waiting: dict[Future[Outcomes], tuple[Name, "Notebook"]]) -> Iterator[tuple[Name, Outcomes]]:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                outcomes = future.result()
            except (BrokenProcessPool, SandboxLost):
                suspects = list(waiting.values())
                waiting.clear()
                yield from self._again(suspects)
                return
            name, _ = waiting.pop(future)
            yield name, outcomes

    def _again(self, suspects: list[tuple[Name, "Notebook"]]) -> Iterator[tuple[Name, Outcomes]]:
        self._renew()
        for name, notebook in suspects:
            yield name, self._alone(notebook)

    def _alone(self, notebook: "Notebook") -> Outcomes:
        try:
            return self._submit(notebook).result()
        except (BrokenProcessPool, SandboxLost):
            self._renew()
            return crashed(notebook)

    def _renew(self) -> None:
        self.__exit__()
        self.__enter__()


def _run(notebook: "Notebook", limits: Limits, seed: int) -> Outcomes:
    """In a worker: ``run``. Only workers import it, while the driver imports other things."""
    from autograder.run import run

    return run(notebook, limits, seed)


def _begin_worker(sandbox: Path | None) -> None:
    """In a worker: leave the terminal's process group, so that Ctrl-C reaches the driver alone, and end with it."""
    os.setsid()
    if sandbox:
        share(sandbox)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for_any([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
