"""Compares what was observed with the key and gives verdicts: outside the kernel, where no student code ever ran."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from autograder.lesson import ANSWERED, MISSING, Answered
from autograder.observation import Malformed, decode, difference
from autograder.wording import exception_words

Outcome = dict[str, Any]
Key = dict[str, Any]
Likeness = Callable[[str], int]

_INTERFERENCE = "While this answer was graded, something else than the checks reported on them."
_ENDS = {
    ("timeout", None): "The grader stopped this check because it took too long.",
    ("crashed", None): "Python itself ended during this check, so there is nothing to look at.",
    ("crashed", "memory"): "The grader stopped this check because it used too much memory.",
    ("crashed", "processes"): "The grader stopped this check because it started too many processes.",
    ("crashed", "grader"): "The grader itself ended twice while it ran this submission; a person has to look at it.",
}


def judge(key: Key, outcomes: dict[str, Outcome], answers: dict[str, Answered]) -> tuple[list[Any], list[Any]]:
    """Judge one submission. *outcomes* are ``run``'s, by cell id; *answers* are ``graft``'s, by grade_id.

    Returns the checks and the flags of a result, as ``result.schema.json`` describes them.
    """
    checks: dict[str, Any] = {}
    flags: dict[tuple[str, str], str] = {}
    for part, variants in key["parts"].items():
        part_checks = [check for check in key["checks"] if check["part"] == part]
        seen = {check["id"]: outcomes.get(check["cell"]) for check in part_checks}
        likeness = _likeness(part_checks, seen)
        answer, own = answers.get(part, Answered(MISSING)), outcomes.get(key["answers"][part])
        for check in part_checks:
            result, held = _judge_check(check, variants, seen[check["id"]], answer, likeness)
            if result["verdict"] == "error" and own and own["status"] == "error":
                result["message"] = f"Your answer itself does not run. {exception_words(own['error'], answer.source)}"
            checks[check["id"]] = {"id": check["id"], **result}
            if held and held["flag"]:
                flags[held["flag"], part] = held["sentence"]
        if any(outcome and (outcome["disturbed"] or outcome["intruder"]) for outcome in [own, *seen.values()]):
            flags["interference", part] = _INTERFERENCE
    flagged = [{"code": code, "cell": part, "message": message} for (code, part), message in flags.items()]
    return [checks[check["id"]] for check in key["checks"]], flagged


def same(outcome: Outcome, other: Outcome) -> bool:
    """Whether two outcomes of one check are alike: the same end, and observations within the second's tolerances."""
    if outcome["status"] != other["status"]:
        return False
    if outcome["status"] == "error":
        return _exception(outcome) == _exception(other)
    return outcome["status"] != "ok" or _compare(outcome, other) is None


def _judge_check(
    check: dict[str, Any],
    variants: list[Any],
    outcome: Outcome | None,
    answer: Answered,
    likeness: Likeness,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The result of one check, and the misconception that the answer shows in it, if any."""
    points = check["points"]
    result = {"points": 0.0, "max_points": points, "message": "", "diagnosis": None, "seconds": 0.0}
    if outcome is None or (answer.state != ANSWERED and outcome["status"] != "ok"):
        words = "There is no answer to look at." if answer.state == MISSING else "Not attempted yet."
        return {**result, "verdict": "not_attempted", "message": words}, None
    result["seconds"] = round(outcome["seconds"], 3)
    reason = _reason(outcome, check["expected"], answer.source)
    if reason is None:
        return {**result, "points": points, "verdict": "passed"}, None
    wrong = [variant for variant in variants if not variant["right"]]
    alike = [variant for variant in wrong if same(outcome, check["variants"][variant["name"]])]
    accepting = [variant for variant in alike if check["name"] in variant["accept"]]
    if accepting:
        note = f"This check takes your form, but: {accepting[0]['sentence']}"
        return {**result, "points": points, "verdict": "passed", "message": note}, None
    if outcome["status"] == "error" and outcome["error"]["name"] == "NotImplementedError":
        return {**result, "verdict": "not_attempted", "message": "Not attempted yet."}, None
    held = _most_like(alike, likeness)
    verdict = "failed" if outcome["status"] == "ok" else outcome["status"]
    diagnosis = held["sentence"] if held else None
    return {**result, "verdict": verdict, "message": reason, "diagnosis": diagnosis}, held


def _reason(outcome: Outcome, expected: Outcome, source: str) -> str | None:
    """Why the outcome does not earn the points, in a sentence, or None where it does."""
    if outcome["status"] in ("timeout", "crashed"):
        return _ENDS[outcome["status"], outcome["reason"]]
    if outcome["status"] == "error":
        return exception_words(outcome["error"], source)
    return _compare(outcome, expected)


def _compare(outcome: Outcome, expected: Outcome) -> str | None:
    seen, wanted = outcome["observations"], expected["observations"]
    if outcome["disturbed"]:
        return "Something else than the check spoke for it; your code must not interfere with it."
    if len(seen) != len(wanted):
        return f"The check saw {len(seen)} observations instead of {len(wanted)}; your code must not interfere with it."
    for one, other in zip(seen, wanted, strict=True):
        try:
            values = {str(name): decode(value) for name, value in one["values"].items()}
        except (Malformed, KeyError, TypeError, AttributeError):
            return "What the check saw cannot be read; your code must not interfere with it."
        expected_values = {name: decode(value) for name, value in other["values"].items()}
        if values.keys() != expected_values.keys():
            return "The check saw other things than it looks at; your code must not interfere with it."
        for name, wanted_value in expected_values.items():
            reason = difference(name, values[name], wanted_value, other["rtol"], other["atol"])
            if reason:
                return reason
    return None


def _exception(outcome: Outcome) -> tuple[str, str]:
    """The name of an exception and its message without the numbers in it."""
    error = outcome["error"] or {"name": "", "message": ""}
    return error["name"], re.sub(r"\d+", "N", error["message"])


def _likeness(checks: list[Any], seen: dict[str, Outcome | None]) -> Likeness:
    """On how many of a part's checks the submission does what a misconception, by name, does. Counted when asked."""

    @cache
    def count(variant: str) -> int:
        pairs = ((seen[check["id"]], check["variants"][variant]) for check in checks)
        return sum(outcome is not None and same(outcome, other) for outcome, other in pairs)

    return count


def _most_like(alike: list[Any], likeness: Likeness) -> dict[str, Any] | None:
    """Among the misconceptions that fail a check as the submission does, the one most like it on the whole part.

    None where several are as like as each other but say different things: a wrong diagnosis is worse than none.
    """
    if len(alike) < 2:
        return alike[0] if alike else None
    best = max(likeness(variant["name"]) for variant in alike)
    found: list[dict[str, Any]] = [variant for variant in alike if likeness(variant["name"]) == best]
    return found[0] if len({variant["sentence"] for variant in found}) == 1 else None
