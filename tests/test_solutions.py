"""What holds for every lesson: sound, executed, readable, and released as it stands in git."""

import json
import re

import nbformat
import pytest
from conftest import ROOT

from autograder.course import Course
from autograder.lesson import BEGIN_HIDDEN, grade_id, is_answer, is_check, read_lesson, tags
from autograder.release import student_form

COURSE = Course.find(ROOT)
LESSONS = COURSE.assignments()


@pytest.fixture(params=LESSONS)
def solution(request):
    return read_lesson(COURSE.lesson_file(request.param))


def outputs(notebook):
    return [(cell["id"], output) for cell in notebook["cells"] for output in cell.get("outputs", [])]


def test_it_was_executed_from_top_to_bottom_without_errors_or_noise(solution):
    counts = [cell["execution_count"] for cell in solution.notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    for cell, output in outputs(solution.notebook):
        assert output["output_type"] != "error", cell
        assert output.get("name") != "stderr", cell


def test_every_figure_has_a_text(solution):
    for cell, output in outputs(solution.notebook):
        if "image/png" in output.get("data", {}):
            assert len(output["metadata"]["image/png"]["alt"]) > 40, cell


def test_hidden_checks_see_something_and_answers_are_documented(solution):
    for cell in solution.notebook["cells"]:
        if is_check(cell):
            assert cell["outputs"], f"{cell['id']} observes nothing"
            assert re.search(r"\([\d.]+ points?\)$", cell["source"].splitlines()[0]), cell["id"]
            stated = float(re.search(r"\(([\d.]+) points?\)$", cell["source"].splitlines()[0])[1])
            assert stated == cell["metadata"]["nbgrader"]["points"], cell["id"]
        if is_answer(cell) and cell["cell_type"] == "code":
            assert '"""' in cell["source"].split("### BEGIN SOLUTION")[0], cell["id"]


def test_points_are_those_that_its_title_states(solution):
    title = solution.notebook["cells"][0]["source"]
    checks = sum(check.points for check in solution.checks)
    by_person = sum(answer.points for answer in solution.manual)
    assert f"{checks + by_person:g} points" in title
    if by_person:
        assert f"{checks:g} by checks, {by_person:g} by a person" in title


def test_its_badge_opens_its_own_notebook(solution):
    name = solution.assignment
    assert f"/notebooks/{name}/{name}.ipynb)" in solution.notebook["cells"][0]["source"]


def test_cell_ids_are_stable_names(solution):
    ids = [cell["id"] for cell in solution.notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in solution.notebook["cells"]:
        assert grade_id(cell) in (None, cell["id"])
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", cell["id"]), "name the cell"


def test_nothing_between_the_marks_is_released(solution):
    released = student_form(solution, COURSE.config)
    everything = "\n".join(cell["source"] for cell in released["cells"])
    assert "BEGIN SOLUTION" not in everything and "BEGIN HIDDEN TESTS" not in everything
    shown = {cell["id"]: cell["source"] for cell in released["cells"]}
    for cell in solution.notebook["cells"]:
        for begin, end in (("### BEGIN SOLUTION", "### END SOLUTION"), (BEGIN_HIDDEN, "### END HIDDEN TESTS")):
            if begin in cell["source"]:
                secret = cell["source"].split(begin)[1].split(end)[0]
                assert secret.strip() not in everything, cell["id"]
                for line in filter(None, map(str.strip, secret.splitlines())):
                    assert line not in shown[cell["id"]].splitlines(), f"{cell['id']}: {line}"
    assert not any(cell.get("outputs") for cell in released["cells"])


def test_the_release_in_git_is_what_release_makes(solution):
    made = student_form(solution, COURSE.config)
    stored = nbformat.read(COURSE.release / solution.assignment / f"{solution.assignment}.ipynb", as_version=4)
    assert json.loads(json.dumps(stored)) == json.loads(json.dumps(made)), "run `make release` and commit notebooks/"
    released = {path.name for path in (COURSE.release / solution.assignment).iterdir()}
    assert released - {"runs.json"} == {f"{solution.assignment}.ipynb"}
    if "runs.json" in released:  # the record that figures of a training lesson are drawn from
        record = COURSE.lesson_file(solution.assignment).with_name("runs.json")
        assert (COURSE.release / solution.assignment / "runs.json").read_bytes() == record.read_bytes()


def test_the_release_stands_alone(solution):
    released = student_form(solution, COURSE.config)
    for cell in released["cells"]:
        assert "autograder." not in cell["source"] or "setup" in tags(cell), cell["id"]
    for setup in (cell for cell in released["cells"] if "setup" in tags(cell)):
        assert setup["metadata"]["jupyter"] == {"source_hidden": True} and setup["metadata"]["cellView"] == "form"
    assert released["metadata"]["autograder"]["assignment"] == solution.assignment
