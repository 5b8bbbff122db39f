"""Attackers in a class: they get what they really earned, their neighbours notice nothing, and nothing leaks."""

import base64
import contextlib
import json
import os

import psutil
import pytest
from attacks import ATTACKS, HONEST
from conftest import ROOT, SEED, make_course
from handin import LESSON, filled_in, hand_in, solutions

from autograder.grade import grade
from autograder.lesson import BEGIN_HIDDEN, END_HIDDEN, read_lesson
from autograder.limits import Limits
from autograder.workers import Workers

LIMITS = Limits(check_seconds=6.0, notebook_seconds=60.0, memory=1 << 30)


def with_neighbours(course):
    """Three honest students, whose names lie before, among and after those of the attackers."""
    answers = solutions()
    hand_in(course, "aaron", filled_in(answers))
    hand_in(course, "forrest", filled_in({"normalize": answers["normalize"]}))
    hand_in(course, "zoe", filled_in({**answers, "normalize": answers["scale_shift"]}))
    return course


def timeless(result):
    """A result without what differs from run to run."""
    checks = [{**check, "seconds": 0} for check in result["checks"]]
    return {**result, "started": "", "seconds": 0, "checks": checks}


def graded(course, count):
    """Grade *course* with *count* workers and return the results by student, without times."""
    with Workers(count, LIMITS, SEED, hide=(course.root,)) as workers:
        results = grade(course, LESSON, workers=workers)
    return {result["student"]: timeless(result) for result in results}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, keys):
    """A course with the neighbours and every attacker, graded by two workers."""
    course = with_neighbours(make_course(tmp_path_factory.mktemp("attacked"), [LESSON]))
    (course.state / "keys").symlink_to(keys)
    for attack in ATTACKS:
        hand_in(course, attack.name, filled_in({"normalize": attack.source}))
    os.environ["A_SECRET_TOKEN"] = "do not tell"
    try:
        return course, graded(course, 2)
    finally:
        del os.environ["A_SECRET_TOKEN"]


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory, keys):
    """The neighbours alone, graded by one worker."""
    course = with_neighbours(make_course(tmp_path_factory.mktemp("peaceful"), [LESSON]))
    (course.state / "keys").symlink_to(keys)
    return graded(course, 1)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attacker_gets_what_was_really_earned(attacked, attack):
    _, results = attacked
    result = results[attack.name]
    assert result["status"] == "graded"
    if attack.earns is None:
        assert result["score"] in (0, HONEST)
    else:
        assert result["score"] == attack.earns, [check for check in result["checks"] if check["points"]]
    assert result["unsafe"] is False
    assert {flag["code"] for flag in result["flags"]} >= ({attack.flag} if attack.flag else set())


def test_neighbours_notice_nothing(attacked, peaceful):
    _, results = attacked
    for name, alone in peaceful.items():
        checks = zip(results[name]["checks"], alone["checks"], strict=True)
        assert [(among, by_itself) for among, by_itself in checks if among != by_itself] == []
        assert results[name] == alone
    assert [peaceful[name]["score"] for name in ("aaron", "forrest", "zoe")] == [15, 2.5, 12.5]


def test_an_attack_costs_no_other_answer_of_its_own(attacked):
    _, results = attacked
    for attack in ATTACKS:
        others = [check for check in results[attack.name]["checks"] if not check["id"].startswith("normalize--")]
        assert {check["verdict"] for check in others} <= {"not_attempted", "failed"}, attack.name


def shown_to_people(course):
    """All text that a student or the teacher's class page shows, by file. (Formgrader shows teachers the checks.)"""
    places = [*course.feedback.rglob("*.html"), *course.report.rglob("*.html"), *course.graded.rglob("*.json")]
    return {path: path.read_text() for path in places}


def test_no_hidden_source_and_no_file_of_the_host_is_shown(attacked):
    course, _ = attacked
    lesson = read_lesson(course.lesson_file(LESSON))
    hidden = set()
    for cell in lesson.notebook["cells"]:
        if BEGIN_HIDDEN in cell["source"]:
            body = cell["source"].split(BEGIN_HIDDEN)[1].split(END_HIDDEN)[0]
            hidden |= {line.strip() for line in body.splitlines() if len(line.strip()) > 12}
    fragments = {"BEGIN HIDDEN", "run_checks", "autograder.inside import", "do not tell", str(ROOT), str(course.root)}
    fragments |= {"sample(6, 5)", "sample_6_5", "sample(5)"[::-1]} | hidden
    encoded = {base64.b64encode(text.encode()).decode()[4:24] for text in hidden}
    for path, text in shown_to_people(course).items():
        for fragment in fragments | encoded:
            assert fragment not in text, (path, fragment)


def test_no_number_of_the_key_is_shown(attacked, keys):
    course, _ = attacked
    checks = [check for path in keys.glob(f"{LESSON}-*.json") for check in json.loads(path.read_text())["checks"]]
    assert checks
    data = {
        value["array"]["data"][:24]
        for check in checks
        for observation in check["expected"]["observations"]
        for value in observation["values"].values()
        if isinstance(value, dict) and "array" in value and len(value["array"]["data"]) > 24
    }
    for shown, text in shown_to_people(course).items():
        assert not any(number in text for number in data), shown


def test_pages_hold_no_script_and_no_markup_of_students(attacked):
    course, _ = attacked
    for path, text in shown_to_people(course).items():
        if path.suffix == ".html":
            for markup in ("<script", "onerror", "javascript:", "<img src=x"):
                assert markup not in text.lower().replace("&lt;script", ""), (path, markup)


def test_nothing_of_an_attacker_is_alive(attacked, pool):
    pool._check()  # its sandbox has started now; it is the only one that may be there
    here = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    others = []
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(OSError):
            elsewhere = os.readlink(f"/proc/{process.pid}/ns/pid") != here  # noqa: PTH115
            if elsewhere and process.status() != psutil.STATUS_ZOMBIE:
                others.append(process)
    mine = psutil.Process(pool.sandbox.pid)
    known = {mine.pid, *(child.pid for child in mine.children(recursive=True))}
    assert [process for process in others if process.pid not in known and process.is_running()] == []
