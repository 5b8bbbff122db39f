"""What doctor says of a file, of every kind of damage, without running it."""

import json
import random
import shutil

import pytest
from conftest import LESSON, ROOT
from damage import FILE_KINDS, KINDS, damaged
from handin import filled_in, solutions

from autograder.course import Course
from autograder.doctor import diagnose
from autograder.errors import GraderError

COURSE = Course.find(ROOT)


@pytest.mark.parametrize("kind", [*KINDS, *FILE_KINDS], ids=lambda kind: kind.name)
def test_every_kind_of_damage_in_words(tmp_path, kind):
    file = tmp_path / f"{LESSON}.ipynb"
    file.write_bytes(damaged(filled_in(solutions()), [kind], random.Random(kind.name)))
    said = diagnose(COURSE, file)
    assert said.assignment == LESSON
    assert said.headline.startswith("It would be graded: ")
    if kind.survives:
        assert set(said.answers.values()) == {"there"}, said
    if kind.codes:
        assert all(note.endswith((".", "anew.")) for note in said.notes) and said.notes


def test_it_knows_what_is_missing_what_was_not_tried_and_what_is_not_python(tmp_path):
    notebook = filled_in({"normalize": "def normalize(", "batch_norm": solutions()["batch_norm"]})
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "scale_shift"]
    file = tmp_path / "x.ipynb"
    file.write_text(json.dumps(notebook))
    said = diagnose(COURSE, file)
    assert said.answers["normalize"].startswith("there, but not Python")
    assert said.answers["scale_shift"] == "not in the file"
    assert said.answers["update_running"] == "not attempted"
    assert said.answers["batch_norm"] == "there"


@pytest.mark.parametrize("data", [b"", b"<html>", b"%PDF", b"hello"])
def test_what_cannot_be_read(tmp_path, data):
    file = tmp_path / "x.ipynb"
    file.write_bytes(data)
    said = diagnose(COURSE, file)
    assert said.assignment is None and said.headline == "It could not be graded." and said.notes


def test_a_student_needs_the_released_notebooks_alone(tmp_path, command):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    file = tmp_path / "mine.ipynb"
    file.write_text(json.dumps(filled_in(solutions())))
    ended = command("doctor", "mine.ipynb", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f"mine.ipynb: {LESSON}" in ended.stdout and "5 of 5 answers are there" in ended.stdout


def test_no_such_file(tmp_path):
    with pytest.raises(GraderError, match="There is no"):
        diagnose(COURSE, tmp_path / "x.ipynb")
