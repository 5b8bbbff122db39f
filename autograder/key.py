"""Makes the answer key of a lesson: what every hidden check observes for the solution and for each misconception."""

import copy
import hashlib
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.errors import GraderError
from autograder.lesson import Cell, Lesson, Master, Notebook, grade_id, is_answer, is_check
from autograder.release import embed_setup, student_form
from autograder.results import write_json
from autograder.variants import Variant, read_variants
from autograder.workers import Runners

SCHEMA = 2
SOLUTION, STUB = ("solution", ""), ("stub", "")


def master_of(lesson: Lesson, course: Course) -> Master:
    """The notebook that submissions of *lesson* are lifted into."""
    notebook = copy.deepcopy(lesson.notebook)
    embed_setup(notebook)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    released = student_form(lesson, course.config)
    return Master(lesson.assignment, notebook, released)


def load_key(
    course: Course, lesson: Lesson, master: Master, workers: Runners, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """The key of *lesson*, from the cache where nothing it depends on has changed, else made anew.

    *progress* is told (done, total) while implementations are run. Raises GraderError where the solution itself does
    not get through a check.
    """
    variants = read_variants(lesson.folder / "misconceptions", lesson.check_names())
    digest = _digest(master, variants, workers.seed)
    path = course.state / "keys" / f"{lesson.assignment}-{digest}.json"
    try:
        cached: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        key = _make_key(lesson, master, variants, digest, workers, progress)
        write_json(path, key)
        return key
    return cached


def _make_key(
    lesson: Lesson,
    master: Master,
    variants: list[Variant],
    digest: str,
    workers: Runners,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    cells = {str(grade_id(cell)): cell["id"] for cell in master.notebook["cells"] if is_check(cell)}
    total, outcomes = 2 + len(variants), {}
    progress(0, total)
    for done, (name, outcome) in enumerate(workers.run(_notebooks(master, variants)), start=1):
        outcomes[name] = outcome["cells"]
        progress(done, total)
    key: dict[str, Any] = {
        "schema": SCHEMA,
        "assignment": lesson.assignment,
        "hash": digest,
        "answers": {str(grade_id(cell)): cell["id"] for cell in master.notebook["cells"] if is_answer(cell)},
        "parts": {answer.id: [] for answer in lesson.answers if not answer.points},
        "checks": [],
        "manual": [{"id": answer.id, "max_points": answer.points} for answer in lesson.manual],
    }
    for variant in variants:
        described = {name: value for name, value in asdict(variant).items() if name not in ("part", "source")}
        key["parts"][variant.part].append(described)
    for check in lesson.checks:
        cell = cells[check.id]
        expected = outcomes[SOLUTION][cell]
        _sound(check.id, expected, lesson.assignment)
        seen = {v.name: outcomes[v.part, v.name].get(cell) for v in variants if v.part == check.part}
        key["checks"].append(
            {
                **asdict(check),
                "name": check.name,
                "cell": cell,
                "expected": expected,
                "stub": outcomes[STUB].get(cell),
                "variants": seen,
            }
        )
    return key


def _notebooks(master: Master, variants: list[Variant]) -> Iterator[tuple[tuple[str, str], Notebook]]:
    """The solution's notebook and the untouched one; then, for each variant, the solution's with that answer replaced
    and only that answer's checks."""
    cells = master.notebook["cells"]
    yield SOLUTION, master.notebook
    yield STUB, {**master.notebook, "cells": [_replaced(cell, master.stubs) for cell in cells]}
    for variant in variants:
        own = [cell for cell in cells if not is_check(cell) or str(grade_id(cell)).startswith(f"{variant.part}--")]
        changed = [_replaced(cell, {variant.part: variant.source}) for cell in own]
        yield (variant.part, variant.name), {**master.notebook, "cells": changed}


def _replaced(cell: Cell, sources: dict[str, str]) -> Cell:
    name = grade_id(cell)
    return {**cell, "source": sources[name]} if name in sources and is_answer(cell) else cell


def _sound(check: str, expected: dict[str, Any] | None, assignment: str) -> None:
    if expected is None or expected["status"] != "ok":
        error = (expected or {}).get("error") or {}
        reason = f"{error['name']}: {error['message']}" if error else (expected or {"status": "not run"})["status"]
        raise GraderError(f"The solution of {assignment} does not get through its own check {check} ({reason}).")
    if not expected["observations"]:
        raise GraderError(f"The check {check} of {assignment} observes nothing; call observe() in it.")


def _digest(master: Master, variants: list[Variant], seed: int) -> str:
    """A hash of all that a key depends on."""
    cells = [(cell["id"], cell["cell_type"], cell["source"], cell["metadata"]) for cell in master.notebook["cells"]]
    inside = resources.files("autograder.inside")
    sources = [Path(str(file)).read_text() for file in sorted(inside.iterdir(), key=str) if file.name.endswith(".py")]
    versions = [platform.python_version(), metadata.version("torch"), metadata.version("numpy")]
    everything = [SCHEMA, seed, cells, [asdict(variant) for variant in variants], sources, versions]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]
