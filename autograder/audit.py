"""Measures the checks of a lesson with its own misconceptions: what each catches, and what nobody catches."""

from dataclasses import dataclass
from typing import Any

from autograder.judge import judge, same
from autograder.lesson import ANSWERED, Answered


@dataclass(frozen=True)
class Audit:
    """The matrix of one lesson, and what is wrong with it. *lost* maps (part, variant) to the checks that it loses."""

    lost: dict[tuple[str, str], list[str]]
    right: set[tuple[str, str]]
    checks: dict[str, list[str]]
    faults: list[str]


def audit(key: dict[str, Any]) -> Audit:
    """Judge every misconception and every alternative in *key* as if a student had handed it in."""
    lost: dict[tuple[str, str], list[str]] = {}
    right: set[tuple[str, str]] = set()
    faults = []
    checks = {part: [check["name"] for check in key["checks"] if check["part"] == part] for part in key["parts"]}
    for part, variants in key["parts"].items():
        for variant in variants:
            name = part, variant["name"]
            lost[name] = _lost(key, part, variant["name"])
            if variant["right"]:
                right.add(name)
                faults += [f"{part}: the alternative {name[1]!r} loses {check}." for check in lost[name]]
            elif not lost[name]:
                faults.append(f"{part}: the misconception {name[1]!r} loses nothing.")
        caught = {
            check for (of, name), names in lost.items() if of == part and (of, name) not in right for check in names
        }
        faults += [
            f"{part}: the check {check} catches no misconception." for check in checks[part] if check not in caught
        ]
    for check in key["checks"]:
        if check["stub"] and check["stub"]["status"] == "ok" and same(check["stub"], check["expected"]):
            faults.append(f"{check['part']}: the check {check['name']} gives its points to the untouched stub.")
        for variant in key["parts"][check["part"]]:
            held = check["variants"][variant["name"]]
            if check["name"] in variant["accept"] and (held is None or held["status"] != "ok"):
                faults.append(
                    f"{check['part']}: the check {check['name']} accepts {variant['name']!r}, which does not get "
                    f"through it; then any answer with the same error would earn its points."
                )
    return Audit(lost, right, checks, faults)


def _lost(key: dict[str, Any], part: str, variant: str) -> list[str]:
    own = [check for check in key["checks"] if check["part"] == part]
    outcomes = {check["cell"]: check["variants"][variant] for check in own}
    results, _ = judge(key, outcomes, {part: Answered(ANSWERED)})
    lost = {result["id"] for result in results if result["points"] < result["max_points"]}
    return [check["name"] for check in own if check["id"] in lost]
