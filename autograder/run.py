"""Runs a clean notebook and brings back what its hidden checks observed. It decides nothing.

``run`` is a pure function of its arguments that takes and returns JSON, so any pool or cluster can call it.
"""

import asyncio
import hashlib
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder.inside.encode import MIME_TYPE
from autograder.kernels import kernel_manager
from autograder.lesson import Cell, Notebook, is_check

UNGRADED_TAGS = frozenset({"demonstration", "experiment", "figure", "public-check", "specification"})
"""Cells with one of these tags are not run when grading: they teach, and no answer may need them."""

_WARM_UP = "__import__('autograder.inside').inside.warm_up()"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r"^Cell In\[(\d+)\], line (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are wall time, processes a number, the rest is in bytes."""

    check_seconds: float = 10.0
    notebook_seconds: float = 120.0
    memory: int = 2 << 30
    processes: int = 64
    files: int = 50 << 20
    cell_output: int = 64 << 10
    notebook_output: int = 1 << 20
    observations: int = 1 << 20
    unsafe: bool = False
    """Whether kernels are ordinary ones, without a sandbox; then only time and output are limited."""


def run(notebook: Notebook, limits: Limits, seed: int) -> dict[str, Any]:
    """Run the code cells of *notebook* in order and say what happened to each, by cell id.

    Answers and given cells are run as they stand; a hidden check starts from a seed made of *seed* and its grade_id.
    A cell that ends its kernel, or does not end in time, costs itself: a new kernel replays what went before, without
    it. Returns ``{"seconds", "cells": {id: outcome}}`` with outcomes as ``outcome`` makes them. Raises SandboxLost
    where the sandbox gives no kernel.
    """
    return asyncio.run(_Run(notebook, limits, seed).outcomes())


def outcome(status: str, seconds: float = 0.0, **known: Any) -> dict[str, Any]:
    """What happened to one cell. *status* is ok, error, timeout or crashed.

    Known may be: reason, the limit that ended the kernel (memory, processes); observations, as observe() sent them;
    error, ``{"name", "message", "cell", "line"}``; text, what was printed; cut, whether some of that was left out.
    """
    empty: dict[str, Any] = {"reason": None, "observations": [], "error": None, "text": "", "cut": False}
    return {"status": status, "seconds": seconds, **empty, **known}


def is_run(cell: Cell) -> bool:
    """Whether grading runs this cell: code, not empty, and not one that only teaches."""
    if cell["cell_type"] != "code" or not cell["source"].strip():
        return False
    return not UNGRADED_TAGS.intersection(cell["metadata"].get("tags", []))


