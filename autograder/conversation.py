"""Talks with one kernel: sends it cells, listens to what comes out of them, and keeps time. Trusts nothing it hears."""

import asyncio
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder.inside.encode import MIME_TYPE
from autograder.kernels import kernel_manager
from autograder.limits import Limits
from autograder.outcome import outcome
from autograder.sandbox import SandboxLost

_WARM_UP = "__import__('autograder.inside').inside.warm_up()"
_GRACE_SECONDS = 1.0  # for a cell that was interrupted to end
_DEPTH = 24  # how deep a check's report may be nested; what observe() writes is far from it
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r"^Cell In\[(\d+)\], line (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """Code to send in one go, and the ids of the cells that it stands for, in their order.

    Where *checks* is not empty, the code runs several hidden checks, each of which says itself what came of it; then
    it maps their names to the ids.
    """

    source: str
    cells: list[str]
    checks: dict[str, str] = field(default_factory=dict)


class Conversation:
    """One kernel, and what is said to it. It is *lost* when the kernel has ended or no longer listens."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.lost = False
        self._stack = AsyncExitStack()
        self._cell_of_count: dict[int, str] = {}

    async def start(self, output: int) -> None:
        """Start the kernel, which may print *output* bytes in all. Raises SandboxLost where there is none."""
        limits = self.limits
        limited = {"memory": limits.memory, "files": limits.files, "processes": limits.processes}
        self._manager = self._stack.enter_context(kernel_manager(limits.unsafe, limited))
        self._client = _Client(self._manager, limits, output)
        await self._stack.enter_async_context(self._client.async_setup_kernel(cleanup_kc=True))
        if limits.unsafe:  # an ordinary kernel has imported nothing yet, and that takes seconds
            await self._client.async_execute_cell(new_code_cell(_WARM_UP), 0)

    async def stop(self) -> None:
        """End the kernel and everything that it started."""
        await self._stack.aclose()

    @property
    def output_left(self) -> int:
        """How many bytes the kernel may still print."""
        return self._client.output_left

    async def execute(self, request: Request, seconds: float) -> dict[str, Any]:
        """Run *request* within *seconds* and return outcomes by cell id, of all its cells unless the kernel was lost.

        A cell that takes longer than a check may is interrupted; one that goes on all the same loses the kernel. Raises
        SandboxLost where the sandbox ended, which no cell can bring about.
        """
        client = self._client
        client.begin(request)
        end = time.monotonic() + seconds
        running = asyncio.ensure_future(client.async_execute_cell(new_code_cell(request.source), 0))
        ended = asyncio.ensure_future(self._ended())
        late: set[str | None] = set()
        while True:
            current = client.current
            patience = self.limits.check_seconds + (_GRACE_SECONDS if current in late else 0.0)
            due = min(client.since + patience, end)
            done, _ = await asyncio.wait(
                {running, ended}, timeout=max(0.0, due - time.monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                break
            if client.current != current or time.monotonic() < due:
                continue
            if current in late or time.monotonic() >= end:
                late.add(current)
                break
            late.add(current)
            await self._manager.interrupt_kernel()
        for unfinished in {running, ended} - done:
            unfinished.cancel()
        try:
            await running
        except (Exception, asyncio.CancelledError):  # the kernel ended, or goes on, or said what no kernel says
            self.lost = True
            if self._reason() == "sandbox":
                raise SandboxLost("The sandbox ended while a kernel ran in it.") from None
        return self._outcomes(request, late)

    def _reason(self) -> str | None:
        """What ended the kernel, where its provisioner knows."""
        return getattr(self._manager.provisioner, "reason", None)

    async def _ended(self) -> None:
        """Return when the kernel has ended."""
        while await self._manager.is_alive():
            await asyncio.sleep(0.02)

    def _outcomes(self, request: Request, late: set[str | None]) -> dict[str, Any]:
        client = self._client
        self._cell_of_count[client.count] = request.cells[0]
        outcomes = {}
        for cell in request.cells:
            heard = client.heard[cell]
            if cell in client.ended and cell not in late:
                end = client.ended[cell]
                error = self._located(end.pop("error"))
                outcomes[cell] = outcome("error" if error else "ok", error=error, **end, **heard)
            elif cell in late:
                outcomes[cell] = outcome("timeout", seconds=self.limits.check_seconds, **heard)
            elif self.lost and cell == client.current:
                outcomes[cell] = outcome("crashed", reason=self._reason(), **heard)
            elif not self.lost:  # the request ended, and nothing was said of this cell
                outcomes[cell] = outcome("ok", **heard)
        return outcomes

    def _located(self, error: Any) -> dict[str, Any] | None:
        """An exception's name, message, and the place it came from: a cell of the notebook and a line of it."""
        if not error:
            return None
        count, line = error.get("place") or (None, None)
        cell = self._cell_of_count.get(count or 0)
        named = {"name": str(error.get("name"))[:100], "message": str(error.get("message"))[:1000]}
        return {**named, "cell": cell, "line": line if cell else None}


def _is_shallow(value: Any, depth: int) -> bool:
    if not isinstance(value, list | dict):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


class _Client(NotebookClient):
    """nbclient, but what comes out of the kernel is counted as it arrives, and goes to the cell that it belongs to."""

    def __init__(self, manager: Any, limits: Limits, output: int) -> None:
        notebook = new_notebook(cells=[new_code_cell()])  # cells are handed over one by one; nbclient wants a place
        super().__init__(notebook, km=manager, timeout=None, allow_errors=True, shutdown_kernel="immediate")
        self.limits, self.output_left = limits, output
        self.on_cell_executed = self._reply
        self.begin(Request("", [""]))

    def begin(self, request: Request) -> None:
        """Forget the last request and listen for this one."""
        self.request = request
        self.since = time.monotonic()
        self.count = 0
        self.ended: dict[str, Any] = {}
        self.heard: dict[str, Any] = {
            cell: {"text": "", "cut": False, "disturbed": False, "intruder": False} for cell in request.cells
        }
        self.cell_left = self.limits.cell_output

    @property
    def current(self) -> str | None:
        """The cell that is running: the first that has not ended yet."""
        return next((cell for cell in self.request.cells if cell not in self.ended), None)

    def _reply(self, cell: Any, cell_index: int, execute_reply: dict[str, Any]) -> None:
        content = execute_reply["content"]
        self.count = int(content.get("execution_count") or 0)
        if self.request.checks:
            return
        error = None
        if content.get("status") == "error":
            frames = _FRAME.findall(_ANSI.sub("", "\n".join(map(str, content.get("traceback", [])))))
            place = [int(number) for number in frames[-1]] if frames else None
            error = {"name": content.get("ename"), "message": content.get("evalue"), "place": place}
        self._end(self.request.cells[0], [], error)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> None:
        content = msg["content"]
        data = content.get("data") or {}
        if MIME_TYPE in data:
            self._checked(data[MIME_TYPE])
        else:
            self._printed(str(content.get("text", "") if msg["msg_type"] == "stream" else data.get("text/plain", "")))

    def handle_comm_msg(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Widgets have no place in grading."""

    def _checked(self, said: Any) -> None:
        """Take a check's word for what came of it. Said twice, or at another's time, it was somebody else's word."""
        said = said if isinstance(said, dict) else {}
        cell = self.request.checks.get(str(said.get("check")))
        if cell is None or cell != self.current:
            if cell:
                self.heard[cell]["disturbed"] = True
            if self.current:
                self.heard[self.current]["intruder"] = True
            return
        observations, error = said.get("observations"), said.get("error")
        if not isinstance(observations, list) or not self._is_acceptable(said):
            observations, error, self.heard[cell]["cut"] = [], None, True
        self._end(cell, observations, error if isinstance(error, dict) else None)

    def _is_acceptable(self, said: Any) -> bool:
        """Whether a report is of a size and depth that can be passed on."""
        return _is_shallow(said, _DEPTH) and len(repr(said)) <= self.limits.observations

    def _end(self, cell: str, observations: list[Any], error: dict[str, Any] | None) -> None:
        now = time.monotonic()
        self.ended[cell] = {"observations": observations, "error": error, "seconds": now - self.since}
        self.since = now
        self.cell_left = self.limits.cell_output

    def _printed(self, text: str) -> None:
        cell = self.current
        if cell is None or not text:
            return
        data = text.encode("utf-8", "replace")
        kept = data[: min(self.cell_left, self.output_left)]
        self.cell_left -= len(kept)
        self.output_left -= len(kept)
        self.heard[cell]["text"] += kept.decode("utf-8", "ignore")
        self.heard[cell]["cut"] |= len(kept) < len(data)
