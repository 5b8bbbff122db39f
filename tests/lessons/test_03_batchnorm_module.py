"""Lesson 3's answers against torch.nn: values, gradients, state, mode; and the numbers that its text quotes."""

import copy
import re

import pytest
import torch
import torch.nn as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import SOLUTIONS, printed, solved, source

from autograder.lesson import read_lesson
from autograder.variants import read_variants

LESSON = "03_batchnorm_module"
answers = solved(LESSON)
LESSON_READ = read_lesson(SOLUTIONS / LESSON / f"{LESSON}.ipynb")

shapes = st.one_of(
    st.tuples(st.integers(2, 9), st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 6)),
    st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
)
dtypes = st.sampled_from([torch.float32, torch.float64])
TORCHS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}


def draw(generator, *size):
    return 2 + 3 * torch.randn(*size, generator=generator, dtype=torch.float64)


def close(mine, theirs):
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def pair(shape, dtype, seed, **options):
    """The student's layer and torch's, in the same state, and the generator that made it."""
    generator = torch.Generator().manual_seed(seed)
    theirs = TORCHS[len(shape)](shape[1], **options)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(draw(generator, shape[1]))
        theirs.running_mean.copy_(draw(generator, shape[1]))
        theirs.running_var.copy_(draw(generator, shape[1]).abs() + 0.5)
    mine = answers.BatchNorm(shape[1], **options)
    mine.load_state_dict(theirs.state_dict())
    return mine.to(dtype), theirs.to(dtype), generator


def same_state(mine, theirs):
    mine, theirs = mine.state_dict(), theirs.state_dict()
    assert list(mine) == list(theirs)
    for name, tensor in theirs.items():
        assert mine[name].dtype == tensor.dtype
        close(mine[name], tensor)


@settings(max_examples=80, deadline=None)
@given(
    shapes,
    dtypes,
    st.integers(0, 2**31),
    st.booleans(),
    st.sampled_from([1e-5, 0.5]),
    st.sampled_from([0.0, 0.1, 0.7, 1.0]),
)
def test_it_trains_as_torchs_layer_does(shape, dtype, seed, affine, eps, momentum):
    mine, theirs, generator = pair(shape, dtype, seed, affine=affine, eps=eps, momentum=momentum)
    for _ in range(3):
        x = draw(generator, *shape).to(dtype)
        weights = draw(generator, *shape).to(dtype)
        outcomes = []
        for layer in (mine, theirs):
            layer.zero_grad()
            inputs = x.clone().requires_grad_()
            y = layer(inputs)
            (y * weights).sum().backward()
            outcomes.append([y, inputs.grad, *(parameter.grad for parameter in layer.parameters())])
        for one, other in zip(*outcomes, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
        same_state(mine, theirs)
    assert not mine.running_mean.requires_grad and copy.deepcopy(mine) is not mine


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), st.booleans(), st.booleans())
def test_it_evaluates_as_torchs_layer_does_and_changes_nothing(shape, dtype, seed, affine, grad):
    mine, theirs, generator = pair(shape, dtype, seed, affine=affine)
    mine.eval()
    before = copy.deepcopy(mine.state_dict())
    x = draw(generator, 1, *shape[1:]).to(dtype)  # a batch of one
    with torch.set_grad_enabled(grad):
        y = mine(x)
        close(y, theirs.eval()(x))
    assert y.requires_grad == (grad and affine)
    assert all(torch.equal(before[name], tensor) for name, tensor in mine.state_dict().items())


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 2**31))
def test_it_trains_under_no_grad_too(shape, seed):
    mine, theirs, generator = pair(shape, torch.float64, seed)
    x = draw(generator, *shape)
    with torch.no_grad():
        close(mine(x), theirs(x))
    same_state(mine, theirs)


@pytest.mark.parametrize("size", [(1, 4), (1, 4, 1), (1, 4, 1, 1)])
def test_it_refuses_what_torch_refuses(size):
    for layer in (answers.BatchNorm(4), TORCHS[len(size)](4)):
        with pytest.raises(ValueError, match=r"more than (one|1) value per channel"):
            layer(torch.ones(size))
        assert torch.equal(layer.running_mean, torch.zeros(4)) and torch.equal(layer.running_var, torch.ones(4))


