"""Runs many notebooks at once, each in a kernel of its own, on the cores of this machine."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.connection import wait as wait_for_any
from typing import Any, TypeVar

from autograder.lesson import Notebook
from autograder.run import Limits, run

Name = TypeVar("Name")


class Workers:
    """*count* processes that call ``run``. Use as a context manager; leaving it ends them and what they started."""

    def __init__(self, count: int, limits: Limits, seed: int) -> None:
        self.count, self.limits, self.seed = count, limits, seed

    def __enter__(self) -> "Workers":
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(self.count, mp_context=context, initializer=_begin_worker)
        return self

    def __exit__(self, *exception: object) -> None:
        processes = list((self.pool._processes or {}).values())
        self.pool.shutdown(wait=exception[0] is None, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(ValueError):
                process.terminate()

    def run(self, notebooks: Iterable[tuple[Name, Notebook]]) -> Iterator[tuple[Name, dict[str, Any]]]:
        """Yield (name, outcomes) as they become ready. Notebooks are taken as they are needed, not all at once."""
        waiting: dict[Future[dict[str, Any]], Name] = {}
        for name, notebook in notebooks:
            waiting[self.pool.submit(run, notebook, self.limits, self.seed)] = name
            if len(waiting) >= 2 * self.count:
                yield from _ready(waiting)
        while waiting:
            yield from _ready(waiting)


def _ready(waiting: dict[Future[dict[str, Any]], Name]) -> Iterator[tuple[Name, dict[str, Any]]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        yield waiting.pop(future), future.result()


def _begin_worker() -> None:
    """In a worker: leave the terminal's process group, so that Ctrl-C reaches the driver alone, and end with it."""
    os.setsid()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait_for_any([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
