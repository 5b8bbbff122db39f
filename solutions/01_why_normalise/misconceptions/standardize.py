"""Ways in which standardize(x, dim) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def mean_std(x, dim):
    return x.mean(dim, keepdim=True), x.std(dim, keepdim=True, correction=0)


def without_zeros(std):
    return torch.where(std == 0, torch.ones_like(std), std)


@alternative
def by_torch_std_mean(x, dim):
    std, mean = torch.std_mean(x, dim, correction=0, keepdim=True)
    return (x - mean) / std.masked_fill(std == 0, 1.0)


@alternative
def written_out(x, dim):
    centred = x - x.mean(dim, keepdim=True)
    std = (centred**2).mean(dim, keepdim=True).sqrt()
    return centred / without_zeros(std)


@alternative
def constant_where_ends_are_equal(x, dim):
    mean, std = mean_std(x, dim)
    constant = x.amax(dim, keepdim=True) == x.amin(dim, keepdim=True)
    return torch.where(constant, torch.zeros_like(x), (x - mean) / std)


@alternative
def tiniest_number_added(x, dim):
    mean, std = mean_std(x, dim)
    return (x - mean) / (std + torch.finfo(x.dtype).tiny)


@misconception(
    "Your standard deviation divides by n - 1, torch.std's default. Divide by n: pass correction=0.",
    accept=("values_dim_0", "uses_the_given_dim", "several_axes", "square_trap", "unit_does_not_matter"),
)
def unbiased(x, dim):
    return (x - x.mean(dim, keepdim=True)) / without_zeros(x.std(dim, keepdim=True))


@misconception("You always work along axis 0. Use the axis that is given as dim.")
def always_axis_0(x, dim):
    mean, std = mean_std(x, 0)
    return (x - mean) / without_zeros(std)


@misconception("You always work along the last axis. Use the axis that is given as dim.")
def always_last_axis(x, dim):
    mean, std = mean_std(x, -1)
    return (x - mean) / without_zeros(std)


@misconception("You use one mean and one deviation for the whole tensor. Take them along dim only.")
def whole_tensor(x, dim):
    return (x - x.mean()) / without_zeros(x.std(correction=0))


@misconception("You average over all axes except dim. The mean runs along dim itself.")
def all_other_axes(x, dim):
    kept = [axis % x.dim() for axis in ([dim] if isinstance(dim, int) else dim)]
    mean, std = mean_std(x, [axis for axis in range(x.dim()) if axis not in kept])
    return (x - mean) / without_zeros(std)


@misconception(
    "Your mean and deviation lose the axis dim and are lined up with another one. Keep it with keepdim=True."
)
def keepdim_forgotten(x, dim):
    return (x - x.mean(dim)) / without_zeros(x.std(dim, correction=0))


@misconception(
    "You keep the axis dim only where the shapes fail to fit. They can also fit by accident, in a square table: "
    "always use keepdim=True."
)
def keepdim_after_an_error(x, dim):
    try:
        return (x - x.mean(dim)) / without_zeros(x.std(dim, correction=0))
    except RuntimeError:
        mean, std = mean_std(x, dim)
        return (x - mean) / without_zeros(std)


@misconception(
    "A negative axis, counted from the end, is not understood. x.mean(dim) takes it as it is given."
)
def negative_axis_not_found(x, dim):
    wanted = (dim,) if isinstance(dim, int) else dim
    mean, std = mean_std(x, [axis for axis in range(x.dim()) if axis in wanted])
    return (x - mean) / without_zeros(std)


@misconception("You divide by the variance. Divide by its square root, the standard deviation.")
def by_variance(x, dim):
    mean, std = mean_std(x, dim)
    return (x - mean) / without_zeros(std) ** 2


@misconception("You divide, but do not subtract the mean first.")
def not_centred(x, dim):
    _, std = mean_std(x, dim)
    return x / without_zeros(std)


@misconception("You subtract the mean, but do not divide by the standard deviation.")
def not_scaled(x, dim):
    mean, _ = mean_std(x, dim)
    return x - mean


@misconception("Brackets are missing: x - mean / std divides only the mean. Write (x - mean) / std.")
def brackets_missing(x, dim):
    mean, std = mean_std(x, dim)
    return x - mean / without_zeros(std)


@misconception("A constant feature is divided by 0. Where the standard deviation is 0, divide by 1.")
def zero_division(x, dim):
    mean, std = mean_std(x, dim)
    return (x - mean) / std


@misconception("A constant feature stays as it is. It should become zeros: subtract the mean there too.")
def constant_left_alone(x, dim):
    mean, std = mean_std(x, dim)
    return torch.where(std == 0, x, (x - mean) / std)


@misconception(
    "You add a fixed small number to the variance, which spoils features in small units. "
    "Replace the deviation only where it is exactly 0."
)
def eps_inside_root(x, dim):
    var = x.var(dim, keepdim=True, correction=0)
    return (x - x.mean(dim, keepdim=True)) / torch.sqrt(var + 1e-5)


@misconception(
    "You add a fixed small number to the deviation, which spoils features in small units. "
    "Replace the deviation only where it is exactly 0."
)
def eps_added(x, dim):
    mean, std = mean_std(x, dim)
    return (x - mean) / (std + 1e-7)


@misconception(
    "You keep the deviation from falling below a fixed number, which spoils features in small units. "
    "Replace it only where it is exactly 0."
)
def clamped(x, dim):
    mean, std = mean_std(x, dim)
    return (x - mean) / std.clamp(min=1e-3)


@misconception(
    "You standardise along one axis after the other. With several axes, all numbers along them share one mean."
)
def one_axis_after_the_other(x, dim):
    for axis in [dim] if isinstance(dim, int) else dim:
        mean, std = mean_std(x, axis)
        x = (x - mean) / without_zeros(std)
    return x


@misconception("You use only the first of several axes. All numbers along all of them share one mean.")
def first_of_the_axes(x, dim):
    mean, std = mean_std(x, dim if isinstance(dim, int) else dim[0])
    return (x - mean) / without_zeros(std)


@misconception("With several axes you average the deviations of single rows. Take one over all numbers.")
def mean_of_deviations(x, dim):
    axes = [dim] if isinstance(dim, int) else list(dim)
    std = x.std(axes[-1], keepdim=True, correction=0)
    if axes[:-1]:
        std = std.mean(axes[:-1], keepdim=True)
    return (x - x.mean(axes, keepdim=True)) / without_zeros(std)


@misconception(
    "You stretch to the range from 0 to 1. Subtract the mean and divide by the standard deviation."
)
def smallest_to_largest(x, dim):
    low, high = x.amin(dim, keepdim=True), x.amax(dim, keepdim=True)
    return (x - low) / without_zeros(high - low)


@misconception(
    "You divide by the mean distance from the mean. Divide by the root of the mean squared distance."
)
def absolute_deviation(x, dim):
    centred = x - x.mean(dim, keepdim=True)
    return centred / without_zeros(centred.abs().mean(dim, keepdim=True))


@misconception(
    "You change x itself, for the caller too. Avoid -=, /= and methods that end in an underscore."
)
def in_place(x, dim):
    mean, std = mean_std(x, dim)
    return x.sub_(mean).div_(without_zeros(std))
