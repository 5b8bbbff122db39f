"""Starts the kernels that submissions are run in: forked in the sandbox, or, with ``--unsafe``, ordinary ones."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

MAX_MESSAGE = 4 << 20
"""The longest message, in bytes, that is taken from a kernel; the connection ends at a longer one."""


class QuickClient(AsyncKernelClient):
    """A client that is ready when the kernel has answered on both channels, without waiting for silence."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until a request's reply has come, and on the other channel all that it set off.

        Raises RuntimeError after *timeout* seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + (timeout or 60.0)
        while loop.time() < end:
            request = self.kernel_info()
            try:
                reply = await self.get_shell_msg(timeout=1.0)
                while not _is_idle(await self.get_iopub_msg(timeout=0.2), request):
                    pass
            except Empty:
                continue  # the subscription was not there yet, or the kernel is still starting
            self._handle_kernel_info_reply(reply)
            return
        raise RuntimeError("The kernel did not answer.")


def _is_idle(message: dict[str, Any], request: str) -> bool:
    parent = message["parent_header"].get("msg_id")
    return bool(parent == request and message["content"].get("execution_state") == "idle")


class _SandboxSpecs(KernelSpecManager):
    """The kernel spec of a kernel in the sandbox, without a file on disk."""

    def __init__(self, limits: dict[str, int]) -> None:
        super().__init__()
        self.limits = limits

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        provisioner = {"provisioner_name": "autograder-sandbox", "config": self.limits}
        return KernelSpec(
            argv=[], display_name="sandbox", language="python", metadata={"kernel_provisioner": provisioner}
        )


@contextmanager
def kernel_manager(unsafe: bool, limits: dict[str, int]) -> Iterator[AsyncKernelManager]:
    """A manager of one kernel, not started yet. *limits* are those of ``SandboxProvisioner``, for a sandboxed one."""
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
    context.setsockopt(zmq.RCVHWM, 200)
    options: dict[str, Any] = {"context": context, "client_class": f"{__name__}.QuickClient", "transport": "ipc"}
    try:
        if unsafe:
            with tempfile.TemporaryDirectory(prefix="autograder-", ignore_cleanup_errors=True) as folder:
                manager = AsyncKernelManager(kernel_name="python3", **options)
                manager.connection_file = str(Path(folder) / "kernel.json")
                os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
                yield manager
        else:
            yield AsyncKernelManager(kernel_spec_manager=_SandboxSpecs(limits), **options)
    finally:
        context.destroy(linger=0)
