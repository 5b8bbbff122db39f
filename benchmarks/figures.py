"""All figures of one run of the benchmark, what they must be, and whether they are."""

from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Run
from benchmarks.memory import Memory

MB = 1e6


@dataclass
class Figures:
    """What was measured. Runs of one kind are repeats."""

    count: int
    key_seconds: float
    implementations: int
    bare: list[Run]
    one_core: list[Run]
    one: list[Run]
    two: list[Run]
    two_command: list[Run]
    stock: Run
    stock_same_cells: Run
    growth: dict[int, list[Run]]
    memory: dict[int, Memory]
    """By the number of workers."""
    stock_memory: Memory
    busy: float

    def each(self, runs: list[Run]) -> float:
        """Seconds a submission, the median of repeats."""
        return median(run.seconds for run in runs) / self.count

    @property
    def speedup(self) -> float:
        """How many times nbgrader's throughput two workers have, start-up included on both sides."""
        return self.each([self.stock]) / self.each(self.two_command)

    @property
    def overhead(self) -> float:
        """Seconds a submission beyond its bare cells, everything on one core."""
        return self.each(self.one_core) - self.each(self.bare)

    @property
    def further_worker(self) -> float:
        """Private memory of a second worker and its kernel, in bytes."""
        return self.memory[2]["private"] - self.memory[1]["private"]

    def grown(self, count: int) -> float:
        """Seconds a submission in a class of *count*."""
        return median(run.seconds for run in self.growth[count]) / count

    @property
    def slower(self) -> float:
        """Time per submission in the largest class over that in the smallest."""
        return self.grown(max(self.growth)) / self.grown(min(self.growth))

    def driver(self, count: int) -> float:
        """The most memory that the driver held for a class of *count*, in bytes."""
        return max(run.memory for run in self.growth[count])

    @property
    def driver_growth(self) -> float:
        """Bytes that the driver holds more for each 1,000 submissions more."""
        small, large = min(self.growth), max(self.growth)
        return (self.driver(large) - self.driver(small)) / (large - small) * 1000

    def differences(self) -> list[str]:
        """Every check for which nbgrader gave other points, in words."""
        found = []
        for name, other in (("all cells", self.stock), ("graded cells", self.stock_same_cells)):
            for student, checks in self.two[0].points.items():
                for check, points in checks.items():
                    theirs = other.points[student].get(check)
                    if theirs != points:
                        found.append(f"{student}, {check}: {points:g} here, {theirs} by nbgrader ({name})")
        return found


@dataclass
class Requirement:
    """One thing that must hold. *measured* and *wanted* are words; *met* is the verdict."""

    what: str
    measured: str
    wanted: str
    met: bool


def requirements(figures: Figures) -> list[Requirement]:
    """What must hold, in the order in which it is printed."""
    small, large = min(figures.growth), max(figures.growth)
    speedup, overhead, further = figures.speedup, figures.overhead, figures.further_worker / MB
    slower, growth = figures.slower, figures.driver_growth / MB
    return [
        Requirement(
            "Throughput with 2 workers in the sandbox, start-up included, over that of nbgrader as shipped",
            f"{speedup:.1f} times",
            "at least 15 times, aim 25",
            speedup >= 15,
        ),
        Requirement(
            "Overhead over the bare cells, a submission, on one core",
            f"{overhead:.2f} s",
            "at most 0.5 s, aim 0.25 s",
            overhead <= 0.5,
        ),
        Requirement("Private memory of a further worker", f"{further:.0f} MB", "below 300 MB", further < 300),
        Requirement(
            f"Time per submission at {large:,} over that at {small:,}",
            f"{slower:.2f}",
            "at most 1.10",
            slower <= 1.1,
        ),
        Requirement(
            "Growth of the driver's memory for 1,000 submissions more",
            f"{growth:.0f} MB",
            "at most 50 MB",
            growth <= 50,
        ),
    ]
