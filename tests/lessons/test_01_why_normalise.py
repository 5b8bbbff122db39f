"""Lesson 1's answers against torch's own, values, gradients and state, and the numbers that its text states."""

import copy
import math
import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import printed, solved, source
from torch import nn

LESSON = "01_why_normalise"
answers = solved(LESSON)

shapes = st.one_of(
    st.tuples(st.integers(2, 9), st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 6)),
    st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
)
dtypes = st.sampled_from([torch.float32, torch.float64])
seeds = st.integers(0, 2**31)


def draw(shape, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return (2 + 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)).to(dtype)


def channel_axes(x):
    return tuple(axis for axis in range(x.dim()) if axis != 1)


def close(mine, theirs):
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


# standardize


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, seeds)
def test_standardize_per_channel_is_batch_norm_without_eps(shape, dtype, seed):
    x = draw(shape, dtype, seed)
    mine, theirs = (x.clone().requires_grad_() for _ in range(2))
    y = answers.standardize(mine, channel_axes(x))
    y_torch = F.batch_norm(theirs, None, None, training=True, eps=1e-12)  # torch wants more than 0
    close(y, y_torch)
    weights = torch.linspace(-1, 2, x.numel(), dtype=dtype).reshape(shape)
    (y * weights).sum().backward()
    (y_torch * weights).sum().backward()
    close(mine.grad, theirs.grad)


@settings(max_examples=40, deadline=None)
@given(shapes, dtypes, seeds)
def test_standardize_the_last_axes_is_layer_norm(shape, dtype, seed):
    x = draw((*shape, 5), dtype, seed)
    close(answers.standardize(x, -1), F.layer_norm(x, x.shape[-1:], eps=0.0))
    close(answers.standardize(x, (-2, -1)), F.layer_norm(x, x.shape[-2:], eps=0.0))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.floats(-1e6, 1e6, width=32), dtypes)
def test_standardize_gives_zeros_for_any_constant(n, value, dtype):
    z = answers.standardize(torch.full((n, 2), value, dtype=dtype), 0)
    assert z.dtype == dtype and z.abs().max() <= max(abs(value), 1) * 1e-6


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e6])
def test_standardize_does_not_depend_on_the_unit(unit):
    x = draw((30, 4), torch.float32, 1)
    close(answers.standardize(x * unit, 0), answers.standardize(x, 0))


# channel_stats


@settings(max_examples=80, deadline=None)
@given(shapes, dtypes, seeds)
def test_channel_stats_are_those_that_batch_norm_stores(shape, dtype, seed):
    x = draw(shape, dtype, seed)
    before = x.clone()
    mean, var = answers.channel_stats(x)
    their_mean, their_var = torch.zeros(shape[1], dtype=dtype), torch.ones(shape[1], dtype=dtype)
    F.batch_norm(x, their_mean, their_var, training=True, momentum=1.0)
    n = x[:, 0].numel()
    close(mean, their_mean)
    close(var, their_var * (n - 1) / n)  # torch stores the unbiased one
    assert mean.dtype == var.dtype == dtype and torch.equal(x, before)


@settings(max_examples=40, deadline=None)
@given(shapes, seeds)
def test_normalising_with_channel_stats_is_batch_norm_forward_and_backward(shape, seed):
    x = draw(shape, torch.float64, seed)
    mine, theirs = (x.clone().requires_grad_() for _ in range(2))
    view = [1, -1] + [1] * (x.dim() - 2)
    mean, var = answers.channel_stats(mine)
    y = (mine - mean.view(view)) / torch.sqrt(var.view(view) + 1e-5)
    y_torch = F.batch_norm(theirs, None, None, training=True, eps=1e-5)
    close(y, y_torch)
    weights = torch.linspace(-1, 2, x.numel(), dtype=x.dtype).reshape(shape)
    (y * weights).sum().backward()
    (y_torch * weights).sum().backward()
    close(mine.grad, theirs.grad)


def test_channel_stats_agree_with_finite_differences():
    x = draw((4, 3, 2), torch.float64, 1).requires_grad_()
    assert torch.autograd.gradcheck(answers.channel_stats, (x,))


def test_channel_stats_of_other_memory_orders_and_single_numbers():
    x = draw((3, 4, 5, 6), torch.float32, 2)
    for turned in (x.to(memory_format=torch.channels_last), x.transpose(2, 3)):
        for mine, theirs in zip(answers.channel_stats(turned), answers.channel_stats(x), strict=True):
            close(mine, theirs)
    assert torch.equal(answers.channel_stats(torch.tensor([[3.0, 5.0]]))[1], torch.zeros(2))


# activation_stats


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.booleans(), seeds)
def test_activation_stats_are_those_of_the_outputs(widths, training, seed):
    torch.manual_seed(seed)
    layers, inputs = [], 4
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3)]
        inputs = width
    model = nn.Sequential(*layers).train(training)
    twin, x = copy.deepcopy(model), draw((8, 4), torch.float32, seed)
    torch.manual_seed(seed)
    stats = answers.activation_stats(model, x)
    torch.manual_seed(seed)
    assert len(stats) == len(layers)
    for layer, (mean, std) in zip(twin, stats, strict=True):
        x = layer(x)
        assert mean == pytest.approx(x.mean().item(), rel=1e-4, abs=1e-5)
        assert std == pytest.approx(x.std(correction=0).item(), rel=1e-4, abs=1e-5)
    assert all(type(number) is float for pair in stats for number in pair)
    assert all(part.training == training and not part._forward_hooks for part in model.modules())
    for name, tensor in twin.state_dict().items():  # both have run once
        close(model.state_dict()[name], tensor)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_activation_stats_of_a_model_that_fails_leave_no_hook():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3))
    with pytest.raises(RuntimeError, match="shapes"):
        answers.activation_stats(model, torch.ones(2, 4))
    assert not any(part._forward_hooks for part in model.modules())
    assert torch.is_grad_enabled()


