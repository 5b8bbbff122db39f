"""The command: whatever is wrong, it says so in one sentence, ends with status 1, and loses nothing."""

import json
import logging
import re
import shutil
import sys

import pytest
from conftest import LESSON, ROOT
from nbgrader.api import Gradebook as NbgraderGradebook

from autograder import cli
from autograder.course import Course

COMMANDS = ["release", "sample-class", "grade", "feedback", "audit"]


@pytest.fixture
def kept(graded, tmp_path):
    """A copy of the graded class, to break things in."""
    shutil.copytree(graded.root, tmp_path / "course", symlinks=True)
    return Course.find(tmp_path / "course")


@pytest.fixture
def told(monkeypatch, capsys):
    """Run the command in this process; returns its status and the lines it wrote to stderr."""

    def run(*words, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["autograder", *words])
        capsys.readouterr()
        try:
            cli.main()
        except SystemExit as end:
            return end.code, capsys.readouterr().err.strip().splitlines()
        finally:
            logging.disable(logging.NOTSET)
        return 0, capsys.readouterr().err.strip().splitlines()

    return run


def files(course):
    """All that a course holds and nobody could make again, as bytes by path."""
    folders = [course.submitted, course.graded, course.autograded, course.feedback, course.release]
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def everything(course):
    """These files, and the scores in the gradebook."""
    with NbgraderGradebook(course.db_url) as book:
        scores = {s.student.id: (s.score, s.needs_manual_grade) for s in book.assignment_submissions(LESSON)}
    return files(course), scores


def change_lesson(course, change):
    path = course.lesson_file(LESSON)
    notebook = json.loads(path.read_text())
    change({cell["id"]: cell for cell in notebook["cells"]})
    path.write_text(json.dumps(notebook))


def two_cells_of_one_name(course):
    def change(cells):
        cells["normalize--given_stats_4d"]["metadata"]["nbgrader"]["grade_id"] = "normalize--given_stats_2d"

    change_lesson(course, change)


def check_without_points(course):
    change_lesson(course, lambda cells: cells["normalize--given_stats_2d"]["metadata"]["nbgrader"].pop("points"))


def points_in_words(course):
    def change(cells):
        cells["normalize--given_stats_2d"]["metadata"]["nbgrader"]["points"] = "two"

    change_lesson(course, change)


def broken_notebook(course):
    path = course.lesson_file(LESSON)
    path.write_bytes(path.read_bytes()[:5000])


def misconceptions(course, data):
    (course.source / LESSON / "misconceptions" / "normalize.py").write_bytes(data)


def broken_misconceptions(course):
    misconceptions(course, b"@misconception('a'\ndef f(x): ...")


def misconceptions_in_latin_1(course):
    misconceptions(course, "# Größe\n".encode("latin-1"))


UNSOUND = [
    (two_cells_of_one_name, r"Two cells of .*\.ipynb have the grade_id 'normalize--given_stats_2d'; give each its own"),
    (check_without_points, r"hidden check 'normalize--given_stats_2d' of .*\.ipynb has no points; give it some"),
    (points_in_words, r"The cell 'normalize--given_stats_2d' of .*\.ipynb has 'two' points; give it a number"),
    (broken_notebook, r"\.ipynb is not a valid notebook \(.*\); open it in Jupyter and save it again"),
]


def test_help_lists_every_command_with_a_sentence(command):
    done = command("--help", cwd=ROOT)
    assert done.returncode == 0
    for name in COMMANDS:
        assert re.search(rf"^\W*{name} +[A-Z][a-z].+", done.stdout, re.MULTILINE), name
        assert command(name, "--help", cwd=ROOT).returncode == 0


