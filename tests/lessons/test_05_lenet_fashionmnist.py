"""Lesson 5's answers against torch's operators and plain loops, its record, and the numbers its text states."""

import copy
import json
import math
import re
import statistics

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import SOLUTIONS, printed, solved, source
from torch import nn

LESSON = "05_lenet_fashionmnist"
answers = solved(LESSON)
ENTRIES = json.loads((SOLUTIONS / LESSON / "runs.json").read_text())
RECORD = {name: entry["result"] for name, entry in ENTRIES.items()}
PLAIN, TORCHS, OWN = "no batch norm", "PyTorch's batch norm", "own batch norm"

seeds = st.integers(0, 2**31)
dtypes = st.sampled_from([torch.float32, torch.float64])


def close(mine, theirs, tolerance=1e-4):
    torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def numbers(seed):
    return torch.Generator().manual_seed(seed)


def by_functions(model, x, bn, training):
    """LeNet's logits by torch.nn.functional, with the weights and state of *model*."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [layer for layer in model.modules() if hasattr(layer, "running_mean")]

    def normed(x):
        if not bn:
            return x
        n = norms.pop(0)
        return F.batch_norm(x, n.running_mean.clone(), n.running_var.clone(), n.weight, n.bias, training, 0.1, 1e-5)

    for layer in layers[:2]:
        x = F.avg_pool2d(torch.sigmoid(normed(F.conv2d(x, layer.weight, layer.bias))), 2)
    x = x.flatten(1)
    for layer in layers[2:4]:
        x = torch.sigmoid(normed(F.linear(x, layer.weight, layer.bias)))
    return F.linear(x, layers[4].weight, layers[4].bias)


@settings(max_examples=12, deadline=None)
@given(st.booleans(), st.booleans(), st.integers(2, 5), dtypes, seeds)
def test_lenet_is_what_its_docstring_says_forward_and_backward(bn, training, n, dtype, seed):
    torch.manual_seed(seed)
    model = answers.make_lenet(bn).to(dtype).train(training)
    x = (2 + 3 * torch.randn(n, 1, 28, 28, generator=numbers(seed))).to(dtype)
    gradients = []
    for logits in (by_functions(model, x, bn, training), model(x)):
        model.zero_grad()
        (logits * torch.linspace(-1, 1, 10, dtype=dtype)).sum().backward()
        gradients.append([logits.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    for mine, theirs in zip(*gradients, strict=True):
        close(mine, theirs, 1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 4, 2)])
def test_the_given_batch_norm_is_torchs(shape, dtype):
    theirs = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(5).to(dtype)
    mine = answers.OwnBatchNorm(5).to(dtype)
    for mode in (True, True, False):
        x = (2 + 3 * torch.randn(shape, generator=numbers(1))).to(dtype)
        inputs, results = [x.clone().requires_grad_() for _ in range(2)], []
        for layer, given_x in zip((mine, theirs), inputs, strict=True):
            layer.train(mode).zero_grad()
            y = layer(given_x)
            (y**3).sum().backward()
            state = [layer.running_mean, layer.running_var]
            results.append([y.detach(), given_x.grad, layer.weight.grad, layer.bias.grad, *state])
        for a, b in zip(*results, strict=True):
            close(a, b, 1e-3)


def test_exchange_replaces_every_one_and_keeps_the_function():
    torch.manual_seed(1)
    model = answers.make_lenet(True)
    other = answers.exchange(copy.deepcopy(model))
    assert sum(isinstance(layer, answers.OwnBatchNorm) for layer in other.modules()) == 4
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in other.modules())
    x = 2 + 3 * torch.randn(8, 1, 28, 28)
    close(other(x), model(x))
    close(other.eval()(x), model.eval()(x))


@pytest.mark.parametrize("size", [1, 4, 7, 20])
def test_batches_hand_out_every_row_once(size):
    x, y = torch.arange(13.0)[:, None], torch.arange(13)
    batches = answers.Batches(x, y, size)
    torch.manual_seed(3)
    found = list(batches)
    assert len(found) == len(batches)
    assert torch.equal(torch.cat([a[:, 0].long() for a, _ in found]), torch.cat([b for _, b in found]))
    assert sorted(torch.cat([b for _, b in found]).tolist()) == list(range(13))
    torch.manual_seed(3)
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(found, batches, strict=True)), "the seed decides the order"
    assert torch.cat([b for _, b in answers.Batches(x, y, size, shuffle=False)]).tolist() == list(range(13))


optimizers = st.sampled_from(
    [
        lambda p: torch.optim.SGD(p, lr=0.1),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.01),
    ]
)


def small_net(dtype):
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Sigmoid(), nn.Linear(6, 3)).to(dtype)


def task(n, dtype, seed):
    x = (2 + 3 * torch.randn(n, 4, generator=numbers(seed))).to(dtype)
    return x, torch.randint(3, (n,), generator=numbers(seed + 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 30), st.integers(2, 9), dtypes, optimizers, seeds, st.booleans())
def test_an_epoch_equals_the_plain_loop_in_weights_state_mode_and_loss(n, size, dtype, optimizer, seed, mode):
    torch.manual_seed(seed)
    mine = small_net(dtype).train(mode)
    theirs = copy.deepcopy(mine).train()
    x, y = task(n + (n % size == 1), dtype, seed)  # a last batch of one has no variance
    loader = list(zip(x.split(size), y.split(size), strict=True))
    loss = answers.train_one_epoch(mine, loader, optimizer(mine.parameters()))
    opt, losses = optimizer(theirs.parameters()), []
    for a, b in loader:
        opt.zero_grad()
        each = nn.CrossEntropyLoss(reduction="none")(theirs(a), b)
        each.mean().backward()
        opt.step()
        losses += each.tolist()
    assert type(loss) is float and loss == pytest.approx(statistics.fmean(losses), rel=1e-4)
    assert mine.training
    for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True):
        close(a, b, 1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), dtypes, seeds, st.booleans())
def test_evaluation_equals_one_pass_over_everything_and_changes_nothing(n, size, dtype, seed, mode):
    torch.manual_seed(seed)
    model = small_net(dtype)
    model[1].running_mean += 0.5
    before = copy.deepcopy(model.state_dict())
    x, y = task(n, dtype, seed)
    loader = list(zip(x.split(size), y.split(size), strict=True))
    accuracy, loss = answers.evaluate(model.train(mode), loader)
    assert model.training is mode and all(torch.equal(a, before[name]) for name, a in model.state_dict().items())
    logits = model.eval()(x)
    assert type(accuracy) is type(loss) is float
    assert accuracy == pytest.approx((logits.argmax(1) == y).double().mean().item())
    assert loss == pytest.approx(F.cross_entropy(logits, y).item(), rel=1e-4)


def test_the_sweep_equals_separate_runs_from_the_same_state():
    x, y = task(40, torch.float32, 1)
    loader = answers.Batches(x, y, 8)
    rates = [1.0, 0.01, 1e38, 0.1]
    torch.manual_seed(5)
    found = answers.lr_sweep(lambda: (small_net(torch.float32), loader, loader), rates)
    expected = {}
    for rate in rates:
        torch.manual_seed(5)
        model = small_net(torch.float32)
        answers.train_one_epoch(model, loader, torch.optim.SGD(model.parameters(), lr=rate))
        expected[rate] = answers.evaluate(model, loader)[0]
    assert list(found) == rates and found == expected


def test_the_counts_that_the_text_states():
    plain, normed = ([p.numel() for p in answers.make_lenet(bn).parameters()] for bn in (False, True))
    assert sum(plain) == 44_426 and sum(normed) == 44_652 == 44_426 + 452 - 226 and 44_426 + 452 == 44_878
    assert 6 + 16 + 120 + 84 == 226
    layers = [sum(plain[at : at + 2]) for at in range(0, 10, 2)]
    assert layers == [156, 2416, 30840, 10164, 850]
    text = source(LESSON, "counts-text") + source(LESSON, "make_lenet-hints")
    assert all(f"{number:,}" in text for number in [44_426, 44_652, 44_878, 452, 226, *layers])


def test_own_and_torchs_batch_norm_train_alike():
    said = printed(LESSON, "experiment-same")
    assert float(re.search(r"own against PyTorch's: (\S+) apart", said)[1]) < 1e-4


def test_the_handouts_second_model_goes_on_where_the_first_ended():
    lines = printed(LESSON, "experiment-bug").strip().splitlines()[1:]
    own, written, meant = ([float(number) for number in re.findall(r"\d\.\d{3}", line)] for line in lines)
    assert written[0] < own[1] < own[0] and meant == pytest.approx(own, abs=0.02)


def sweeps():
    """Net -> rate -> seed -> accuracy, from the record."""
    found = {}
    for name, result in RECORD.items():
        if match := re.fullmatch(r"sweep/60000 pictures/batch 64/(.+)/rate (.+)/seed (\d)", name):
            found.setdefault(match[1], {}).setdefault(float(match[2]), {})[int(match[3])] = result["accuracy"]
    return found


def curves():
    """Net -> seed -> rows, from the record."""
    found = {}
    for name, result in RECORD.items():
        if match := re.fullmatch(r"curve/60000 pictures/3 epochs/learning rate 1/(.+)/seed (\d)", name):
            found.setdefault(match[1], {})[int(match[2])] = result["rows"]
    return found


def mean(by_seed):
    return statistics.fmean(by_seed.values())


def test_with_batch_norm_lenet_wins_at_every_rate_where_both_train_and_survives_more():
    plain, normed = sweeps()[PLAIN], sweeps()[TORCHS]
    assert plain.keys() == normed.keys() == {0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0}
    for rate in plain:
        assert mean(normed[rate]) > mean(plain[rate]), rate
        assert all(normed[rate][seed] > plain[rate][seed] for seed in range(5)), "seed by seed too"
    survived = {name: {rate for rate, a in found.items() if min(a.values()) > 0.4} for name, found in sweeps().items()}
    assert survived == {PLAIN: {0.1, 0.3, 1.0}, TORCHS: set(normed)}
    assert {rate for rate in plain if max(plain[rate].values()) < 0.12} == {0.001, 0.01, 10.0}, (
        "guessing with every seed"
    )
    apart = {rate for rate in plain if min(normed[rate].values()) > max(plain[rate].values())}
    assert apart == set(plain) - {1.0}, "only there the ranges touch"


def test_the_numbers_that_the_text_on_the_sweep_states():
    plain, normed = sweeps()[PLAIN], sweeps()[TORCHS]
    best = {name: max(found, key=lambda rate: mean(found[rate])) for name, found in sweeps().items()}
    assert best == {PLAIN: 1.0, TORCHS: 0.1}
    text, answer = source(LESSON, "sweep-read"), source(LESSON, "fair_question")
    four = sorted(plain[3.0].values())[1:]
    assert min(plain[3.0].values()) < 0.15 and f"{four[0]:.3f} to {four[-1]:.3f}" in text
    ones = [sorted(found[1.0].values()) for found in (normed, plain)]
    assert "{:.3f} to {:.3f} against {:.3f} to {:.3f}".format(*(a for one in ones for a in (one[0], one[-1]))) in text
    assert f"plain network is {mean(plain[1.0]):.3f}" in text and f"with batch norm is {mean(normed[0.1]):.3f}" in text
    points = round(100 * (mean(normed[0.1]) - mean(plain[1.0])))
    assert f"difference of {points} points" in text and f"about {points} points" in answer
    assert f"worth {round(100 * (mean(normed[0.01]) - mean(plain[0.01])))} points" in text
    for found, rate in ((plain, 1.0), (normed, 0.1)):
        a = found[rate].values()
        assert f"{mean(found[rate]):.2f} ({min(a):.2f} to {max(a):.2f}" in answer.replace("a mean of ", "")
    assert f"from {plain[0.01][0]:.2f} to {normed[0.01][0]:.2f}" in source(LESSON, "question"), "one run's"


def test_the_numbers_that_the_text_on_the_curves_states():
    runs = curves()
    losses = {net: [statistics.fmean(rows[e][0] for rows in runs[net].values()) for e in range(3)] for net in runs}
    text = source(LESSON, "curves-read")
    assert f"{losses[TORCHS][0]:.2f} on average" in text and f"in its third, {losses[PLAIN][2]:.2f}" in text
    pairs = [(runs[OWN][seed][e], runs[TORCHS][seed][e]) for seed in range(5) for e in range(3)]
    assert all(a[0] == pytest.approx(b[0], abs=0.01) for a, b in pairs), "the two batch norms' training loss"
    last = [(runs[OWN][seed][2][1], runs[TORCHS][seed][2][1]) for seed in range(5)]
    widest = max(last, key=lambda pair: abs(pair[0] - pair[1]))
    assert 0.05 <= abs(widest[0] - widest[1]) < 0.06 and "({:.3f} and {:.3f})".format(*widest) in text
    assert 4 * len(answers.Batches(range(6_000), None)) == 96 and len(answers.Batches(range(60_000), None)) == 235
    steps = [len(answers.Batches(range(pictures), None, 64)) for pictures in (4_000, 60_000)]
    assert f"{steps[0]} steps, too few" in source(LESSON, "experiment-5") and steps == [63, 938]
    assert all(rows[2][1] > max(plain[2][1] for plain in runs[PLAIN].values()) for rows in runs[TORCHS].values())


def test_the_numbers_that_the_text_on_statistics_states():
    pairs = [row[1:] for rows in curves()[TORCHS].values() for row in rows]
    gains = [full - running for running, full in pairs]
    text = source(LESSON, "statistics-read")
    assert (
        f"{sum(gain > 0 for gain in gains)} of {len(gains)} times, by {statistics.fmean(gains):.3f} on average" in text
    )
    assert f"at most by {max(gains):.3f}" in text
    lowest = [min(row[k] for rows in curves()[TORCHS].values() for row in rows[1:]) for k in (1, 2)]
    assert "{:.3f} with the running ones and {:.3f} with full data".format(*lowest) in text


def test_what_the_text_says_of_gamma_and_of_the_time_that_the_record_took():
    lines = printed(LESSON, "experiment-gamma-beta").splitlines()[1:5]
    widths = [float(line[15:].split()[2]) - float(line[15:].split()[1]) for line in lines]
    assert widths[0] > widths[1] > 2 * widths[2] and max(abs(float(v) - 1) for v in lines[2][15:].split()[1:3]) < 0.1
    minutes = sum(entry["seconds"] for entry in ENTRIES.values()) / 60
    assert f"about {math.ceil(minutes)} minutes on one core" in source(LESSON, "how-it-works")


def test_the_record_has_five_seeds_for_every_net_and_says_on_what():
    runs = [by_seed for found in sweeps().values() for by_seed in found.values()] + list(curves().values())
    assert all(by_seed.keys() == set(range(5)) for by_seed in runs) and len(RECORD) == 7 * 2 * 5 + 3 * 5
    assert curves().keys() == {PLAIN, OWN, TORCHS}
    assert all("torch" in result["on"] and "CPU" in result["on"] for result in RECORD.values())
    for cell in ("experiment-curves-full", "experiment-statistics-full", "experiment-sweep-full"):
        said = printed(LESSON, cell)
        assert "Fashion-MNIST, 5 seeds. Made on a CPU, not measured on a GPU: " in said
        assert all(result["on"] in said for result in RECORD.values())


def test_the_tables_below_the_figures_are_the_records():
    said = printed(LESSON, "experiment-curves-full")
    for net, runs in curves().items():
        last = [rows[-1][1] for rows in runs.values()]
        assert f"{net:22} {statistics.fmean(last):.3f} ({min(last):.3f} to {max(last):.3f})" in said
    said = printed(LESSON, "experiment-sweep-full")
    for net, found in sweeps().items():
        for rate, by_seed in found.items():
            accuracies = by_seed.values()
            cell = f"{statistics.fmean(accuracies):.3f} ({min(accuracies):.3f}-{max(accuracies):.3f})"
            assert re.search(rf"(?m)^{rate:g} .*{re.escape(cell)}", said), (net, rate)
