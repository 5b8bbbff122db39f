"""Grades a class: the one place that knows the order of graft, run, judge and everything after them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import nbformat

from autograder import releases
from autograder.candidates import Chosen, choose, stamps
from autograder.course import Course
from autograder.feedback import write_feedback
from autograder.formgrader import formgrader_notebook
from autograder.gradebook import Gradebook
from autograder.judge import judge
from autograder.key import load_key, master_of
from autograder.lesson import ANSWERED, Lesson, Master, Notebook, read_lesson
from autograder.lock import only_one
from autograder.report import write_report
from autograder.results import SCHEMA, Result, read_result, read_results, write_json, write_text
from autograder.submissions import Submission, find_submissions, fingerprint
from autograder.workers import Runners

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and how much there is."""


def grade(
    course: Course,
    assignment: str,
    students: list[str] | None = None,
    *,
    workers: Runners,
    force: bool = False,
    report: bool = True,
    progress: Progress = lambda what, done, total: None,
) -> list[Result]:
    """Grade *assignment* for *students* (default: everybody), write all that comes of it, and return the results.

    A submission whose file and key are those of its result is not graded again, unless *force*. Whatever stops this,
    the next call goes on from there. Raises GraderError for what a person has to put right first.
    """
    lesson = read_lesson(course.lesson_file(assignment))
    master = master_of(lesson, course)
    with only_one(course), Gradebook.open(course, lesson, master) as gradebook:
        submissions = find_submissions(course, assignment, gradebook.students(), students)
        edition = partial(_edition, course, workers=workers, progress=partial(progress, "Answer key"))
        versions = {version for submission in submissions for version in stamps(submission.files())} - {master.version}
        kept = releases.older(course, assignment, versions)
        older = {version: edition(read_lesson(path)) for version, path in kept.items()}
        grading = _Grading(course, edition(lesson, master), older, gradebook)
        grading.grade(submissions, workers, force, partial(progress, "Submissions"))
        for result in grading.results(submissions):
            write_feedback(course, grading.lesson_of(result), result, gradebook.manual_marks(result["student"]))
        if report:
            write_report(course, lesson, grading.current.key)
        return list(grading.results(submissions))  # read again: the report, too, holds all of them for a while


def answer_key(
    course: Course, assignment: str, *, workers: Runners, progress: Progress = lambda what, done, total: None
) -> dict[str, Any]:
    """The answer key of *assignment*, made where there is none that is up to date."""
    lesson = read_lesson(course.lesson_file(assignment))
    with only_one(course):
        return load_key(course, lesson, master_of(lesson, course), workers, partial(progress, "Answer key"))


def announce(course: Course, assignment: str) -> None:
    """Make *assignment* known to nbgrader's gradebook, so that nbgrader and Formgrader can work with it."""
    lesson = read_lesson(course.lesson_file(assignment))
    with only_one(course), Gradebook.open(course, lesson, master_of(lesson, course)):
        pass


def rewrite_feedback(course: Course, assignment: str) -> int:
    """Write the page of every result again, with what a person has marked since, and return how many there are."""
    lesson = read_lesson(course.lesson_file(assignment))
    results = read_results(course.graded / assignment)
    with only_one(course), Gradebook.open(course, lesson, master_of(lesson, course)) as gradebook:
        for result in results:
            write_feedback(course, lesson, result, gradebook.manual_marks(result["student"]))
    return len(results)


@dataclass(frozen=True)
class _Edition:
    """One release of an assignment: the lesson, what submissions are lifted into, what they are judged by."""

    lesson: Lesson
    master: Master
    key: dict[str, Any]


def _edition(
    course: Course,
    lesson: Lesson,
    master: Master | None = None,
    *,
    workers: Runners,
    progress: Callable[[int, int], None],
) -> _Edition:
    master = master or master_of(lesson, course)
    return _Edition(lesson, master, load_key(course, lesson, master, workers, progress))


