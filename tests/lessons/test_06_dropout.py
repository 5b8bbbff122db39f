"""Lesson 6's answers against torch.nn, its checks over many seeds, and the numbers that its text states.

The hidden checks look at random results. Here they are run with many seeds, on the solution and on every other
implementation, in this process. NORMDROP_SEEDS says how many (20 unless set). The long run is

    NORMDROP_SEEDS=2000 pytest tests/lessons/test_06_dropout.py -k seeds

which takes many minutes. The misconceptions are run with a fortieth as many, but at least 3.
"""

import os
import re
import warnings

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import printed, solved, source
from torch import nn

from autograder.inside import check as inside
from autograder.judge import same
from autograder.lesson import is_check, read_lesson
from autograder.run import seed_of
from autograder.variants import read_variants

LESSON = "06_dropout"
PARTS = ("dropout", "dropout2d", "Dropout", "mc_dropout_predict")
SEEDS = int(os.environ.get("NORMDROP_SEEDS", "20"))
answers = solved(LESSON)

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=5)
dtypes = st.sampled_from([torch.float32, torch.float64])
rates = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.01, 0.99))
seeds = st.integers(0, 2**31)


def drawn(shape, dtype, seed):
    torch.manual_seed(seed)
    return (2 + 3 * torch.randn(*shape, dtype=torch.float64)).to(dtype)


# Against torch: where results are not random, or their randomness is divided out.


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, rates, seeds, st.booleans())
def test_dropout_scales_as_torch_does_forward_and_backward(shape, dtype, p, seed, training):
    for function in (answers.dropout, F.dropout):
        x = drawn(shape, dtype, seed).requires_grad_()
        y = function(x, p, training)
        assert y.shape == x.shape and y.dtype == dtype
        factor = torch.ones_like(y) if not training else (y != 0).to(dtype) / max(1 - p, 1e-9)
        torch.testing.assert_close(y, x * factor)
        if y.requires_grad:
            y.sum().backward()
            torch.testing.assert_close(x.grad, factor)
        else:
            assert p == 1  # zeros that depend on nothing
        if p in (0.0, 1.0) or not training:
            torch.testing.assert_close(y, F.dropout(x, p, training))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=4, max_size=4), dtypes, rates, seeds, st.booleans())
def test_dropout2d_scales_as_torch_does_forward_and_backward(shape, dtype, p, seed, training):
    for function in (answers.dropout2d, F.dropout2d):
        x = drawn(shape, dtype, seed).requires_grad_()
        y = function(x, p, training)
        kept = (y != 0).flatten(2).any(2)[:, :, None, None]
        factor = torch.ones_like(y) if not training else kept.expand(y.shape).to(dtype) / max(1 - p, 1e-9)
        torch.testing.assert_close(y, x * factor)
        assert y.dtype == dtype
        if y.requires_grad:
            y.sum().backward()
            torch.testing.assert_close(x.grad, factor)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_both_drop_as_often_as_torch(p):
    torch.manual_seed(1)
    x = torch.ones(1000, 100, 1, 1)
    for mine, theirs in ((answers.dropout, F.dropout), (answers.dropout2d, F.dropout2d)):
        dropped = [(function(x, p, True) == 0).double().mean() for function in (mine, theirs)]
        assert abs(dropped[0] - dropped[1]) < 5 * (2 * p * (1 - p) / 1e5) ** 0.5


@settings(max_examples=40, deadline=None)
@given(shapes, dtypes, rates, seeds, st.booleans(), st.booleans())
def test_the_module_is_torchs_module(shape, dtype, p, seed, training, grad):
    results = []
    for layer in (answers.Dropout(p), nn.Dropout(p)):
        layer.train(training)
        x = drawn(shape, dtype, seed).requires_grad_(grad)
        y = layer(x)
        if grad:
            (y * 3).sum().backward()
        results.append([y.detach(), x.grad])
        assert not list(layer.parameters()) and not layer.state_dict()
    torch.testing.assert_close(results[0][0], results[1][0])
    assert not grad or torch.equal(results[0][1], results[1][1])


