"""Measures memory: the most that a process held, and what a tree of processes holds now, shared pages counted once."""

import contextlib
from collections import defaultdict
from pathlib import Path

import psutil

Memory = dict[str, int]
"""Bytes by group of processes; ``total`` counts every page once, ``private`` those that one process alone holds."""


def high_water() -> int:
    """The most memory this process has held at once, in bytes.

    Not ru_maxrss: that begins with what the process that started this one held.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def held(pid: int) -> Memory:
    """What the process *pid* and all its descendants hold now.

    Proportional memory (each page divided among those that share it) by group: driver, workers, sandbox, and their
    sum, ``total``. Private memory of the workers and of the kernels, without the fork server: ``private``.
    """
    memory: Memory = defaultdict(int)
    server_seen = False
    with contextlib.suppress(psutil.NoSuchProcess):
        driver = psutil.Process(pid)
        for process in sorted([driver, *driver.children(recursive=True)], key=lambda p: p.create_time()):
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                words = " ".join(process.cmdline())
                proportional, private = _rollup(process.pid)
                in_sandbox = "autograder.inside" in words
                server = in_sandbox and "bwrap" not in words and not server_seen
                server_seen = server_seen or server
                group = "driver" if process.pid == pid else "sandbox" if in_sandbox else "workers"
                memory[group] += proportional
                memory["total"] += proportional
                if process.pid != pid and not server:
                    memory["private"] += private
    return memory


def _rollup(pid: int) -> tuple[int, int]:
    """The proportional and the private memory of one process."""
    proportional = private = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            proportional = int(value.split()[0]) * 1024
        elif name.startswith("Private_"):
            private += int(value.split()[0]) * 1024
    return proportional, private


def peak(samples: list[Memory]) -> Memory:
    """The most that each group held in any of *samples*."""
    return {group: max(sample.get(group, 0) for sample in samples) for sample in samples for group in sample}
