"""Lesson 7's answers against torch's own layers, and the numbers that its text states against its stored outputs."""

import contextlib
import copy
import json
import re
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import SOLUTIONS, printed, solved, source
from torch import nn

from autograder import workbench

LESSON = "07_cnn_cifar10"
answers = solved(LESSON)
RECORD = json.loads((SOLUTIONS / LESSON / "runs.json").read_text())


def images(n, seed=0):
    return 2 + 3 * torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


class Reference(nn.Module):
    """The network, written a second time: functions instead of modules, biases everywhere."""

    def __init__(self, norm, p_conv, p_fc):
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5), nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)]
        )
        widths = zip([nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm1d, nn.BatchNorm1d], [6, 16, 120, 84], strict=True)
        self.norms = nn.ModuleList([kind(width) if norm else nn.Identity() for kind, width in widths])
        self.p_conv, self.p_fc = p_conv, p_fc

    def forward(self, x):
        for place in range(4):
            x = F.relu(self.norms[place](self.layers[place](x)))
            if place < 2:
                x = F.max_pool2d(F.dropout2d(x, self.p_conv, self.training), 2)
            else:
                x = F.dropout(x, self.p_fc, self.training)
            x = x.flatten(1) if place == 1 else x
        return self.layers[4](x)


def twins(norm, p_conv=0.0, p_fc=0.0, dtype=torch.float32):
    """The solution's network and the reference, with the same weights and running statistics."""
    mine, theirs = answers.build_cnn(norm, p_conv, p_fc).to(dtype), Reference(norm, p_conv, p_fc).to(dtype)
    for kind in ((nn.Conv2d, nn.Linear), (nn.BatchNorm1d, nn.BatchNorm2d)):
        pairs = zip(*([m for m in net.modules() if isinstance(m, kind)] for net in (mine, theirs)), strict=True)
        for one, other in pairs:
            state = one.state_dict()
            state.setdefault("bias", torch.zeros_like(other.bias))
            other.load_state_dict(state)
    return mine, theirs


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.3, 0.6]),
    st.sampled_from([0.0, 0.5]),
    st.sampled_from([torch.float32, torch.float64]),
    st.integers(0, 1000),
)
def test_build_cnn_equals_the_reference_forward_backward_and_state(n, norm, training, p_conv, p_fc, dtype, seed):
    torch.manual_seed(seed)
    mine, theirs = twins(norm, p_conv, p_fc, dtype)
    results = []
    for net in (mine.train(training), theirs.train(training)):
        torch.manual_seed(seed + 1)  # the same masks
        x = images(n, seed).to(dtype).requires_grad_()
        logits = net(x)
        (logits * torch.linspace(-1, 2, logits.numel(), dtype=dtype).view_as(logits)).sum().backward()
        buffers = [b for name, b in sorted(net.named_buffers()) if "running" in name]
        last = [p.grad for p in net.parameters() if p.shape == (10, 84)]
        results.append([logits.detach(), x.grad, *last, *sorted(buffers, key=lambda b: (len(b), b.sum().item()))])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_parameter_counts_and_the_452_and_226_between_them():
    count = {norm: sum(p.numel() for p in answers.build_cnn(norm, 0.1, 0.3).parameters()) for norm in (False, True)}
    assert count == {False: 62_006, True: 62_232}
    kept = sum(p.numel() for p in Reference(True, 0.1, 0.3).parameters())
    assert kept == 62_006 + 2 * (6 + 16 + 120 + 84) == 62_458
    assert kept - count[True] == 6 + 16 + 120 + 84


@settings(max_examples=40, deadline=None)
@given(st.floats(0.0, 0.85), st.floats(-3, 3), st.floats(0.3, 3), st.booleans(), st.integers(0, 10_000))
def test_variance_shift_is_what_torchs_dropout_does(p, mean, deviation, rectified, seed):
    torch.manual_seed(seed)
    x = mean + deviation * torch.randn(200_000, dtype=torch.float64)
    x = F.relu(x) if rectified else x
    if x.var() < 0.05:
        return
    layer = nn.Dropout(p)
    measured = layer.eval()(x).var() / layer.train()(x).var()
    assert answers.variance_shift(p, x.mean(), x.var()).item() == pytest.approx(measured.item(), rel=0.08)


