"""Ways in which dropout(x, p, training) is written, wrong and right."""

import random

import numpy as np
import torch
from autograder.variants import alternative, misconception


def check(p):
    if not 0 <= p <= 1:
        raise ValueError("p must lie between 0 and 1")


def kept(x, p):
    return (torch.rand_like(x) >= p).to(x.dtype)


def over(x, keep):
    """x / keep, and zeros where nothing is kept."""
    return x / keep if keep > 0 else torch.zeros_like(x)


@alternative
def bernoulli(x, p, training):
    check(p)
    if not training:
        return x
    if p == 1:
        return x * 0
    mask = torch.bernoulli(torch.ones_like(x) * (1 - p)).bool()
    return mask * x / (1 - p)


@alternative
def where(x, p, training):
    if p < 0 or p > 1:
        raise ValueError(p)
    if training and p > 0:
        scaled = x / (1 - p) if p < 1 else torch.zeros_like(x)
        return torch.where(torch.rand(x.shape) < p, torch.zeros_like(x), scaled)
    return x.clone()


@alternative
def filled(x, p, training):
    check(p)
    if not training or p == 0:
        return x
    dropped = torch.rand(x.shape, dtype=torch.float64) < p
    return (x * (1 / max(1 - p, 1e-9))).masked_fill(dropped, 0.0)


@alternative
def drawn_in_place(x, p, training):
    check(p)
    if not training:
        return x
    noise = torch.empty_like(x).bernoulli_(1 - p)
    return x * noise.div_(max(1 - p, 1e-12))


@alternative
def keeps_below(x, p, training):
    check(p)
    keep = 1.0 - p
    if not training or keep == 1:
        return x
    factor = (torch.rand(x.numel()) < keep).to(x.dtype).view(x.shape)
    return x * torch.nan_to_num(factor / keep)


@misconception(
    "You hand the work to torch's own dropout. The result is right; the point for writing it out is not earned.",
    flag="delegated_to_torch",
)
def delegated(x, p, training):
    return torch.nn.functional.dropout(x, p, training)


@misconception("The survivors are not scaled. In training divide them by 1 - p.")
def not_scaled(x, p, training):
    check(p)
    return x * kept(x, p) if training else x


@misconception("You divide the survivors by p. Divide them by 1 - p, the probability of being kept.")
def divided_by_p(x, p, training):
    check(p)
    return over(x * kept(x, p), p) if training and 0 < p < 1 else x * (1 - p if training else 1)


@misconception("You multiply the survivors by 1 - p. Divide them by it.")
def multiplied(x, p, training):
    check(p)
    return x * kept(x, p) * (1 - p) if training else x


@misconception(
    "Your p is the probability of being kept. Here it is the probability of being dropped: keep where rand >= p."
)
def p_means_keep(x, p, training):
    check(p)
    if not training:
        return x
    return x * (torch.rand_like(x) < p) / p if p > 0 else torch.zeros_like(x)


@misconception(
    "Your mask is the wrong way round: it keeps with probability p and drops with 1 - p. Keep where rand >= p."
)
def mask_flipped(x, p, training):
    check(p)
    return over(x * (torch.rand_like(x) < p).to(x.dtype), 1 - p) if training else x


@misconception(
    "You scale by 1 - p in evaluation, as the first papers did. PyTorch divides by 1 - p in training, and returns x "
    "in evaluation.",
    accept=("eval_is_identity",),
)
def scaled_at_test_time(x, p, training):
    check(p)
    return x * kept(x, p) if training else x * (1 - p)


@misconception(
    "You scale twice: by 1 / (1 - p) in training and by 1 - p in evaluation. In evaluation return x as it is."
)
def scaled_twice(x, p, training):
    check(p)
    return over(x * kept(x, p), 1 - p) if training else x * (1 - p)


@misconception("You drop in evaluation too. Look at the argument training, and return x where it is False.")
def ignores_training(x, p, training):
    check(p)
    return over(x * kept(x, p), 1 - p)


@misconception(
    "Whether gradients are recorded decides in your code, by torch.is_grad_enabled(). Ask the argument training."
)
def grad_mode_decides(x, p, training):
    check(p)
    return over(x * kept(x, p), 1 - p) if torch.is_grad_enabled() else x


@misconception("Your function never drops anything. In training set each value to 0 with probability p.")
def never_drops(x, p, training):
    check(p)
    return x if not training or p < 1 else torch.zeros_like(x)


@misconception("With p = 1 you divide by zero, and get nan. Return zeros in that case.")
def p_one_is_nan(x, p, training):
    check(p)
    return x * kept(x, p) / torch.tensor(1.0 - p) if training else x


@misconception(
    "With p = 1 you return zeros in evaluation too. Ask first whether it is training, then whether p is 1."
)
def p_one_before_training(x, p, training):
    check(p)
    if p == 1:
        return torch.zeros_like(x)
    return x * kept(x, p) / (1 - p) if training else x


@misconception("You refuse p = 1. It is valid, and gives zeros in training.")
def p_one_refused(x, p, training):
    if not 0 <= p < 1:
        raise ValueError("p must be below 1")
    return x * kept(x, p) / (1 - p) if training else x


@misconception("You throw one coin for each row. Throw one for each value: torch.rand_like(x).")
def whole_rows(x, p, training):
    check(p)
    if not training:
        return x
    coins = torch.rand(x.shape[0], *[1] * (x.dim() - 1)).expand_as(x)
    return over(x * (coins >= p).to(x.dtype), 1 - p)


