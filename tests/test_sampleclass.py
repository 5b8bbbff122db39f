"""The sample class: what each student's implementations earn, and what they are told, one by one."""

import pytest
from conftest import LESSON

from autograder.errors import GraderError
from autograder.sampleclass import make_sample_class

ALL = 15.0
# student: (score, {check lost: the diagnosis begins with}), written down by hand from the lesson's points
EXPECTED = {
    "amara": (ALL, {}),
    "benedikt": (ALL, {}),
    "chidi": (ALL, {}),
    "daniela": (ALL, {}),
    "fatima": (
        13.25,
        {
            "normalize--given_stats_2d": "The square root is missing",
            "normalize--given_stats_4d": "The square root is missing",
            "normalize--large_eps_inside_sqrt": "The square root is missing",
            "normalize--C_equals_W_trap": "The square root is missing",
        },
    ),
    "giorgos": (
        14.0,
        {
            "normalize--large_eps_inside_sqrt": "eps is missing",
            "normalize--zero_variance_is_finite": "eps is missing",
        },
    ),
    "hana": (
        14.25,
        {
            "normalize--given_stats_4d": "Your statistics are lined up with the last axis",
            "normalize--C_equals_W_trap": "Your statistics are lined up with the last axis",
        },
    ),
    "ibrahim": (14.75, {"normalize--input_unchanged": "You change x itself"}),
    "jana": (
        13.5,
        {
            "scale_shift--nontrivial_2d": "You subtract beta",
            "scale_shift--nontrivial_4d": "You subtract beta",
            "scale_shift--gradients_to_gamma_beta_x": "You subtract beta",
        },
    ),
    "kofi": (
        13.5,
        {
            "scale_shift--nontrivial_2d": "You do not use gamma",
            "scale_shift--nontrivial_4d": "You do not use gamma",
            "scale_shift--gradients_to_gamma_beta_x": "You do not use gamma",
        },
    ),
    "lucia": (14.5, {"scale_shift--gradients_to_gamma_beta_x": "You detach x_hat"}),
    "mehmet": (14.0, {"update_running--running_mean_convention": "momentum weighs the old value"}),
    "nora": (14.0, {"update_running--running_var_is_unbiased_small_n": "You store the biased variance"}),
    "omar": (
        11.0,
        {
            f"update_running--{check}": "You bind the names to new tensors"
            for check in (
                "running_mean_convention",
                "running_var_is_unbiased_small_n",
                "running_var_unbiased_4d_uses_NHW",
                "three_steps",
                "momentum_1_forgets_and_0_freezes",
                "no_autograd_leak",
            )
        },
    ),
    "petra": (14.5, {"update_running--no_autograd_leak": "The running statistics keep the graph"}),
    "quentin": (14.0, {"batch_norm--eval_flag_not_grad_mode": "Whether gradients are recorded decides"}),
    "rosa": (14.0, {"batch_norm--train_variance_is_biased": "You normalise with the unbiased variance"}),
    "samuel": (14.5, {"batch_norm--gradient_matches": "You detach the batch statistics"}),
    "thandiwe": (14.0, {"batch_norm--from_scratch": "You hand the work to torch"}),
    "ursula": (14.5, {"batch_norm--running_stats_after_3_steps": "momentum weighs the old value"}),
    "viktor": (
        7.5,
        {
            "normalize--given_stats_2d": "The square root is missing",
            "normalize--given_stats_4d": "The square root is missing",
            "normalize--large_eps_inside_sqrt": "The square root is missing",
            "normalize--C_equals_W_trap": "The square root is missing",
            "scale_shift--nontrivial_2d": "You subtract beta",
            "scale_shift--nontrivial_4d": "You subtract beta",
            "scale_shift--gradients_to_gamma_beta_x": "You subtract beta",
            "batch_norm--train_output_2d": "The square root is missing",
            "batch_norm--train_output_4d": "The square root is missing",
            "batch_norm--train_variance_is_biased": "The square root is missing",
            "batch_norm--eval_output": "The square root is missing",
            "batch_norm--eval_batch_of_one": "The square root is missing",
            "batch_norm--eval_flag_not_grad_mode": "The square root is missing",
            "batch_norm--gradient_matches": "The square root is missing",
        },
    ),
    "wanjiru": (
        12.5,
        {
            "update_running--running_mean_convention": "momentum weighs the old value in your rule, and you store",
            "update_running--running_var_is_unbiased_small_n": "momentum weighs the old value in your rule, and you",
            "batch_norm--running_stats_after_3_steps": "You store the biased variance",
        },
    ),
    "yara": (
        12.5,
        {
            "normalize--large_eps_inside_sqrt": "Your eps is written into the code",
            "scale_shift--nontrivial_4d": "gamma and beta are lined up with the last axis",
            "scale_shift--C_equals_W_trap": "gamma and beta are lined up with the last axis",
            "scale_shift--gradients_to_gamma_beta_x": "gamma and beta are lined up with the last axis",
            "update_running--running_var_unbiased_4d_uses_NHW": "Your n counts examples only",
            "batch_norm--eval_leaves_buffers_alone": "Evaluation changes the running statistics",
        },
    ),
    "camille": (14.5, {"normalize--large_eps_inside_sqrt": "You add eps after the square root"}),
}