class _Grading:
    """The submissions of one assignment on their way to results."""

    def __init__(self, course: Course, current: _Edition, older: dict[str, _Edition], gradebook: Gradebook) -> None:
        self.course, self.current, self.older, self.gradebook = course, current, older, gradebook
        self.assignment = current.lesson.assignment
        self.editions = {edition.key["hash"]: edition for edition in (*older.values(), current)}

    def grade(
        self,
        submissions: list[Submission],
        workers: Runners,
        force: bool,
        progress: Callable[[int, int], None],
    ) -> None:
        """Take every submission that has no result yet through graft, run and judge, and write its result."""
        todo = [submission for submission in submissions if not self._is_done(submission, force)]
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            progress(done, len(submissions))

        count(len(submissions) - len(todo))
        self.unsafe = workers.limits.unsafe
        older = {version: edition.master for version, edition in self.older.items()}
        running: dict[str, tuple[Submission, Chosen, datetime]] = {}

        def notebooks() -> Iterator[tuple[str, Notebook]]:
            for submission in todo:
                chosen = choose(submission.files(), self.current.master, older)
                if chosen is None or chosen.grafted.notebook is None:
                    self._finish(submission, chosen, datetime.now(UTC), {"seconds": 0.0, "cells": {}})
                    count(1)
                else:
                    running[submission.student] = submission, chosen, datetime.now(UTC)
                    yield submission.student, chosen.grafted.notebook

        for student, outcomes in workers.run(notebooks()):
            self._finish(*running.pop(student), outcomes)
            count(1)

    def results(self, submissions: list[Submission]) -> Iterator[Result]:
        """The results of *submissions*. A gradebook that has lost some of them is given them again."""
        for submission in submissions:
            result = read_result(self._result_path(submission.student))
            assert result is not None, submission.student
            if result["status"] != "missing" and not self.gradebook.has(submission.student):
                self.gradebook.write(result, submission.timestamp, graded_now=False)
            yield result

    def lesson_of(self, result: Result) -> Lesson:
        """The lesson of the release that *result* was graded as."""
        return self.editions.get(result["key"], self.current).lesson

    def _is_done(self, submission: Submission, force: bool) -> bool:
        result = read_result(self._result_path(submission.student))
        if result is None:
            return False
        files = submission.files()
        if not files:
            return bool(result["status"] != "missing") or not force  # what was graded is kept when the file has gone
        same = result["file_sha256"] == fingerprint(files) and result["key"] in self.editions
        return same and not force and self._notebook_path(submission.student).is_file()

    def _finish(
        self, submission: Submission, chosen: Chosen | None, started: datetime, outcomes: dict[str, Any]
    ) -> None:
        """Judge and write one submission. The result comes last: where it stands, all the rest does too."""
        version = chosen.master.version if chosen else ""
        edition = self.older.get(version, self.current)
        grafted = chosen.grafted if chosen else None
        answers = grafted.answers if grafted else {}
        checks, flags = judge(edition.key, outcomes["cells"], answers)
        readable = grafted is not None and grafted.notebook is not None
        manual = edition.lesson.manual
        result: Result = {
            "schema": SCHEMA,
            "student": submission.student,
            "assignment": self.assignment,
            "file": chosen.file.name if chosen else None,
            "file_sha256": fingerprint(submission.files()) if chosen else None,
            "key": edition.key["hash"],
            "unsafe": self.unsafe,
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(outcomes["seconds"], 3),
            "status": "graded" if readable else "unreadable" if chosen else "missing",
            "score": sum(check["points"] for check in checks),
            "max_score": sum(check["max_points"] for check in checks),
            "needs_manual": [a.id for a in manual if a.id in answers and answers[a.id].state == ANSWERED],
            "checks": checks,
            "repairs": grafted.repairs if grafted else [],
            "flags": flags,
        }
        if grafted is not None:
            shown = formgrader_notebook(edition.master, grafted, result)
            write_text(self._notebook_path(submission.student), nbformat.writes(shown))
            self.gradebook.write(result, submission.timestamp, graded_now=True)
        write_json(self._result_path(submission.student), result)

    def _result_path(self, student: str) -> Path:
        return self.course.graded / self.assignment / f"{student}.json"

    def _notebook_path(self, student: str) -> Path:
        return self.course.autograded / student / self.assignment / f"{self.assignment}.ipynb"
