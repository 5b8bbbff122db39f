"""What one student reads: every verdict in words, a page that stands alone, and nothing that belongs to the checks."""

import html
import json
import re

import pytest
from bs4 import BeautifulSoup
from conftest import LESSON
from handin import filled_in, hand_in, solutions

from autograder.feedback import WORDS, write_feedback
from autograder.grade import grade
from autograder.lesson import BEGIN_HIDDEN, END_HIDDEN
from autograder.observation import Array, decode


def read(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def page_of(course, student):
    return read(course.feedback / student / LESSON / f"{LESSON}.html")


def words(tag):
    """What a tag shows, as one line."""
    return " ".join(tag.get_text(" ").split())


def rows(page):
    """The cells of every row of the checks' tables."""
    tables = [table for table in page.find_all("table") if words(table.caption) != "Written answers"]
    return [row.find_all(["th", "td"]) for table in tables for row in table.tbody.find_all("tr")]


def question(page):
    """The cells of the one row about a written answer."""
    (table,) = (table for table in page.find_all("table") if words(table.caption) == "Written answers")
    (row,) = table.tbody.find_all("tr")
    return [words(cell) for cell in row.find_all(["th", "td"])]


def test_every_check_has_its_verdict_in_words(graded, results, lesson):
    titles = {check.id: check.title for check in lesson.checks}
    for student, result in results.items():
        page = page_of(graded, student)
        for (what, verdict, points), check in zip(rows(page), result["checks"], strict=True):
            assert words(what).startswith(titles[check["id"]])
            assert words(verdict) == WORDS[check["verdict"]]
            assert words(points) == f"{check['points']:g} of {check['max_points']:g}"
            if check["verdict"] != "not_attempted":
                assert check["message"] in words(what)
        if result["status"] == "graded":
            assert f"{result['score']:g} of 15 points by checks" in words(page.find("p", class_="lead"))


def test_a_diagnosis_is_told_once_in_each_part(graded, results):
    page = page_of(graded, "viktor")
    told = [words(tag) for tag in page.find_all(class_="diagnosis")]
    wrong = {(check["id"].split("--")[0], check["diagnosis"]) for check in results["viktor"]["checks"]}
    expected = [(part, diagnosis) for part, diagnosis in wrong if diagnosis]
    assert len(expected) == 3 and sorted(told) == sorted(diagnosis for _, diagnosis in expected)
    again = sum(check["diagnosis"] is not None for check in results["viktor"]["checks"]) - len(expected)
    assert words(page).count("The same cause as above.") == again


@pytest.mark.parametrize("verdict", WORDS)
def test_each_verdict_has_a_word_and_what_failed_a_next_step(course, lesson, results, verdict):
    result = json.loads(json.dumps(results["fatima"]))
    check = result["checks"][0]
    check.update(verdict=verdict, message="What was seen.", diagnosis=None)
    what, word, _ = rows(read(write_feedback(course, lesson, result, {})))[0]
    assert words(word) == WORDS[verdict] and word["class"] == ["verdict", verdict]
    steps = [tag for tag in what.find_all("div") if not tag.get("class")]
    assert len(steps) == (verdict not in ("passed", "not_attempted"))


def test_what_was_not_attempted_is_not_shown_as_an_error(graded):
    page = page_of(graded, "edgar")
    assert {words(verdict) for _, verdict, _ in rows(page)} == {"Not attempted"}
    assert {tuple(verdict["class"]) for _, verdict, _ in rows(page)} == {("verdict", "not_attempted")}
    assert not page.find_all(class_=["error", "failed", "note"])
    assert question(page)[1:] == ["Not answered", "1"]


def test_what_could_not_be_read_or_is_not_there_says_so(graded, results):
    unreadable, missing = page_of(graded, "zoltan"), page_of(graded, "dmitri")
    assert words(unreadable.find(class_="lead")).startswith("What was handed in could not be read")
    assert words(unreadable.find(class_="note")) == results["zoltan"]["repairs"][0]["message"]
    assert words(missing.find(class_="lead")) == "Nothing was handed in."
    assert "Written answers" not in words(unreadable) + words(missing)


def test_what_a_person_gave_stands_beside_the_question(course, lesson, results):
    waiting = read(write_feedback(course, lesson, results["fatima"], {}))
    assert question(waiting)[1:] == ["Waits for a person", "1"]
    assert "1 more waits for a person" in words(waiting.find(class_="lead"))
    mark = {"momentum_question": {"points": 0.75, "comment": "Say <which> number."}}
    marked = read(write_feedback(course, lesson, results["fatima"], mark))
    assert question(marked) == ["momentum_question Say <which> number.", "Marked", "0.75 of 1"]
    assert "waits" not in words(marked)


def test_pages_and_results_hold_nothing_of_the_hidden_checks(graded, results, lesson):
    secrets = set()
    for cell in lesson.notebook["cells"]:
        if BEGIN_HIDDEN in cell["source"]:
            secrets |= {line.strip() for line in cell["source"].split(BEGIN_HIDDEN)[1].split(END_HIDDEN)[0].split("\n")}
    secrets.discard("")
    assert len(secrets) > 50
    key = json.loads((graded.state / "keys" / f"{LESSON}-{results['amara']['key']}.json").read_text())
    expected = {number for check in key["checks"] for number in numbers(check["expected"]["observations"])}
    assert len(expected) > 300
    written = [*graded.feedback.rglob("*.html"), *graded.report.rglob("*.html"), *graded.graded.rglob("*.json")]
    assert len(written) == 61
    for path in written:
        text = html.unescape(path.read_text()).replace('\\"', '"')
        assert not [line for line in secrets if line in text], path
        # Messages give the size of a difference with three digits, which may be those of a number by chance.
        precise = set(re.findall(r"[1-9]\d*\.\d{4,}|\b0\.[1-9]\d{3,}", re.sub(r'"seconds": [\d.]+', "", text)))
        assert not expected & precise, path


def numbers(observations):
    """The observed numbers as a person would print them, with three decimals and with all."""
    for one in observations:
        for value in one["values"].values():
            decoded = decode(value)
            if isinstance(decoded, Array) and decoded.values.dtype.kind == "f":
                for number in decoded.values.flatten().tolist():
                    yield from (f"{abs(number):.3f}", f"{abs(number):.4f}", repr(abs(number)))


HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_what_a_student_wrote_is_text(course, pool):
    answers = solutions()
    answers["normalize"] = f"def normalize(x, mean, var, eps):\n    raise ValueError('{HTML}')"
    answers["scale_shift"] = f"this is no Python {HTML}"
    answers["momentum_question"] = HTML
    hand_in(course, "<b>bold", filled_in(answers), name=f"{HTML.replace('/', '')}.ipynb")
    (result,) = grade(course, LESSON, workers=pool)
    assert {check["verdict"] for check in result["checks"][:11]} == {"error"}
    (path,) = course.feedback.rglob("*.html")
    page = read(path)
    assert not page.find_all(["img", "script", "b"])
    assert f"raise ValueError('{HTML}')" in page.get_text()
    assert "<b>bold" in page.h1.find_next("p").get_text()


def stands_alone(page):
    """Assert that a page loads and runs nothing, and that it can be read aloud: language, title, tables, pictures."""
    assert page.html["lang"] == "en" and page.title.get_text()
    assert not page.find_all(["script", "link", "iframe", "object", "embed", "form", "base"])
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")], tag
        assert tag.get("src", "data:").startswith("data:image/png;base64,") or not tag.get("src"), tag
        assert ":" not in tag.get("href", ""), "a link leads to another page of this course"
    style = " ".join(tag.get_text() for tag in page.find_all("style"))
    assert "url(" not in style and "@import" not in style
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'") and "script-src" not in policy
    for table in page.find_all("table"):
        assert words(table.caption)
        assert {th.get("scope") for th in table.thead.find_all("th")} == {"col"}
        for row in table.tbody.find_all("tr"):
            (name,) = row.find_all("th")
            assert name["scope"] == "row" and words(name)


def test_every_page_stands_alone(graded):
    pages = list(graded.feedback.rglob("*.html"))
    assert len(pages) == 30
    for path in pages:
        stands_alone(read(path))