@pytest.mark.parametrize("student", EXPECTED)
def test_each_student_earns_what_the_implementations_earn(results, student):
    score, lost = EXPECTED[student]
    result = results[student]
    assert result["status"] == "graded"
    assert result["score"] == score
    assert result["max_score"] == ALL
    failed = {check["id"]: check for check in result["checks"] if check["verdict"] != "passed"}
    assert set(failed) == set(lost)
    for name, check in failed.items():
        assert check["points"] == 0
        assert (check["diagnosis"] or "").startswith(lost[name]), check
    assert result["needs_manual"] == ["momentum_question"]


def test_the_untouched_stub_has_no_points_and_no_error(results):
    result = results["edgar"]
    assert result["status"] == "graded"
    assert result["score"] == 0
    assert {check["verdict"] for check in result["checks"]} == {"not_attempted"}
    assert result["needs_manual"] == [] and result["repairs"] == [] and result["flags"] == []


def test_half_of_the_work_earns_half_of_the_points(results):
    result = results["xaver"]
    assert result["score"] == 4.5  # normalize 2.5, scale_shift 2
    untried = {check["id"].split("--")[0] for check in result["checks"] if check["verdict"] == "not_attempted"}
    assert untried == {"update_running", "batch_norm"}


def test_damaged_files_get_a_row_that_says_so(results):
    assert results["zoltan"]["status"] == "unreadable" and results["zoltan"]["score"] == 0
    assert "Download the notebook as .ipynb" in results["zoltan"]["repairs"][0]["message"]
    assert results["dmitri"]["status"] == "missing" and results["dmitri"]["file"] is None


def test_of_a_file_that_was_cut_off_the_complete_answers_count(results):
    result = results["anouk"]
    assert result["status"] == "graded" and result["score"] == 4.5  # normalize 2.5, scale_shift 2
    codes = {(repair["code"], repair["cell"]) for repair in result["repairs"]}
    assert {("cut_off", None), ("answer_missing", "batch_norm")} <= codes


def test_a_deleted_answer_costs_only_itself(results):
    result = results["bogdan"]
    assert result["score"] == ALL - 2.5
    assert [repair["code"] for repair in result["repairs"]] == ["answer_missing"]
    assert "normalize" in result["repairs"][0]["message"]


def test_delegating_to_torch_raises_a_flag(results):
    assert [(flag["code"], flag["cell"]) for flag in results["thandiwe"]["flags"]] == [
        ("delegated_to_torch", "batch_norm")
    ]
    assert not any(result["flags"] for student, result in results.items() if student != "thandiwe")


def test_nobody_is_forgotten(graded, results):
    assert len(results) >= 24
    assert set(results) == {path.name for path in graded.submitted.iterdir()}


def test_invented_students_do_not_mix_with_real_ones(course):
    (course.submitted / "real-student").mkdir(parents=True)
    with pytest.raises(GraderError, match="real-student"):
        make_sample_class(course, LESSON)