def test_parameters_buffers_settings_and_words_are_torchs():
    for affine in (True, False):
        mine, theirs = answers.BatchNorm(4, affine=affine), nn.BatchNorm1d(4, affine=affine)
        for names in ("named_parameters", "named_buffers"):
            assert [name for name, _ in getattr(mine, names)()] == [name for name, _ in getattr(theirs, names)()]
        assert (mine.weight is None) == (not affine) and (mine.eps, mine.momentum) == (theirs.eps, theirs.momentum)
        same_state(mine, theirs)
        assert repr(theirs).replace("BatchNorm1d", "BatchNorm").startswith(repr(mine).rstrip(")"))


def test_gradients_agree_with_finite_differences():
    mine, _, generator = pair((5, 3), torch.float64, 1)
    assert torch.autograd.gradcheck(lambda x: mine(x), draw(generator, 5, 3).requires_grad_())


def test_a_resnet_with_it_is_the_same_network_trained_and_evaluated():
    torch.manual_seed(0)
    theirs = answers.small_resnet(nn.BatchNorm2d).double()
    mine = answers.small_resnet(answers.BatchNorm).double()
    mine.load_state_dict(theirs.state_dict())
    for net in (mine, theirs):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
        for step in range(3):
            images = answers.stripes(torch.arange(8) % 4, torch.Generator().manual_seed(step)).double()
            nn.functional.cross_entropy(net(images), torch.arange(8) % 4).backward()
            optimizer.step()
            optimizer.zero_grad()
    for one, other in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    images = answers.stripes(torch.arange(8) % 4, torch.Generator().manual_seed(9)).double()
    torch.testing.assert_close(mine.eval()(images), theirs.eval()(images), rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["1d", "2d", "3d", "own", "plain", "layer", "nested"]), max_size=6), st.integers(1, 5))
def test_bn_parameters_lists_every_batch_norm(kinds, channels):
    make = {
        "1d": nn.BatchNorm1d,
        "2d": nn.BatchNorm2d,
        "3d": nn.BatchNorm3d,
        "own": answers.BatchNorm,
        "plain": lambda size: nn.BatchNorm1d(size, affine=False),
        "layer": nn.LayerNorm,
        "nested": lambda size: nn.Sequential(nn.ReLU(), nn.Sequential(nn.BatchNorm1d(size))),
    }
    model = nn.Sequential(*(make[kind](channels) for kind in kinds))
    table = answers.bn_parameters(model)
    expected = [f"{i}.1.0" if kind == "nested" else f"{i}" for i, kind in enumerate(kinds) if kind != "layer"]
    assert [name for name, _, _ in table] == expected
    for name, gamma, beta in table:
        layer = model.get_submodule(name)
        assert (gamma is None) == (beta is None) == (layer.weight is None)
        if gamma is not None:
            assert torch.equal(gamma, layer.weight) and torch.equal(beta, layer.bias) and not gamma.requires_grad
            assert gamma.data_ptr() != layer.weight.data_ptr() and beta.data_ptr() != layer.bias.data_ptr()


# The handout that the lesson speaks of, in a form of our own: a layer (shape, eps, momentum) with gamma, beta, moving
# mean and variance of the shape of its statistics; and the ten things that its tests look at.


class Handout(nn.Module):
    """Written as the handout wants it: by grad mode, unbiased throughout, momentum on the old value, notes on self."""

    first_beta, eps_in_training = 0.0, 1e-5

    def __init__(self, shape, eps=1e-5, momentum=0.9):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.wide = (1, shape[1]) + (1,) * (len(shape) - 2)
        self.make()
        self.mean, self.var = torch.zeros(self.wide), torch.ones(self.wide)

    def make(self):
        self.gamma = nn.Parameter(torch.ones(self.wide))
        self.beta = nn.Parameter(torch.full(self.wide, self.first_beta))

    def trains(self):
        return torch.is_grad_enabled()

    def statistics(self, x):
        axes = [axis for axis in range(x.dim()) if axis != 1]
        return x.mean(axes, keepdim=True), x.var(axes, keepdim=True)

    def moved(self, old, new):
        return self.momentum * old + (1 - self.momentum) * new.detach()

    def scaled(self, x_hat):
        return self.gamma * x_hat + self.beta

    def forward(self, x):
        if not self.trains():
            self.tested = (x - self.mean) / torch.sqrt(self.var + self.eps)
            return self.scaled(self.tested)
        self.batch_mean, self.batch_var = self.statistics(x)
        self.trained = (x - self.batch_mean) / torch.sqrt(self.batch_var + self.eps_in_training)
        self.mean, self.var = self.moved(self.mean, self.batch_mean), self.moved(self.var, self.batch_var)
        return self.scaled(self.trained)


