"""Lesson 9: its answer against conv and batch norm themselves, its race on random images, its stated numbers."""

import copy
import itertools
import json
import re
import time
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import SOLUTIONS, printed, solved, source
from torch import nn

LESSON = "09_why_it_works"
answers = solved(LESSON)
RECORD = json.loads((SOLUTIONS / LESSON / "runs.json").read_text())


def cells(*ids, **names):
    """What cells of the notebook define that are not run in grading."""
    names |= vars(answers) | {"time": time, "json": json, "Path": Path}
    for cell in ids:
        exec(compile(source(LESSON, cell), cell, "exec"), names)
    return names


# fold_bn


@st.composite
def pairs(draw):
    """A convolution, a batch norm behind it, and an input; nothing in them is 0 or 1."""
    groups, dtype = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([torch.float32, torch.float64]))
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    two = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel = draw(two)
    stride, padding = draw(two), draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    if draw(st.booleans()):
        kernel, stride, padding = draw(st.sampled_from([(1, 3), (3, 1), (3, 3)])), 1, "same"
    torch.manual_seed(draw(st.integers(0, 2**31)))
    conv = nn.Conv2d(
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        kernel,
        stride=stride,
        padding=padding,
        dilation=draw(two),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )
    bn = nn.BatchNorm2d(conv.out_channels, eps=draw(st.sampled_from([1e-5, 1e-3, 0.5])), affine=draw(st.booleans()))
    with torch.no_grad():
        for tensor in (*conv.parameters(), *bn.parameters(), bn.running_mean):
            tensor.copy_(0.5 + torch.randn_like(tensor))
        bn.running_var.copy_(0.1 + 3 * torch.rand_like(bn.running_var))
    both = nn.Sequential(conv, bn).to(dtype).eval()
    return both, 2 + 3 * torch.randn(draw(st.integers(1, 3)), conv.in_channels, 9, 8, dtype=dtype)


@settings(max_examples=150, deadline=None)
@given(pairs())
def test_fold_bn_is_conv_and_batch_norm_in_evaluation(drawn):
    both, x = drawn
    before = copy.deepcopy(both.state_dict())
    folded = answers.fold_bn(*both)
    wanted = both(x)
    tight = x.dtype == torch.float64
    torch.testing.assert_close(folded(x), wanted, rtol=1e-7 if tight else 1e-3, atol=1e-7 if tight else 2e-3)
    assert type(folded) is nn.Conv2d and folded.weight.dtype == x.dtype
    assert all(torch.equal(before[name], tensor) for name, tensor in both.state_dict().items())
    theirs = torch.nn.utils.fusion.fuse_conv_bn_eval(*both)
    assert {n: p.shape for n, p in folded.named_parameters()} == {n: p.shape for n, p in theirs.named_parameters()}
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(folded.get_parameter(name), parameter, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_gradients_go_through_the_folded_convolution_as_through_the_two_layers(drawn):
    both, x = drawn
    gradients = []
    for model in (both, answers.fold_bn(*both)):
        x_again = x.clone().requires_grad_()
        model(x_again).square().mean().backward()
        gradients.append(x_again.grad)
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-3 * gradients[0].abs().max().clamp(min=1).item())


def test_the_loops_give_the_same_numbers():
    names = cells("fold_bn-loops")
    conv, bn = nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6, eps=0.1)
    bn(2 + 3 * torch.randn(5, 6, 4, 4))
    weight, bias = names["folded_numbers_loops"](conv.eval(), bn.eval())
    folded = answers.fold_bn(conv, bn)
    torch.testing.assert_close(weight, folded.weight)
    torch.testing.assert_close(bias, folded.bias)


def test_a_whole_network_folds():
    names = cells("racer")
    torch.manual_seed(0)
    network = names["make_racer"](nn.BatchNorm2d, 4)
    for _ in range(5):
        network(2 + 3 * torch.randn(16, 3, 32, 32))
    small = names["folded_network"](network.eval())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in small.modules())
    x = 2 + 3 * torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(small(x), network(x), rtol=1e-3, atol=1e-4)
    said = printed(LESSON, "experiment-fold")
    assert "8 before, 0 after" in said
    assert float(re.search(r"largest difference +(\S+)", said)[1]) < 1e-4


