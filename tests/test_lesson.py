"""Reading an author's notebook: what is wrong with it is said in one sentence that names the cell."""

import json

import pytest
from conftest import LESSON

from autograder.errors import GraderError
from autograder.lesson import read_lesson


def test_lesson_2_as_the_curriculum_has_it(lesson):
    assert [answer.id for answer in lesson.answers] == [
        "normalize",
        "scale_shift",
        "update_running",
        "batch_norm",
        "momentum_question",
    ]
    names = lesson.check_names()
    assert names["normalize"] == [
        "given_stats_2d",
        "given_stats_4d",
        "large_eps_inside_sqrt",
        "zero_variance_is_finite",
        "C_equals_W_trap",
        "input_unchanged",
    ]
    assert names["scale_shift"] == [
        "nontrivial_2d",
        "nontrivial_4d",
        "C_equals_W_trap",
        "gradients_to_gamma_beta_x",
        "input_unchanged",
    ]
    assert names["update_running"] == [
        "running_mean_convention",
        "running_var_is_unbiased_small_n",
        "running_var_unbiased_4d_uses_NHW",
        "three_steps",
        "momentum_1_forgets_and_0_freezes",
        "no_autograd_leak",
    ]
    assert set(names["batch_norm"]) - {"train_variance_is_biased", "from_scratch"} == {
        "train_output_2d",
        "train_output_4d",
        "eval_output",
        "eval_batch_of_one",
        "eval_flag_not_grad_mode",
        "eval_leaves_buffers_alone",
        "gradient_matches",
        "running_stats_after_3_steps",
        "no_leak_into_buffers",
    }
    assert sum(check.points for check in lesson.checks) == 15
    assert [(answer.id, answer.points) for answer in lesson.manual] == [("momentum_question", 1)]


def first_check(cells):
    return next(cell for cell in cells if cell["id"] == "normalize--given_stats_2d")


def second_check(cells):
    return next(cell for cell in cells if cell["id"] == "normalize--given_stats_4d")


def duplicated(cells):
    second_check(cells)["metadata"]["nbgrader"]["grade_id"] = "normalize--given_stats_2d"


def pointless(cells):
    first_check(cells)["metadata"]["nbgrader"]["points"] = 0


def pointless_altogether(cells):
    del first_check(cells)["metadata"]["nbgrader"]["points"]


def unmarked(cells):
    first_check(cells)["metadata"] = {}


def orphaned(cells):
    first_check(cells)["metadata"]["nbgrader"]["grade_id"] = "normalise--given_stats_2d"


def untitled(cells):
    first_check(cells)["source"] = first_check(cells)["source"].partition("\n")[2]


def in_the_open(cells):
    first_check(cells)["source"] = "# Hidden check: nothing\nobserve(x=1)"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (duplicated, "Two cells of .* have the grade_id 'normalize--given_stats_2d'"),
        (pointless, "'normalize--given_stats_2d' .* has no points"),
        (pointless_altogether, "'normalize--given_stats_2d' .* has no points"),
        (unmarked, "'normalize--given_stats_2d' .* is not marked as autograder tests"),
        (orphaned, "belongs to no answer: no answer cell has the grade_id 'normalise'"),
        (untitled, "must begin with a line '# Hidden check:"),
        (in_the_open, "students would see it"),
    ],
)
def test_an_unsound_notebook_is_refused(course, command, damage, words):
    path = course.lesson_file(LESSON)
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    damage(notebook["cells"])
    path.write_text(json.dumps(notebook))
    with pytest.raises(GraderError, match=words):
        read_lesson(path)


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', "<html>", '{"nbformat": 4, "nbformat_minor": 5}'])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(GraderError, match="is not a valid notebook"):
        read_lesson(path)
