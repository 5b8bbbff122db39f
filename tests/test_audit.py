"""The matrix of checks and misconceptions: of the lesson, and of lessons made wrong on purpose."""

import copy

import pytest
from conftest import LESSON, ROOT

from autograder.audit import audit
from autograder.course import Course
from autograder.grade import answer_key

# T04's blind spots, and the checks that name them. Nothing else may be lost.
BLIND_SPOTS = {
    ("scale_shift", "beta_subtracted"): {"nontrivial_2d", "nontrivial_4d", "gradients_to_gamma_beta_x"},
    ("scale_shift", "gamma_ignored"): {"nontrivial_2d", "nontrivial_4d", "gradients_to_gamma_beta_x"},
    ("normalize", "eps_missing"): {"large_eps_inside_sqrt", "zero_variance_is_finite"},
    ("batch_norm", "eps_missing"): {"train_output_4d", "eval_output"},
    ("batch_norm", "unbiased_normalises"): {"train_variance_is_biased"},
    ("batch_norm", "variances_swapped"): {"train_variance_is_biased", "running_stats_after_3_steps"},
    ("batch_norm", "biased_stored"): {"running_stats_after_3_steps"},
    ("update_running", "biased_variance"): {"running_var_is_unbiased_small_n"},
    ("update_running", "momentum_swapped"): {"running_mean_convention"},
    ("update_running", "momentum_swapped_and_biased"): {
        "running_mean_convention",
        "running_var_is_unbiased_small_n",
    },
    ("batch_norm", "momentum_swapped"): {"running_stats_after_3_steps"},
    ("update_running", "keeps_graph"): {"no_autograd_leak"},
    ("batch_norm", "keeps_graph"): {"no_leak_into_buffers"},
    ("batch_norm", "mean_detached"): {"gradient_matches"},
    ("batch_norm", "statistics_detached"): {"gradient_matches"},
    ("batch_norm", "grad_mode_decides"): {"eval_flag_not_grad_mode"},
    ("batch_norm", "delegated"): {"from_scratch"},
}


@pytest.fixture
def key(course, pool):
    return answer_key(course, LESSON, workers=pool)


def test_every_misconception_is_caught_and_every_right_answer_kept(key):
    outcome = audit(key)
    assert outcome.faults == []
    assert len(outcome.lost) - len(outcome.right) >= 33 + 10  # those that are known, and ten more of our own


@pytest.mark.parametrize("lesson", Course.find(ROOT).assignments())
def test_no_lesson_has_a_fault_and_every_answer_has_twelve_misconceptions(answer_keys, lesson):
    key = answer_keys(lesson)
    outcome = audit(key)
    assert outcome.faults == []
    if lesson != LESSON:
        for part, variants in key["parts"].items():
            right = sum(variant["right"] for variant in variants)
            assert right >= 2 and len(variants) - right >= 12, part


def test_accepting_what_ends_in_an_error_is_a_fault(key):
    broken = copy.deepcopy(key)
    check = next(check for check in broken["checks"] if check["part"] == "normalize")
    variant = next(variant for variant in broken["parts"]["normalize"] if not variant["right"])
    variant["accept"] = [check["name"]]
    error = {"name": "ValueError", "message": "", "cell": None, "line": None}
    check["variants"][variant["name"]] |= {"status": "error", "error": error}
    assert any("would earn its points" in fault for fault in audit(broken).faults)


@pytest.mark.parametrize("variant", BLIND_SPOTS, ids="-".join)
def test_a_blind_spot_loses_the_checks_that_name_it_and_no_others(key, variant):
    assert set(audit(key).lost[variant]) == BLIND_SPOTS[variant]


def test_an_alternative_that_loses_a_point_is_a_fault(key):
    broken = copy.deepcopy(key)
    for variant in broken["parts"]["normalize"]:
        if variant["name"] == "eps_missing":
            variant["right"] = True
    assert any("alternative 'eps_missing' loses" in fault for fault in audit(broken).faults)


def test_a_misconception_that_survives_is_a_fault(key):
    broken = copy.deepcopy(key)
    for check in broken["checks"]:
        if check["part"] == "normalize":
            check["variants"]["eps_missing"] = check["expected"]
    assert "normalize: the misconception 'eps_missing' loses nothing." in audit(broken).faults


def test_a_check_that_catches_nothing_is_a_fault(key):
    broken = copy.deepcopy(key)
    (check,) = (check for check in broken["checks"] if check["id"] == "normalize--zero_variance_is_finite")
    check["variants"] = dict.fromkeys(check["variants"], check["expected"])
    assert "normalize: the check zero_variance_is_finite catches no misconception." in audit(broken).faults


def test_a_check_that_rewards_the_stub_is_a_fault(key):
    broken = copy.deepcopy(key)
    broken["checks"][0]["stub"] = broken["checks"][0]["expected"]
    assert any("untouched stub" in fault for fault in audit(broken).faults)
