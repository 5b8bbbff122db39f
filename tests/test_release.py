"""Releasing: from the command and from nbgrader, run unsolved in a real kernel."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import LESSON, ROOT
from nbclient import NotebookClient

from autograder.course import Course
from autograder.errors import GraderError
from autograder.release import release


def test_release_writes_the_notebook_alone(course):
    path = release(course, LESSON)
    assert path == course.release / LESSON / f"{LESSON}.ipynb"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_text() == (ROOT / "notebooks" / LESSON / path.name).read_text()


def test_nbgrader_itself_makes_the_same(course):
    nbgrader = Path(sys.executable).parent / "nbgrader"
    done = subprocess.run(
        [nbgrader, "generate_assignment", LESSON], cwd=course.root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    theirs = json.loads((course.release / LESSON / f"{LESSON}.ipynb").read_text())
    assert theirs == json.loads(release(course, LESSON).read_text())


def test_a_lesson_that_is_not_sound_leaves_the_release_as_it_was(course):
    path = release(course, LESSON)
    before = path.read_text()
    source = course.lesson_file(LESSON)
    source.write_text(source.read_text().replace("### END HIDDEN TESTS", "### END", 1))
    with pytest.raises(GraderError, match="END HIDDEN TESTS"):
        release(course, LESSON)
    assert path.read_text() == before


@pytest.mark.parametrize("lesson", Course.find(ROOT).assignments())
def test_unsolved_it_runs_to_its_end_and_says_not_attempted(lesson, tmp_path):
    shutil.copytree(ROOT / "notebooks" / lesson, tmp_path, dirs_exist_ok=True)  # the record of its runs, too
    notebook = nbformat.read(tmp_path / f"{lesson}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=170, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    said = "".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert "NOT ATTEMPTED" in said
    assert "PASS ·" not in said and "FAIL ·" not in said and "ERROR ·" not in said
    assert "not answered yet" in said, "the last cell lists what is missing"
    assert not any(output.get("name") == "stderr" for cell in notebook.cells for output in cell.get("outputs", []))
