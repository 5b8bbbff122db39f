"""Ways in which normalize(x, mean, var, eps) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def shape(x):
    return [1, -1] + [1] * (x.dim() - 2)


@alternative
def reciprocal_square_root(x, mean, var, eps):
    return (x - mean.view(shape(x))) * torch.rsqrt(var.view(shape(x)) + eps)


@alternative
def power_of_minus_half(x, mean, var, eps):
    return (x - mean.view(shape(x))) * (var.view(shape(x)) + eps) ** -0.5


@alternative
def channel_moved_last(x, mean, var, eps):
    return ((x.movedim(1, -1) - mean) / (var + eps).sqrt()).movedim(-1, 1)


@alternative
def one_channel_at_a_time(x, mean, var, eps):
    columns = [(x[:, c] - mean[c]) / (var[c] + eps).sqrt() for c in range(x.shape[1])]
    return torch.stack(columns, dim=1)


@misconception("The square root is missing: you divide by the variance. Divide by torch.sqrt(var + eps).")
def no_square_root(x, mean, var, eps):
    return (x - mean.view(shape(x))) / (var.view(shape(x)) + eps)


@misconception("You add eps after the square root. It belongs inside: torch.sqrt(var + eps).")
def eps_outside_root(x, mean, var, eps):
    return (x - mean.view(shape(x))) / (var.view(shape(x)).sqrt() + eps)


@misconception("Your eps is written into the code as 1e-5. Use the argument eps.")
def eps_hard_coded(x, mean, var, eps):
    return (x - mean.view(shape(x))) / torch.sqrt(var.view(shape(x)) + 1e-5)


@misconception(
    "eps is missing, so a constant channel is divided by 0. Add eps to var inside the square root."
)
def eps_missing(x, mean, var, eps):
    return (x - mean.view(shape(x))) / torch.sqrt(var.view(shape(x)))


@misconception("You square eps. Add eps itself to var, inside the square root.")
def eps_squared(x, mean, var, eps):
    return (x - mean.view(shape(x))) / torch.sqrt(var.view(shape(x)) + eps**2)


@misconception("Brackets are missing: x - mean / root divides only the mean. Write (x - mean) / root.")
def brackets_missing(x, mean, var, eps):
    return x - mean.view(shape(x)) / torch.sqrt(var.view(shape(x)) + eps)


@misconception(
    "Your statistics are lined up with the last axis instead of the channel axis. "
    "Give them the shape (1, C, 1, 1) for 4-D inputs, with view."
)
def last_axis(x, mean, var, eps):
    return (x - mean) / torch.sqrt(var + eps)


@misconception(
    "Your statistics always get four axes, which turns a 2-D batch into a 4-D result. "
    "Give them as many axes as x has."
)
def always_four_axes(x, mean, var, eps):
    return (x - mean.view(1, -1, 1, 1)) / torch.sqrt(var.view(1, -1, 1, 1) + eps)


@misconception("You compute the statistics of x. Use the mean and var that are given.")
def own_statistics(x, mean, var, eps):
    dims = [axis for axis in range(x.dim()) if axis != 1]
    own_var = x.var(dims, keepdim=True, correction=0)
    return (x - x.mean(dims, keepdim=True)) / torch.sqrt(own_var + eps)


@misconception("You keep the variance from falling below eps. Add eps to it instead.")
def clamped(x, mean, var, eps):
    return (x - mean.view(shape(x))) / torch.sqrt(var.view(shape(x)).clamp(min=eps))


@misconception("You treat var as a standard deviation and square it. It is the variance already.")
def var_taken_for_deviation(x, mean, var, eps):
    return (x - mean.view(shape(x))) / torch.sqrt(var.view(shape(x)) ** 2 + eps)


@misconception("You multiply by the square root. Divide by it.")
def multiplied(x, mean, var, eps):
    return (x - mean.view(shape(x))) * torch.sqrt(var.view(shape(x)) + eps)


@misconception("You add the mean. Subtract it.")
def mean_added(x, mean, var, eps):
    return (x + mean.view(shape(x))) / torch.sqrt(var.view(shape(x)) + eps)


@misconception("You divide, but do not subtract the mean first.")
def mean_ignored(x, mean, var, eps):
    return x / torch.sqrt(var.view(shape(x)) + eps)


@misconception(
    "You change x itself, for the caller too. Avoid -=, /= and methods that end in an underscore."
)
def in_place(x, mean, var, eps):
    return x.sub_(mean.view(shape(x))).div_(torch.sqrt(var.view(shape(x)) + eps))