def handout_points(kind):
    """How many of the ten tests a layer passes: inputs from N(0, 1), gamma and beta as they begin."""
    torch.manual_seed(0)
    points = torch.zeros(10, dtype=torch.int64)
    inputs = (torch.randn(64, 16, 32, 32), torch.randn(64, 128))
    for x in inputs:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        mean, var = x.mean(axes, keepdim=True), x.var(axes, keepdim=True)
        layer = kind(x.shape)
        points[0] += layer.gamma.requires_grad and layer.beta.requires_grad
        points[1] += layer.gamma.shape == layer.beta.shape == mean.shape
        points[2] += layer.mean.shape == layer.var.shape == mean.shape
        layer.mean, layer.var = torch.randn(mean.shape), torch.rand(mean.shape) + 0.01
        old_mean, old_var = layer.mean, layer.var
        with torch.no_grad():
            layer(x)
            tested = getattr(layer, "tested", torch.zeros(1))
            points[3] += torch.allclose((x - old_mean) / torch.sqrt(old_var + layer.eps), tested)
        layer.mean, layer.var = old_mean, old_var
        y = layer(x)
        points[4] += torch.allclose(mean, layer.batch_mean)
        points[5] += torch.allclose(var, layer.batch_var)
        points[6] += torch.allclose((x - mean) / torch.sqrt(var + layer.eps), layer.trained)
        points[7] += torch.allclose(layer.momentum * old_mean + (1 - layer.momentum) * mean, layer.mean)
        points[8] += torch.allclose(layer.momentum * old_var + (1 - layer.momentum) * var, layer.var)
        points[9] += torch.allclose(layer.gamma * layer.trained + layer.beta, y)
    return int((points == len(inputs)).sum())


def handout_with(**changes):
    return type("Changed", (Handout,), changes)


def plain_affine(self):
    self.gamma = torch.ones(self.wide, requires_grad=True)
    self.beta = torch.zeros(self.wide, requires_grad=True)


def random_gamma(self):
    Handout.make(self)
    nn.init.uniform_(self.gamma)


ELEVEN = {  # the name of the misconception here -> the same mistake there
    "PlainRunning": handout_with(),
    "PlainAffine": handout_with(make=plain_affine),
    "KeepsGraph": handout_with(moved=lambda self, old, new: self.momentum * old + (1 - self.momentum) * new),
    "BetaSubtracted": handout_with(scaled=lambda self, x_hat: self.gamma * x_hat - self.beta),
    "GammaIgnored": handout_with(scaled=lambda self, x_hat: x_hat + self.beta),
    "AffineForgotten": handout_with(scaled=lambda self, x_hat: x_hat),
    "BetaBeginsAtOne": handout_with(first_beta=1.0),
    "GammaBeginsAtRandom": handout_with(make=random_gamma),
    "StatisticsDetached": handout_with(
        statistics=lambda self, x: tuple(part.detach() for part in Handout.statistics(self, x))
    ),
    "EpsMissingInTraining": handout_with(eps_in_training=0.0),
    "MomentumHardCoded": handout_with(moved=lambda self, old, new: 0.9 * old + 0.1 * new.detach()),
}


@pytest.mark.parametrize("name", ELEVEN)
def test_the_eleven_that_the_handout_gives_full_marks_are_misconceptions_here(name):
    assert handout_points(ELEVEN[name]) == 10
    variants = read_variants(SOLUTIONS / LESSON / "misconceptions", LESSON_READ.check_names())
    assert [variant.right for variant in variants if variant.name == name] == [False]  # the audit: it loses points


def test_the_handout_gives_a_layer_that_computes_as_torch_does_seven():
    def biased(self, x):
        mean, var = Handout.statistics(self, x)
        n = x[:, 0].numel()
        return mean, var * (n - 1) / n

    def moved(self, old, new):  # the unbiased variance is stored; the handout's own moving average
        return Handout.moved(self, old, new)

    def forward(self, x):
        y = Handout.forward(self, x)
        if self.trains():
            unbiased = Handout.statistics(self, x)[1]
            self.var = self.var + (1 - self.momentum) * (unbiased - self.batch_var).detach()
        return y

    changed = handout_with(statistics=biased, moved=moved, forward=forward, trains=lambda self: self.training)
    assert handout_points(changed) == 7


