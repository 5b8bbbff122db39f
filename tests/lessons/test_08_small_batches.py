"""Lesson 8's answers against torch's operators and plain averages, its record, and the numbers its text states."""

import copy
import json
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import SOLUTIONS, printed, solved, source
from torch import nn

LESSON = "08_small_batches"
answers = solved(LESSON)
RECORD = {name: entry["result"] for name, entry in json.loads((SOLUTIONS / LESSON / "runs.json").read_text()).items()}

seeds = st.integers(0, 2**31)
dtypes = st.sampled_from([torch.float32, torch.float64])
positions = st.lists(st.integers(1, 5), min_size=0, max_size=2)


def drawn(shape, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return (2 + 3 * torch.randn(*shape, dtype=torch.float64, generator=generator)).to(dtype)


def with_gradients(function, x, gamma, beta):
    """The output, and the gradients to x, gamma and beta, of a loss that treats every number differently."""
    leaves = [tensor.clone().requires_grad_() for tensor in (x, gamma, beta)]
    y = function(*leaves)
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view(y.shape)).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves)]


def alike(mine, theirs, dtype):
    tolerance = 2e-3 if dtype == torch.float32 else 1e-7
    for a, b in zip(mine, theirs, strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * max(1.0, b.abs().max().item()))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), positions, dtypes, st.floats(1e-3, 3.0), seeds)
def test_group_norm_is_torchs_forward_and_backward(n, groups, size, rest, dtype, eps, seed):
    channels = groups * size
    x = drawn((n, channels, *rest), dtype, seed)
    gamma, beta = drawn((channels,), dtype, seed + 1), drawn((channels,), dtype, seed + 2)
    kept = x.clone()
    mine = with_gradients(lambda x, g, b: answers.group_norm(x, groups, g, b, eps), x, gamma, beta)
    assert torch.equal(x, kept)
    if x[0].numel() * n > groups:  # torch refuses one value altogether
        theirs = with_gradients(lambda x, g, b: F.group_norm(x, groups, g, b, eps), x, gamma, beta)
        alike(mine, theirs, dtype)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), positions, dtypes, st.floats(1e-3, 3.0), seeds)
def test_one_group_is_torchs_layer_norm(n, channels, rest, dtype, eps, seed):
    x = drawn((n, channels, *rest), dtype, seed)
    gamma, beta = drawn((channels,), dtype, seed + 1), drawn((channels,), dtype, seed + 2)
    shape = [-1] + [1] * len(rest)
    mine = with_gradients(lambda x, g, b: answers.group_norm(x, 1, g, b, eps), x, gamma, beta)
    theirs = with_gradients(
        lambda x, g, b: F.layer_norm(x, x.shape[1:], eps=eps) * g.view(shape) + b.view(shape), x, gamma, beta
    )
    alike(mine, theirs, dtype)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(2, 5), st.integers(1, 4), dtypes, st.floats(1e-3, 3.0), seeds)
def test_a_group_a_channel_is_torchs_instance_norm(n, channels, height, width, dtype, eps, seed):
    x = drawn((n, channels, height, width), dtype, seed)
    gamma, beta = drawn((channels,), dtype, seed + 1), drawn((channels,), dtype, seed + 2)
    mine = with_gradients(lambda x, g, b: answers.group_norm(x, channels, g, b, eps), x, gamma, beta)
    theirs = with_gradients(lambda x, g, b: F.instance_norm(x, weight=g, bias=b, eps=eps), x, gamma, beta)
    alike(mine, theirs, dtype)


@pytest.mark.parametrize("groups", [4, 5, 12])
def test_groups_that_do_not_fit_are_refused_as_torch_refuses_them(groups):
    for function in (answers.group_norm, F.group_norm):
        with pytest.raises((ValueError, RuntimeError)):
            function(torch.ones(2, 6, 2, 2), groups, torch.ones(6), torch.zeros(6), 1e-5)


def network(seed, dtype):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 2), nn.BatchNorm2d(4, momentum=0.2), nn.Dropout2d(0.5), nn.ReLU(), nn.Flatten()
    )
    model.append(nn.Sequential(nn.Linear(16, 6), nn.BatchNorm1d(6, affine=False), nn.Dropout(0.5), nn.Linear(6, 3)))
    model(torch.randn(4, 2, 3, 3))
    return model.to(dtype)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 7), min_size=1, max_size=5), dtypes, seeds, st.booleans(), st.booleans())