def test_zero_padding_is_why_the_other_order_does_not_fold():
    """Batch norm, then convolution: one weight and one bias are right inside, and wrong at a padded border."""
    torch.manual_seed(0)
    bn, conv = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)
    bn(2 + 3 * torch.randn(8, 3, 6, 6))
    bn.eval()
    k = bn.weight / (bn.running_var + bn.eps).sqrt()
    shift = bn.bias - k * bn.running_mean
    bias = conv.bias + (conv.weight * shift.view(1, -1, 1, 1)).sum((1, 2, 3))
    x = 2 + 3 * torch.randn(2, 3, 6, 6)
    gap = (F.conv2d(x, conv.weight * k.view(1, -1, 1, 1), bias, padding=1) - conv(bn(x))).abs()
    assert gap[:, :, 1:-1, 1:-1].max() < 1e-4 < 0.01 < gap.max()


# Part 1


def rows(cell, width):
    """The numbers of a printed table, line by line."""
    numbers = [re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", line) for line in printed(LESSON, cell).splitlines()]
    return [[float(number) for number in line] for line in numbers if len(line) == width]


def test_weights_times_ten_same_loss_and_a_tenth_of_the_gradient():
    table = rows("demo-scale", 4)
    normed, plain = table[:4], table[4:]
    assert [line[0] for line in table] == [0.1, 1, 10, 100] * 2
    for smaller, larger in itertools.pairwise(normed[1:]):
        assert larger[1] == pytest.approx(smaller[1], abs=2e-4)
        assert larger[2] == pytest.approx(smaller[2] / 10, rel=2e-2)
    assert all(abs(line[3]) < 2e-3 for line in normed[1:])
    assert plain[3][1] > 10 * plain[1][1]


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 200), st.integers(0, 1000))
def test_scale_invariance_in_float64(factor, seed):
    torch.manual_seed(seed)
    x, weight = torch.randn(32, 6, dtype=torch.float64), torch.randn(8, 6, dtype=torch.float64)
    seen = []
    for scale in (1.0, factor):
        w = (scale * weight).requires_grad_()
        z = x @ w.T
        loss = ((z - z.mean(0)) / z.std(0, correction=0)).pow(3).mean()
        loss.backward()
        seen.append((loss.item(), w.grad))
        assert (w * w.grad).sum(1).abs().max() < 1e-9
    assert seen[1][0] == pytest.approx(seen[0][0], rel=1e-9)
    torch.testing.assert_close(seen[1][1] * factor, seen[0][1])


def test_weights_times_ten_and_rate_times_a_hundred_is_the_same_run():
    same, slow, again = rows_named("demo-effective", ["W, lr 1 ", "10 W, lr 1 ", "10 W, lr 100 "])
    assert again == pytest.approx(same, abs=2e-3)
    assert slow[0] > same[0] and slow[1] < same[1]


def rows_named(cell, starts):
    """The last two numbers of the line that begins with each of *starts*."""
    lines = printed(LESSON, cell).splitlines()
    return [[float(n) for n in next(line for line in lines if line.startswith(start)).split()[-2:]] for start in starts]


# The race