def test_the_program_itself_ends_without_a_traceback(command, tmp_path):
    done = command("grade", LESSON, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == (
        f"There is no nbgrader_config.py in {tmp_path} or above it; change to the course's folder first.\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["grade", LESSON, "--workers", "0"], r"'--workers'.*greater than or equal to 1"),
        (["grade", LESSON, "--workers", "many"], r"'--workers'.*integer"),
        (["grade"], r"[Mm]issing.*assignment"),
        (["grade", LESSON, "--quick"], r"No such option.*--quick"),
        (["mark", LESSON], r"No such command 'mark'"),
    ],
)
def test_words_that_the_command_does_not_know(course, command, monkeypatch, words, sentence):
    monkeypatch.setenv("COLUMNS", "200")
    ended = command(*words, cwd=course.root)
    assert ended.returncode == 2 and re.search(sentence, ended.stderr), ended.stderr
    assert "Usage: autograder" in ended.stderr and "--help" in ended.stderr, "where to read on"
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_an_assignment_that_does_not_exist(course, told, name):
    status, said = told(name, "02_batchnorm", cwd=course.root)
    assert status == 1
    assert said == [f"There is no assignment '02_batchnorm' in {course.source}; there is: {LESSON}."]


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        (None, "There are no submissions in {submitted}; put each at {submitted}/"),
        ("", "There are no submissions in {submitted}; put each at {submitted}/"),
        ("amara/another_assignment", f"Nobody handed in {LESSON}; put each submission at {{submitted}}/"),
    ],
    ids=["no folder", "empty folder", "another assignment"],
)
def test_a_class_that_handed_nothing_in(kept, told, folder, sentence):
    shutil.rmtree(kept.submitted)
    if folder is not None:
        (kept.submitted / folder).mkdir(parents=True)
    before = everything(kept)
    status, said = told("grade", LESSON, "-j", "1", cwd=kept.root)
    assert status == 1 and len(said) == 1, said
    assert said[0].startswith(sentence.format(submitted=kept.submitted)), said
    assert everything(kept) == before, "what was graded before is still there"


def test_a_student_who_does_not_exist(kept, told):
    before = everything(kept)
    status, said = told("grade", LESSON, "-j", "1", "amara", "nobody", cwd=kept.root)
    assert (status, said) == (1, [f"There is no student 'nobody' in {kept.submitted}; check the name."])
    assert everything(kept) == before


@pytest.mark.parametrize(("damage", "sentence"), UNSOUND)
def test_a_lesson_that_is_not_sound(kept, told, damage, sentence):
    before = everything(kept)
    damage(kept)
    for name in COMMANDS:
        status, said = told(name, LESSON, cwd=kept.root)
        assert status == 1 and len(said) == 1, (name, said)
        assert re.search(sentence, said[0]), said
    assert everything(kept) == before


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (broken_misconceptions, r"normalize\.py, line 1: .*; it must be a Python file"),
        (misconceptions_in_latin_1, r"normalize\.py cannot be read \(.*\); it must be a Python file in UTF-8"),
    ],
)
@pytest.mark.parametrize("name", ["grade", "audit"])
def test_misconceptions_that_cannot_be_read(kept, told, name, damage, sentence):
    before = everything(kept)
    damage(kept)
    status, said = told(name, LESSON, "-j", "1", cwd=kept.root)
    assert status == 1 and len(said) == 1, said
    assert re.search(sentence, said[0]), said
    assert everything(kept) == before


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"[students", r"\.toml cannot be read: "),
        (b"[students.\xe4]", r"\.toml cannot be read: "),
        (b"[students.amara]", r"\.toml has no table 'defaults'"),
        (b"[defaults]", r"\.toml has no table 'students'"),
        (b"[defaults]\n[students.amara]\nnormalize = 'solution'", r"names 'nothing', no implementation of scale_shift"),
        (b"[defaults]\n[students.amara]\nnormalize = 'clever'", r"names 'clever', no implementation of normalize"),
    ],
)
def test_a_recipe_that_cannot_be_meant(course, told, data, sentence):
    (course.root / "data" / "sample_class" / f"{LESSON}.toml").write_bytes(data)
    status, said = told("sample-class", LESSON, cwd=course.root)
    assert status == 1 and len(said) == 1, said
    assert re.search(sentence, said[0]), said
    assert not course.submitted.exists(), "nothing, rather than half a class"


@pytest.mark.parametrize("words", [["release", LESSON], ["grade", LESSON, "-j", "1"], ["feedback", LESSON]])
def test_a_gradebook_that_is_no_database(kept, told, words):
    before = files(kept)
    database = kept.root / "gradebook.db"
    database.write_text("student,score\n" * 100)
    status, said = told(*words, cwd=kept.root)
    assert status == 1 and len(said) == 1, said
    assert re.search(r"The gradebook .*gradebook\.db cannot be used: file is not a database\.", said[0]), said
    assert database.read_text().startswith("student,score"), "what it is, is for a person to find out"
    assert {path: data for path, data in files(kept).items() if path in before} == before


def test_a_configuration_that_does_not_run(kept, told):
    (kept.root / "nbgrader_config.py").write_text("c = get_config(\n")
    for name in COMMANDS:
        status, said = told(name, LESSON, cwd=kept.root)
        assert status == 1 and len(said) == 1, said
        assert re.search(r"nbgrader_config\.py does not run: SyntaxError", said[0]), said
