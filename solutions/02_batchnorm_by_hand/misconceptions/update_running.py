"""Ways in which update_running(running_mean, running_var, x, momentum) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


@alternative
def copied_in(running_mean, running_var, x, momentum):
    with torch.no_grad():
        running_mean.copy_((1 - momentum) * running_mean + momentum * x.mean(axes(x)))
        running_var.copy_((1 - momentum) * running_var + momentum * x.var(axes(x)))


@alternative
def interpolated(running_mean, running_var, x, momentum):
    x = x.detach()
    running_mean.lerp_(x.mean(axes(x)), momentum)
    running_var.lerp_(x.var(axes(x)), momentum)


@alternative
def assigned_to_slices(running_mean, running_var, x, momentum):
    columns = x.detach().transpose(0, 1).flatten(1)
    running_mean[:] = running_mean + momentum * (columns.mean(1) - running_mean)
    running_var[:] = running_var + momentum * (columns.var(1) - running_var)


@alternative
def side_effect_of_torch(running_mean, running_var, x, momentum):
    torch.nn.functional.batch_norm(x, running_mean, running_var, training=True, momentum=momentum)


@alternative
def bessel_by_hand(running_mean, running_var, x, momentum):
    n = x[:, 0].numel()
    with torch.no_grad():
        biased = x.var(axes(x), correction=0)
        running_mean.mul_(1 - momentum).add_(momentum * x.mean(axes(x)))
        running_var.mul_(1 - momentum).add_(momentum * biased * n / (n - 1))


@misconception(
    "momentum weighs the old value in your rule. In PyTorch it is the weight of the new batch: "
    "(1 - momentum) * old + momentum * batch.",
    accept=("momentum_1_forgets_and_0_freezes",),
)
@torch.no_grad()
def momentum_swapped(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), 1 - momentum)
    running_var.lerp_(x.var(axes(x)), 1 - momentum)


@misconception(
    "You store the biased variance, divided by n. PyTorch stores the unbiased one, divided by n - 1: "
    "x.var with correction=1.",
    accept=("running_var_unbiased_4d_uses_NHW", "three_steps", "momentum_1_forgets_and_0_freezes"),
)
@torch.no_grad()
def biased_variance(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), momentum)
    running_var.lerp_(x.var(axes(x), correction=0), momentum)


@misconception(
    "momentum weighs the old value in your rule, and you store the biased variance. PyTorch's momentum weighs the "
    "new batch, and it stores the unbiased variance.",
    accept=("running_var_unbiased_4d_uses_NHW", "three_steps", "momentum_1_forgets_and_0_freezes"),
)
@torch.no_grad()
def momentum_swapped_and_biased(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), 1 - momentum)
    running_var.lerp_(x.var(axes(x), correction=0), 1 - momentum)


@misconception("Your correction is upside down. From the biased variance, multiply by n / (n - 1).")
@torch.no_grad()
def correction_inverted(running_mean, running_var, x, momentum):
    n = x[:, 0].numel()
    running_mean.lerp_(x.mean(axes(x)), momentum)
    running_var.lerp_(x.var(axes(x), correction=0) * (n - 1) / n, momentum)


@misconception("Your n counts examples only. It counts all numbers of a channel: N * H * W for 4-D inputs.")
@torch.no_grad()
def n_counts_examples(running_mean, running_var, x, momentum):
    n = x.shape[0]
    running_mean.lerp_(x.mean(axes(x)), momentum)
    running_var.lerp_(x.var(axes(x), correction=0) * n / (n - 1), momentum)


@misconception("You store the standard deviation. Store the variance.")
@torch.no_grad()
def stores_deviation(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), momentum)
    running_var.lerp_(x.std(axes(x)), momentum)


@misconception("The old value does not fade: multiply it by 1 - momentum before you add.")
@torch.no_grad()
def adds_without_fading(running_mean, running_var, x, momentum):
    running_mean.add_(momentum * x.mean(axes(x)))
    running_var.add_(momentum * x.var(axes(x)))


@misconception(
    "You bind the names to new tensors, so the caller's do not change. Work in place, with mul_ and add_."
)
def names_bound_anew(running_mean, running_var, x, momentum):
    running_mean = (1 - momentum) * running_mean + momentum * x.mean(axes(x))
    running_var = (1 - momentum) * running_var + momentum * x.var(axes(x))


@misconception(
    "You measure the variance around the running mean. Measure it around the mean of the batch.",
)
@torch.no_grad()
def around_running_mean(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), momentum)
    centre = running_mean.view([1, -1] + [1] * (x.dim() - 2))
    running_var.lerp_(((x - centre) ** 2).sum(axes(x)) / (x[:, 0].numel() - 1), momentum)


@misconception("Your momentum is written into the code as 0.1. Use the argument.")
@torch.no_grad()
def momentum_hard_coded(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), 0.1)
    running_var.lerp_(x.var(axes(x)), 0.1)


@misconception(
    "The running statistics keep the graph of x. Update them under torch.no_grad(), or from x.detach()."
)
def keeps_graph(running_mean, running_var, x, momentum):
    running_mean.mul_(1 - momentum).add_(momentum * x.mean(axes(x)))
    running_var.mul_(1 - momentum).add_(momentum * x.var(axes(x)))


@misconception("You average the variances of the single images. Take one variance over all of them.")
@torch.no_grad()
def mean_of_variances(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), momentum)
    inner = list(range(2, x.dim()))
    running_var.lerp_(x.var(inner).mean(0) if inner else x.var(0), momentum)


@misconception("You update the running mean only. The running variance moves too.")
@torch.no_grad()
def mean_only(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(axes(x)), momentum)


@misconception("You replace the running statistics by those of the batch. Move them by momentum only.")
@torch.no_grad()
def replaced(running_mean, running_var, x, momentum):
    running_mean.copy_(x.mean(axes(x)))
    running_var.copy_(x.var(axes(x)))


@misconception("You average over axis 0 only. For 4-D inputs the mean runs over axes 0, 2 and 3.")
@torch.no_grad()
def batch_axis_only(running_mean, running_var, x, momentum):
    running_mean.lerp_(x.mean(0), momentum)
    running_var.lerp_(x.var(0), momentum)