def test_its_network_has_the_stated_parameters():
    names = cells("racer", "own-layer")
    for norm in (nn.BatchNorm2d, names["OwnBatchNorm"]):
        count = sum(p.numel() for p in names["make_racer"](norm, 64).parameters())
        assert count == pytest.approx(4.2e6, rel=0.02)
    assert "4.2 million parameters" in source(LESSON, "race-code")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_own_layer_is_torchs(dtype):
    own, theirs = cells("own-layer")["OwnBatchNorm"](5), nn.BatchNorm2d(5)
    torch.manual_seed(0)
    for _ in range(3):
        results = []
        x = (2 + 3 * torch.randn(4, 5, 6, 6)).to(dtype)
        for layer in (own, theirs):
            z = x.clone().requires_grad_()
            y = layer(z)
            (y.float() * torch.linspace(0, 1, y.numel()).view_as(y)).sum().backward()
            results.append((y.float(), z.grad.float()))
        tolerance = 1e-4 if dtype == torch.float32 else 5e-2
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(own.get_buffer(name), theirs.get_buffer(name), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(own.eval()(x).float(), theirs.eval()(x).float(), rtol=5e-2, atol=5e-2)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("norm", ["own", "nn"])
def test_a_few_steps_on_random_images_also_in_bfloat16_and_channels_last(norm, half):
    names = cells("racer", "own-layer", "race-code")
    torch.manual_seed(0)
    model = names["make_racer"](names["NORMS"][norm], 8)
    x, y = torch.randn(20, 3, 32, 32), torch.arange(20) % 10
    if half:
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    optimizer = names["make_optimizer"](model)
    before = [p.detach().clone() for p in model.parameters()]
    for _ in range(2):
        names["train_step"](model, optimizer, names["augmented"](x), y, half)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert all(not torch.equal(p, was) for p, was in zip(model.parameters(), before, strict=True))


def test_the_race_runs_stops_at_its_target_and_leaves_the_checks_off_the_clock():
    names = cells("racer", "own-layer", "race-code")
    torch.manual_seed(0)
    x, y = torch.randint(0, 255, (60, 3, 32, 32), dtype=torch.uint8), torch.arange(60) % 10
    pictures = type("Pictures", (), {"x_train": x, "y_train": y, "x_test": x, "y_test": y})
    plan = {"width": 4, "images": 60, "batch": 20, "peak": 0.05, "check": 2, "test": 60}
    names["EPOCHS"] |= {2.0: 2, 0.0: 2}
    passed = [0]  # a clock by which a step takes 1 second, and a check 100

    def taking(seconds, what):
        def timed(*given):
            passed[0] += seconds
            return what(*given)

        return timed

    names["clock"] = lambda device: passed[0]
    names["train_step"], names["accuracy_of"] = taking(1, names["train_step"]), taking(100, names["accuracy_of"])
    results = {norm: names["race"](names["NORMS"][norm], 0, 2.0, plan, pictures) for norm in ("own", "nn")}
    for result in results.values():
        assert result["steps"] == result["seconds"] == 6
        assert [seconds for seconds, _ in result["history"]] == [2, 4, 6]
    accuracies = [[accuracy for _, accuracy in result["history"]] for result in results.values()]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.1)  # the same run, up to rounding
    assert names["race"](nn.BatchNorm2d, 0, 0.0, plan, pictures)["steps"] == 2


def test_one_cycle_rises_for_a_quarter_and_falls_to_almost_nothing():
    one_cycle = cells("own-layer", "race-code")["one_cycle"]
    rates = [one_cycle(step, 100, 0.4) for step in range(100)]
    assert max(rates) == pytest.approx(0.4, rel=0.03) and rates.index(max(rates)) in (23, 24, 25)
    assert 0 < rates[-1] < 0.01 and rates[0] > 0
    assert rates[:24] == sorted(rates[:24]) and rates[26:] == sorted(rates[26:], reverse=True)


def test_shifted_images_are_windows_of_the_padded_image():
    augmented = cells("own-layer", "race-code")["augmented"]
    torch.manual_seed(0)
    x = 1 + torch.rand(30, 3, 8, 8)
    for before, after in zip(x, augmented(x), strict=True):
        windows = [
            F.pad(side, [2] * 4)[:, top : top + 8, left : left + 8]
            for side in (before, before.flip(2))
            for top in range(5)
            for left in range(5)
        ]
        assert any(torch.equal(after, window) for window in windows)


def test_the_leaderboard_keeps_a_line_a_run_and_orders_by_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = cells("own-layer", "racer", "race-code", "leaderboard")
    names["runs"] = type("Runs", (), {"record": {}})
    names["DEVICE"], names["hardware"] = torch.device("cpu"), lambda device: "a chip; Python 3, torch 2"
    names["data"] = lambda name: type("Pictures", (), {"title": "random images"})
    times = iter([3.0, 1.0])
    names["race"] = lambda *given: {"steps": 5, "accuracy": 0.5, "seconds": next(times), "history": [[1.0, 0.5]]}
    for norm in ("own", "nn"):
        names["entered"](norm, 0, 0.4, "sprint")
    lines = [json.loads(line) for line in Path("leaderboard.json").read_text().splitlines()]
    wanted = {"name", "norm", "race", "target", "data", "hardware", "versions", "seed", "steps", "accuracy", "seconds"}
    assert len(lines) == 2 and all(set(line) == wanted for line in lines)
    names["leaderboard"]()
    table = capsys.readouterr().out.strip().splitlines()
    assert table[0] == "To 40% on random images" and len(table) == 4
    assert "1.00 s" in table[2] and "3.00 s" in table[3]


# The record


def recorded(experiment):
    return {name: run["result"] for name, run in RECORD.items() if f"/{experiment}/" in name}


