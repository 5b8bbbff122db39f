"""One kernel in namespaces of its own, and its guard, which starts it, watches what it uses, and ends with it.

The guard is process 1 of the kernel's process namespace: nothing in there can signal it, and when it ends, the system
ends everything in there. What is said on its connection, one JSON object a line:

    to the guard    {"connection": {...}, "limits": {"memory", "processes", "files"}, "uid": number or null}
    from the guard  {"ready": true} with five open sockets, or {"failed": why}
    to the guard    {"signal": number}, any number of times
    from the guard  {"ended": exit status or null, "reason": "memory", "processes" or null}, then it ends

The end of the connection ends the guard too.
"""

import contextlib
import json
import os
import resource
import select
import socket
import time
from pathlib import Path
from typing import Any

from autograder.inside import linux
from autograder.inside.kernel import start_kernel

HOME, TEMPORARY, SHARED_MEMORY, SOCKETS = "/home/student", "/tmp", "/dev/shm", "/run"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
_WATCH_SECONDS = 0.05
_KERNEL = 2  # the kernel's process id in its namespace: the first that the guard starts


def serve_kernel(connection: socket.socket) -> None:
    """Go into new namespaces and become the guard of one kernel there. Does not return."""
    request = json.loads(connection.makefile("rb").readline())
    limits = request["limits"]
    linux.unshare(linux.NEWNS | linux.NEWPID | linux.NEWNET | linux.NEWIPC | linux.NEWUTS)
    if os.fork() != 0:
        os._exit(0)
    linux.make_mounts_private()
    linux.mount_proc()
    linux.mount_tmpfs(HOME, limits["files"])
    linux.mount_tmpfs(TEMPORARY, limits["files"])
    linux.mount_tmpfs(SHARED_MEMORY, limits["files"])
    linux.mount_tmpfs(SOCKETS, 1 << 20)
    linux.give_up_privileges(request["uid"])
    linux.set_dumpable(False)
    ready, done = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        connection.close()
        _be_kernel(request["connection"], limits, done)
    os.close(done)
    _guard(connection, ready, limits)


def _be_kernel(connection: dict[str, Any], limits: dict[str, int], ready: int) -> None:
    """Become the kernel: a session and a home of its own, the limits, and then IPython's own kernel."""
    os.setsid()
    linux.set_dumpable(True)  # so that the guard can tell what the kernel has to itself from what it shares
    os.chdir(HOME)
    for name, value in {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["files"],
        resource.RLIMIT_NPROC: limits["processes"] * 8,
        resource.RLIMIT_DATA: _own_data() + limits["memory"],
    }.items():
        resource.setrlimit(name, (value, value))
    linux.filter_calls()
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    start_kernel(f"{SOCKETS}/kernel.json", connection, lambda: os.write(ready, b"."))
    os._exit(0)


def _own_data() -> int:
    """The bytes of data that this process has mapped already, most of them shared with the fork server."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _guard(connection: socket.socket, ready: int, limits: dict[str, int]) -> None:
    if os.read(ready, 1) == b".":
        # Opened now, before any cell has run: what a path leads to later is for the student to say.
        sockets = [os.open(f"{SOCKETS}/kernel-{number}", os.O_PATH | os.O_NOFOLLOW) for number in range(1, 6)]
        socket.send_fds(connection, [b'{"ready": true}\n'], sockets)
        for number in sockets:
            os.close(number)
    else:
        connection.sendall(b'{"failed": "the kernel ended before it was ready"}\n')
    # What the kernel shares with the fork server is not its own doing.
    allowed = {**limits, "memory": limits["memory"] + _own(str(_KERNEL))}
    received = b""
    connection.setblocking(False)
    checked = time.monotonic()
    while True:
        readable, _, _ = select.select([connection], [], [], _WATCH_SECONDS)
        if readable:
            data = _receive(connection)
            if not data:
                os._exit(0)
            *lines, received = (received + data).split(b"\n")
            for line in lines:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(_KERNEL, json.loads(line)["signal"])
        if (status := _reaped()) is not None:
            _end(connection, status, None)
        if time.monotonic() - checked >= _WATCH_SECONDS:
            checked = time.monotonic()
            if reason := _over_limit(allowed):
                _end(connection, None, reason)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except BlockingIOError:
        return b"\n"
    except OSError:
        return b""


def _end(connection: socket.socket, status: int | None, reason: str | None) -> None:
    connection.setblocking(True)
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps({"ended": status, "reason": reason}).encode() + b"\n")
    os._exit(0)


def _reaped() -> int | None:
    """Wait for whatever has ended; the kernel's exit status if it was among that."""
    status = None
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0 if status is None else status
        if pid == 0:
            return status
        if pid == _KERNEL:
            status = os.waitstatus_to_exitcode(code)


def _over_limit(limits: dict[str, int]) -> str | None:
    """Which limit the processes in here are over together, if any."""
    processes = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and entry.name != "1"]
    if len(processes) > limits["processes"]:
        return "processes"
    if sum(map(_resident, processes)) > limits["memory"] and sum(map(_own, processes)) > limits["memory"]:
        return "memory"
    return None


def _resident(process: str) -> int:
    """All memory of a process, in bytes, what it shares with the fork server included. Quick."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def _own(process: str) -> int:
    """A process's memory with what it shares divided among those that share it, in bytes. Slow."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return _resident(process)  # it hides; then all of it counts