# the numbers

# gain: layers 1, 10 and 30. At gain 3 with three digits: 1.749 and 1546 become 1.8 and 1.6e3 only if rounded twice.
EXPECTED = {
    "0.5": (0.29, 2.6e-5, 1.8e-14),
    "1": (0.58, 0.026, 1.9e-5),
    "√2": (0.82, 0.84, 0.62),
    "3": (1.75, 1.55e3, 3.9e9),
}


def depth_table():
    number = r"([\d.e+-]+)"
    lines = re.findall(rf"gain (\S+) +layer 1: {number} +layer 10: {number} +layer 30: {number}", depth_printed())
    return {gain: tuple(map(float, numbers)) for gain, *numbers in lines}


def depth_printed():
    return printed(LESSON, "experiment-depth")


@pytest.mark.parametrize("gain", EXPECTED)
def test_the_thirty_layers_print_what_the_text_expects(gain):
    for seen, stated in zip(depth_table()[gain], EXPECTED[gain], strict=True):
        digits = 3 if gain == "3" and stated < 1e9 else 2
        assert float(f"{seen:.{digits - 1}e}") == stated
    row = next(line for line in source(LESSON, "depth").splitlines() if line.startswith(f"| gain {gain} "))
    assert tuple(float(cell) for cell in row.split("|")[2:5]) == EXPECTED[gain]


def plain_deviations(seed):
    """Layers 1, 10 and 30 at gain 1: every other gain multiplies layer k by gain ** k."""
    generator = torch.Generator().manual_seed(seed)
    x, deviations = torch.randn(512, 256, generator=generator), []
    for _ in range(30):
        x = (x @ (torch.randn(256, 256, generator=generator) / 16)).relu()
        deviations.append(x.std(correction=0).item())
    return deviations[0], deviations[9], deviations[29]


def test_the_thirty_layers_computed_another_way():
    base = plain_deviations(0)
    for gain, factor in [("0.5", 0.5), ("1", 1.0), ("√2", math.sqrt(2)), ("3", 3.0)]:
        again = [deviation * factor**layer for deviation, layer in zip(base, (1, 10, 30), strict=True)]
        assert depth_table()[gain] == pytest.approx(again, rel=0.01)


def test_with_batch_norm_the_deviation_lies_between_058_and_061_at_every_gain():
    ranges = re.findall(r"layers 1 to 30: ([\d.]+) to ([\d.]+)", depth_printed())
    assert len(ranges) == 4
    for least, most in ranges:
        assert round(float(least), 2) == 0.58 and round(float(most), 2) == 0.61
    assert math.sqrt(0.5 - 0.5 / math.pi) == pytest.approx(0.58, abs=0.005)  # a bell curve behind a ReLU
    assert source(LESSON, "depth").count("0.58 to 0.61") == 3


def test_another_seed_changes_the_digits_only():
    last = [plain_deviations(seed)[2] for seed in range(40)]
    assert min(last) > 1e-5 and max(last) < 4e-5
    assert "between 1e-5 and 4e-5 for each of the first 40 seeds" in source(LESSON, "depth-end")


def test_standardising_leaves_the_skewness():
    rows = re.findall(r"mean ([\d.]+), deviation ([\d.]+), skewness ([\d.]+)", printed(LESSON, "figure-exponential"))
    (mean, _, skewness), (mean_after, std_after, skewness_after) = [tuple(map(float, row)) for row in rows]
    assert mean == pytest.approx(4, abs=0.2) and skewness == pytest.approx(2, abs=0.3)
    assert (mean_after, std_after, skewness_after) == (0.0, 1.0, skewness)


def test_train_statistics_keep_the_rule_and_own_statistics_lose_it():
    numbers = [float(number) for number in re.findall(r": +(-?[\d.]+)\n", printed(LESSON, "demo-shift"))]
    in_spring, in_summer, with_own, right, wrong = numbers
    assert in_spring == in_summer == pytest.approx(7 / 6, abs=0.05)
    assert with_own == pytest.approx(-2 / 6, abs=0.05)
    assert right == 1.0 and wrong == pytest.approx(0.5, abs=0.03)
    assert f"{in_spring:.1f} in" in source(LESSON, "figure-shift")


def test_the_variances_of_the_demonstration():
    said = re.findall(r": +(-?[\d.]+)", printed(LESSON, "demo-variance"))
    assert [float(number) for number in said] == pytest.approx([1.0, 2.0, 0.5, 0.0])


def test_only_the_standardised_features_reach_the_best_weights():
    raw, scaled = re.findall(r"first ([\d.]+), after 50 steps (\S+)", printed(LESSON, "figure-scaling"))
    assert float(raw[1]) > 0.05 * float(raw[0])
    assert float(scaled[1]) < 1e-6 * float(scaled[0])


def test_the_plain_layers_drift_and_the_normalised_ones_do_not():
    rows = re.findall(r"layer 1 ([\d.]+), layer 3 ([\d.]+), layer 5 ([\d.]+)", printed(LESSON, "experiment-internal"))
    plain, normalised = [tuple(map(float, row)) for row in rows]
    assert plain == pytest.approx((1.0, 1.15, 1.25), abs=0.03)  # "a seventh", "a quarter"
    assert normalised == pytest.approx((1.0, 1.0, 1.0), abs=0.02)