def test_recalibration_is_the_exact_average(sizes, dtype, seed, training, frozen):
    model = network(seed, dtype).train(training)
    model[1].train(not frozen)
    before = copy.deepcopy(model.state_dict())
    modes = [(module.training, getattr(module, "momentum", 0)) for module in model.modules()]
    batches = [drawn((n, 2, 3, 3), dtype, seed + place) for place, n in enumerate(sizes)]

    # The exact average, from the inputs that each batch norm gets while both normalise by the batch.
    other, seen = copy.deepcopy(model).eval(), {}
    for layer in (other[1], other[5][1]):
        layer.train().register_forward_pre_hook(
            lambda layer, inputs: seen.setdefault(layer, []).append(inputs[0].detach().transpose(0, 1).flatten(1))
        )
    for x in batches:
        other(x)

    answers.recalibrate_bn(model, batches)
    for layer, theirs in zip((model[1], model[5][1]), seen.values(), strict=True):
        mean = torch.stack([values.mean(1) for values in theirs]).mean(0)
        var = torch.stack([values.var(1) for values in theirs]).mean(0)
        torch.testing.assert_close(layer.running_mean, mean, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(layer.running_var, var, rtol=1e-3, atol=1e-4)
        assert layer.num_batches_tracked == len(batches)
    assert [(module.training, getattr(module, "momentum", 0)) for module in model.modules()] == modes
    for name, value in model.state_dict().items():
        assert "running" in name or "tracked" in name or torch.equal(value, before[name]), name
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_recalibration_is_torchs_update_bn_where_there_is_no_dropout():
    batches = [drawn((n, 2, 3, 3), torch.float32, n) for n in (4, 6, 3)]
    models = [network(1, torch.float32) for _ in range(2)]
    for model in models:
        model[2], model[5][2] = nn.Identity(), nn.Identity()
    answers.recalibrate_bn(models[0], batches)
    torch.optim.swa_utils.update_bn(batches, models[1])
    for mine, theirs in zip(models[0].buffers(), models[1].buffers(), strict=True):
        torch.testing.assert_close(mine, theirs)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 5), positions, dtypes, seeds)
def test_merged_statistics_are_those_of_the_whole(sizes, channels, rest, dtype, seed):
    whole = drawn((sum(sizes), channels, *rest), dtype, seed)
    axes = [0, *range(2, whole.dim())]
    results = []
    for merged in (True, False):
        x = whole.clone().requires_grad_()
        if merged:
            parts = x.split(sizes)
            counts = torch.tensor([part[:, 0].numel() for part in parts])
            means = torch.stack([part.mean(axes) for part in parts])
            squares = torch.stack([(part**2).mean(axes) for part in parts])
            mean, var = answers.merge_statistics(counts, means, squares)
        else:
            mean, var = x.mean(axes), x.var(axes, correction=0)
        weights = torch.linspace(-1, 2, channels, dtype=dtype)
        (mean * weights + var * weights.flip(0)).sum().backward()
        results.append((mean.detach(), var.detach(), x.grad))
    if results[1][1].min() > 1e-2:  # of a smaller variance, rounding decides how much is left, and whether it is 0
        alike(*results, dtype)


def test_merging_reproduces_batch_norm_of_the_whole_batch():
    assert float(re.search(r"from one worker: (\S+)", printed(LESSON, "demo-workers"))[1]) < 1e-5
    alone = re.findall(r"'([+-]\d\.\d\d)'", printed(LESSON, "demo-workers").splitlines()[0])
    assert {abs(float(value)) for value in alone} == {1.0}


# What the text states.


def test_a_batch_of_two_gives_signs_and_no_gradient():
    lines = printed(LESSON, "demo-two").strip().splitlines()
    assert len(lines) == 4
    for line in lines:
        small, large = sorted(float(value) for value in re.findall(r"[+-]\d\.\d{3}", line))
        assert small == pytest.approx(-1, abs=0.003) and large == pytest.approx(1, abs=0.003)
    for n in (2, 4, 16):
        x = torch.zeros(n, 1)
        x[0] = 1000.0  # as far out as one of n can be
        assert F.batch_norm(x, None, None, training=True).max().item() == pytest.approx((n - 1) ** 0.5, rel=1e-4)
    ends = dict(re.findall(r"batch of +(\d+): outputs reach from \S+ to (\S+)", printed(LESSON, "figure-two")))
    assert ends["2"] == "1.00" and ends["4"] == "1.73" and "1.73 for a batch of 4" in source(LESSON, "problem-more")


def test_the_moving_average_remembers_nineteen_batches():
    text = source(LESSON, "part-2")
    weights = [0.1 * 0.9**k for k in range(1000)]
    remembered = 1 / sum(weight**2 for weight in weights)
    assert remembered == pytest.approx(19, abs=0.01) and "last 19 batches" in text
    assert "1,216" in text and 19 * 64 == 1216 and "with 2 it is 38" in text
    moving, plain = (float(value) for value in re.findall(r"mean (\d\.\d+)", printed(LESSON, "figure-average")))
    assert moving == pytest.approx(2 / 38**0.5, rel=0.05) and plain == pytest.approx(2 / 600**0.5, rel=0.05)
    alt = source(LESSON, "figure-average")
    assert f"deviation {moving:.2f}" in alt and f"deviation {plain:.2f}" in alt


