"""Lesson 4's answers against torch's own batch norm and autograd, and the numbers that its text states."""

import re
import warnings
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from solved import printed, solved, source

import autograder.lab
from autograder.lesson import is_check, read_lesson

LESSON = "04_batchnorm_backward"
answers = solved(LESSON)

shapes = st.one_of(
    st.tuples(st.integers(3, 9), st.integers(1, 6)),
    st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(2, 6)),
    st.tuples(st.integers(2, 4), st.integers(1, 5), st.integers(2, 4), st.integers(2, 4)),
)
dtypes = st.sampled_from([torch.float32, torch.float64])
epsilons = st.sampled_from([1e-3, 0.1, 2.0])


def case(shape, dtype, seed):
    """dy, x, gamma, beta, all with values of their own; every channel of x has some spread."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return (2 + 3 * torch.randn(*size, generator=generator, dtype=torch.float64)).to(dtype)

    dy, x, gamma, beta = draw(*shape), draw(*shape), draw(shape[1]), draw(shape[1])
    x[0], x[1] = x[0] + 4, x[1] - 4
    return dy, x, gamma, beta


def gradients(function, dy, x, gamma, beta):
    """y, and the gradients of x, gamma and beta, of function(x, gamma, beta)."""
    inputs = [tensor.clone().requires_grad_() for tensor in (x, gamma, beta)]
    y = function(*inputs)
    (y * dy).sum().backward()
    return [y.detach(), *[tensor.grad for tensor in inputs]]


def theirs(eps):
    return lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def close(mine, right):
    torch.testing.assert_close(mine, right, rtol=1e-3, atol=1e-3 if right.dtype == torch.float32 else 1e-9)


@settings(max_examples=80, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), epsilons)
def test_batch_norm_backward_is_torchs(shape, dtype, seed, eps):
    dy, x, gamma, beta = case(shape, dtype, seed)
    _, *right = gradients(theirs(eps), dy, x, gamma, beta)
    for function in (answers.batch_norm_backward, answers.given_backward):
        mine = function(dy, x, gamma, eps)
        assert [tensor.shape for tensor in mine] == [tensor.shape for tensor in right]
        for one, other in zip(mine, right, strict=True):
            close(one, other)


@settings(max_examples=80, deadline=None)
@given(shapes, dtypes, st.integers(0, 2**31), epsilons)
def test_batch_norm_fn_equals_torch_forward_and_gradients(shape, dtype, seed, eps):
    def mine(x, gamma, beta):
        return answers.BatchNormFn.apply(x, gamma, beta, eps)

    dy, x, gamma, beta = case(shape, dtype, seed)
    for one, other in zip(gradients(mine, dy, x, gamma, beta), gradients(theirs(eps), dy, x, gamma, beta), strict=True):
        close(one, other)


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 2**31), epsilons)
def test_dx_has_neither_a_mean_nor_a_part_along_x_hat(shape, seed, eps):
    dy, x, gamma, _ = case(shape, torch.float64, seed)
    dims = [axis for axis in range(x.dim()) if axis != 1]
    centred = x - x.mean(dims, keepdim=True)
    dx, _, _ = answers.batch_norm_backward(dy, x, gamma, eps)
    assert dx.sum(dims).abs().max() < 1e-9
    dx, _, _ = answers.batch_norm_backward(dy, x, gamma, 1e-12)
    assert (dx * centred).sum(dims).abs().max() < 1e-8
    # With an eps that can be seen a known part is left: gamma * dgamma * eps / (var + eps) along x - mean.
    dx, dgamma, _ = answers.batch_norm_backward(dy, x, gamma, eps)
    left = gamma * dgamma * eps / (x.var(dims, correction=0) + eps)
    torch.testing.assert_close((dx * centred).sum(dims), left)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (2, 3, 2, 2)])
def test_torch_gradcheck_agrees(shape):
    _, x, gamma, beta = case(shape, torch.float64, 1)
    for needed in ((True, True, True), (True, False, False), (False, True, False), (False, False, True)):
        pairs = zip((x, gamma, beta), needed, strict=True)
        inputs = [tensor.clone().requires_grad_(need) for tensor, need in pairs]
        assert torch.autograd.gradcheck(answers.BatchNormFn.apply, (*inputs, 0.1))


def test_written_out_it_can_be_differentiated_twice():
    class WithOwnBackward(answers.BatchNormFn):
        @staticmethod
        def backward(ctx, dy):
            x, gamma = ctx.saved_tensors
            return *answers.batch_norm_backward(dy, x, gamma, ctx.eps), None

    _, x, gamma, beta = case((4, 2), torch.float64, 2)
    inputs = [tensor.requires_grad_() for tensor in (x, gamma, beta)]
    assert torch.autograd.gradgradcheck(WithOwnBackward.apply, (*inputs, 0.1))


def test_what_is_saved_is_freed_and_watched():
    _, x, gamma, beta = case((6, 4), torch.float32, 3)
    leaf = x.clone().requires_grad_()
    y = answers.BatchNormFn.apply(leaf, gamma, beta, 0.1)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    middle = leaf + 0.0
    y = answers.BatchNormFn.apply(middle, gamma, beta, 0.1)
    with torch.no_grad():
        middle += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_the_nudged_specification_agrees_with_autograd():
    names = {"torch": torch, **vars(answers)}
    exec(source(LESSON, "batch_norm_backward-loops"), names)
    for shape in ((4, 3), (2, 3, 2, 2)):
        dy, x, gamma, beta = case(shape, torch.float64, 4)
        for nudged, right in zip(
            names["batch_norm_backward_loops"](dy, x, gamma, 0.1),
            gradients(theirs(0.1), dy, x, gamma, beta)[1:],
            strict=True,
        ):
            torch.testing.assert_close(nudged, right, rtol=1e-5, atol=1e-5)


def rows(answer):
    """The table of intermediate gradients for an answer given as source; and the verdicts around it."""
    shown = []
    names = dict(vars(answers))
    names.update({name: getattr(autograder.lab, name) for name in autograder.lab.__all__})
    lab_display = autograder.lab.display
    exec(answer, names)
    names["display"] = lambda data, **_: shown.append(data["text/plain"])
    autograder.lab.display = lambda verdict: shown.append(repr(verdict))
    try:
        exec(source(LESSON, "batch_norm_backward-steps"), names)
    finally:
        autograder.lab.display = lab_display
    table = [line for text in shown if text.startswith("gradient") for line in text.splitlines()[1:]]
    return {line.split()[0]: line.split()[2] for line in table}, shown


def test_the_table_of_steps_finds_the_line_that_is_wrong():
    right = source(LESSON, "batch_norm_backward")
    table, _ = rows(right)
    assert set(table.values()) == {"yes"} and len(table) == 8
    table, _ = rows(right.replace("-0.5 * (var + eps) ** -1.5", "0.5 * (var + eps) ** -1.5"))
    assert [name for name, near in table.items() if near == "NO"] == ["dvar", "dcentred", "dx"]
    half = right.split("    dvar = ")[0] + "    raise NotImplementedError\n"
    table, _ = rows(half)
    assert table["dinv_std"] == "yes" and table["dvar"] == table["dx"] == "-"
    table, shown = rows(right.split("    dvar = ")[0] + "    raise ValueError('mine')\n")
    assert table["dinv_std"] == "yes" and "ValueError: mine" in shown[-1]
    _, (only,) = rows("def batch_norm_backward(dy, x, gamma, eps):\n    raise NotImplementedError\n")
    assert only.startswith("NOT ATTEMPTED")


def test_the_solved_notebook_passes_its_own_public_checks():
    lesson = read_lesson(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb")
    said = {cell["id"]: printed(LESSON, cell["id"]) for cell in lesson.notebook["cells"] if cell.get("outputs")}
    assert not any(word in text for text in said.values() for word in ("FAIL ·", "ERROR ·", "NOT ATTEMPTED"))
    assert said["batch_norm_backward-public"].count("PASS ·") == 6
    assert said["BatchNormFn-public"].count("PASS ·") == 6
    assert "1 is True" in said["BatchNormFn-gradcheck"]


def test_points_are_twelve_and_no_check_is_slow():
    lesson = read_lesson(ROOT / "solutions" / LESSON / f"{LESSON}.ipynb")
    assert sum(check.points for check in lesson.checks) == 12 and not lesson.manual
    for cell in lesson.notebook["cells"]:
        if is_check(cell):  # with an explicit gradient, autograd loads SymPy, which takes seconds
            assert "autograd.gradcheck" not in cell["source"] and "grad_outputs" not in cell["source"]


SURVIVES = {2: 0, 3: 0.59, 4: 0.70, 8: 0.85, 16: 0.94, 64: 0.98, 256: 0.996}


def test_the_gradient_that_survives():
    said = re.findall(
        r"N = +(\d+) +theory sqrt\(1 - 2/N\) = ([\d.]+) +measured ([\d.]+)", printed(LESSON, "figure-survival")
    )
    assert [int(size) for size, _, _ in said] == list(SURVIVES)
    for words, theory, measured in said:
        size = int(words)
        assert float(theory) == pytest.approx((1 - 2 / size) ** 0.5, abs=6e-4)
        assert float(measured) == pytest.approx(float(theory), abs=0.01)
        assert float(measured) == pytest.approx(SURVIVES[size], abs=0.02)
        shown = {2: "0", 256: "0.996"}.get(size, f"{float(theory):.2f}")
        assert f"{shown} for {size}" in source(LESSON, "figure-survival").replace('"\n        "', "")


@pytest.mark.parametrize("size", [2, 3, 4, 8])
def test_the_gradient_that_survives_measured_anew(size):
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(size, 20_000, generator=generator, dtype=torch.float64)
    dy = torch.randn(size, 20_000, generator=generator, dtype=torch.float64)
    dx, _, _ = answers.batch_norm_backward(dy, x, x.var(0, correction=0).sqrt(), 1e-14)
    assert dx.norm() / dy.norm() == pytest.approx((1 - 2 / size) ** 0.5, abs=0.01)


def test_two_numbers_are_always_plus_and_minus_one():
    x = torch.tensor([[3.0, -8.0], [5.0, 1.0]])
    y = answers.BatchNormFn.apply(x, torch.ones(2), torch.zeros(2), 1e-5)
    torch.testing.assert_close(y, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_the_factor_belongs_to_the_unbiased_variance():
    said = re.findall(r"off by (\S+), with it by (\S+)", printed(LESSON, "demo-bessel"))
    (right, wrong), (also_wrong, also_right) = [(float(a), float(b)) for a, b in said]
    assert right < 1e-5 and also_right < 1e-5 and wrong > 0.1 and also_wrong > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x_hat = answers.x_2d - answers.x_2d.mean(0)
        x_hat = x_hat / answers.x_2d.std(0)
    torch.testing.assert_close((x_hat**2).mean(0), torch.full((4,), 5 / 6))  # (n - 1) / n, as the text says


def test_the_bias_runs_away_with_detached_statistics():
    said = {
        (name.strip(), int(step)): SimpleNamespace(bias=float(bias), length=float(length), loss=float(loss))
        for name, step, bias, length, loss in re.findall(
            r"(gradients flow|detached) +step +(\d+): bias +(\S+), length of the weights +(\S+), loss (\S+)",
            printed(LESSON, "demo-detached"),
        )
    }
    flowing, detached = ([said[name, step] for step in (500, 2000)] for name in ("gradients flow", "detached"))
    assert all(abs(one.bias) < 0.005 for one in flowing)
    assert flowing[0].length == flowing[1].length and flowing[0].loss == flowing[1].loss
    assert detached[1].bias > 2 * detached[0].bias > 20 and detached[1].length > 1.9 * detached[0].length
    assert detached[1].loss == pytest.approx(detached[0].loss, abs=2e-4) and detached[1].loss > flowing[1].loss
    assert f"to about {detached[1].bias:.0f};" in source(LESSON, "demo-detached").replace('"\n    "', "")


def test_losses_coincide_and_half_as_much_is_kept():
    said = printed(LESSON, "experiment-training")
    gaps = [float(gap) for gap in re.findall(r"largest difference (\S+)", said)]
    assert len(gaps) == 3 and max(gaps) < 1e-4
    last = float(re.search(r"last loss (\S+),", said)[1])
    assert last < 0.2
    assert re.findall(r"kept for backward, .+: ([\d.]+) times", said) == ["2.00", "1.00"]


def test_the_line_takes_out_level_and_slope():
    assert re.search(r"distance from the line: \de-0[789]", printed(LESSON, "figure-projection"))
    x = answers.x_2d[:, :1].double()
    dy = answers.dy_2d[:, :1].double()
    dx, dgamma, dbeta = answers.batch_norm_backward(dy, x, x.std(0, correction=0), 0.0)
    x_hat = (x - x.mean()) / x.std(correction=0)
    design = torch.cat([torch.ones_like(x_hat), x_hat], 1)
    level, slope = torch.linalg.lstsq(design, dy).solution.flatten()
    torch.testing.assert_close(torch.stack([dbeta[0], dgamma[0]]) / 6, torch.stack([level, slope]))
    torch.testing.assert_close(dx, dy - level - slope * x_hat)
