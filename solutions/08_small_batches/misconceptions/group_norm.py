"""Ways in which group_norm(x, num_groups, gamma, beta, eps) is written, wrong and right."""

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception


def lined_up(values, x):
    """values (C,), ready to meet x on axis 1."""
    return values.view([1, -1] + [1] * (x.dim() - 2))


def checked(x, num_groups):
    if x.shape[1] % num_groups:
        raise ValueError("the groups do not fit")
    return x.reshape(len(x), num_groups, -1)


@alternative
def torchs_own(x, num_groups, gamma, beta, eps):
    return F.group_norm(x, num_groups, gamma, beta, eps)


@alternative
def group_by_group(x, num_groups, gamma, beta, eps):
    size = x.shape[1] // num_groups
    assert size * num_groups == x.shape[1]
    parts = []
    for part in x.split(size, dim=1):
        axes = list(range(1, x.dim()))
        var, mean = torch.var_mean(part, axes, correction=0, keepdim=True)
        parts.append((part - mean) * torch.rsqrt(var + eps))
    return torch.cat(parts, 1) * lined_up(gamma, x) + lined_up(beta, x)


@alternative
def as_batch_norm_of_one_example(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    x_hat = F.batch_norm(groups.reshape(1, -1, groups.shape[2]), None, None, training=True, eps=eps)
    return x_hat.reshape(x.shape) * lined_up(gamma, x) + lined_up(beta, x)


@alternative
def by_squares(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    centred = groups - groups.mean(2, keepdim=True)
    x_hat = (centred / ((centred**2).mean(2, keepdim=True) + eps) ** 0.5).view(x.shape)
    return torch.addcmul(lined_up(beta, x), x_hat, lined_up(gamma, x))


@misconception(
    "Your statistics run over the examples too. In group norm every example has its own: average over the group's "
    "channels and positions alone."
)
def over_the_batch_too(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    mean, var = groups.mean((0, 2), keepdim=True), groups.var((0, 2), keepdim=True, correction=0)
    x_hat = ((groups - mean) / torch.sqrt(var + eps)).view(x.shape)
    return lined_up(gamma, x) * x_hat + lined_up(beta, x)


@misconception(
    "Your function is batch norm: it averages each channel over the examples. Group norm averages within one example, "
    "over a group of channels."
)
def batch_norm_instead(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


@misconception(
    "Your groups take channels that lie apart. A group is made of neighbours: with 6 channels in 3 groups, 0 and 1, "
    "2 and 3, 4 and 5."
)
def interleaved(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    n, c = x.shape[:2]
    groups = x.reshape(n, c // num_groups, num_groups, -1).transpose(1, 2)
    mean = groups.mean((2, 3), keepdim=True)
    var = groups.var((2, 3), keepdim=True, correction=0)
    x_hat = ((groups - mean) / torch.sqrt(var + eps)).transpose(1, 2).reshape(x.shape)
    return lined_up(gamma, x) * x_hat + lined_up(beta, x)


@misconception(
    "You add eps to the deviation, outside the root. It belongs to the variance: divide by sqrt(var + eps)."
)
def eps_outside(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    x_hat = (groups - groups.mean(2, keepdim=True)) / (groups.std(2, keepdim=True, correction=0) + eps)
    return lined_up(gamma, x) * x_hat.view(x.shape) + lined_up(beta, x)


@misconception("eps is missing. Divide by sqrt(var + eps), with the eps that your function is given.")
def eps_missing(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    x_hat = (groups - groups.mean(2, keepdim=True)) / groups.std(2, keepdim=True, correction=0)
    return lined_up(gamma, x) * x_hat.view(x.shape) + lined_up(beta, x)


@misconception("Your eps is fixed at 1e-5. Use the eps that your function is given.")
def eps_fixed(x, num_groups, gamma, beta, eps):
    return F.group_norm(x, num_groups, gamma, beta, 1e-5)


@misconception("You divide by the variance. Divide by its square root, sqrt(var + eps).")
def no_square_root(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    x_hat = (groups - groups.mean(2, keepdim=True)) / (groups.var(2, keepdim=True, correction=0) + eps)
    return lined_up(gamma, x) * x_hat.view(x.shape) + lined_up(beta, x)


@misconception(
    "num_groups is not used: all channels of an example share one mean, which is layer norm. Give each group its own."
)
def layer_norm_always(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    return F.group_norm(x, 1, gamma, beta, eps)


@misconception(
    "num_groups is not used: every channel has its own mean, which is instance norm. Let the channels of a group share."
)
def instance_norm_always(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    rows = x.reshape(*x.shape[:2], -1)
    mean, var = rows.mean(2, keepdim=True), rows.var(2, keepdim=True, correction=0)
    x_hat = ((rows - mean) / torch.sqrt(var + eps)).view(x.shape)
    return lined_up(gamma, x) * x_hat + lined_up(beta, x)


@misconception(
    "You take num_groups for the number of channels in a group. It is the number of groups; each has C / num_groups channels."
)
def number_and_size_swapped(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    return F.group_norm(x, x.shape[1] // num_groups, gamma, beta, eps)


@misconception(
    "You give all channels of a group one scale and one shift. gamma and beta belong to channels: apply them after the "
    "reshape back."
)
def affine_per_group(x, num_groups, gamma, beta, eps):
    checked(x, num_groups)
    size = x.shape[1] // num_groups
    gamma, beta = (v.view(num_groups, -1).mean(1).repeat_interleave(size) for v in (gamma, beta))
    return F.group_norm(x, num_groups, gamma, beta, eps)


@misconception("gamma and beta are not used. Return gamma * x_hat + beta, channel by channel.")
def affine_forgotten(x, num_groups, gamma, beta, eps):
    return F.group_norm(x, num_groups, eps=eps)


@misconception("You subtract beta. Add it: gamma * x_hat + beta.")
def beta_subtracted(x, num_groups, gamma, beta, eps):
    return F.group_norm(x, num_groups, gamma, -beta, eps)


@misconception(
    "You average the variances of the single channels. A group's variance also has what lies between its channels' "
    "means: take it over all values of the group at once."
)
def mean_of_variances(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    within = (
        x.reshape(len(x), num_groups, x.shape[1] // num_groups, -1)
        .var(3, correction=0)
        .mean(2, keepdim=True)
    )
    x_hat = ((groups - groups.mean(2, keepdim=True)) / torch.sqrt(within + eps)).view(x.shape)
    return lined_up(gamma, x) * x_hat + lined_up(beta, x)


@misconception(
    "Your variance divides by n - 1, torch.var's default. Normalise with the biased one: pass correction=0.",
    accept=(
        "groups_3_of_6",
        "layer_norm_G1",
        "instance_norm_GC",
        "large_eps",
        "any_number_of_axes",
        "gradient_matches",
    ),
)
def unbiased(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    x_hat = (groups - groups.mean(2, keepdim=True)) / torch.sqrt(groups.var(2, keepdim=True) + eps)
    return lined_up(gamma, x) * x_hat.view(x.shape) + lined_up(beta, x)


@misconception(
    "Four groups of six channels go through without an error, and mix parts of channels. Ask first whether "
    "x.shape[1] can be divided by num_groups."
)
def any_reshape_will_do(x, num_groups, gamma, beta, eps):
    groups = x.reshape(len(x), num_groups, -1)
    x_hat = (groups - groups.mean(2, keepdim=True)) / torch.sqrt(
        groups.var(2, keepdim=True, correction=0) + eps
    )
    return lined_up(gamma, x) * x_hat.view(x.shape) + lined_up(beta, x)


@misconception(
    "torch.chunk makes fewer groups than you asked for where they do not fit, and says nothing. Raise an error if "
    "num_groups does not divide the channels."
)
def chunked(x, num_groups, gamma, beta, eps):
    parts = []
    for part in x.chunk(num_groups, dim=1):
        var, mean = torch.var_mean(part, list(range(1, x.dim())), correction=0, keepdim=True)
        parts.append((part - mean) / torch.sqrt(var + eps))
    return torch.cat(parts, 1) * lined_up(gamma, x) + lined_up(beta, x)


@misconception("Your function takes (N, C, H, W) alone. Let it work for (N, C) and (N, C, L), too.")
def four_axes_only(x, num_groups, gamma, beta, eps):
    n, c, h, w = x.shape
    return F.group_norm(x.view(n, c, h, w), num_groups, gamma, beta, eps)


@misconception(
    "No gradient flows through your mean and variance: they are detached, or taken under no_grad. Leave them in the graph."
)
def detached(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    mean, var = groups.detach().mean(2, keepdim=True), groups.detach().var(2, keepdim=True, correction=0)
    x_hat = ((groups - mean) / torch.sqrt(var + eps)).view(x.shape)
    return lined_up(gamma, x) * x_hat + lined_up(beta, x)


@misconception(
    "Your function changes x itself. Write x - mean into a new tensor instead of working in place, or gradients are lost."
)
def in_place(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    var, mean = torch.var_mean(groups, 2, correction=0, keepdim=True)
    groups.sub_(mean).div_(torch.sqrt(var + eps))
    return lined_up(gamma, x) * groups.view(x.shape) + lined_up(beta, x)


@misconception(
    "The reshape back is missing: your result has the shape (N, G, values of a group). Bring x_hat back to x.shape "
    "before gamma and beta."
)
def left_in_groups(x, num_groups, gamma, beta, eps):
    groups = checked(x, num_groups)
    return (groups - groups.mean(2, keepdim=True)) / torch.sqrt(
        groups.var(2, keepdim=True, correction=0) + eps
    )