def test_the_text_says_how_many_the_handout_lets_through():
    text = source(LESSON, "your-own-tests")
    assert len(ELEVEN) == 11 and "eleven got 10 points of 10" in text and "7 points" in text
    rows = re.findall(r"(subtracts beta|ignores gamma|does nothing) +([\d.]+) +([\d.]+)", printed(LESSON, "demo-blind"))
    assert len(rows) == 3 and all(float(blind) < 0.06 and float(seeing) > 4 for _, blind, seeing in rows)


# Numbers in text and model answers


def test_the_graph_grows_to_101_nodes():
    assert "after 20 steps, assigned:          101 nodes" in printed(LESSON, "figure-graph")
    assert "under_no_grad" not in printed(LESSON, "figure-graph")
    assert re.search(r"under no_grad: +0 nodes", printed(LESSON, "figure-graph"))
    assert "After 20 steps 101 operations" in source(LESSON, "figure-graph-text")


def test_demonstrations_show_what_their_texts_say():
    first, second, third = printed(LESSON, "demo-mode").splitlines()
    assert "1.00 and  2.00, then the running mean is 5.00" in first
    assert "-1.00 and  1.00, then the running mean is 5.30" in second and third.endswith("5.30")
    assert "__repr__ returned non-string" in printed(LESSON, "demo-repr")
    said = printed(LESSON, "demo-deepcopy")
    assert "detach=False: RuntimeError: Only Tensors created explicitly by the user" in said
    assert "detach=True: copied" in said


def test_the_checkpoint_of_a_trained_resnet_gives_the_same_logits():
    accuracy = float(re.search(r"([\d.]+)$", printed(LESSON, "train-resnet").strip())[1])
    assert accuracy > 0.95
    said = printed(LESSON, "experiment-swap")
    assert "replaced by yours: 9" in said and "nine batch norm layers" in source(LESSON, "part-3")
    assert float(re.search(r"fresh layers: +([\d.e+-]+)", said)[1]) > 1
    assert float(re.search(r"checkpoint loaded: +([\d.e+-]+)", said)[1]) <= 1e-5 and "within 1e-5: True" in said
    assert "layers: 9" in printed(LESSON, "figure-gammas")


QUOTED = {
    "epsilon_question": "experiment-epsilon",
    "moving_averages_question": "experiment-batches",
    "bias_question": "experiment-bias",
    "learning_rate_question": "experiment-rates",
    "initialisation_question": "experiment-initial",
    "batch_size_question": "experiment-batch-size",
}


@pytest.mark.parametrize("question", QUOTED)
def test_each_model_answer_quotes_its_own_run(question):
    answer, _, rubric = source(LESSON, question).partition("**Rubric")
    ran = set(re.findall(r"[\d.]+(?:e[+-]\d+)?|nan", printed(LESSON, QUOTED[question])))
    quoted = [number.rstrip(".") for number in re.findall(r"\d+\.\d+(?:e[+-]\d+)?|\d+e[+-]\d+", answer)]
    assert quoted and set(quoted) <= ran, set(quoted) - ran
    assert "2 points" in rubric and rubric.count("- 1:") == 2 and "At most 1.5" in rubric


def test_experiments_show_what_the_questions_ask_for():
    said = printed(LESSON, "experiment-batches")
    spread = {mode: float(number) for mode, number in re.findall(r"(train|eval)\(\):.*logit ([\d.]+)", said)}
    assert spread["train"] > 1 and spread["eval"] < 1e-4 and said.rstrip().endswith("ValueError")
    said = printed(LESSON, "experiment-bias")
    assert float(re.search(r"layer's bias +([\d.e+-]+)", said)[1]) < 1e-6
    said = printed(LESSON, "experiment-rates")
    (loss, length), (same, tenth) = re.findall(r"loss ([\d.]+), length of the gradient ([\d.]+)", said)
    assert float(loss) == pytest.approx(float(same), abs=1e-3)
    assert float(tenth) == pytest.approx(float(length) / 10, rel=0.01)
    said = printed(LESSON, "experiment-batch-size")
    rows = [[float(number) for number in row.split()] for row in said.splitlines() if re.match(r" +\d+ ", row)]
    assert [row[0] for row in rows] == [2, 4, 8, 16, 64, 256] and rows[0][3] > 0.95
    assert all(row[2] == pytest.approx(1.5, abs=0.15) for row in rows[3:])  # 1 + x^2 / 2 at x = 1