@pytest.mark.parametrize(("p", "ratio"), [(0.1, 0.86), (0.3, 0.614), (0.5, 0.405), (0.7, 0.226)])
def test_the_four_numbers_of_the_curriculum(p, ratio):
    mu, var = (2 * torch.pi) ** -0.5, 0.5 - 0.5 / torch.pi
    assert answers.variance_shift(p, mu, var) == pytest.approx(ratio, abs=6e-4)
    assert f"p = {p}: {ratio:.3f}" in printed(LESSON, "figure-shift-curves")


def batches(sizes, seed, features=4, classes=3):
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            2 + 3 * torch.randn(n, features, generator=generator),
            torch.randint(classes, (n,), generator=generator),
        )
        for n in sizes
    ]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=4),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(0, 1000),
)
def test_fit_is_plain_training_with_torchs_optimizer(train_sizes, validation_sizes, epochs, seed):
    torch.manual_seed(seed)
    mine = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    theirs = copy.deepcopy(mine)
    train, validation = batches(train_sizes, seed), batches(validation_sizes, seed + 1)
    best, history = answers.fit(mine, train, validation, epochs)

    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.02, momentum=0.9)
    states, accuracies = [], []
    for epoch in range(epochs):
        theirs.train()
        losses = []
        for x, y in train:
            optimizer.zero_grad()
            losses.append(F.cross_entropy(theirs(x), y, reduction="none"))
            losses[-1].mean().backward()
            optimizer.step()
        assert history["train_loss"][epoch] == pytest.approx(torch.cat(losses).mean().item(), rel=1e-4)
        theirs.eval()
        x, y = (torch.cat(parts) for parts in zip(*validation, strict=True))
        accuracies.append((theirs(x).argmax(1) == y).double().mean().item())
        assert history["validation_loss"][epoch] == pytest.approx(F.cross_entropy(theirs(x), y).item(), rel=1e-3)
        states.append(copy.deepcopy(theirs.state_dict()))
    assert history["validation_accuracy"] == pytest.approx(accuracies)
    expected = states[accuracies.index(max(accuracies))]
    for state in (best, mine.state_dict()):
        for name, tensor in expected.items():
            torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-4)


def test_batches_serve_every_image_once_and_crops_stay_inside():
    x = torch.arange(3 * 32 * 32).view(1, 3, 32, 32).remainder(251).byte().repeat(10, 1, 1, 1)
    x[:, 0, 0, 0] = torch.arange(10)
    served = list(answers.Batches(x, torch.arange(10), 4, shuffle=True, augment=True, seed=1))
    assert [len(y) for _, y in served] == [4, 4, 2]
    assert sorted(torch.cat([y for _, y in served]).tolist()) == list(range(10))
    assert all(images.shape[1:] == (3, 32, 32) and images.abs().max() <= 1 for images, _ in served)
    plain = torch.cat([images for images, _ in answers.Batches(x, torch.arange(10), 4)])
    torch.testing.assert_close(plain, x.float() / 127.5 - 1)