def test_the_record_is_small_and_says_what_it_was_made_on():
    assert (SOLUTIONS / LESSON / "runs.json").stat().st_size < 150_000
    for run in RECORD.values():
        assert re.search(r"CPU.*; Python 3\.\d+\.\d+, torch 2", run["result"]["made on"])
    assert sum(run["seconds"] for run in RECORD.values()) < 720


def test_the_noise_did_what_the_text_says():
    text, runs = source(LESSON, "noise-reading"), recorded("noise")

    def of(kind, rate, what):
        results = [run for name, run in runs.items() if f"/{kind}/rate {rate}/" in name]
        assert len(results) == 3
        return [run[what][-1] if what == "loss" else run[what] for run in results]

    def mean(*which):
        return sum(of(*which)) / 3

    assert f"by {mean('shaken', 0.3, 'moved'):.2f} of its deviation" in text
    assert f"({mean('plain', 0.03, 'moved'):.2f}, at rate 0.03)" in text
    assert mean("batch norm", 0.3, "moved") < 0.01
    assert of("plain", 0.3, "loss").count(99.0) == 2 and "*nan* with two of three seeds" in text
    assert max(of("shaken", 0.3, "loss")) < 1
    accuracy = mean("shaken", 0.3, "accuracy")
    assert f"accuracy, {accuracy:.3f}," in text
    normed = [value for rate in (0.1, 0.3) for value in of("batch norm", rate, "accuracy")]
    assert min(normed) < accuracy < max(normed)
    best = {
        kind: min(mean(kind, rate, "loss") for rate in (0.03, 0.1, 0.3)) for kind in ("plain", "batch norm", "shaken")
    }
    assert f"a loss of {best['shaken']:.2f} at the end against {best['plain']:.2f}" in text
    assert f"ends at {best['batch norm']:.2f}" in text


def test_the_landscape_is_what_the_text_says():
    text, runs = source(LESSON, "landscape-reading"), recorded("landscape")
    for kind in ("plain", "batch norm"):
        looks = [run for name, run in runs.items() if f"/{kind}/" in name]
        assert len(looks) == 3
        middle = [
            torch.tensor([look[what] for look in looks]).median(1).values.mean(0) for what in ("low", "high", "change")
        ]
        width = torch.tensor([look["high"] for look in looks]) - torch.tensor([look["low"] for look in looks])
        band = f"{width.median(1).values.mean():.2f}"
        assert band in text, kind
        assert f"{middle[2][1]:.1f} of " in text, kind
        if kind == "batch norm":
            assert f"by {middle[2][0]:.2f} of its length" in text


def test_the_sprint_took_what_the_text_says():
    text, runs = source(LESSON, "race-reading"), recorded("race")
    assert len(runs) == 12 and all(run["line"]["accuracy"] >= 0.4 for run in runs.values())
    assert all(run["line"]["data"] == "CIFAR-10, JPEG copy" for run in runs.values())
    for second in (False, True):
        mean, steps = {}, {}
        for norm in ("own", "nn"):
            lines = [run["line"] for name, run in runs.items() if f"/{norm}/" in name and ("second" in name) == second]
            mean[norm] = sum(line["seconds"] for line in lines) / len(lines)
            steps[norm] = sorted(line["steps"] for line in lines)
        assert f"{mean['nn']:.1f} s" in text and f"{mean['own']:.1f} s" in text
        assert f"{mean['own'] / mean['nn']:.2f}" in text
        assert f"{steps['own'][0]} to {steps['own'][-1]} and after {steps['nn'][0]} to {steps['nn'][-1]} steps" in text
    alone = [run["line"]["seconds"] for name, run in runs.items() if "/nn/" in name]
    assert f"between {min(alone):.2f} s and {max(alone):.2f} s" in text
    ratios = [run["own"] / run["nn"] for _, run in sorted(recorded("turns").items())]
    assert "{:.2f}, {:.2f} and {:.2f}. The last three".format(*ratios[:3]) in text
    assert "ran: {:.2f}, {:.2f} and {:.2f}".format(*ratios[3:]) in text
    assert "about a third more" in text and 1.25 < sum(ratios[3:]) / 3 < 1.42


def test_the_numbers_of_part_1_stand_in_the_text():
    losses = {line[1] for line in rows("demo-scale", 4)[:4]}
    assert losses == {1.5984} and "1.5984" in source(LESSON, "scale-reading")
    for line in rows_named("demo-effective", ["W, lr 1 ", "10 W, lr 1 ", "10 W, lr 100 "]):
        assert f"{line[0]:.4f}" in source(LESSON, "effective-reading")
