"""Lies beside stock nbgrader's notebook: lets a hidden check assert, in its own kernel, what the grader would judge.

A check cell reads ``begin("<check>")``, the check as its author wrote it, ``finish()``. What counts as right is what
the answer key says: the solution's observations within the check's tolerance, or those of a misconception that the
check accepts. They lie in the file expected.json, made from the key.
"""

import json
from pathlib import Path
from typing import Any

from autograder.inside import check
from autograder.observation import decode, difference

_expected = json.loads((Path(__file__).parent / "expected.json").read_text(encoding="utf-8"))
_running = ""


def begin(name: str) -> None:
    """Start the check *name*: the seed the grader gives it, and nothing observed yet."""
    global _running
    _running = name
    check._begin(_expected[name]["seed"])


def finish() -> None:
    """Assert that what was observed since ``begin`` is what the key asks for."""
    check._Check.running = False
    seen = check._Check.observations
    assert any(_alike(seen, wanted) for wanted in _expected[_running]["accepted"]), f"{_running}: another value"


def _alike(seen: list[Any], wanted: list[Any]) -> bool:
    return len(seen) == len(wanted) and not any(
        difference(name, decode(one["values"][name]), decode(value), other["rtol"], other["atol"])
        for one, other in zip(seen, wanted, strict=True)
        for name, value in other["values"].items()
    )
