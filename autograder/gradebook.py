"""Writes scores where nbgrader keeps them, so that its export and Formgrader go on working."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from nbformat import from_dict
from nbgrader.api import Comment, Grade, InvalidEntry, MissingEntry
from nbgrader.api import Gradebook as NbgraderGradebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, parse_utc
from sqlalchemy.exc import SQLAlchemyError

from autograder.course import Course
from autograder.errors import GraderError
from autograder.lesson import Lesson, Master, grade_id, is_answer, is_check
from autograder.results import Result


class Gradebook:
    """nbgrader's gradebook of one course, open for one assignment. One process writes it at a time."""

    def __init__(self, course: Course, lesson: Lesson, master: Master, api: NbgraderGradebook) -> None:
        self.course, self.lesson, self.master, self.api = course, lesson, master, api
        self.name = lesson.assignment
        self.cell_names: dict[str, str] = {}
        """The grade_id of each cell, by the id that the database has for it."""

    @classmethod
    @contextmanager
    def open(cls, course: Course, lesson: Lesson, master: Master) -> "Iterator[Gradebook]":
        """Open the gradebook, made where there is none, and bring its cells up to date with the lesson.

        Raises GraderError where the database cannot be opened or written, or where marks that a person gave would go.
        """
        try:
            course_id = course.config.CourseDirectory.get("course_id", "default_course")
            with NbgraderGradebook(course.db_url, course_id) as api:
                gradebook = cls(course, lesson, master, api)
                gradebook._write_cells()
                yield gradebook
        except (SQLAlchemyError, InvalidEntry) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0].rpartition("Error) ")[2]
            raise GraderError(f"The gradebook {course.db_url} cannot be used: {reason}.") from error

    def students(self) -> list[str]:
        """The ids of all students that the gradebook knows, handed in or not."""
        return [str(student.id) for student in self.api.students]

    def has(self, student: str) -> bool:
        """Whether the gradebook holds a submission of *student*."""
        try:
            self.api.find_submission(self.name, student)
        except MissingEntry:
            return False
        return True

    def write(self, result: Result, timestamp: datetime | None, graded_now: bool) -> None:
        """Write the scores of one result. What a person gave stays.

        An answer that a person marks waits for one, unless it is still the stub. Where a person gave points before and
        the submission was *graded_now*, it is listed for another look, as nbgrader does.
        """
        self.api.update_or_create_student(result["student"])
        fields = {"timestamp": timestamp} if timestamp else {}
        with self.api.db.no_autoflush:  # nbgrader reads while it makes the rows of a new submission
            self.api.update_or_create_submission(self.name, result["student"], **fields)
        submitted = self.api.find_submission_notebook(self.name, self.name, result["student"])
        scores = {check["id"]: check["points"] for check in result["checks"]}
        for grade in submitted.grades:
            name = self.cell_names[grade.cell_id]  # grade.name would ask the database once for each
            waits = name in result["needs_manual"]
            grade.auto_score = None if waits else scores.get(name, 0.0)
            if grade.manual_score is None:
                grade.needs_manual_grade = waits
            elif graded_now:
                grade.needs_manual_grade = True
        answered = {check["id"].partition("--")[0] for check in result["checks"] if check["verdict"] != "not_attempted"}
        for comment in submitted.comments:
            name = self.cell_names[comment.cell_id]
            there = name in answered or name in result["needs_manual"]
            comment.auto_comment = None if there else "No response."
        self.api.db.commit()
        self._write_late_penalty(result["student"])

    def manual_marks(self, student: str) -> dict[str, dict[str, Any]]:
        """What a person gave *student*, by grade_id: ``{"points", "comment"}``, each None where there is none."""
        try:
            submitted = self.api.find_submission_notebook(self.name, self.name, student)
        except MissingEntry:
            return {}
        marks: dict[str, dict[str, Any]] = {}
        for grade in submitted.grades:
            if grade.manual_score is not None:
                points = grade.manual_score + (grade.extra_credit or 0)
                marks[grade.name] = {"points": points, "comment": None}
        for comment in submitted.comments:
            if comment.manual_comment:
                marks.setdefault(comment.name, {"points": None})["comment"] = comment.manual_comment
        return marks

    def _write_late_penalty(self, student: str) -> None:
        if self.api.find_assignment(self.name).duedate is None:
            return
        names = {
            "notebook": self.name,
            "assignment": self.name,
            "student": student,
            "db_url": self.course.db_url,
        }
        AssignLatePenalties(config=self.course.config).preprocess(from_dict({"cells": []}), {"nbgrader": names})

    def _write_cells(self) -> None:
        """Make the gradebook's cells those of the lesson, and give submissions it already holds the rows they lack."""
        api, name = self.api, self.name
        api.update_or_create_assignment(name)
        notebook = api.update_or_create_notebook(name, name)
        cells = {str(grade_id(cell)): cell for cell in self.master.notebook["cells"] if grade_id(cell)}
        self._remove_others(notebook, set(cells))
        points = {check.id: check.points for check in self.lesson.checks}
        points |= {answer.id: answer.points for answer in self.lesson.manual}
        for cell_id, cell in cells.items():
            if cell_id in points:
                api.update_or_create_grade_cell(
                    cell_id, name, name, max_score=points[cell_id], cell_type=cell["cell_type"]
                )
            if is_answer(cell):
                api.update_or_create_solution_cell(cell_id, name, name)
            source = self.master.stubs.get(cell_id, cell["source"])
            shown = from_dict({**cell, "source": source})
            api.update_or_create_source_cell(
                cell_id,
                name,
                name,
                cell_type=cell["cell_type"],
                locked=is_check(cell) or not is_answer(cell),
                source=source,
                checksum=compute_checksum(shown),
            )
        for submitted in notebook.submissions:
            graded = {grade.cell_id for grade in submitted.grades}
            commented = {comment.cell_id for comment in submitted.comments}
            api.db.add_all(Grade(cell=c, notebook=submitted) for c in notebook.grade_cells if c.id not in graded)
            api.db.add_all(
                Comment(cell=c, notebook=submitted) for c in notebook.solution_cells if c.id not in commented
            )
        api.db.commit()
        self.cell_names = {cell.id: cell.name for cell in [*notebook.grade_cells, *notebook.solution_cells]}

    def _remove_others(self, notebook: Any, keep: set[str]) -> None:
        for cell in [*notebook.grade_cells, *notebook.solution_cells, *notebook.task_cells]:
            if cell.name in keep:
                continue
            if any(grade.manual_score is not None for grade in cell.grades):
                raise GraderError(
                    f"A person marked {cell.name!r} of {self.name}, and the lesson no longer has it; "
                    f"put it back, or remove those marks in Formgrader first."
                )
            for row in [*cell.grades, *cell.comments]:
                self.api.db.delete(row)
            self.api.db.delete(cell)
        for cell in notebook.source_cells:
            if cell.name not in keep:
                self.api.db.delete(cell)
        self.api.db.commit()


def read_timestamp(text: str) -> datetime | None:
    """The time in a ``timestamp.txt``, as nbgrader writes it beside a submission, in UTC; None where it is none."""
    try:
        moment: datetime = parse_utc(text.strip())
    except (ValueError, OverflowError, TypeError):
        return None
    return moment
