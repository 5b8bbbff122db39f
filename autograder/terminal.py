"""What commands print: tables and progress bars, readable without colour and without a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from autograder.audit import Audit
from autograder.collect import Taken
from autograder.doctor import Diagnosis
from autograder.pages import points
from autograder.repairs import INFO
from autograder.results import Result

console = Console()


@contextmanager
def progress_bars() -> Iterator[Any]:
    """Yield a function (what, done, total) that keeps one bar for each *what*, with counts and the time left."""
    columns = [
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield show


def plain(text: str) -> Text:
    """*text* as it is, for a terminal: no markup, and nothing that would steer the terminal."""
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))


def print_results(results: list[Result], places: dict[str, Path]) -> None:
    """Print a table of students and scores, and where to look next."""
    table = Table("student", "state", "points", "lost", "notes", title=results[0]["assignment"] if results else None)
    for result in results:
        lost = sum(check["verdict"] not in ("passed", "not_attempted") for check in result["checks"])
        untried = sum(check["verdict"] == "not_attempted" for check in result["checks"])
        words = [f"{lost} check{'s' * (lost > 1)}" if lost else "", f"{untried} not attempted" if untried else ""]
        waits = [f"{len(result['needs_manual'])} for a person"] if result["needs_manual"] else []
        notes = [note for note in result["repairs"] if note["severity"] != INFO] + result["flags"]
        codes = list(dict.fromkeys(note["code"].replace("_", " ") for note in notes))
        score = f"{points(result['score'])} of {points(result['max_score'])}"
        row = [result["student"], result["status"], score, ", ".join(filter(None, words)), ", ".join(codes + waits)]
        table.add_row(*map(plain, row))
    console.print(table)
    for what, path in places.items():
        console.print(f"{what:<22} {path}", highlight=False, soft_wrap=True)


def print_audit(audit: Audit) -> None:
    """Print one matrix for each answer: a row for each implementation, a column for each check, x where it is lost."""
    for part, checks in audit.checks.items():
        table = Table("implementation", *(str(number) for number in range(1, len(checks) + 1)), title=part)
        for (of, name), lost in audit.lost.items():
            if of == part:
                label = f"{name} (right)" if (of, name) in audit.right else name
                table.add_row(label, *("x" if check in lost else "·" for check in checks))
        console.print(table)
        for number, check in enumerate(checks, start=1):
            console.print(f"  {number:>2} {check}", highlight=False)
    wrong = len(audit.lost) - len(audit.right)
    console.print(
        f"{wrong} misconceptions, {len(audit.right)} alternatives, {len(audit.faults)} faults.", highlight=False
    )


def print_taken(taken: list[Taken]) -> None:
    """Print what was taken from where, and what was left and why."""
    table = Table(*(Column(name, overflow="fold") for name in ("From", "Student", "File", "Note")), box=None)
    for one in taken:
        note = one.note if one.student else f"left: {one.note}"
        table.add_row(Text(one.place), Text(one.student or "-"), Text(one.file), Text(note))
    console.print(table)


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """Print what would become of one file."""
    lines = [f"{diagnosis.path}: {diagnosis.assignment or 'of no assignment here'}", diagnosis.headline]
    lines += [f"  {name}: {state}" for name, state in diagnosis.answers.items()]
    lines += [f"- {note}" for note in diagnosis.notes]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
