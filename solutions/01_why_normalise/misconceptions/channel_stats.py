"""Ways in which channel_stats(x) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


@alternative
def axes_kept(x):
    return x.mean(axes(x), keepdim=True), x.var(axes(x), keepdim=True, correction=0)


@alternative
def channel_in_front(x):
    columns = x.transpose(0, 1).flatten(1)  # (C, all numbers of the channel)
    return columns.mean(1), columns.var(1, correction=0)


@alternative
def var_mean_turned(x):
    var, mean = torch.var_mean(x, axes(x), correction=0)
    return mean, var


@alternative
def squared_differences(x):
    mean = x.mean(axes(x), keepdim=True)
    return mean.flatten(), ((x - mean) ** 2).mean(axes(x))


@alternative
def one_channel_at_a_time(x):
    channels = [x[:, c] for c in range(x.shape[1])]
    return torch.stack([c.mean() for c in channels]), torch.stack([c.var(correction=0) for c in channels])


@misconception(
    "Your variance divides by n - 1, torch.var's default. Batch norm divides by n: pass correction=0.",
    accept=(
        "values_2d",
        "values_3d",
        "values_4d",
        "large_mean_float32",
        "gradient_flows_through_stats",
        "channels_last",
    ),
)
def unbiased(x):
    return x.mean(axes(x)), x.var(axes(x))


@misconception(
    "You take one mean per example and channel. All examples of a channel share one mean: average axis 0 too."
)
def per_example_and_channel(x):
    dims = tuple(range(2, x.dim())) or (0,)
    return x.mean(dims), x.var(dims, correction=0)


@misconception(
    "You average over the examples only. For (N, C, H, W) the positions count too: axes 0, 2 and 3."
)
def batch_axis_only(x):
    return x.mean(0), x.var(0, correction=0)


@misconception("You take one mean per example. Take one per channel: average all axes except axis 1.")
def per_example(x):
    dims = tuple(range(1, x.dim()))
    return x.mean(dims), x.var(dims, correction=0)


@misconception("You take the last axis for the channel. In PyTorch the channel is axis 1.")
def channel_expected_last(x):
    dims = tuple(range(x.dim() - 1))
    return x.mean(dims), x.var(dims, correction=0)


@misconception("You take one mean over everything. Take one per channel: leave axis 1 out of the average.")
def one_for_all(x):
    return x.mean(), x.var(correction=0)


@misconception("Your axes are written as 0, 2 and 3, which only a 4-D input has. Build them from x.dim().")
def four_axes_only(x):
    return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)


@misconception(
    "Inputs (N, C, L) are left out: they have axes 0 and 2 to average. Build the axes from x.dim()."
)
def three_axes_forgotten(x):
    dims = (0, 2, 3) if x.dim() == 4 else (0,)
    return x.mean(dims), x.var(dims, correction=0)


@misconception(
    "The mean of the squares minus the square of the mean loses all digits where the mean is large. "
    "Average the squared differences from the mean, or use x.var."
)
def difference_of_squares(x):
    mean = x.mean(axes(x))
    return mean, (x**2).mean(axes(x)) - mean**2


@misconception("Your second result is the mean of the squares. Subtract the mean before you square.")
def second_moment(x):
    return x.mean(axes(x)), (x**2).mean(axes(x))


@misconception("You return the standard deviation. Return the variance, without the root.")
def standard_deviation(x):
    return x.mean(axes(x)), x.std(axes(x), correction=0)


@misconception("You return the variance first. Return (mean, var); torch.var_mean has the other order.")
def swapped(x):
    return torch.var_mean(x, axes(x), correction=0)


@misconception(
    "You average the variances of the single images. Take one variance over all numbers of a channel."
)
def mean_of_variances(x):
    inner = tuple(range(2, x.dim()))
    var = x.var(inner, correction=0).mean(0) if inner else x.var(0, correction=0)
    return x.mean(axes(x)), var


@misconception("You take the variance of the images' means. Take it over all numbers of a channel.")
def variance_of_means(x):
    inner = tuple(range(2, x.dim()))
    means = x.mean(inner) if inner else x
    return means.mean(0), means.var(0, correction=0)


@misconception(
    "You divide the sum of squares by the number of examples. Divide by the count of all numbers in a channel."
)
def divided_by_examples(x):
    mean = x.mean(axes(x), keepdim=True)
    return mean.flatten(), ((x - mean) ** 2).sum(axes(x)) / x.shape[0]


@misconception("You do not divide the sum of squares. Divide it by the count of numbers in a channel.")
def sum_of_squares(x):
    mean = x.mean(axes(x), keepdim=True)
    return mean.flatten(), ((x - mean) ** 2).sum(axes(x))


@misconception(
    "Reshaping to (C, -1) mixes the channels. Bring the channel to the front first, with transpose(0, 1)."
)
def reshaped_without_transpose(x):
    rows = x.reshape(x.shape[1], -1)
    return rows.mean(1), rows.var(1, correction=0)


@misconception(
    "You add a small number to the variance. That belongs to normalising; return the variance as it is."
)
def eps_added(x):
    return x.mean(axes(x)), x.var(axes(x), correction=0) + 1e-5


@misconception(
    "Your statistics are cut off from x: no gradient flows. Leave out torch.no_grad() and detach()."
)
def without_gradient(x):
    with torch.no_grad():
        return x.mean(axes(x)), x.var(axes(x), correction=0)


@misconception("The gradient flows through the variance only. Do not detach the mean.")
def mean_detached(x):
    return x.mean(axes(x)).detach(), x.var(axes(x), correction=0)


@misconception("The gradient flows through the mean only. Do not detach the variance.")
def variance_detached(x):
    return x.mean(axes(x)), x.var(axes(x), correction=0).detach()


@misconception("You turn everything into single precision. Keep the dtype of x.")
def single_precision(x):
    x = x.float()
    return x.mean(axes(x)), x.var(axes(x), correction=0)


@misconception("You turn everything into double precision. Keep the dtype of x.")
def double_precision(x):
    x = x.double()
    return x.mean(axes(x)), x.var(axes(x), correction=0)


@misconception(
    "view needs the numbers in one order in memory and fails for others. Use reshape or flatten."
)
def view_used(x):
    flat = x.view(x.shape[0], x.shape[1], -1)
    return flat.mean((0, 2)), flat.var((0, 2), correction=0)


@misconception(
    "view needs the numbers in one order in memory and fails for others. Use reshape or flatten."
)
def view_over_examples_and_channels(x):
    maps = x.view(x.shape[0] * x.shape[1], -1)
    mean = maps.mean(1).reshape(x.shape[:2]).mean(0)
    squares = (maps - mean.repeat(x.shape[0])[:, None]) ** 2
    return mean, squares.mean(1).reshape(x.shape[:2]).mean(0)


@misconception("You subtract the mean from x itself, for the caller too. Write x - mean, not x -= mean.")
def centred_in_place(x):
    mean = x.mean(axes(x), keepdim=True).clone()
    x.data -= mean.detach()
    return mean.flatten(), ((x + mean.detach() - mean) ** 2).mean(axes(x))


@misconception("You refuse a channel with a single number. Its variance is 0.")
def refuses_one_number(x):
    if x[:, 0].numel() == 1:
        raise ValueError("more than one value per channel is needed")
    return x.mean(axes(x)), x.var(axes(x), correction=0)
