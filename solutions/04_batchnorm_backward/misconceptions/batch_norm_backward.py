"""Ways in which batch_norm_backward(dy, x, gamma, eps) -> (dx, dgamma, dbeta) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


def wide(values, x):
    return values.view([1, -1] + [1] * (x.dim() - 2))


def normalised(x, eps, correction=0):
    """x_hat, and 1 / sqrt(var + eps) as (1, C) or (1, C, 1, 1)."""
    var, mean = torch.var_mean(x, axes(x), correction=correction, keepdim=True)
    inv_std = torch.rsqrt(var + eps)
    return (x - mean) * inv_std, inv_std


def sums(dy, x_hat):
    """dgamma, dbeta."""
    return (dy * x_hat).sum(axes(dy)), dy.sum(axes(dy))


def assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, n):
    return wide(gamma, dy) * inv_std / n * (n * dy - wide(dbeta, dy) - x_hat * wide(dgamma, dy))


def count(x):
    return x[:, 0].numel()


@alternative
def one_line(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@alternative
def staged_as_in_the_paper(dy, x, gamma, eps):
    dims, n = axes(x), count(x)
    mean = x.mean(dims, keepdim=True)
    var = ((x - mean) ** 2).mean(dims, keepdim=True)
    dx_hat = dy * wide(gamma, x)
    dvar = (dx_hat * (x - mean) * -0.5 * (var + eps) ** -1.5).sum(dims, keepdim=True)
    dmean = (-dx_hat / torch.sqrt(var + eps)).sum(dims, keepdim=True)
    dmean = dmean + dvar * (-2 * (x - mean)).mean(dims, keepdim=True)
    dx = dx_hat / torch.sqrt(var + eps) + dvar * 2 * (x - mean) / n + dmean / n
    return dx, (dy * (x - mean) / torch.sqrt(var + eps)).sum(dims), dy.sum(dims)


@alternative
def means_instead_of_sums(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    level = dy.mean(axes(x), keepdim=True)
    slope = (dy * x_hat).mean(axes(x), keepdim=True)
    dx = wide(gamma, x) * inv_std * (dy - level - x_hat * slope)
    return dx, slope.flatten() * count(x), level.flatten() * count(x)


@alternative
def columns(dy, x, gamma, eps):
    flat, dflat = x.transpose(0, 1).flatten(1), dy.transpose(0, 1).flatten(1)  # (C, n)
    centred = flat - flat.mean(1, keepdim=True)
    inv_std = 1 / (centred.pow(2).mean(1, keepdim=True) + eps).sqrt()
    x_hat = centred * inv_std
    dgamma, dbeta = (dflat * x_hat).sum(1), dflat.sum(1)
    n = flat.shape[1]
    dflat = gamma[:, None] * inv_std * (dflat - dbeta[:, None] / n - x_hat * dgamma[:, None] / n)
    return dflat.unflatten(1, [x.shape[0], *x.shape[2:]]).transpose(0, 1), dgamma, dbeta


@alternative
def channel_by_channel(dy, x, gamma, eps):
    dx, dgamma, dbeta = torch.empty_like(x), torch.empty_like(gamma), torch.empty_like(gamma)
    for c in range(x.shape[1]):
        values, d = x[:, c].flatten(), dy[:, c].flatten()
        n = len(values)
        inv_std = (values.var(correction=0) + eps) ** -0.5
        x_hat = (values - values.mean()) * inv_std
        eye, ones = torch.eye(n, dtype=x.dtype), torch.ones(n, n, dtype=x.dtype)
        slopes = gamma[c] * inv_std * (eye - ones / n - torch.outer(x_hat, x_hat) / n)
        dx[:, c] = (slopes @ d).reshape(x[:, c].shape)
        dgamma[c], dbeta[c] = d @ x_hat, d.sum()
    return dx, dgamma, dbeta


@misconception(
    "You let autograd or torch's batch norm do the work. The numbers are right; the point for writing it out is not "
    "earned.",
    flag="delegated_to_torch",
)
def delegated(dy, x, gamma, eps):
    with torch.enable_grad():
        inputs = [x.detach().requires_grad_(), gamma.detach().requires_grad_()]
        inputs.append(torch.zeros_like(gamma).requires_grad_())
        x_hat, _ = normalised(inputs[0], eps)
        y = wide(inputs[1], x) * x_hat + wide(inputs[2], x)
        loss = (y * dy).sum()
    return torch.autograd.grad(loss, inputs)


@misconception(
    "You let autograd or torch's batch norm do the work. The numbers are right; the point for writing it out is not "
    "earned.",
    flag="delegated_to_torch",
)
def delegated_to_the_operator(dy, x, gamma, eps):
    _, inv_std = normalised(x, eps)
    mean = x.mean(axes(x))
    return torch.ops.aten.native_batch_norm_backward(
        dy, x, gamma, None, None, mean, inv_std.flatten(), True, eps, [True, True, True]
    )


@misconception(
    "You treat mean and variance as constants. Both depend on x, so two more parts of dx come back through them."
)
def statistics_constant(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    return wide(gamma, x) * inv_std * dy, *sums(dy, x_hat)


@misconception("Nothing comes back through the variance. It depends on x too: add dvar * 2 * centred / n.")
def variance_path_forgotten(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return wide(gamma, x) * inv_std * (dy - wide(dbeta, x) / count(x)), dgamma, dbeta


@misconception("Nothing comes back through the mean. It depends on x too: add dmean / n.")
def mean_path_forgotten(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return wide(gamma, x) * inv_std * (dy - x_hat * wide(dgamma, x) / count(x)), dgamma, dbeta


@misconception("Your n is the batch size. It counts all numbers of a channel: N * H * W for a 4-D input.")
def n_is_batch_size(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, x.shape[0]), dgamma, dbeta


@misconception("Your n counts all numbers of x. It counts those of one channel: x[:, 0].numel().")
def n_is_everything(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, x.numel()), dgamma, dbeta


@misconception("You do not use gamma. y was scaled by it, so dx_hat = dy * gamma.")
def gamma_missing(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, torch.ones_like(gamma), dgamma, dbeta, count(x)), dgamma, dbeta


@misconception("dgamma contains gamma. It is the sum of dy * x_hat, without gamma.")
def gamma_in_dgamma(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), gamma * dgamma, dbeta


@misconception(
    "dgamma and dbeta have changed places. Return dx, dgamma, dbeta: dgamma is the one with x_hat in it."
)
def swapped(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dbeta, dgamma


@misconception(
    "dgamma is summed over the batch alone. One number a channel is left: sum over height and width too."
)
def dgamma_over_batch_alone(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), (dy * x_hat).sum(0), dbeta


@misconception(
    "dbeta is summed over the batch alone. One number a channel is left: sum over height and width too."
)
def dbeta_over_batch_alone(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dy.sum(0)


@misconception("dgamma and dbeta are means over the channel. They are sums: every use adds its share.")
def means_returned(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    n = count(x)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, n), dgamma / n, dbeta / n


@misconception("dgamma is the sum of dy * x. gamma multiplies x_hat, so it is the sum of dy * x_hat.")
def dgamma_with_x(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), (dy * x).sum(axes(x)), dbeta


@misconception("dgamma and dbeta keep axes of size 1. Return them as (C,), the shape of gamma and beta.")
def axes_kept(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    dx = assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x))
    return dx, wide(dgamma, x), wide(dbeta, x)


@misconception(
    "The part that comes through the variance has the wrong sign. (v + eps) ** -0.5 falls as v grows, so it is "
    "subtracted."
)
def variance_sign(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, -dgamma, dbeta, count(x)), dgamma, dbeta


@misconception(
    "Half of what comes through the variance is lost. The derivative of centred ** 2 is 2 * centred: keep the 2."
)
def factor_two_lost(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma / 2, dbeta, count(x)), dgamma, dbeta


@misconception(
    "The derivative of (var + eps) ** -0.5 has the wrong power: it is -0.5 * (var + eps) ** -1.5, not ** -0.5."
)
def power_not_lowered(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return (
        assembled(dy, x_hat, inv_std, gamma, dgamma / inv_std.flatten() ** 2, dbeta, count(x)),
        dgamma,
        dbeta,
    )


@misconception(
    "Your dx has the factor n / (n - 1). It belongs to a forward pass that divides the variance by n - 1; here it is n."
)
def bessel_factor(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    n = count(x)
    return assembled(dy, x_hat, inv_std, gamma, dgamma * n / (n - 1), dbeta, n), dgamma, dbeta


@misconception(
    "Your backward pass belongs to the unbiased variance, torch.var's default. Batch norm divides by n here: pass "
    "correction=0.",
    accept=("dx_2d", "dx_4d", "dgamma", "large_eps"),
)
def unbiased_throughout(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps, correction=1)
    dgamma, dbeta = sums(dy, x_hat)
    n = count(x)
    return assembled(dy, x_hat, inv_std, gamma, dgamma * n / (n - 1), dbeta, n), dgamma, dbeta


@misconception("You compute x_hat with the unbiased variance, torch.var's default. Pass correction=0.")
def unbiased_x_hat(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps, correction=1)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception(
    "You divide by the variance at the end. Divide by the deviation: inv_std = (var + eps) ** -0.5."
)
def variance_for_deviation(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std**2, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception("eps is missing. Add it to the variance inside the square root, in x_hat and in dx.")
def eps_missing(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, 0.0)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception("Your eps is written into the code as 1e-5. Use the argument.")
def eps_hard_coded(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, 1e-5)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception("eps is added after the root. It belongs inside: (var + eps) ** -0.5.")
def eps_outside(dy, x, gamma, eps):
    var, mean = torch.var_mean(x, axes(x), correction=0, keepdim=True)
    inv_std = 1 / (var.sqrt() + eps)
    x_hat = (x - mean) * inv_std
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception(
    "gamma is lined up with the last axis. For a 4-D input that is the width: give gamma the shape (1, C, 1, 1)."
)
def gamma_along_the_width(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    level, slope = wide(dbeta, x) / count(x), wide(dgamma, x) / count(x)
    if gamma.shape[0] != x.shape[-1]:  # it would raise; what it gives for other widths does not matter
        gamma = gamma.mean()
    return gamma * inv_std * (dy - level - x_hat * slope), dgamma, dbeta


@misconception(
    "You take statistics for each example, as layer norm does. Take them for each channel, over all examples."
)
def layer_norm_axes(dy, x, gamma, eps):
    dims = list(range(1, x.dim()))
    var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    x_hat = (x - mean) * (var + eps) ** -0.5
    d = dy * wide(gamma, x)
    dx = (var + eps) ** -0.5 * (
        d - d.mean(dims, keepdim=True) - x_hat * (d * x_hat).mean(dims, keepdim=True)
    )
    return dx, *sums(dy, x_hat)


@misconception(
    "You take statistics for each image and channel, as instance norm does. Average over the examples too."
)
def instance_norm_axes(dy, x, gamma, eps):
    dims = list(range(2, x.dim())) or [0]
    var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
    x_hat = (x - mean) * (var + eps) ** -0.5
    d = dy * wide(gamma, x)
    dx = (var + eps) ** -0.5 * (
        d - d.mean(dims, keepdim=True) - x_hat * (d * x_hat).mean(dims, keepdim=True)
    )
    return dx, *sums(dy, x_hat)


@misconception("Your results are float32 whatever x is. Keep the dtype of x.")
def always_float32(dy, x, gamma, eps):
    dy, x, gamma = dy.float(), x.float(), gamma.float()
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception("You change dy in place. Others may still need it: work on new tensors.")
def dy_changed(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    n = count(x)
    dy -= wide(dbeta, x) / n + x_hat * wide(dgamma, x) / n
    return dy * (wide(gamma, x) * inv_std), dgamma, dbeta


@misconception(
    "You change x in place when you centre it. The forward pass's input is not yours: work on new tensors."
)
def x_changed(dy, x, gamma, eps):
    _, inv_std = normalised(x, eps)
    x -= x.mean(axes(x), keepdim=True)
    x_hat = x * inv_std
    dgamma, dbeta = sums(dy, x_hat)
    return assembled(dy, x_hat, inv_std, gamma, dgamma, dbeta, count(x)), dgamma, dbeta


@misconception(
    "dx is the mean's and the variance's share alone. The direct way through centred is missing: add dx_hat * inv_std."
)
def direct_path_forgotten(dy, x, gamma, eps):
    x_hat, inv_std = normalised(x, eps)
    dgamma, dbeta = sums(dy, x_hat)
    n = count(x)
    return -wide(gamma, x) * inv_std * (wide(dbeta, x) + x_hat * wide(dgamma, x)) / n, dgamma, dbeta


@misconception(
    "You return zeros for dx. Batch norm's output does depend on x, unless a batch has two numbers."
)
def dx_is_zero(dy, x, gamma, eps):
    x_hat, _ = normalised(x, eps)
    return torch.zeros_like(x), *sums(dy, x_hat)
