"""nbgrader's gradebook: its own export reads it, a person's marks stay, and a changed lesson finds its way in."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LESSON
from nbgrader.api import Gradebook as NbgraderGradebook

from autograder.errors import GraderError
from autograder.grade import grade
from autograder.gradebook import read_timestamp
from autograder.results import read_results

STUDENTS = ["amara", "edgar", "fatima", "zoltan"]


@pytest.fixture
def small(course, graded, pool):
    """A course with a few students of the graded class, graded."""
    for student in [*STUDENTS, "dmitri"]:
        shutil.copytree(graded.submitted / student, course.submitted / student)
    grade(course, LESSON, workers=pool)
    return course


def scores(course):
    with NbgraderGradebook(course.db_url) as book:
        return {
            submission.student.id: (submission.score, submission.needs_manual_grade)
            for submission in book.assignment_submissions(LESSON)
        }


def grades(course, student):
    with NbgraderGradebook(course.db_url) as book:
        rows = book.find_submission_notebook(LESSON, LESSON, student).grades
        return {row.name: (row.auto_score, row.manual_score, row.needs_manual_grade) for row in rows}


def mark(course, student, points, comment):
    """What Formgrader does when a person marks the written question."""
    with NbgraderGradebook(course.db_url) as book:
        row = book.find_grade("momentum_question", LESSON, LESSON, student)
        row.manual_score, row.needs_manual_grade = points, False
        book.find_comment("momentum_question", LESSON, LESSON, student).manual_comment = comment
        book.db.commit()


def test_scores_and_waiting_answers(small, pool):
    assert scores(small) == {"amara": (15, True), "edgar": (0, False), "fatima": (13.25, True), "zoltan": (0, False)}
    rows = grades(small, "fatima")
    assert rows["momentum_question"] == (None, None, True)
    assert rows["normalize--given_stats_2d"] == (0, None, False)
    assert rows["normalize--zero_variance_is_finite"] == (0.5, None, False)
    assert len(rows) == 29


def test_a_missing_submission_is_not_in_the_gradebook(small, pool):
    assert "dmitri" not in scores(small)


def test_nbgrader_export_reads_it(small, tmp_path, pool):
    nbgrader = Path(sys.executable).parent / "nbgrader"
    path = tmp_path / "grades.csv"
    subprocess.run([nbgrader, "export", "--to", path], cwd=small.root, check=True, capture_output=True, timeout=120)
    rows = {row["student_id"]: row for row in csv.DictReader(path.read_text().splitlines())}
    assert {name: (float(row["score"]), float(row["max_score"])) for name, row in rows.items()} == {
        "amara": (15, 16),
        "edgar": (0, 16),
        "fatima": (13.25, 16),
        "zoltan": (0, 16),
    }


def test_grading_again_keeps_what_a_person_gave(small, pool):
    mark(small, "fatima", 0.75, "Say which number.")
    grade(small, LESSON, workers=pool)
    assert grades(small, "fatima")["momentum_question"] == (None, 0.75, False), "nothing was graded again"
    grade(small, LESSON, ["fatima"], force=True, workers=pool)
    assert grades(small, "fatima")["momentum_question"] == (None, 0.75, True), "kept, and listed for another look"
    assert scores(small)["fatima"] == (14, True)


def test_feedback_shows_what_a_person_gave(small, pool):
    mark(small, "fatima", 0.75, "Say <which> number.")
    grade(small, LESSON, workers=pool)
    page = (small.feedback / "fatima" / LESSON / f"{LESSON}.html").read_text()
    assert "0.75 of 1" in page and "Say &lt;which&gt; number." in page and "Marked" in page


def test_a_lost_gradebook_is_filled_again_from_the_results(small, pool):
    before = scores(small)
    (small.root / "gradebook.db").unlink()
    grade(small, LESSON, workers=pool)
    assert scores(small) == before


def test_the_late_penalty_is_nbgraders(small, pool):
    with NbgraderGradebook(small.db_url) as book:
        book.update_or_create_assignment(LESSON, duedate="2026-11-01 12:00:00 UTC")
    (small.submitted / "amara" / LESSON / "timestamp.txt").write_text("2026-11-02 12:00:00 UTC")
    config = small.root / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    grade(type(small).find(small.root), LESSON, ["amara"], force=True, workers=pool)
    with NbgraderGradebook(small.db_url) as book:
        submission = book.find_submission(LESSON, "amara")
        assert submission.total_seconds_late == 86400
        assert submission.late_submission_penalty == submission.score == 15


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-02 12:00:00 UTC", "2026-11-02T12:00:00"),
        ("2026-11-02 12:00:00.5 UTC", "2026-11-02T12:00:00.500000"),
        ("yesterday", None),
        ("", None),
    ],
)
def test_timestamps(text, iso):
    moment = read_timestamp(text)
    assert (moment.isoformat() if moment else None) == iso


def changed_lesson(course, change):
    path = course.lesson_file(LESSON)
    notebook = json.loads(path.read_text())
    change(notebook["cells"])
    path.write_text(json.dumps(notebook))


def renamed(cells):
    (cell,) = (cell for cell in cells if cell["id"] == "normalize--input_unchanged")
    cell["metadata"]["nbgrader"]["grade_id"] = "normalize--leaves_input_alone"


def without_question(cells):
    cells[:] = [cell for cell in cells if cell["id"] != "momentum_question"]


def test_a_check_that_was_renamed_finds_its_way_in(small, pool):
    mark(small, "fatima", 0.75, "")
    changed_lesson(small, renamed)
    grade(small, LESSON, workers=pool)
    rows = grades(small, "fatima")
    assert "normalize--input_unchanged" not in rows
    assert rows["normalize--leaves_input_alone"] == (0.25, None, False)
    assert rows["momentum_question"][1] == 0.75
    assert {result["student"] for result in read_results(small.graded / LESSON)} == {*STUDENTS, "dmitri"}


def test_marks_of_a_person_are_not_dropped_with_their_question(small, pool):
    mark(small, "fatima", 0.75, "")
    changed_lesson(small, without_question)
    with pytest.raises(GraderError, match=r"A person marked 'momentum_question'"):
        grade(small, LESSON, workers=pool)
    assert grades(small, "fatima")["momentum_question"][1] == 0.75


def test_a_gradebook_that_cannot_be_opened_is_said_in_a_sentence(course, graded, pool):
    shutil.copytree(graded.submitted / "amara", course.submitted / "amara")
    (course.root / "gradebook.db").write_text("not a database" * 100)
    with pytest.raises(GraderError, match=r"gradebook .* cannot be used: file is not a database"):
        grade(course, LESSON, workers=pool)