@misconception(
    "All examples of a batch share their mask. Throw a coin for each value: torch.rand_like(x), not one row of it."
)
def one_mask_for_the_batch(x, p, training):
    check(p)
    if not training:
        return x
    coins = torch.rand(1, *x.shape[1:]) if x.dim() > 1 else torch.rand(x.shape)
    return over(x * (coins >= p).to(x.dtype), 1 - p)


@misconception(
    "You divide by the fraction that happened to be kept. Divide by 1 - p: a value must not depend on the coins of others."
)
def divided_by_what_was_kept(x, p, training):
    check(p)
    if not training:
        return x
    mask = kept(x, p)
    return over(x * mask, mask.mean().item())


@misconception(
    "You drop exactly p * n values, so your coins know of each other. Throw an independent coin for each value."
)
def exact_count(x, p, training):
    check(p)
    if not training:
        return x
    mask = torch.ones(x.numel(), dtype=x.dtype)
    mask[torch.randperm(x.numel())[: int(p * x.numel())]] = 0
    return over(x * mask.view(x.shape), 1 - p)


@misconception(
    "You drop the same number of values in every row. Throw an independent coin for each value instead."
)
def exact_count_in_each_row(x, p, training):
    check(p)
    if not training:
        return x
    order = torch.rand_like(x).argsort(-1).argsort(-1)
    return over(x * (order >= round(p * x.shape[-1])), 1 - p)


@misconception(
    "You compare normal numbers with p: torch.randn is not between 0 and 1. Draw with torch.rand_like(x)."
)
def normal_coins(x, p, training):
    check(p)
    return over(x * (torch.randn_like(x) >= p).to(x.dtype), 1 - p) if training else x


@misconception(
    "You set the seed inside the function, so every call drops the same values. Leave the seed to the caller."
)
def seed_inside(x, p, training):
    check(p)
    if not training:
        return x
    torch.manual_seed(0)
    return over(x * kept(x, p), 1 - p)


@misconception("You draw the mask once and use it again. Draw a new one in every call.")
def mask_kept(x, p, training, masks={}):  # noqa: B006 - that is the mistake
    check(p)
    if not training:
        return x
    if (tuple(x.shape), p) not in masks:
        masks[tuple(x.shape), p] = kept(x, p)
    return over(x * masks[tuple(x.shape), p], 1 - p)


@misconception(
    "Your coins come from NumPy, which torch.manual_seed does not reach. Draw them with torch: torch.rand_like(x)."
)
def numpy_coins(x, p, training):
    check(p)
    if not training:
        return x
    return over(x * torch.from_numpy(np.random.rand(*x.shape) >= p).to(x.dtype), 1 - p)


@misconception(
    "Your coins come from Python's random, which torch.manual_seed does not reach. Draw them with torch: "
    "torch.rand_like(x)."
)
def python_coins(x, p, training):
    check(p)
    if not training:
        return x
    coins = torch.tensor([random.random() for _ in range(x.numel())]).view(x.shape)
    return over(x * (coins >= p).to(x.dtype), 1 - p)


@misconception("You detach x, so no gradient reaches the layers below. Multiply x itself by the mask.")
def detached(x, p, training):
    check(p)
    if not training:
        return x
    return over(x.detach() * kept(x, p), 1 - p).requires_grad_()


@misconception(
    "You compute under torch.no_grad(), so nothing below can learn. Only the mask may stand there."
)
def without_gradient(x, p, training):
    check(p)
    if not training:
        return x
    with torch.no_grad():
        return over(x * kept(x, p), 1 - p)


@misconception(
    "The gradient passes your dropout as if nothing had been dropped. Multiply x by the mask, in the graph."
)
def gradient_unmasked(x, p, training):
    check(p)
    if not training:
        return x
    return x + (over(x * kept(x, p), 1 - p) - x).detach()


@misconception(
    "You drop the values that are smallest in size. Which are dropped must not depend on the values: throw coins."
)
def smallest_dropped(x, p, training):
    check(p)
    if not training:
        return x
    return over(x * (x.abs() >= x.abs().flatten().quantile(p)), 1 - p) if p < 1 else x * 0


@misconception("Negative values are always dropped in your code. They survive as often as positive ones.")
def negatives_dropped(x, p, training):
    check(p)
    return over(torch.relu(x) * kept(x, p), 1 - p) if training else x


@misconception(
    "You change x itself, for the caller too. Avoid x[...] = 0, *= and methods that end in an underscore."
)
def in_place(x, p, training):
    check(p)
    if not training:
        return x
    if x.requires_grad:
        x = x * 1
    x.mul_(kept(x, p)).mul_(0 if p == 1 else 1 / (1 - p))
    return x


@misconception("Your result is float32 whatever x is. Give it the dtype of x.")
def always_float32(x, p, training):
    check(p)
    if not training:
        return x
    return over(x.float() * kept(x.float(), p), 1 - p)


@misconception("You take any p. A p below 0 or above 1 is to raise ValueError.")
def any_p(x, p, training):
    return over(x * kept(x, p), 1 - p) if training else x


@misconception(
    "You look at p in training only. A p below 0 or above 1 is to raise ValueError in evaluation too."
)
def p_checked_in_training(x, p, training):
    if not training:
        return x
    check(p)
    return over(x * kept(x, p), 1 - p)


@misconception("An invalid p raises AssertionError in your code. Raise ValueError instead.")
def p_asserted(x, p, training):
    assert 0 <= p <= 1
    return over(x * kept(x, p), 1 - p) if training else x
