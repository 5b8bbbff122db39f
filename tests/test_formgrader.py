"""A person marks in Formgrader, in a real browser, and what they give stays and reaches the student."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import LESSON
from nbgrader.api import Gradebook as NbgraderGradebook
from test_feedback import page_of, question

from autograder.course import Course
from autograder.grade import announce, grade

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
BIN = Path(sys.executable).parent
QUESTION = "momentum_question"

needs_browser = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"needs {CHROMIUM}")


@pytest.fixture(scope="module")
def marked(graded, tmp_path_factory):
    """A copy of the graded class, for a person to mark."""
    root = tmp_path_factory.mktemp("marked") / "course"
    shutil.copytree(graded.root, root, symlinks=True)
    return Course.find(root)


@pytest.fixture(scope="module")
def server(marked, tmp_path_factory):
    """The address of a Jupyter server in the course's folder, as a teacher starts it."""
    own = {f"JUPYTER_{what}_DIR": str(tmp_path_factory.mktemp(what)) for what in ("CONFIG", "RUNTIME", "DATA")}
    words = [BIN / "jupyter", "server", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    words += ["--IdentityProvider.token=t", "--ServerApp.log_level=INFO"]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **own, "PATH": path}
    running = subprocess.Popen(words, cwd=marked.root, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        lines = iter(running.stderr.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+(?=/\?token)", line)))
        drain = threading.Thread(target=running.stderr.read)
        drain.start()
        yield address
    finally:
        running.kill()
        running.wait()
    drain.join()
    running.stderr.close()


@pytest.fixture(scope="module")
def formgrader(server):
    """A function that opens a page of Formgrader, in a browser that reaches nothing else, and lets no script talk."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(extra_http_headers={"Authorization": "token t"})
        page.set_default_timeout(20_000)
        page.route(lambda url: not url.startswith(server), lambda route: route.abort())
        dialogs = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

        def go(path):
            page.goto(f"{server}/formgrader/{path}", wait_until="networkidle")
            assert not dialogs, "a script of a student's ran"
            return page

        yield go
        browser.close()


def rows(page):
    """The text of the table's cells, by the submission's student."""
    page.locator("td.score", has_text="/ 16").first.wait_for()
    table = page.locator("#main-table tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return {re.sub(r"^Submission #\d+", "", cells[1]): cells[2:5] for cells in table}


def submission(formgrader, student):
    page = formgrader(f"gradebook/{LESSON}/{LESSON}")
    link = page.locator("#main-table a.name-shown").get_by_text(student, exact=True)
    return formgrader(link.get_attribute("href").removeprefix("/formgrader/"))


def answer_of(page):
    """The panel with the student's written answer, its score and its comment."""
    return page.locator(".nbgrader_cell", has=page.locator(f"#{QUESTION}"))


@needs_browser
def test_scores_are_those_of_the_results(formgrader, results):
    page = formgrader("gradebook")
    assert LESSON in page.locator("#main-table").inner_text()
    handed_in = {name: result for name, result in results.items() if result["status"] != "missing"}
    assert rows(formgrader(f"gradebook/{LESSON}/{LESSON}")) == {
        name: [f"{result['score']:g} / 16", f"{result['score']:g} / 15", "0 / 1"] for name, result in handed_in.items()
    }


@needs_browser
def test_a_person_sees_the_answer_its_rubric_and_the_verdicts(formgrader, results, lesson):
    page = submission(formgrader, "fatima")
    panel = answer_of(page)
    assert "With 0.9 nearly only the last batch counts" in panel.inner_text()
    shown = page.locator("body").inner_text()
    assert "For the person who marks" in shown and "Rubric (1 point)" in shown
    assert f"{results['fatima']['score']:g} of 15 points by checks" in shown
    for check in results["fatima"]["checks"]:
        score = page.locator(f"[id='{check['id']}']")
        assert (score.input_value() or score.get_attribute("placeholder")) == f"{check['points']:g}", check["id"]
    assert "The square root is missing" in shown


@needs_browser
def test_what_a_person_gives_stays_when_graded_again_and_reaches_the_student(formgrader, marked, pool):
    page = submission(formgrader, "fatima")
    panel = answer_of(page)
    with page.expect_response(lambda response: "/api/grade/" in response.url and response.request.method == "PUT"):
        panel.locator(f"#{QUESTION}").fill("0.75")
        panel.locator(f"#{QUESTION}").blur()
    with page.expect_response(lambda response: "/api/comment/" in response.url and response.request.method == "PUT"):
        panel.locator("textarea").fill("Say <which> number.")
        panel.locator("textarea").blur()
    assert grade_of(marked, "fatima") == (0.75, False, "Say <which> number.")

    grade(marked, LESSON, ["fatima"], force=True, workers=pool)
    assert grade_of(marked, "fatima") == (0.75, True, "Say <which> number."), "kept, and listed for another look"
    score = answer_of(submission(formgrader, "fatima"))
    assert score.locator(f"#{QUESTION}").input_value() == "0.75"
    assert rows(formgrader(f"gradebook/{LESSON}/{LESSON}"))["fatima"] == ["14 / 16", "13.25 / 15", "0.75 / 1"]
    assert question(page_of(marked, "fatima"))[1:] == ["Marked", "0.75 of 1"]


def grade_of(course, student):
    with NbgraderGradebook(course.db_url) as book:
        row = book.find_grade(QUESTION, LESSON, LESSON, student)
        comment = book.find_comment(QUESTION, LESSON, LESSON, student).manual_comment
        return row.manual_score, row.needs_manual_grade, comment


def test_feedback_shows_a_mark_that_was_given_since(marked, command):
    with NbgraderGradebook(marked.db_url) as book:
        row = book.find_grade(QUESTION, LESSON, LESSON, "hana")
        row.manual_score, row.needs_manual_grade = 0.5, False
        book.db.commit()
    done = command("feedback", LESSON, cwd=marked.root)
    assert done.returncode == 0, done.stderr
    assert question(page_of(marked, "hana"))[1:] == ["Marked", "0.5 of 1"]


def test_nbgrader_autograde_gives_the_same_scores(course, graded, results):
    students = ["amara", "fatima", "xaver", "zoltan"]
    for student in students:
        shutil.copytree(graded.submitted / student, course.submitted / student)
    announce(course, LESSON)  # as `autograder release` does
    words = [BIN / "nbgrader", "autograde", LESSON]
    done = subprocess.run(words, cwd=course.root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with NbgraderGradebook(course.db_url) as book:
        for student in students:
            rows = book.find_submission_notebook(LESSON, LESSON, student).grades
            points = {row.name: row.auto_score for row in rows if row.name != QUESTION}
            assert points == {check["id"]: check["points"] for check in results[student]["checks"]}, student
