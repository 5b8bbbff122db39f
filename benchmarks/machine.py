"""What the figures were measured on: the machine, the versions of what ran, and whether anything else ran beside it."""

import os
import platform
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "nbgrader", "ipykernel", "nbclient", "jupyter_client", "sqlalchemy")


def describe(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The machine and the versions of *packages*, as words."""
    cpus = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{cpus[0] if cpus else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
    }


def wait_until_quiet(patience: float = 30.0, busy: float = 0.1) -> float:
    """Wait until less than *busy* of the processors is in use over two seconds, or until *patience* ends.

    Returns the share that is in use by others now.
    """
    end = time.monotonic() + patience
    while True:
        before = _jiffies()
        time.sleep(2.0)
        idle, total = (after - was for after, was in zip(_jiffies(), before, strict=True))
        share = 1 - idle / total
        if share < busy or time.monotonic() > end:
            return share


def _jiffies() -> tuple[int, int]:
    """Idle and all time of the processors since the machine started."""
    counts = [int(word) for word in _lines("/proc/stat")[0].split()[1:9]]
    return counts[3] + counts[4], sum(counts)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