def seed_of(seed: int, check: str) -> int:
    """The seed of one check: its own, and the same wherever and in whatever order checks are run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{check}".encode()).digest()[:6], "big")


class _Run:
    """One notebook on its way through one kernel, or several where it ends them."""

    def __init__(self, notebook: Notebook, limits: Limits, seed: int) -> None:
        self.notebook, self.limits, self.seed = notebook, limits, seed
        self.output_left = limits.notebook_output

    async def outcomes(self) -> dict[str, Any]:
        started = time.monotonic()
        cells: dict[str, Any] = {}
        replayable: list[Cell] = []
        kernel: _Kernel | None = None
        try:
            for cell in filter(is_run, self.notebook["cells"]):
                left = self.limits.notebook_seconds - (time.monotonic() - started)
                if left <= 0:
                    cells[cell["id"]] = outcome("timeout")
                    continue
                if kernel is None:
                    kernel = await self._started(replayable)
                cells[cell["id"]] = await kernel.execute(cell, min(self.limits.check_seconds, left))
                if kernel.lost:
                    await kernel.stop()
                    kernel = None
                elif not is_check(cell):
                    replayable.append(cell)
        finally:
            if kernel is not None:
                await kernel.stop()
        return {"seconds": time.monotonic() - started, "cells": cells}

    async def _started(self, replayable: list[Cell]) -> "_Kernel":
        """A new kernel that has run *replayable*; a cell that ends it on the way is taken off that list."""
        while True:
            kernel = _Kernel(self)
            await kernel.start()
            for cell in replayable:
                await kernel.execute(cell, self.limits.check_seconds)
                if kernel.lost:
                    await kernel.stop()
                    replayable.remove(cell)
                    break
            else:
                return kernel


class _Kernel:
    """One kernel, and the conversation with it. It is *lost* when it has ended or no longer listens."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.lost = False
        self.stack = AsyncExitStack()
        self.cell_of_count: dict[int, str] = {}

    async def start(self) -> None:
        limits = self.run.limits
        limited = {"memory": limits.memory, "files": limits.files, "processes": limits.processes}
        self.manager = self.stack.enter_context(kernel_manager(limits.unsafe, limited))
        self.client = _Client(self.run, self.manager)
        await self.stack.enter_async_context(self.client.async_setup_kernel(cleanup_kc=True))
        if limits.unsafe:  # an ordinary kernel has imported nothing yet, and that takes seconds
            await self.client.async_execute_cell(new_code_cell(_WARM_UP), 0)

    async def stop(self) -> None:
        await self.stack.aclose()

    async def execute(self, cell: Cell, seconds: float) -> dict[str, Any]:
        """Run one cell. One that is still running after *seconds* is interrupted; if it goes on, the kernel is lost."""
        self.client.begin()
        started = time.monotonic()
        running = asyncio.ensure_future(self.client.async_execute_cell(self._prepared(cell), 0))
        ended = asyncio.ensure_future(self._ended())
        done, _ = await asyncio.wait({running, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        in_time = bool(done)
        if not in_time:
            await self.manager.interrupt_kernel()
            done, _ = await asyncio.wait({running, ended}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
        for unfinished in {running, ended} - done:
            unfinished.cancel()
        try:
            await running
        except (Exception, asyncio.CancelledError):  # the kernel ended, or goes on, or said what no kernel says
            self.lost = True
            return self._outcome("crashed" if in_time else "timeout", started)
        self.cell_of_count[self.client.count] = cell["id"]
        status = "ok" if self.client.error is None else "error"
        return self._outcome(status if in_time else "timeout", started)

    def _prepared(self, cell: Cell) -> Any:
        prepared = nbformat.from_dict(cell)
        if is_check(cell):
            check = cell["metadata"]["nbgrader"]["grade_id"]
            words = f"{check!r}, {seed_of(self.run.seed, check)}, {cell['source']!r}"
            prepared.source = f"__import__('autograder.inside').inside.run_check({words})"
        return prepared

    async def _ended(self) -> None:
        """Return when the kernel has ended."""
        while await self.manager.is_alive():
            await asyncio.sleep(0.02)

    def _outcome(self, status: str, started: float) -> dict[str, Any]:
        return outcome(
            status,
            time.monotonic() - started,
            reason=getattr(self.manager.provisioner, "reason", None) if self.lost else None,
            observations=self.client.observations,
            error=self._located(self.client.error) if status == "error" and self.client.error else None,
            text="".join(self.client.texts),
            cut=self.client.cut,
        )

    def _located(self, error: dict[str, Any]) -> dict[str, Any]:
        """Name, message and place of an exception; the place is the last frame that lies in a cell of the notebook."""
        frames = _FRAME.findall(_ANSI.sub("", "\n".join(map(str, error.get("traceback", [])))))
        count, line = (int(number) for number in frames[-1]) if frames else (0, 0)
        cell = self.cell_of_count.get(count)
        return {
            "name": str(error.get("ename", ""))[:100],
            "message": str(error.get("evalue", ""))[:1000],
            "cell": cell,
            "line": line if cell else None,
        }


class _Client(NotebookClient):
    """nbclient, but what comes out of the kernel is counted as it arrives, and observations go their own way."""

    def __init__(self, run: _Run, manager: Any) -> None:
        notebook = new_notebook(cells=[new_code_cell()])  # cells are handed over one by one; nbclient wants a place
        super().__init__(notebook, km=manager, timeout=None, allow_errors=True, shutdown_kernel="immediate")
        self.run = run
        self.on_cell_executed = self._remember
        self.begin()

    def begin(self) -> None:
        """Forget the last cell."""
        self.observations: list[Any] = []
        self.observed = 0
        self.texts: list[str] = []
        self.cell_left = self.run.limits.cell_output
        self.cut = False
        self.error: dict[str, Any] | None = None
        self.count = 0

    def _remember(self, cell: Cell, cell_index: int, execute_reply: dict[str, Any]) -> None:
        content = execute_reply["content"]
        self.count = int(content.get("execution_count") or 0)
        self.error = content if content.get("status") == "error" else None

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> None:
        content = msg["content"]
        data = content.get("data") or {}
        if MIME_TYPE in data:
            self._observe(data[MIME_TYPE])
            return
        self._keep(str(content.get("text", "") if msg["msg_type"] == "stream" else data.get("text/plain", "")))

    def handle_comm_msg(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Widgets have no place in grading."""

    def _observe(self, message: Any) -> None:
        self.observed += len(repr(message))
        if self.observed <= self.run.limits.observations:
            self.observations.append(message)
        else:
            self.cut = True

    def _keep(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        kept = data[: min(self.cell_left, self.run.output_left)]
        self.cut = self.cut or len(kept) < len(data)
        self.cell_left -= len(kept)
        self.run.output_left -= len(kept)
        if kept:
            self.texts.append(kept.decode("utf-8", "ignore"))
