"""Runs the whole benchmark, prints its figures, writes docs/benchmarks.md, and fails where something is missed."""

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import MB, Figures, Requirement, requirements
from benchmarks.machine import describe
from benchmarks.measure import Bench, Run, bars
from benchmarks.page import contestants, draw, section, write_section
from benchmarks.students import ROOT, SEED

REPEATS = 3
CLASS, GROWTH = 40, (50, 200, 1000)
QUICK_CLASS, QUICK_GROWTH = 6, (6, 12, 24)
IMAGE = "images/benchmarks-grading.png"

console = Console()


def measure(bench: Bench, count: int, sizes: tuple[int, ...], repeats: int) -> Figures:
    """Measure everything. What is compared takes turns, so that a slow minute of the machine meets all alike."""
    key, key_seconds = bench.make_key()
    rounds = [
        (bench.command(count, 2), bench.started(count, 2), bench.started(count, 1, one_core=True), bench.bare(count))
        for _ in range(repeats)
    ]
    two_command, two, one_core, bare = map(list, zip(*rounds, strict=True))
    small = min(sizes)
    growth: dict[int, list[Run]] = {small: [bench.started(small, 2)]}
    for size in sizes:
        if size != small:
            growth[size] = [bench.started(size, 2)]
            growth[small].append(bench.started(small, 2))
    return Figures(
        count=count,
        key_seconds=key_seconds,
        implementations=2 + sum(map(len, key["parts"].values())),
        bare=bare,
        one_core=one_core,
        one=[bench.started(count, 1)],
        two=two,
        two_command=two_command,
        stock=bench.stock(count, key, teaching=True),
        stock_same_cells=bench.stock(count, key, teaching=False),
        growth=growth,
        memory={workers: bench.memory(count, workers) for workers in (1, 2)},
        stock_memory=bench.stock_memory(3, key),
        busy=bench.busy,
    )


def show(figures: Figures, needs: list[Requirement]) -> None:
    """Print the tables that matter most."""
    table = Table("", "s a submission", "a minute", "times nbgrader", "peak MB", title=f"{figures.count} submissions")
    for what, runs, memory in contestants(figures):
        each = figures.each(runs)
        ratio = figures.each([figures.stock]) / each
        table.add_row(what, f"{each:.3f}", f"{60 / each:.0f}", f"{ratio:.1f}", f"{memory / MB:.0f}" if memory else "")
    console.print(table)
    table = Table("submissions", "s a submission", "driver's peak, MB", title="growth, 2 workers")
    for size in sorted(figures.growth):
        table.add_row(f"{size:,}", f"{figures.grown(size):.3f}", f"{figures.driver(size) / MB:.0f}")
    console.print(table)
    table = Table("what must hold", "measured", "wanted", "")
    for need in needs:
        table.add_row(need.what, need.measured, need.wanted, "met" if need.met else "missed")
    console.print(table)
    for difference in figures.differences():
        console.print(f"Other points by nbgrader: {difference}", highlight=False)


def main(quick: bool) -> int:
    """Run it. *quick* tries everything on a few submissions, writes nothing and asserts nothing."""
    console.print(f"Seed {SEED}. This takes {'minutes' if quick else 'about 25 minutes'}; leave the machine alone.")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, bars() as progress:
        bench = Bench(Path(folder), progress)
        if quick:
            figures = measure(bench, QUICK_CLASS, QUICK_GROWTH, repeats=1)
        else:
            figures = measure(bench, CLASS, GROWTH, REPEATS)
    needs = requirements(figures)
    show(figures, needs)
    if quick:
        return 0
    docs = ROOT / "docs"
    draw(figures, docs / IMAGE)
    write_section(docs / "benchmarks.md", "grading", section(figures, needs, describe(), IMAGE))
    console.print(f"Written to {docs / 'benchmarks.md'}", highlight=False, soft_wrap=True)
    for need in needs:
        if not need.met:
            console.print(f"Missed: {need.what}: {need.measured}, wanted {need.wanted}.", highlight=False)
    return int(not all(need.met for need in needs))


if __name__ == "__main__":
    sys.exit(main(quick="--quick" in sys.argv[1:]))
