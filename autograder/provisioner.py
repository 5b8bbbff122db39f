"""A kernel provisioner for any Jupyter client: its kernels are forked, warm, inside the sandbox.

Registered with jupyter_client as ``autograder-sandbox``. A kernel spec asks for it in its metadata:
``{"kernel_provisioner": {"provisioner_name": "autograder-sandbox"}}``.
"""

import asyncio
import json
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Int

from autograder.inside.jail import CHANNELS, SOCKETS
from autograder.sandbox import fresh_uid, order_kernel, sandbox_path


class SandboxProvisioner(KernelProvisionerBase):
    """One kernel and its guard. *memory*, *files* (bytes) and *processes* limit what they may use together."""

    memory = Int(2 << 30, help="Bytes of memory that all processes of the kernel may use.").tag(config=True)
    files = Int(50 << 20, help="Bytes that each place the kernel may write to holds.").tag(config=True)
    processes = Int(64, help="How many processes there may be.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._guard: socket.socket | None = None
        self._received = b""
        self._sockets: list[int] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ended: int | None = None
        self.reason: str | None = None
        """Which limit ended the kernel, if one did: memory or processes; or sandbox, where that itself ended."""

    @property
    def has_process(self) -> bool:
        return self._guard is not None and self._ended is None

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        return {**options, "cmd": []}

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Ask for a kernel and connect to the sockets that its guard opened. Raises SandboxLost where none comes."""
        assert self.parent is not None, "a provisioner belongs to a kernel manager"
        key = self.parent.session.key.decode()
        inner: dict[str, Any] = {f"{name}_port": number for number, name in enumerate(CHANNELS, start=1)}
        inner |= {"transport": "ipc", "ip": f"{SOCKETS}/kernel", "key": key, "signature_scheme": "hmac-sha256"}
        limits = {"memory": self.memory, "files": self.files, "processes": self.processes}
        request = {"connection": inner, "limits": limits, "uid": fresh_uid()}
        path = sandbox_path()
        self._ended, self.reason, self._received = None, None, b""  # a kernel may have been here before
        self._guard, self._sockets = await asyncio.to_thread(order_kernel, path, request)
        # A client connects by path: one that only this process can write to, and that leads to the open sockets. It
        # stays the same when a kernel is restarted, so that clients find the new one.
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True)
        place = Path(self._folder.name) / "kernel"
        for number, descriptor in enumerate(self._sockets, start=1):
            link = Path(f"{place}-{number}")
            link.unlink(missing_ok=True)
            link.symlink_to(f"/proc/{os.getpid()}/fd/{descriptor}")
        outer: Any = {**inner, "ip": str(place), "key": key.encode()}
        self.connection_info = outer
        return self.connection_info

    async def poll(self) -> int | None:
        """None while the kernel runs, else its exit status."""
        if self._ended is None and self._guard is not None:
            self._guard.setblocking(False)
            try:
                data = self._guard.recv(65536)
            except BlockingIOError:
                return None
            except OSError:
                data = b""
            self._received += data
            if not data or b"\n" in self._received:
                self._read_end()
        return self._ended

    def _read_end(self) -> None:
        try:
            said = json.loads(self._received)
        except ValueError:  # nothing a kernel does can end its guard before the guard has said so
            said = {"ended": None, "reason": "sandbox"}
        self._ended = -signal.SIGKILL if said["ended"] is None else said["ended"]
        self.reason = said["reason"]

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        return self._ended

    async def send_signal(self, signum: int) -> None:
        if self._guard is not None and self._ended is None:
            self._guard.setblocking(True)
            try:
                self._guard.sendall(json.dumps({"signal": int(signum)}).encode() + b"\n")
            except OSError:
                await self.poll()

    async def kill(self, restart: bool = False) -> None:
        """End the guard, and with it the kernel and everything that the kernel started."""
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        self._ended = -signal.SIGKILL if self._ended is None else self._ended

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        await self.kill(restart)
        for descriptor in self._sockets:
            os.close(descriptor)
        self._sockets = []
        if self._folder is not None and not restart:
            self._folder.cleanup()
            self._folder = None
