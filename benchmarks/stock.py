"""nbgrader as shipped: a plain course of its own, whose hidden checks assert in the kernel, graded by its command."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.lesson import UNGRADED_TAGS, grade_id, is_check
from autograder.release import embed_setup
from autograder.run import seed_of
from benchmarks.students import LESSON, ROOT, SEED, lesson, write_notebook

BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """The environment for commands: this Python's programs and this checkout come first."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def make_stock_course(root: Path, course: Course, key: dict[str, Any], teaching: bool) -> None:
    """Make nbgrader's course in *root*, with the submissions of *course*.

    Where *teaching*, they are the same files, byte for byte; else the cells that this grader does not run (figures,
    demonstrations, experiments, public checks) are taken out of the master and of every submission.
    """
    notebook = copy.deepcopy(lesson().notebook)
    embed_setup(notebook)
    for cell in notebook["cells"]:
        if is_check(cell):
            begin = f'from inkernel import begin, finish\n\nbegin("{grade_id(cell)}")\n'
            source = cell["source"].replace("### BEGIN HIDDEN TESTS\n", f"### BEGIN HIDDEN TESTS\n{begin}")
            cell["source"] = source.replace("### END HIDDEN TESTS", "finish()\n### END HIDDEN TESTS")
    source = root / "source" / LESSON
    write_notebook(source / f"{LESSON}.ipynb", notebook if teaching else _without_teaching(notebook))
    shutil.copy(Path(__file__).parent / "inkernel.py", source)
    (source / "expected.json").write_text(json.dumps(_expected(key)), encoding="utf-8")
    (root / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "stock"\n')
    for path in sorted(course.submitted.glob(f"*/{LESSON}/{LESSON}.ipynb")):
        target = root / path.relative_to(course.root)
        if teaching:
            target.parent.mkdir(parents=True)
            shutil.copy(path, target)
        else:
            write_notebook(target, _without_teaching(json.loads(path.read_text(encoding="utf-8"))))
    command = [str(BIN / "nbgrader"), "generate_assignment", LESSON]
    subprocess.run(command, cwd=root, env=environment(), check=True, capture_output=True)


def points(root: Path) -> dict[str, dict[str, float]]:
    """The points that nbgrader gave, by student and check."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{root / 'gradebook.db'}", "stock") as gradebook:
        submissions = gradebook.assignment_submissions(LESSON)
        return {
            submission.student.id: {
                grade.name: grade.auto_score
                for notebook in submission.notebooks
                for grade in notebook.grades
                if "--" in grade.name
            }
            for submission in submissions
        }


def _without_teaching(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = [cell for cell in notebook["cells"] if not UNGRADED_TAGS.intersection(cell["metadata"].get("tags", []))]
    return {**notebook, "cells": cells}


def _expected(key: dict[str, Any]) -> dict[str, Any]:
    """For each check its seed, and all lists of observations that earn its points."""
    expected = {}
    for check in key["checks"]:
        accepting = [v["name"] for v in key["parts"][check["part"]] if check["name"] in v["accept"]]
        outcomes = [check["expected"], *(check["variants"][name] for name in accepting)]
        accepted = [outcome["observations"] for outcome in outcomes if outcome["status"] == "ok"]
        expected[check["id"]] = {"seed": seed_of(SEED, check["id"]), "accepted": accepted}
    return expected
