"""What happened to one cell, as every part of the grader says it."""

from typing import Any


def outcome(status: str, **known: Any) -> dict[str, Any]:
    """What happened to one cell. *status* is ok, error, timeout or crashed.

    Known may be: seconds; reason, the limit that ended the kernel (memory, processes); observations, as observe() made
    them; error, ``{"name", "message", "cell", "line"}``; text, what was printed; cut, whether some was left out;
    disturbed, whether somebody else spoke for this check; intruder, whether somebody did so while this cell ran.
    """
    empty: dict[str, Any] = {
        "seconds": 0.0,
        "reason": None,
        "observations": [],
        "error": None,
        "text": "",
        "cut": False,
    }
    return {"status": status, **empty, "disturbed": False, "intruder": False, **known}
