"""Ways in which scale_shift(x_hat, gamma, beta) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def shaped(x_hat, gamma, beta):
    shape = [1, -1] + [1] * (x_hat.dim() - 2)
    return gamma.view(shape), beta.view(shape)


@alternative
def fused(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return torch.addcmul(b, g, x_hat)


@alternative
def channel_moved_last(x_hat, gamma, beta):
    return (x_hat.movedim(1, -1) * gamma + beta).movedim(-1, 1)


@alternative
def one_channel_at_a_time(x_hat, gamma, beta):
    return torch.stack([gamma[c] * x_hat[:, c] + beta[c] for c in range(x_hat.shape[1])], dim=1)


@misconception("You subtract beta. Add it: gamma * x_hat + beta.", accept=("C_equals_W_trap",))
def beta_subtracted(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return g * x_hat - b


@misconception("You do not use gamma. Multiply x_hat by it.", accept=("C_equals_W_trap",))
def gamma_ignored(x_hat, gamma, beta):
    return x_hat + shaped(x_hat, gamma, beta)[1]


@misconception("You do not use beta. Add it after scaling.", accept=("C_equals_W_trap",))
def beta_ignored(x_hat, gamma, beta):
    return shaped(x_hat, gamma, beta)[0] * x_hat


@misconception(
    "You scale beta too. Scale first, then add beta: gamma * x_hat + beta.", accept=("C_equals_W_trap",)
)
def shifted_before_scaling(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return g * (x_hat + b)


@misconception(
    "gamma and beta have changed places: gamma scales, beta shifts.", accept=("C_equals_W_trap",)
)
def swapped(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return b * x_hat + g


@misconception("You divide by gamma. Multiply by it.", accept=("C_equals_W_trap",))
def divided(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return x_hat / g + b


@misconception(
    "You scale by 1 + gamma, as some networks do whose gamma starts at 0. Here gamma starts at 1: multiply by gamma.",
    accept=("C_equals_W_trap",),
)
def one_plus_gamma(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return (1 + g) * x_hat + b


@misconception(
    "gamma and beta are lined up with the last axis instead of the channel axis. "
    "Give them the shape (1, C, 1, 1) for 4-D inputs, with view."
)
def last_axis(x_hat, gamma, beta):
    return gamma * x_hat + beta


@misconception(
    "gamma and beta always get four axes, which turns a 2-D batch into a 4-D result. Give them as many axes as x_hat has."
)
def always_four_axes(x_hat, gamma, beta):
    return gamma.view(1, -1, 1, 1) * x_hat + beta.view(1, -1, 1, 1)


@misconception("You detach x_hat, so no gradient reaches the layers below. Leave it in the graph.")
def x_hat_detached(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return g * x_hat.detach() + b


@misconception(
    "You use gamma.data, which no gradient reaches, so gamma would never learn. Use gamma itself."
)
def gamma_data(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return g.data * x_hat + b


@misconception("You compute under no_grad, so nothing can learn. Remove it.")
def without_gradient(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    with torch.no_grad():
        return g * x_hat + b


@misconception("You change x_hat itself. Avoid *=, += and methods that end in an underscore.")
def in_place(x_hat, gamma, beta):
    g, b = shaped(x_hat, gamma, beta)
    return x_hat.mul_(g).add_(b)
