"""Lesson 2's answers against torch.nn.functional, values and gradients, and the numbers that its text states."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import printed, solved, source

LESSON = "02_batchnorm_by_hand"
answers = solved(LESSON)

shapes = st.one_of(
    st.tuples(st.integers(2, 9), st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 6)),
    st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
)
dtypes = st.sampled_from([torch.float32, torch.float64])


def case(shape, dtype, seed):
    """x, gamma, beta, running_mean, running_var, all with values of their own."""
    generator = torch.Generator().manual_seed(seed)
    channels = shape[1]

    def draw(*size):
        return (2 + 3 * torch.randn(*size, generator=generator, dtype=torch.float64)).to(dtype)

    return draw(*shape), draw(channels), draw(channels), draw(channels), draw(channels).abs() + 0.5


def close(mine, theirs):
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), st.sampled_from([1e-5, 1e-3, 0.5]))
def test_normalize_is_batch_norm_in_evaluation_without_affine(shape, dtype, seed, eps):
    x, _, _, mean, var = case(shape, dtype, seed)
    close(answers.normalize(x, mean, var, eps), F.batch_norm(x, mean, var, eps=eps))


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31))
def test_scale_shift_is_the_affine_part(shape, dtype, seed):
    x, gamma, beta, _, _ = case(shape, dtype, seed)
    zeros, ones = torch.zeros_like(gamma), torch.ones_like(gamma)
    close(answers.scale_shift(x, gamma, beta), F.batch_norm(x, zeros, ones, gamma, beta, eps=0.0))


@settings(max_examples=60, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_update_running_is_torchs_update(shape, dtype, seed, momentum):
    x, _, _, mean, var = case(shape, dtype, seed)
    their_mean, their_var = mean.clone(), var.clone()
    assert answers.update_running(mean, var, x.requires_grad_(), momentum) is None
    F.batch_norm(x, their_mean, their_var, training=True, momentum=momentum)
    close(mean, their_mean)
    close(var, their_var)
    assert not mean.requires_grad and not var.requires_grad


@settings(max_examples=80, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), st.booleans(), st.booleans(), st.sampled_from([1e-5, 0.5]))
def test_batch_norm_equals_torch_forward_gradients_and_state(shape, dtype, seed, training, grad, eps):
    outcomes = []
    for function in (answers.batch_norm, torch_batch_norm):
        x, gamma, beta, mean, var = case(shape, dtype, seed)
        inputs = [tensor.requires_grad_(grad) for tensor in (x, gamma, beta)]
        y = function(*inputs, mean, var, training, 0.3, eps)
        outcome = [y.detach(), mean, var]
        if grad:
            weights = torch.linspace(-1, 2, y.numel(), dtype=dtype).reshape(y.shape)
            (y * weights).sum().backward()
            outcome += [tensor.grad for tensor in inputs]
        outcomes.append(outcome)
    for mine, theirs in zip(*outcomes, strict=True):
        close(mine, theirs)


def torch_batch_norm(x, gamma, beta, mean, var, training, momentum, eps):
    return F.batch_norm(x, mean, var, gamma, beta, training, momentum, eps)


def test_gradients_agree_with_finite_differences():
    x, gamma, beta, mean, var = case((5, 3), torch.float64, 1)
    inputs = [tensor.requires_grad_() for tensor in (x, gamma, beta)]
    assert torch.autograd.gradcheck(
        lambda *given: answers.batch_norm(*given, mean.clone(), var.clone(), True, 0.1, 1e-5), inputs
    )


@pytest.mark.parametrize(("steps", "weight"), [(1, 0.90), (10, 0.35), (22, 0.10), (44, 0.01)])
def test_weight_left_on_the_initial_value(steps, weight):
    running_mean, running_var = torch.ones(1), torch.ones(1)
    for _ in range(steps):
        answers.update_running(running_mean, running_var, torch.tensor([[-1.0], [1.0]]), 0.1)  # mean 0
    assert running_mean.item() == pytest.approx(0.9**steps, rel=1e-4)
    assert round(running_mean.item(), 2) == weight
    assert f"{weight:.2f}" in printed(LESSON, "figure-weight")


def test_the_riddle_prints_what_its_text_says():
    assert "momentum 0.99: the running mean goes from 0 to 0.0998" in printed(LESSON, "demo-riddle")
    assert "momentum 0.01: the running mean goes from 0 to 9.88" in printed(LESSON, "demo-riddle")


def test_one_row_gives_nan_and_a_warning():
    said = printed(LESSON, "demo-one-row")
    assert "tensor([nan, nan, nan])" in said and "tensor([0., 0., 0.])" in said and "degrees of freedom" in said


def test_the_model_answer_quotes_its_own_run():
    ran = re.findall(r"deviation +([\d.]+)", printed(LESSON, "experiment-momentum"))
    quoted = re.search(r"deviation of ([\d.]+) .* against ([\d.]+)", source(LESSON, "momentum_question"))
    assert [float(number) for number in quoted.groups()] == pytest.approx([float(number) for number in ran], abs=0.006)
