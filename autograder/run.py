"""Runs a clean notebook and brings back what its hidden checks observed. It decides nothing.

``run`` is a pure function of its arguments that takes and returns JSON, so any pool or cluster can call it.
"""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator
from typing import Any

from autograder.conversation import Conversation, Request
from autograder.lesson import Cell, Notebook, is_check, is_run
from autograder.limits import Limits
from autograder.outcome import outcome


def run(notebook: Notebook, limits: Limits, seed: int) -> dict[str, Any]:
    """Run the code cells of *notebook* in order and say what happened to each, by cell id.

    Answers and given cells are run as they stand; a hidden check starts from a seed made of *seed* and its grade_id.
    A cell that ends its kernel, or does not end in time, costs itself: a new kernel replays what went before, without
    it, and goes on. Returns ``{"seconds", "cells": {id: outcome}}``, outcomes as ``outcome`` describes them.
    Raises SandboxLost where the sandbox gives no kernel.
    """
    return asyncio.run(_run(notebook, limits, seed))


def seed_of(seed: int, check: str) -> int:
    """The seed of one check: its own, and the same wherever and in whatever order checks are run."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{check}".encode()).digest()[:6], "big")


async def _run(notebook: Notebook, limits: Limits, seed: int) -> dict[str, Any]:
    started = time.monotonic()
    output = limits.notebook_output
    done: dict[str, Any] = {}
    replayable: list[Cell] = []
    conversation: Conversation | None = None
    try:
        for step in _steps(notebook):
            together = len(step)
            while todo := [cell for cell in step if cell["id"] not in done]:
                left = limits.notebook_seconds - (time.monotonic() - started)
                if left <= 0:
                    done |= {cell["id"]: outcome("timeout") for cell in todo}
                    break
                if conversation is None:
                    conversation = await _resumed(replayable, limits, output)
                now = todo[:together]
                outcomes = await conversation.execute(_request(now, seed), left)
                if conversation.lost and len(now) > 1:
                    # A kernel that crashes may take the report of the check before with it: blame none of several.
                    outcomes = {name: one for name, one in outcomes.items() if one["status"] != "crashed"}
                    together = 1
                done |= outcomes
                output = conversation.output_left
                if conversation.lost:
                    await conversation.stop()
                    conversation = None
                elif not is_check(step[0]):
                    replayable += step
    finally:
        if conversation is not None:
            await conversation.stop()
    return {"seconds": time.monotonic() - started, "cells": done}


def _steps(notebook: Notebook) -> Iterator[list[Cell]]:
    """The cells that are run: answers and given cells one by one, checks that follow each other together."""
    for checks, cells in itertools.groupby(filter(is_run, notebook["cells"]), key=is_check):
        if checks:
            yield list(cells)
        else:
            yield from ([cell] for cell in cells)


def _request(cells: list[Cell], seed: int) -> Request:
    ids = [cell["id"] for cell in cells]
    if not is_check(cells[0]):
        return Request(cells[0]["source"], ids)
    names = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells]
    checks = [(name, seed_of(seed, name), cell["source"]) for name, cell in zip(names, cells, strict=True)]
    source = f"__import__('autograder.inside').inside.run_checks({checks!r})"
    return Request(source, ids, dict(zip(names, ids, strict=True)))


async def _resumed(replayable: list[Cell], limits: Limits, output: int) -> Conversation:
    """A conversation with a new kernel that has run *replayable*; a cell that ends it is taken off that list."""
    while True:
        conversation = Conversation(limits)
        await conversation.start(output)
        for cell in replayable:
            await conversation.execute(_request([cell], 0), limits.notebook_seconds)
            if conversation.lost:
                await conversation.stop()
                replayable.remove(cell)
                break
        else:
            return conversation