def test_rounding_makes_variances_negative_and_far_means_spoil_them():
    said = printed(LESSON, "demo-rounding")
    assert "'-" in said
    exact, by_squares = (float(value) for value in re.search(r"squared (\S+), by squares (\S+)", said).groups())
    assert exact == pytest.approx(1, abs=0.1) and abs(by_squares - exact) > 0.5


def test_torch_refuses_instance_norm_of_plain_features():
    said = printed(LESSON, "demo-instance")
    assert "PyTorch: Expected more than 1 spatial element when training" in said
    assert "[0., 0., 0.]" in said


# The record.

SIZES = [2, 4, 8, 16, 32, 64, 128, 256]
WHERE = "recorded/Fashion-MNIST/{}/batch {}/seed {}"


def recorded(norm, batch, what="accuracy"):
    return [RECORD[WHERE.format(norm, batch, seed)][what] for seed in range(3)]


def test_the_record_is_whole_and_was_made_on_a_cpu():
    assert len(RECORD) == 8 * 4 * 3
    assert {result["made on"].split(",")[0] for result in RECORD.values()} == {"Fashion-MNIST; x86_64 CPU"}
    assert (SOLUTIONS / LESSON / "runs.json").stat().st_size < 150_000


def test_the_table_is_that_of_the_record():
    lines = printed(LESSON, "experiment-accuracy").splitlines()
    rows = {int(line.split()[0]): re.findall(r"(\d\.\d{3}) (\d\.\d{3})-(\d\.\d{3})", line) for line in lines[2:10]}
    assert list(rows) == SIZES
    columns = [("batch", "accuracy"), ("batch", "recalibrated"), ("group", "accuracy"), ("layer", "accuracy")]
    for batch, cells in rows.items():
        for (norm, what), cell in zip([*columns, ("none", "accuracy")], cells, strict=True):
            values = recorded(norm, batch, what)
            expected = [sum(values) / 3, min(values), max(values)]
            assert [float(number) for number in cell] == pytest.approx(expected, abs=6e-4)


def mean(norm, batch, what="accuracy"):
    return f"{sum(recorded(norm, batch, what)) / 3:.3f}"


def test_the_reading_states_the_record():
    text = source(LESSON, "accuracy-reading")
    two, four, later, rescue, caveats = text.strip().split("\n\n")
    assert f"right on {mean('batch', 2)} of" in two and f"{min(recorded('batch', 2)):.3f} to" in two
    assert f"to {max(recorded('batch', 2)):.3f}" in two and f"without any norm {mean('none', 2)}" in two
    assert f"group norm reaches {mean('group', 2)}, with layer norm {mean('layer', 2)}" in two
    assert max(recorded("batch", 2)) < min(recorded("none", 2))
    assert f"{mean('batch', 4)}, against {mean('group', 4)} and {mean('layer', 4)}" in four
    assert f"{mean('batch', 16)}, against {mean('group', 16)} and {mean('layer', 16)}" in four
    assert f"{mean('batch', 2, 'recalibrated')} instead of {mean('batch', 2)}" in later
    lost = [a > b for a, b in zip(recorded("batch", 2), recorded("batch", 2, "recalibrated"), strict=True)]
    assert sum(lost) == 1 and "one of the three seeds" in later
    for batch in SIZES:
        gains = sum(recorded("batch", batch, "recalibrated")) - sum(recorded("batch", batch))
        assert gains > 0 and (gains / 3 > 0.01) is (batch in (64, 256)), batch
    for batch in (64, 256):
        assert f"from {mean('batch', batch)} to {mean('batch', batch, 'recalibrated')} at {batch}" in later
    named = f"Group norm falls to {mean('group', 256)}, layer norm to {mean('layer', 256)}, the plain network to"
    assert f"{named} {mean('none', 256)}" in rescue and f"large steps: {mean('batch', 256)}" in rescue
    assert 9984 / 2 == 4992 and 9984 / 256 == 39 and "4,992 to 39" in rescue and "39 steps long" in later
    assert 0.1 * 256 / 32 == 0.8 and "its rate is 0.8" in later
    assert set(re.findall(r"0\.\d{3}", caveats)) == set()


def test_the_model_answer_states_the_record():
    text = source(LESSON, "batch_question")
    assert f"got {mean('batch', 2)}, recalibrated {mean('batch', 2, 'recalibrated')}" in text
    assert f"but {mean('batch', 16)} at a batch of 16" in text and f"got {mean('group', 2)} at 2" in text
