"""Sorting downloads of learning platforms into submitted/."""

import zipfile

import pytest
from conftest import LESSON

from autograder.collect import collect
from autograder.errors import GraderError

CANVAS = {
    "doejane_12345_678_02_batchnorm_by_hand.ipynb": ("doejane_12345", "02_batchnorm_by_hand.ipynb"),
    "doejane_12345_679_02_batchnorm_by_hand-1.ipynb": ("doejane_12345", "02_batchnorm_by_hand-1.ipynb"),
    "roeali_LATE_99_681_Copy of x.ipynb": ("roeali_99", "Copy of x.ipynb"),
}
MOODLE = {
    "Jane Doe_1234567_assignsubmission_file_/x.ipynb": ("Jane_Doe_1234567", "x.ipynb"),
    "Jane Doe_1234567_assignsubmission_file_/data/y.csv": ("Jane_Doe_1234567", "data/y.csv"),
    "Ali Ro-É_42_assignsubmission_file/x.ipynb": ("Ali_Ro-É_42", "x.ipynb"),
    "Flat Fred_43_assignsubmission_file_x.ipynb": ("Flat_Fred_43", "x.ipynb"),
    "Group A-Jane Roe_44_assignsubmission_file_/x.ipynb": ("Group_A-Jane_Roe_44", "x.ipynb"),
    "Jane Doe_1234567_assignsubmission_onlinetext_/onlinetext.html": (None, ""),
}
FOLDERS = {
    "Doe_Jane_jdoe_4711/x.ipynb": ("Doe_Jane_jdoe_4711", "x.ipynb"),
    "Doe_Jane_jdoe_4711/week 2/y.py": ("Doe_Jane_jdoe_4711", "week 2/y.py"),
}
FLAT = {"jane.ipynb": ("jane", "jane.ipynb"), "ali.py": ("ali", "ali.py"), "readme.txt": (None, "")}


def archive(path, names):
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, f"contents of {name}")
    return path


@pytest.mark.parametrize("names", [CANVAS, MOODLE, FOLDERS, FLAT], ids=["canvas", "moodle", "folders", "flat"])
@pytest.mark.parametrize("unpacked", [False, True], ids=["zip", "folder"])
def test_downloads_are_told_apart(course, tmp_path, names, unpacked):
    place = archive(tmp_path / "download.zip", names)
    if unpacked:
        with zipfile.ZipFile(place) as made:
            made.extractall(tmp_path / "download")
        place = tmp_path / "download"
    taken = collect(course, LESSON, place)
    assert {one.place: (one.student, one.file) for one in taken} == names
    for name, (student, file) in names.items():
        if student:
            assert (course.submitted / student / LESSON / file).read_text() == f"contents of {name}"


def test_a_dry_run_writes_nothing_and_says_the_same(course, tmp_path):
    place = archive(tmp_path / "download.zip", CANVAS)
    planned = collect(course, LESSON, place, dry_run=True)
    assert not course.submitted.exists()
    assert planned == collect(course, LESSON, place)


def test_a_pattern_takes_any_other_names(course, tmp_path):
    place = archive(tmp_path / "x.zip", ["sheet1/group-3 ~ jane ~ x.ipynb", "sheet1/notes.txt"])
    taken = collect(course, LESSON, place, r"~ (?P<student>\w+) ~ (?P<file>.*)$")
    assert [(one.student, one.file, one.note) for one in taken] == [
        ("jane", "x.ipynb", ""),
        (None, "", "does not match the pattern"),
    ]


def test_nothing_is_written_outside_submitted(course, tmp_path):
    names = ["../../evil/x.ipynb", "/etc/x.ipynb", "..\\up/x.ipynb", ".hidden/x.ipynb", "a/../../x.ipynb", "ok/x.ipynb"]
    names += ["<b>bold</b>/x.ipynb", "...../x.ipynb"]
    before = {*tmp_path.rglob("*"), tmp_path / "x.zip", course.submitted}
    taken = collect(course, LESSON, archive(tmp_path / "x.zip", names))
    assert {one.student for one in taken} == {None, "ok", "_b_bold_"}
    written = {*tmp_path.rglob("*")} - before
    assert all(path.is_relative_to(course.submitted) for path in written)
    assert all(one.student is None for one in taken if ".." in one.place.replace("\\", "/").split("/"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "There is no"),
        (lambda path: path.write_bytes(b"PK no") and path, "is no zip file"),
        (lambda path: archive(path, ["readme.txt"]), "No student's file was recognised"),
        (lambda path: archive(path, []), "No student's file was recognised"),
    ],
)
def test_what_cannot_be_collected_is_one_sentence(course, tmp_path, make, words):
    place = tmp_path / "x.zip"
    make(place)
    with pytest.raises(GraderError, match=words):
        collect(course, LESSON, place)
    assert not course.submitted.exists()


@pytest.mark.parametrize(("pattern", "words"), [("(", "no regular expression"), ("x", "no group")])
def test_a_pattern_that_is_none_says_so(course, tmp_path, pattern, words):
    with pytest.raises(GraderError, match=words):
        collect(course, LESSON, archive(tmp_path / "x.zip", FLAT), pattern)


def test_the_command_shows_a_table(course, tmp_path, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    place = archive(tmp_path / "x.zip", MOODLE)
    ended = command("collect", LESSON, str(place), "--dry-run", cwd=course.root)
    assert ended.returncode == 0 and "4 students would be put in" in ended.stdout.replace("\n", " ")
    assert "text typed into Moodle" in ended.stdout
