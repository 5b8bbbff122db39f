"""Ways in which dropout2d(x, p, training) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def coins(x, *shape):
    return torch.rand(shape, dtype=x.dtype, device=x.device)


def thinned(x, mask, p):
    return x * mask / (1 - p) if p < 1 else torch.zeros_like(x)


@alternative
def bernoulli(x, p, training):
    if not training:
        return x
    if p == 1:
        return torch.zeros_like(x)
    mask = torch.bernoulli(torch.full((x.shape[0], x.shape[1], 1, 1), 1 - p))
    return mask / (1 - p) * x


@alternative
def one_map_after_the_other(x, p, training):
    if not training:
        return x
    flat = x.flatten(0, 1)  # (N * C, H, W)
    dropped = torch.rand(len(flat)) < p
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return torch.where(dropped[:, None, None], 0.0, flat * scale).view(x.shape)


@alternative
def indexed(x, p, training):
    if not training:
        return x.clone()
    y = x / (1 - p) if p < 1 else x * 0
    y = y * 1
    y[torch.rand(x.shape[:2]) < p] = 0
    return y


@alternative
def by_part_one(x, p, training):
    return x * dropout(torch.ones(x.shape[0], x.shape[1], 1, 1), p, training)  # noqa: F821 - Part 1


@misconception(
    "You hand the work to torch's own dropout. The result is right; the point for writing it out is not earned.",
    flag="delegated_to_torch",
)
def delegated(x, p, training):
    return torch.nn.functional.dropout2d(x, p, training)


@misconception("You drop single values. Drop whole maps: give the mask the shape (N, C, 1, 1).")
def single_values(x, p, training):
    return thinned(x, torch.rand_like(x) >= p, p) if training else x


@misconception(
    "All examples lose the same maps. Throw a coin for each example too: a mask of shape (N, C, 1, 1)."
)
def same_for_the_batch(x, p, training):
    return thinned(x, coins(x, 1, x.shape[1], 1, 1) >= p, p) if training else x


@misconception(
    "All maps of an example are dropped together. Throw a coin for each channel too: a mask of shape (N, C, 1, 1)."
)
def whole_examples(x, p, training):
    return thinned(x, coins(x, x.shape[0], 1, 1, 1) >= p, p) if training else x


@misconception(
    "You drop positions, in all maps at once. Drop maps, at all positions: a mask of shape (N, C, 1, 1)."
)
def positions(x, p, training):
    return thinned(x, coins(x, x.shape[0], 1, *x.shape[2:]) >= p, p) if training else x


@misconception("You drop single rows of a map. Drop the whole map: a mask of shape (N, C, 1, 1).")
def rows_of_maps(x, p, training):
    return thinned(x, coins(x, *x.shape[:3], 1) >= p, p) if training else x


@misconception(
    "You drop the same number of maps in every example. Throw an independent coin for each map instead."
)
def exact_count(x, p, training):
    order = torch.rand(x.shape[:2]).argsort(1).argsort(1)
    return thinned(x, (order >= round(p * x.shape[1]))[:, :, None, None], p) if training else x


@misconception(
    "Your p is the probability of being kept. Here it is the probability of being dropped: keep where rand >= p."
)
def p_means_keep(x, p, training):
    return x * (coins(x, *x.shape[:2], 1, 1) < p) / p if training else x


@misconception(
    "Your mask is the wrong way round: it keeps with probability p and drops with 1 - p. Keep where rand >= p."
)
def mask_flipped(x, p, training):
    return thinned(x, coins(x, *x.shape[:2], 1, 1) < p, p) if training else x


@misconception("The surviving maps are not scaled. In training divide them by 1 - p.")
def not_scaled(x, p, training):
    return x * (coins(x, *x.shape[:2], 1, 1) >= p) if training else x


@misconception("You divide the surviving maps by p. Divide them by 1 - p, the probability of being kept.")
def divided_by_p(x, p, training):
    return x * (coins(x, *x.shape[:2], 1, 1) >= p) / p if training else x


@misconception(
    "You scale by 1 - p in evaluation, as the first papers did. PyTorch divides by 1 - p in training, and returns x "
    "in evaluation.",
    accept=("eval_identity",),
)
def scaled_at_test_time(x, p, training):
    return x * (coins(x, *x.shape[:2], 1, 1) >= p) if training else x * (1 - p)


@misconception(
    "You scale twice: by 1 / (1 - p) in training and by 1 - p in evaluation. In evaluation return x as it is."
)
def scaled_twice(x, p, training):
    return thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p) if training else x * (1 - p)


@misconception("You drop in evaluation too. Look at the argument training, and return x where it is False.")
def ignores_training(x, p, training):
    return thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p)


@misconception(
    "Whether gradients are recorded decides in your code, by torch.is_grad_enabled(). Ask the argument training."
)
def grad_mode_decides(x, p, training):
    return thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p) if torch.is_grad_enabled() else x


@misconception("With p = 1 you divide by zero, and get nan. Return zeros in that case.")
def p_one_is_nan(x, p, training):
    return x * (coins(x, *x.shape[:2], 1, 1) >= p) / torch.tensor(1.0 - p) if training else x


@misconception(
    "With p = 1 you return zeros in evaluation too. Ask first whether it is training, then whether p is 1."
)
def p_one_before_training(x, p, training):
    if p == 1:
        return torch.zeros_like(x)
    return thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p) if training else x


@misconception(
    "You set the seed inside the function, so every call drops the same maps. Leave the seed to the caller."
)
def seed_inside(x, p, training):
    if not training:
        return x
    torch.manual_seed(0)
    return thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p)


@misconception("You draw the mask once and use it again. Draw a new one in every call.")
def mask_kept(x, p, training, masks={}):  # noqa: B006 - that is the mistake
    if not training:
        return x
    if (x.shape[:2], p) not in masks:
        masks[x.shape[:2], p] = coins(x, *x.shape[:2], 1, 1) >= p
    return thinned(x, masks[x.shape[:2], p], p)


@misconception("You detach x, so no gradient reaches the layers below. Multiply x itself by the mask.")
def detached(x, p, training):
    return thinned(x.detach(), coins(x, *x.shape[:2], 1, 1) >= p, p) if training else x


@misconception(
    "The gradient passes your dropout as if nothing had been dropped. Multiply x by the mask, in the graph."
)
def gradient_unmasked(x, p, training):
    if not training:
        return x
    return x + (thinned(x, coins(x, *x.shape[:2], 1, 1) >= p, p) - x).detach()
