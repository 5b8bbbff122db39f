"""Verdicts from made-up outcomes: the rules of the judge, one by one."""

import pytest
from conftest import LESSON

from autograder import conversation
from autograder.grade import answer_key
from autograder.inside.encode import encode
from autograder.judge import judge, same
from autograder.lesson import ANSWERED, MISSING, UNCHANGED, Answered


def outcome(status="ok", error=None, **values):
    encoded = {name: encode(value, name) for name, value in values.items()}
    seen = [{"rtol": None, "atol": None, "values": encoded}] if values else []
    return conversation.outcome(status, seconds=0.1, observations=seen, error=error)


def error(name, message="", line=None):
    return outcome("error", {"name": name, "message": message, "cell": "f", "line": line})


def key(expected, accept=(), **variants):
    return {
        "answers": {"f": "c0"},
        "parts": {
            "f": [
                {"name": name, "right": False, "sentence": f"You {name}.", "accept": accept, "flag": f"flag {name}"}
                for name in variants
            ]
        },
        "checks": [
            {
                "id": "f--a",
                "part": "f",
                "name": "a",
                "cell": "c1",
                "points": 2.0,
                "expected": expected,
                "variants": variants,
            }
        ],
    }


def verdict(key, seen, state=ANSWERED):
    (check,), flags = judge(key, {"c1": seen} if seen else {}, {"f": Answered(state, "def f(): ...")})
    return check, flags


def test_equal_observations_earn_the_points():
    check, flags = verdict(key(outcome(y=1.0)), outcome(y=1.0 + 1e-7))
    assert check == {
        "id": "f--a",
        "points": 2.0,
        "max_points": 2.0,
        "verdict": "passed",
        "message": "",
        "diagnosis": None,
        "seconds": 0.1,
    }
    assert flags == []


def test_a_misconception_is_named_and_flagged():
    check, flags = verdict(key(outcome(y=1.0), halve=outcome(y=0.5), double=outcome(y=2.0)), outcome(y=2.0))
    assert (check["verdict"], check["points"], check["diagnosis"]) == ("failed", 0.0, "You double.")
    assert flags == [{"code": "flag double", "cell": "f", "message": "You double."}]


def test_what_matches_no_misconception_gets_no_diagnosis():
    check, flags = verdict(key(outcome(y=1.0), double=outcome(y=2.0)), outcome(y=3.0))
    assert (check["verdict"], check["diagnosis"], flags) == ("failed", None, [])
    assert "y has the right shape" in check["message"]


def test_what_matches_two_equally_gets_none_either():
    check, _ = verdict(key(outcome(y=1.0), double=outcome(y=2.0), square=outcome(y=2.0)), outcome(y=2.0))
    assert check["diagnosis"] is None


def test_an_accepted_form_earns_the_points_and_is_told():
    check, flags = verdict(key(outcome(y=1.0), accept=("a",), double=outcome(y=2.0)), outcome(y=2.0))
    assert (check["verdict"], check["points"], check["diagnosis"], flags) == ("passed", 2.0, None, [])
    assert check["message"].endswith("You double.")


def test_errors_match_by_name_and_message_without_numbers():
    variants = {"double": error("ValueError", "shape 3")}
    assert verdict(key(outcome(y=1.0), **variants), error("ValueError", "shape 47"))[0]["diagnosis"] == "You double."
    assert verdict(key(outcome(y=1.0), **variants), error("TypeError", "shape 3"))[0]["diagnosis"] is None
    assert verdict(key(outcome(y=1.0), **variants), error("ValueError", "other"))[0]["verdict"] == "error"


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (error("NotImplementedError"), UNCHANGED),
        (error("NotImplementedError"), ANSWERED),
        (error("NameError"), MISSING),
        (None, ANSWERED),
        (None, MISSING),
    ],
)
def test_not_attempted_is_not_an_error(seen, state):
    check, flags = verdict(key(outcome(y=1.0)), seen, state)
    assert (check["verdict"], check["points"], flags) == ("not_attempted", 0.0, [])


@pytest.mark.parametrize("status", ["timeout", "crashed"])
def test_a_check_that_did_not_end_says_so(status):
    check, _ = verdict(key(outcome(y=1.0)), outcome(status))
    assert check["verdict"] == status and check["points"] == 0 and check["message"]


def observed(*messages):
    return conversation.outcome("ok", seconds=0.1, observations=list(messages))


GOOD = {"rtol": None, "atol": None, "values": {"y": 1}}


@pytest.mark.parametrize(
    "seen",
    [
        observed(),
        observed(GOOD, GOOD),
        {**observed(GOOD), "disturbed": True},
        observed({**GOOD, "values": {"y": 1, "z": 1}}),
        observed({**GOOD, "values": {}}),
        observed({**GOOD, "values": None}),
        observed({**GOOD, "values": {"y": {"pickle": ""}}}),
        observed({**GOOD, "values": {"y": 2}, "atol": 1e9}),
        observed("text"),
        observed(None),
        observed([GOOD]),
    ],
)
def test_forged_repeated_or_loosened_observations_earn_nothing(seen):
    check, _ = verdict(key(observed(GOOD)), seen)
    assert check["verdict"] == "failed" and check["points"] == 0


def test_same_is_about_ends_and_observations():
    assert same(outcome(y=1.0), outcome(y=1.0))
    assert not same(outcome(y=1.0), outcome("timeout"))
    assert same(outcome("crashed"), outcome("crashed"))


def test_the_solution_has_full_marks_in_its_own_key(course, pool):
    made = answer_key(course, LESSON, workers=pool)
    answers = {part: Answered(ANSWERED) for part in made["parts"]}
    checks, flags = judge(made, {check["cell"]: check["expected"] for check in made["checks"]}, answers)
    assert sum(check["points"] for check in checks) == 15 and flags == []