def test_crop_is_a_window_of_the_padded_image():
    x = torch.rand(6, 2, 8, 8)
    cropped = answers.cropped(x, torch.Generator().manual_seed(0), border=2)
    padded = F.pad(x, [2] * 4)
    for n in range(6):
        windows = [padded[n, :, i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
        assert any(torch.equal(cropped[n], window) for window in windows)
    flipped = answers.flipped(x, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(flipped, x, strict=True))


def test_a_bias_before_batch_norm_gets_no_gradient():
    numbers = [float(number) for number in re.findall(r"[\d.]+e-\d+", printed(LESSON, "demo-bias"))]
    weight, bias, beta = numbers
    assert bias < 1e-7 < 1e-3 < min(weight, beta)


def test_choosing_on_the_test_set_flatters_by_more_than_three_points():
    truth, chosen, fresh = map(float, re.findall(r"0\.\d{3}", printed(LESSON, "demo-choosing")))
    assert truth == 0.6 and chosen - fresh > 0.03 and abs(fresh - truth) < 0.005


def recorded(norm, dropout, augment):
    start = f"recorded/CIFAR-10, JPEG copy/norm {norm}, dropout {dropout}, augmentation {augment}/seed "
    return [entry["result"] for name, entry in sorted(RECORD.items()) if name.startswith(start)]


def right(result):
    counts = torch.tensor(result["confusion"]).double()
    assert counts.sum() == 10_000
    return (counts.trace() / counts.sum()).item()


def test_the_grid_is_the_records_and_says_jpeg_copy():
    said = printed(LESSON, "experiment-grid")
    for augment in (False, True):
        for dropout in (False, True):
            for norm in (False, True):
                values = [right(result) for result in recorded(norm, dropout, augment)]
                assert len(values) == 3
                assert f"{sum(values) / 3:.3f}  {min(values):.3f} to {max(values):.3f}" in said
    for cell in ("curves", "grid", "ratios", "confusion"):
        said = printed(LESSON, f"experiment-{cell}")
        assert "JPEG copy" in said and "CPU" in said and "seeds: 3" in said


def test_every_accuracy_in_the_text_was_printed():
    """Each three-digit number of the texts after a figure stands in the output above it."""
    for reading, figures in {
        "curves-reading": ["experiment-curves"],
        "grid-reading": ["experiment-grid", "experiment-curves"],
        "ratios-reading": ["experiment-ratios", "figure-shift-curves"],
        "shift_question": ["experiment-ratios", "figure-shift-curves"],
    }.items():
        shown = "".join(printed(LESSON, cell) for cell in figures)
        numbers = re.findall(r"(?<![\d.])[01]\.\d{3}(?!\d)", source(LESSON, reading))
        assert numbers, reading
        assert [number for number in numbers if number not in shown] == [], reading


def accuracies(norm, dropout, augment):
    return [right(result) for result in recorded(norm, dropout, augment)]


def mean(values):
    return sum(values) / len(values)


def apart(some, others):
    return max(some) < min(others) or max(others) < min(some)


def test_what_the_text_says_of_the_eight_networks():
    """Every comparison of the reading below the grid: gains in points, and which ranges overlap."""
    said, switch = source(LESSON, "grid-reading"), (False, True)
    gains = {
        (dropout, augment): (accuracies(False, dropout, augment), accuracies(True, dropout, augment))
        for dropout in switch
        for augment in switch
    }
    points = sorted(100 * (mean(with_norm) - mean(plain)) for plain, with_norm in gains.values())
    assert f"by {points[0]:.0f} to {points[-1]:.0f} points" in said and points[0] > 0
    assert all(apart(plain, with_norm) for plain, with_norm in gains.values())

    augmented = {
        key: (accuracies(*key, False), accuracies(*key, True)) for key in [(n, d) for n in switch for d in switch]
    }
    changes = {key: 100 * (mean(after) - mean(before)) for key, (before, after) in augmented.items()}
    assert [key for key, change in changes.items() if change > 0] == [(True, False)]
    assert all(abs(changes[norm, True] + 1.5) < 0.15 for norm in switch) and "about 1.5 points both times" in said
    assert {key for key, pair in augmented.items() if apart(*pair)} == {(True, False), (True, True)}

    dropped = {key: (accuracies(key[0], False, key[1]), accuracies(key[0], True, key[1])) for key in gains}
    costs = {key: 100 * (mean(before) - mean(after)) for key, (before, after) in dropped.items()}
    assert sum(cost > 0 for cost in costs.values()) == 3 and f"up to {max(costs.values()):.0f} points" in said
    assert {key for key, pair in dropped.items() if not apart(*pair)} == {(True, False)}
    best = max(augmented, key=lambda key: mean(augmented[key][1]))
    assert best == (True, False), "the best of the eight: batch norm and augmentation"


def test_what_the_text_says_of_the_ratios():
    names = ["dropout 1", "conv 2", "dropout 2", "linear 1", "dropout 3", "linear 2", "dropout 4", "logits"]
    runs = [result["ratios"] for result in recorded(True, True, False)]
    ratio = {name: mean([run[place][1] for run in runs]) for place, name in enumerate(names)}
    assert all(value < 1 for value in ratio.values())
    small = [round(100 * (1 - ratio[name] ** 0.5)) for name in ("conv 2", "linear 1", "linear 2")]
    assert small == [5, 10, 13] and "by 5, 10 and 13 %" in source(LESSON, "ratios-reading")
    assert "too small by about 13 %" in source(LESSON, "shift_question")
    predicted = mean([run[4][2] for run in runs])
    assert f"{predicted * ratio['linear 1']:.2f}" == "0.50" and "it gives 0.50" in source(LESSON, "ratios-reading")
    without = [result["ratios"] for result in recorded(True, False, False)]
    assert all(abs(mean([run[place][1] for run in without]) - 1) < 0.05 for place in range(8))


def test_what_the_text_says_of_the_confusion_matrix():
    counts = sum(torch.tensor(result["confusion"]) for result in recorded(True, False, True)).double()
    percent = 100 * counts / counts.sum(1, keepdim=True)
    names = ["airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    pairs = ["frog frog", "cat cat", "cat dog", "truck car", "ship airplane", "airplane ship", "car truck", "cat frog"]
    shares = [f"{percent[names.index(one), names.index(other)]:.0f} %" for one, other in map(str.split, pairs)]
    assert re.findall(r"\d+ %", source(LESSON, "confusion-reading")) == shares
    assert names[percent.diagonal().argmax()] == "frog" and names[percent.diagonal().argmin()] == "cat"


def test_no_record_holds_what_json_cannot():
    assert "NaN" not in (SOLUTIONS / LESSON / "runs.json").read_text()


def test_the_table_of_speeds_is_the_records():
    speeds = RECORD["speed/recorded"]["result"]["images per second"]
    said = printed(LESSON, "experiment-speed")
    for size, rates in speeds.items():
        low, _, middle, _, high = sorted(rates)
        assert re.search(rf"batch of +{size}: +{middle:,.0f} images/s \({low:,.0f} to {high:,.0f}\)", said)
    assert round(sorted(speeds["256"])[2] / sorted(speeds["4"])[2]) == 3, "about three times as fast"


def experiment(*cells):
    """The names that experiment cells of the notebook define, on scikit-learn's digits and without any record."""
    names = dict(vars(answers)) | {"attempt": lambda title: contextlib.suppress(NotImplementedError)}
    exec("from autograder.workbench import *", names)
    for cell in cells:
        exec(source(LESSON, cell).replace('"runs.json"', '"no-such-record.json"'), names)
    names["DATA"].append(workbench._digits("CIFAR10"))
    return SimpleNamespace(**names)


def test_the_wide_network_has_the_size_it_prints_and_learns_the_digits_when_narrow(capsys):
    lesson = experiment("sizes", "experiment-wide")
    count = sum(p.numel() for p in lesson.wide_cnn().parameters())
    assert f"{count:,} parameters" in capsys.readouterr().out
    assert f"{count:,} parameters" in printed(LESSON, "experiment-wide")
    assert lesson.wide_cnn()(images(2)).shape == (2, 10)
    torch.manual_seed(0)
    result = lesson.train_wide(lesson.data(), width=4, epochs=4, batch_size=64, held_out=237)
    assert len(result["validation"]) == 4 and "digits" in result["made on"]
    assert result["test"] > 0.6


def test_the_wide_networks_learning_rate_rises_then_falls_to_nothing():
    one_cycle = experiment("sizes", "experiment-wide").one_cycle
    rates = [one_cycle(step / 100) for step in range(101)]
    assert rates[0] == 0 and rates[100] == 0 and max(rates) == rates[30] == pytest.approx(0.2)
    assert rates[:31] == sorted(rates[:31]) and rates[30:] == sorted(rates[30:], reverse=True)


def test_without_record_and_data_a_run_is_made_on_the_digits():
    lesson = experiment("sizes", "train-one")
    assert lesson.SIZE == "classroom"
    lesson.SIZES["classroom"].update(train=200, validation=50, epochs=1)
    result = lesson.train_one(True, True, True, 0)
    assert result["made on"].startswith("digits of scikit-learn instead of CIFAR10") and result["images"] == 200
    assert len(result["history"]["train_loss"]) == 1 and len(result["ratios"]) == 8
