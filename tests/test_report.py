"""The class page: what its figures say in words agrees with the results."""

import base64
import io
import re
from collections import Counter
from statistics import median
from urllib.parse import unquote

import pytest
from conftest import LESSON
from handin import filled_in, hand_in, solutions
from PIL import Image
from test_feedback import read, stands_alone, words

from autograder.errors import GraderError
from autograder.grade import grade
from autograder.key import load_key, master_of
from autograder.report import write_report
from autograder.variants import read_variants


@pytest.fixture
def page(graded):
    return read(graded.report / f"{LESSON}.html")


@pytest.fixture
def scored(results):
    return [result for result in results.values() if result["status"] == "graded"]


def figure(page, title):
    """What the figure under *title* says to those who cannot see it."""
    (heading,) = (tag for tag in page.find_all("h2") if words(tag) == title)
    return heading.find_next("img")["alt"]


def test_the_first_sentence_counts_the_class(page, scored, results):
    states = Counter(result["status"] for result in results.values())
    waiting = sum(bool(result["needs_manual"]) for result in results.values())
    half = f"{median(result['score'] for result in scored):g}"
    assert words(page.find(class_="lead")) == (
        f"30 students: {states['graded']} graded, {states['unreadable']} unreadable, {states['missing']} missing; "
        f"half of the graded have {half} points or more. {waiting} with answers that wait for a person."
    )


def test_the_scores(page, scored):
    points = [result["score"] for result in scored]
    assert figure(page, "Scores") == (
        f"Histogram of the scores of {len(points)} students, from 0 to 15 of 15 points. "
        f"The median is {median(points):g}; {points.count(15.0)} have full marks."
    )


def test_the_pass_rate_of_every_check(page, scored, lesson):
    passed = Counter(check["id"] for result in scored for check in result["checks"] if check["verdict"] == "passed")
    said = dict(re.findall(r"(\S+--\S+) (\d+%)", figure(page, "Pass rate of each check")))
    assert said == {check.id: f"{passed[check.id] / len(scored):.0%}" for check in lesson.checks}
    assert said["normalize--given_stats_2d"] == f"{1 - 4 / len(scored):.0%}", "all but edgar, bogdan, fatima, viktor"


def test_the_most_frequent_misconceptions_by_name(page, scored, lesson, graded):
    names = {}
    for variant in read_variants(graded.source / LESSON / "misconceptions", lesson.check_names()):
        names.setdefault((variant.part, variant.sentence), f"{variant.part} · {variant.name.replace('_', ' ')}")
    students = {}
    for result in scored:
        for check in result["checks"]:
            if check["diagnosis"]:
                held = check["id"].split("--")[0], check["diagnosis"]
                students.setdefault(held, set()).add(result["student"])
    alt = figure(page, "Most frequent misconceptions")
    said = re.findall(r"(\w+ · [^:;]+): (\d+)", alt)
    counts = [int(count) for _, count in said]
    assert counts == sorted(counts, reverse=True) and len(said) == 12, "the twelve most frequent, most frequent first"
    assert sum(counts[:2]) == 4 and {"normalize · no square root", "scale_shift · beta subtracted"} <= set(dict(said))
    assert counts == sorted((len(who) for who in students.values()), reverse=True)[:12]
    assert set(dict(said)) <= set(names.values())


def test_every_student_has_a_row_that_leads_to_their_page(page, results, graded):
    rows = [row.find_all(["th", "td"]) for row in page.table.tbody.find_all("tr")]
    assert [words(row[0]) for row in rows] == sorted(results)
    for name, status, score, notes in rows:
        result = results[words(name)]
        assert words(status) == result["status"]
        assert words(score) == f"{result['score']:g} of 15"
        assert (graded.report / unquote(name.a["href"])).resolve().is_relative_to(graded.feedback / words(name))
        assert (graded.report / unquote(name.a["href"])).is_file()
        for note in result["flags"] + result["repairs"]:
            assert (note["message"] in words(notes)) == (note.get("severity") != "info")


def test_it_stands_alone_and_its_pictures_are_there(page):
    stands_alone(page)
    pictures = page.find_all("img")
    assert len(pictures) == 3
    for picture in pictures:
        image = Image.open(io.BytesIO(base64.b64decode(picture["src"].partition(",")[2])))
        assert image.format == "PNG" and image.width > 800 and len(picture["alt"]) > 60


def test_names_are_text(course, pool, lesson):
    name = "<b onclick=alert(1)>&amp;%41"
    hand_in(course, name, filled_in(solutions()))
    grade(course, LESSON, workers=pool)
    page = read(course.report / f"{LESSON}.html")
    assert not page.find_all("b")
    assert page.table.tbody.th.get_text() == name
    assert (course.report / unquote(page.table.tbody.a["href"])).is_file()
    assert figure(page, "Most frequent misconceptions").endswith("none was recognised.")


def test_a_class_of_which_nothing_could_be_read(course, pool, lesson):
    hand_in(course, "zoltan", b"<html>")
    grade(course, LESSON, workers=pool)
    page = read(course.report / f"{LESSON}.html")
    assert words(page.find(class_="lead")).startswith("1 student: 0 graded, 1 unreadable") and not page.find("img")


def test_before_anything_was_graded_there_is_no_page(course, pool, lesson):
    key = load_key(course, lesson, master_of(lesson, course), pool, lambda done, total: None)
    with pytest.raises(GraderError, match=r"There are no results in .*; run `autograder grade"):
        write_report(course, lesson, key)