def test_the_module_prints_as_torchs_does():
    assert repr(nn.Sequential(answers.Dropout(0.25))) in repr(nn.Sequential(nn.Dropout(0.25))).replace(
        ", inplace=False", ""
    )
    for p in (-0.1, 1.1):
        for make in (answers.Dropout, nn.Dropout):
            with pytest.raises(ValueError, match="p"):
                make(p)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(2, 6), seeds, st.booleans(), st.booleans())
def test_mc_dropout_is_the_mean_of_torchs_own_passes(n, passes, seed, training, frozen):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout2d(0.3), nn.Flatten())
    model.extend([nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)])
    model.train(training)
    model[1].train(training and not frozen)
    x, modes = torch.randn(n, 1, 4, 4), [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(seed)
    mean, std = answers.mc_dropout_predict(model, x, passes)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    model.eval()
    model[2].train()
    model[7].train()
    torch.manual_seed(seed)
    expected = torch.stack([F.softmax(model(x), 1) for _ in range(passes)]).detach()
    torch.testing.assert_close(mean, expected.mean(0))
    torch.testing.assert_close(std, expected.std(0, correction=0))


# The hidden checks over many seeds.


class Graded:
    """One part of the lesson: its checks, and every implementation of it, ready to be run with any seed."""

    def __init__(self, part):
        lesson = read_lesson(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb")
        self.checks = {
            cell["id"]: compile(cell["source"], cell["id"], "exec")
            for cell in lesson.notebook["cells"]
            if is_check(cell) and cell["id"].startswith(f"{part}--")
        }
        folder = ROOT / "solutions" / LESSON / "misconceptions"
        self.variants = [v for v in read_variants(folder, lesson.check_names()) if v.part == part]
        self.names = {"the solution": vars(answers)}
        for variant in self.variants:
            names = dict(vars(answers))
            exec(compile(variant.source, variant.name, "exec"), names)
            self.names[variant.name] = names

    def outcome(self, check, implementation, seed):
        inside._begin(seed_of(seed, check))
        error = None
        try:
            exec(self.checks[check], dict(self.names[implementation]))
        except Exception as raised:
            error = {"name": type(raised).__name__, "message": str(raised)}
        finally:
            inside._Check.running = False
            torch.set_grad_enabled(True)
        status = "error" if error else "ok"
        return {"status": status, "error": error, "observations": inside._Check.observations, "disturbed": False}


@pytest.fixture(scope="module", params=PARTS)
def graded(request):
    return Graded(request.param)


def plain(value):
    """An observation without its arrays, whose numbers come from sample() and are not random to the grader."""
    if isinstance(value, dict):
        return {name: plain(entry) for name, entry in value.items() if name != "array"}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def test_no_right_answer_fails_with_any_of_many_seeds(graded):
    right = [variant.name for variant in graded.variants if variant.right]
    assert len(right) >= 2
    for check in graded.checks:
        first = plain(graded.outcome(check, "the solution", 0)["observations"])
        for seed in range(SEEDS):
            expected = graded.outcome(check, "the solution", seed)
            assert expected["status"] == "ok", (check, seed, expected["error"])
            assert plain(expected["observations"]) == first, (check, seed)
            for name in right:
                assert same(graded.outcome(check, name, seed), expected), (check, name, seed)


def test_every_misconception_fails_with_any_of_some_seeds(graded):
    wrong = [variant for variant in graded.variants if not variant.right]
    assert len(wrong) >= 12
    caught = set()
    for seed in range(max(3, SEEDS // 40)):
        expected = {check: graded.outcome(check, "the solution", seed) for check in graded.checks}
        for variant in wrong:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some divide by zero or forget what they should know
                seen = {check: graded.outcome(check, variant.name, seed) for check in graded.checks}
            lost = {check for check in expected if not same(seen[check], expected[check])}
            lost -= {f"{variant.part}--{name}" for name in variant.accept}
            assert lost, (variant.name, seed)
            caught |= lost
    assert caught == set(graded.checks)


# The numbers in the text.


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+|-?\d+", text)]


def test_exactly_half_is_dropped_in_about_18_of_100_calls():
    assert "exactly 10 in about 18 of 100 calls" in source(LESSON, "binomial")
    counts = (answers.dropout(drawn([40_000, 20], torch.float32, 3), 0.5, True) == 0).sum(1)
    assert (counts == 10).double().mean().item() == pytest.approx(0.176, abs=0.01)
    assert ((counts >= 6) & (counts <= 14)).double().mean() > 0.95
    assert "formula 0.176" in printed(LESSON, "figure-binomial")


def test_the_warm_up_comes_out_as_the_text_says():
    lines = [re.split(r" {2,}", line) for line in printed(LESSON, "demo-warm-up").splitlines()[1:]]
    assert [[word.strip() for word in line][-3:] for line in lines if len(line) > 1] == [
        ["training", "different", "different"],
        ["evaluation", "same", "same"],
        ["training", "same", "different"],
        ["evaluation", "same", "same"],
        ["training", "different", "different"],
        ["evaluation", "same", "same"],
    ]


def test_one_unit_over_10000_masks():
    said = printed(LESSON, "figure-unit")
    pairs = [numbers(line)[-2:] for line in said.splitlines() if "mean in training" in line]
    (scaled, as_scaled), (test_time, at_test_time), (never, as_never) = pairs
    assert abs(scaled - as_scaled) < 0.1 and abs(test_time - at_test_time) < 0.1
    assert (as_scaled, at_test_time, as_never) == (2.0, 0.8, 2.0) and abs(never - 0.8) < 0.1


def test_demonstrations_show_what_the_text_says():
    assert printed(LESSON, "demo-p-one").count("nan") == 4
    assert "__repr__ returned non-string" in printed(LESSON, "demo-draft") and "nan" in printed(LESSON, "demo-draft")
    lines = printed(LESSON, "demo-eval").splitlines()
    assert numbers(lines[0].split("tensor")[1]) == numbers(lines[1].split("tensor")[1])
    assert "0.," in printed(LESSON, "demo-functional"), "it drops in evaluation"
    assert re.findall(r"0\.\d{3}", printed(LESSON, "demo-average"))[-2:] == ["0.749", "0.953"]


def test_before_and_after_relu_agree_and_before_and_after_a_sigmoid_do_not():
    said = printed(LESSON, "demo-placement")
    words = [line.rsplit(None, 1)[-1] for line in said.splitlines()[:4]]
    assert words == ["True", "0", "True", "False"]
    before, after = (float(number) for number in re.findall(r"mean (\d\.\d+)", said))
    assert after == pytest.approx(0.881, abs=0.01) and 0.881 - before > 0.1


def test_the_module_of_the_answer_shrinks_values_with_a_negative_p():
    x = torch.rand(50) + 0.1
    torch.testing.assert_close(x * (torch.rand_like(x) >= -0.5) / 1.5, x * 2 / 3)
    assert (x * (torch.rand_like(x) >= 1.5) / -0.5 == 0).all()


def test_a_turned_six_is_sure_doubtful_and_sure_again():
    said = printed(LESSON, "experiment-rotation")
    likely = [int(digit) for digit in re.findall(r"most likely a (\d)", said)]
    entropies = [float(number) for number in re.findall(r"entropy (\d\.\d+)", said)]
    alone = [float(number) for number in re.findall(r"evaluation mode (\d\.\d+)", said)]
    assert (likely[0], likely[2]) == (6, 9)
    assert entropies[1] > 3 * max(entropies[0], entropies[2])
    assert alone[1] < entropies[1]


def test_the_best_p_of_the_experiment_is_no_rule():
    rows = {}
    for line in printed(LESSON, "experiment-gap").splitlines():
        if re.match(r" +\d+ +\d", line):
            size, *accuracies = numbers(line)
            rows[int(size)] = accuracies[::2], accuracies[1::2]
    p = (0.0, 0.2, 0.4, 0.6, 0.8)
    best = {size: p[valid.index(max(valid))] for size, (_, valid) in rows.items()}
    assert best[400] == 0.8 and best[1600] == 0.6, best
    assert max(rows[100][1]) - min(rows[100][1]) < 0.03, "the smallest set hardly cares"
    learned, valid = rows[1600]
    assert learned[4] < learned[3] and valid[4] < valid[3] and rows[100][0][0] == 1.0


def test_filters_are_smoother_with_dropout():
    without, with_dropout = re.findall(r"neighbours (\d\.\d+)", printed(LESSON, "figure-filters"))
    assert float(with_dropout) > float(without)
