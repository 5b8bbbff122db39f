"""Ways in which batch_norm(x, gamma, beta, running_mean, running_var, training, momentum, eps) is written."""

import torch
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


def wide(values, x):
    return values.view([1, -1] + [1] * (x.dim() - 2))


def finished(x, gamma, beta, mean, var, eps):
    x_hat = (x - wide(mean, x)) / torch.sqrt(wide(var, x) + eps)
    return wide(gamma, x) * x_hat + wide(beta, x)


def moved(running_mean, running_var, x, momentum, correction=1):
    with torch.no_grad():
        running_mean.lerp_(x.mean(axes(x)), momentum)
        running_var.lerp_(x.var(axes(x), correction=correction), momentum)


@alternative
def affine_folded(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    if training:
        var, mean = torch.var_mean(x, axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    else:
        mean, var = running_mean, running_var
    scale = gamma * torch.rsqrt(var + eps)
    return x * wide(scale, x) + wide(beta - mean * scale, x)


@alternative
def variance_from_squares(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        n = x[:, 0].numel()
        mean = x.sum(axes(x)) / n
        var = ((x - wide(mean, x)) ** 2).sum(axes(x)) / n
        running_mean += momentum * (mean.detach() - running_mean)
        running_var += momentum * (var.detach() * n / (n - 1) - running_var)
    return finished(x, gamma, beta, mean, var, eps)


@alternative
def columns(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    flat = x.transpose(0, 1).flatten(1)  # (C, all numbers of a channel)
    mean, var = running_mean, running_var
    if training:
        mean, var = flat.mean(1), flat.var(1, correction=0)
        running_mean.copy_((1 - momentum) * running_mean + momentum * mean.detach())
        running_var.copy_((1 - momentum) * running_var + momentum * flat.detach().var(1))
    flat = gamma[:, None] * (flat - mean[:, None]) / (var[:, None] + eps).sqrt() + beta[:, None]
    return flat.unflatten(1, [x.shape[0], *x.shape[2:]]).transpose(0, 1)


@misconception(
    "You hand the work to torch.nn.functional.batch_norm. The numbers are right; the point for writing it out is not "
    "earned.",
    flag="delegated_to_torch",
)
def delegated(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    return torch.nn.functional.batch_norm(
        x, running_mean, running_var, gamma, beta, training, momentum, eps
    )


@misconception(
    "Whether gradients are recorded decides in your code, by torch.is_grad_enabled(). Ask the argument training instead."
)
def grad_mode_decides(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if torch.is_grad_enabled():
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception(
    "Under no_grad your code evaluates although training is True. Ask the argument training alone.",
)
def training_and_grad_mode(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training and torch.is_grad_enabled():
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("You always normalise with the running statistics. In training use those of the batch.")
def always_running(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean.clone(), running_var.clone()
    if training:
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("You always normalise with the statistics of the batch. In evaluation use the running ones.")
def always_batch(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    if training:
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, x.mean(axes(x)), x.var(axes(x), correction=0), eps)


@misconception(
    "In training you normalise with the running statistics you have just moved. Use those of the batch itself."
)
def freshly_moved(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    if training:
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, running_mean.clone(), running_var.clone(), eps)


@misconception(
    "You normalise with the unbiased variance, torch.var's default. Batch norm divides by n here: pass correction=0.",
    accept=("train_output_2d", "train_output_4d", "eval_flag_not_grad_mode", "gradient_matches"),
)
def unbiased_normalises(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x))
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception(
    "Your two variances have changed places: the biased one (correction=0) normalises, the unbiased one is stored.",
    accept=("train_output_2d", "train_output_4d", "eval_flag_not_grad_mode", "gradient_matches"),
)
def variances_swapped(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x))
        moved(running_mean, running_var, x, momentum, correction=0)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("You store the biased variance. PyTorch stores the unbiased one: x.var with correction=1.")
def biased_stored(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum, correction=0)
    return finished(x, gamma, beta, mean, var, eps)


@misconception(
    "momentum weighs the old value in your update. In PyTorch it weighs the new batch: "
    "(1 - momentum) * old + momentum * batch."
)
def momentum_swapped(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, 1 - momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("Your momentum is written into the code as 0.1. Use the argument.")
def momentum_hard_coded(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, 0.1)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("The running statistics never move. In training, update them in place.")
def never_moves(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("Evaluation changes the running statistics. Update them in training only.")
def moves_in_evaluation(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean.clone(), running_var.clone()
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
    if x[:, 0].numel() > 1:
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("You detach the batch mean. Gradients must flow through it: it depends on x.")
def mean_detached(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)).detach(), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception("You detach the batch statistics. Gradients must flow through both: they depend on x.")
def statistics_detached(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)).detach(), x.var(axes(x), correction=0).detach()
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)


@misconception(
    "The running statistics keep the graph. Update them under torch.no_grad(), or from detached values."
)
def keeps_graph(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        running_mean.mul_(1 - momentum).add_(momentum * mean)
        running_var.mul_(1 - momentum).add_(momentum * x.var(axes(x)))
    return finished(x, gamma, beta, mean, var, eps)


@misconception("eps is missing. Add it to the variance inside the square root.")
def eps_missing(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, 0.0)


@misconception("Your eps is written into the code as 1e-5. Use the argument.")
def eps_hard_coded(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, 1e-5)


@misconception("The square root is missing: you divide by the variance. Divide by torch.sqrt(var + eps).")
def no_square_root(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return wide(gamma, x) * (x - wide(mean, x)) / (wide(var, x) + eps) + wide(beta, x)


@misconception("You subtract beta. Add it.")
def beta_subtracted(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, -beta, mean, var, eps)


@misconception("You do not use gamma. Multiply the normalised values by it.")
def gamma_ignored(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, torch.ones_like(gamma), beta, mean, var, eps)


@misconception("You return the normalised values. Scale them by gamma and shift them by beta.")
def affine_forgotten(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return (x - wide(mean, x)) / torch.sqrt(wide(var, x) + eps)


@misconception(
    "You take one mean for each example, as layer norm does. Take one for each channel, over all examples."
)
def layer_norm_axes(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    if not training:
        return finished(x, gamma, beta, running_mean, running_var, eps)
    moved(running_mean, running_var, x, momentum)
    dims = list(range(1, x.dim()))
    x_hat = (x - x.mean(dims, keepdim=True)) / torch.sqrt(x.var(dims, keepdim=True, correction=0) + eps)
    return wide(gamma, x) * x_hat + wide(beta, x)


@misconception(
    "You take one mean for each image and channel, as instance norm does. Average over the examples too."
)
def instance_norm_axes(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    if not training:
        return finished(x, gamma, beta, running_mean, running_var, eps)
    moved(running_mean, running_var, x, momentum)
    dims = list(range(2, x.dim())) or [0]
    x_hat = (x - x.mean(dims, keepdim=True)) / torch.sqrt(x.var(dims, keepdim=True, correction=0) + eps)
    return wide(gamma, x) * x_hat + wide(beta, x)


@misconception(
    "A batch of one is treated as evaluation, and any other as training. Ask the argument training."
)
def batch_size_decides(x, gamma, beta, running_mean, running_var, training, momentum, eps):
    mean, var = running_mean, running_var
    if x.shape[0] > 1:
        mean, var = x.mean(axes(x)), x.var(axes(x), correction=0)
        moved(running_mean, running_var, x, momentum)
    return finished(x, gamma, beta, mean, var, eps)
