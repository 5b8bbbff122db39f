"""Writes the figures into docs/benchmarks.md, between two marks of its own, and draws the picture there."""

from itertools import pairwise
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.figures import MB, Figures, Requirement
from benchmarks.measure import Run
from benchmarks.students import KINDS, LESSON, SEED

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
HEADING = """# Benchmarks

Each section is written by a program and holds what that program last measured. Timings are compared within one run on
one machine only.
"""


def write_section(path: Path, name: str, text: str) -> None:
    """Put *text* into *path* between the marks of the section *name*; whatever else the file holds stays."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    old = path.read_text(encoding="utf-8") if path.is_file() else HEADING
    before, found, rest = old.partition(begin)
    after = rest.partition(end)[2] if found else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before if found else before.rstrip() + chr(10) * 2}{begin}{text}{end}{after}", encoding="utf-8")


def contestants(figures: Figures) -> list[tuple[str, list[Run], float]]:
    """The rows of the first table: words, runs, peak memory in bytes."""
    one, two = figures.memory[1]["total"], figures.memory[2]["total"]
    return [
        ("nbgrader autograde, as shipped", [figures.stock], figures.stock_memory["total"]),
        ("nbgrader autograde, only the cells that this grader runs", [figures.stock_same_cells], 0),
        ("autograder grade, 2 workers, start-up included", figures.two_command, two),
        ("2 workers, started", figures.two, two),
        ("1 worker, started", figures.one, one),
        ("1 worker, started, all on one core", figures.one_core, one),
        ("bare cells, one warm process, one core", figures.bare, max(run.memory for run in figures.bare)),
    ]


def section(figures: Figures, needs: list[Requirement], machine: dict[str, str], image: str) -> str:
    """The text of the section on grading."""
    largest = max(figures.growth)
    return "\n".join(
        [
            "## Grading",
            "",
            "`make bench` measures this grader, with its sandbox, against `nbgrader autograde` on the same class.",
            "",
            *table(
                ["What must hold", "Measured", "Wanted", ""],
                [[n.what, n.measured, n.wanted, "met" if n.met else "**missed**"] for n in needs],
            ),
            "",
            f"### {figures.count} submissions of lesson 2",
            "",
            *table(
                ["", "s a submission", "range", "submissions a minute", "times nbgrader", "peak memory"],
                [_row(figures, *contestant) for contestant in contestants(figures)],
            ),
            "",
            f"Overhead over the bare cells, a submission: {figures.overhead:.2f} s on one core, "
            f"{figures.each(figures.one) - figures.each(figures.bare):.2f} s with one worker on two cores. "
            f"Not in any row: making the answer key, once for each version of a lesson, took "
            f"{figures.key_seconds:.0f} s with 2 workers, start-up included, for {figures.implementations} "
            "implementations.",
            "",
            _agreement(figures),
            "",
            "### Memory",
            "",
            *table(
                ["Peak, MB", "driver", "workers", "sandbox and kernels", "all together"],
                [
                    [f"{count} worker{'s' * (count > 1)}", *_megabytes(memory, "driver", "workers", "sandbox", "total")]
                    for count, memory in figures.memory.items()
                ],
            ),
            "",
            f"A second worker with its kernel holds {figures.further_worker / MB:.0f} MB for itself alone; all "
            f"together, two take {(figures.memory[2]['total'] - figures.memory[1]['total']) / MB:.0f} MB more "
            "than one.",
            "",
            "### Growth",
            "",
            *table(
                ["Submissions", "runs", "s a submission", "submissions a minute", "driver's peak, MB"],
                [
                    [
                        f"{n:,}",
                        str(len(figures.growth[n])),
                        f"{figures.grown(n):.3f}",
                        f"{60 / figures.grown(n):.0f}",
                        f"{figures.driver(n) / MB:.0f}",
                    ]
                    for n in sorted(figures.growth)
                ],
            ),
            "",
            f"Two workers, started. The driver needs {figures.driver_growth / MB:.0f} MB more for each 1,000 "
            "submissions: the results, which the class page is made from. Submissions are read one at a time.",
            "",
            f"![Left, seconds a submission: {_spoken(figures)}. Right, the class of {largest:,}: seconds a submission "
            f"over its course, {_course_words(figures)}.]({image})",
            "",
            "### How it was measured",
            "",
            _method(figures),
            "",
            *table(["", ""], [[name, value] for name, value in machine.items()]),
            "",
        ]
    )


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]


def draw(figures: Figures, path: Path) -> None:
    """Draw seconds a submission for everyone, and how they run over the largest class."""
    figure = Figure(figsize=(9.0, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    bars = [
        ("nbgrader", figures.each([figures.stock]), GREY),
        ("1 worker, one core", figures.each(figures.one_core), BLUE),
        ("2 workers", figures.each(figures.two_command), BLUE),
        ("bare cells", figures.each(figures.bare), ORANGE),
    ]
    drawn = left.barh([name for name, _, _ in bars], [value for _, value, _ in bars], color=[c for _, _, c in bars])
    left.bar_label(drawn, [f"{value:.2g} s" for _, value, _ in bars], padding=3)
    left.set(xscale="log", xlabel="seconds a submission (log)", ylim=(3.6, -0.6))
    left.set_xlim(right=bars[0][1] * 4)
    places, seconds = _course(figures)
    right.plot(places, seconds, color=BLUE, marker="o", markersize=3)
    right.set(ylim=(0, 1.6 * max(seconds)), xlabel="submissions graded", ylabel="seconds a submission")
    right.set_title(f"class of {max(figures.growth):,}, 2 workers", fontsize=10)
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _row(figures: Figures, what: str, runs: list[Run], memory: float) -> list[str]:
    each = figures.each(runs)
    seconds = [run.seconds / figures.count for run in runs]
    spread = f"{min(seconds):.3f} to {max(seconds):.3f}, {len(runs)} runs" if len(runs) > 1 else "1 run"
    ratio = f"{figures.each([figures.stock]) / each:.1f}"
    return [what, f"{each:.3f}", spread, f"{60 / each:.0f}", ratio, f"{memory / MB:.0f} MB" if memory else ""]


def _megabytes(memory: dict[str, int], *groups: str) -> list[str]:
    return [f"{memory[group] / MB:.0f}" for group in groups]


def _agreement(figures: Figures) -> str:
    differences = figures.differences()
    checks = sum(len(checks) for checks in figures.two[0].points.values())
    if not differences:
        return f"nbgrader gave the same points as this grader for all {checks} checks of the {figures.count} students."
    listed = "\n".join(f"- {difference}" for difference in differences)
    return f"nbgrader's points differ for {len(differences)} of {2 * checks} checks:\n\n{listed}"


def _course(figures: Figures) -> tuple[list[int], list[float]]:
    """How many submissions were done, and seconds a submission, for each twentieth of the largest class."""
    largest = max(figures.growth)
    at = {done: moment for done, moment in figures.growth[largest][0].times if done}
    step = max(1, largest // 20)
    done = sorted(at)[::step]
    pairs = list(pairwise(done))
    return [b for _, b in pairs], [(at[b] - at[a]) / (b - a) for a, b in pairs]


def _course_words(figures: Figures) -> str:
    _, seconds = _course(figures)
    return f"between {min(seconds):.2f} and {max(seconds):.2f}, {seconds[0]:.2f} at first and {seconds[-1]:.2f} at last"


def _spoken(figures: Figures) -> str:
    return (
        f"nbgrader {figures.each([figures.stock]):.2g}, one worker on one core {figures.each(figures.one_core):.2g}, "
        f"two workers {figures.each(figures.two_command):.2g}, bare cells {figures.each(figures.bare):.2g}"
    )


def _method(figures: Figures) -> str:
    template = (Path(__file__).parent / "method.md").read_text(encoding="utf-8")
    kinds = ", ".join(f"{kind} {share}0 %" for kind, share in KINDS.items())
    return template.format(lesson=LESSON, seed=SEED, kinds=kinds, busy=f"{figures.busy:.0%}").rstrip()
