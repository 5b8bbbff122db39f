"""Ways in which merge_statistics(counts, means, squares) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def weighted(counts, values):
    return (counts[:, None] * values).sum(0) / counts.sum()


@alternative
def within_and_between(counts, means, squares):
    mean = weighted(counts, means)
    within = weighted(counts, (squares - means**2).clamp(min=0))
    return mean, within + weighted(counts, (means - mean) ** 2)


@alternative
def one_worker_after_the_other(counts, means, squares):
    n, mean, square = counts[0].item(), means[0], squares[0]
    for w in range(1, len(counts)):
        more = counts[w].item()
        mean = mean + (means[w] - mean) * more / (n + more)
        square = square + (squares[w] - square) * more / (n + more)
        n += more
    return mean, torch.relu(square - mean * mean)


@alternative
def matrix_product(counts, means, squares):
    weights = counts.to(torch.float64) / counts.sum()
    mean, square = weights @ means.double(), weights @ squares.double()
    return mean.to(means.dtype), (square - mean**2).clamp_min(0).to(means.dtype)


@misconception("You average over the workers as if they had equally many numbers. Weigh each by its count.")
def mean_of_means(counts, means, squares):
    mean = means.mean(0)
    return mean, (squares.mean(0) - mean**2).clamp(min=0)


@misconception("Your mean weighs by counts, but your squares do not. Weigh the squares by counts as well.")
def squares_not_weighted(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (squares.mean(0) - mean**2).clamp(min=0)


@misconception("Your squares weigh by counts, but your mean does not. Weigh the means by counts as well.")
def means_not_weighted(counts, means, squares):
    mean = means.mean(0)
    return mean, (weighted(counts, squares) - mean**2).clamp(min=0)


@misconception(
    "You average the workers' variances, which misses what lies between their means. Merge means and squares first, and "
    "subtract the square of the merged mean."
)
def mean_of_variances(counts, means, squares):
    return weighted(counts, means), weighted(counts, (squares - means**2).clamp(min=0))


@misconception("You return what one worker says of its own numbers. Merge those of all workers.")
def first_worker_alone(counts, means, squares):
    return means[0], (squares[0] - means[0] ** 2).clamp(min=0)


@misconception(
    "You merge the first two workers and leave out the rest. Sum over axis 0, whatever its size."
)
def two_workers_only(counts, means, squares):
    counts, means, squares = counts[:2], means[:2], squares[:2]
    mean = weighted(counts, means)
    return mean, (weighted(counts, squares) - mean**2).clamp(min=0)


@misconception("You return the mean of the squares as the variance. Subtract the square of the mean.")
def mean_square_returned(counts, means, squares):
    return weighted(counts, means), weighted(counts, squares)


@misconception(
    "You subtract the mean, not its square. The variance is the mean of the squares minus mean ** 2."
)
def mean_not_squared(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (weighted(counts, squares) - mean).clamp(min=0)


@misconception(
    "You subtract the squares from the squared mean. It is the other way round: mean of squares minus mean ** 2."
)
def wrong_way_round(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (mean**2 - weighted(counts, squares)).clamp(min=0)


@misconception("You return the deviation. Return the variance, without the square root.")
def deviation_returned(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (weighted(counts, squares) - mean**2).clamp(min=0).sqrt()


@misconception("You add up without dividing by the number of all numbers. Divide by counts.sum().")
def sums_returned(counts, means, squares):
    mean = (counts[:, None] * means).sum(0)
    return mean, ((counts[:, None] * squares).sum(0) - mean**2).clamp(min=0)


@misconception(
    "You divide by the number of workers after weighing by counts. Divide by the number of all numbers, counts.sum()."
)
def divided_by_workers(counts, means, squares):
    mean = (counts[:, None] * means).mean(0)
    return mean, ((counts[:, None] * squares).mean(0) - mean**2).clamp(min=0)


@misconception(
    "Your variance divides by n - 1. Batch norm normalises with the biased one, divided by n.",
    accept=("equal_counts", "unequal_counts", "gradients_flow"),
)
def unbiased(counts, means, squares):
    mean, n = weighted(counts, means), counts.sum()
    return mean, (weighted(counts, squares) - mean**2).clamp(min=0) * n / (n - 1)


@misconception(
    "Rounding makes some of your variances negative, and their root is nan. Set them to 0: var.clamp(min=0)."
)
def below_zero(counts, means, squares):
    weights = (counts / counts.sum())[:, None]
    mean = (weights * means).sum(0)
    return mean, (weights * squares).sum(0) - mean**2


@misconception("Your results carry no gradient. Do not detach them, and do not compute them under no_grad.")
@torch.no_grad()
def without_gradient(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (weighted(counts, squares) - mean**2).clamp(min=0)


@misconception("No gradient flows through the mean inside your variance. Leave it in the graph: no detach.")
def mean_detached(counts, means, squares):
    mean = weighted(counts, means)
    return mean, (weighted(counts, squares) - mean.detach() ** 2).clamp(min=0)


@misconception("You return the variance first. Return (mean, var).")
def results_swapped(counts, means, squares):
    mean = weighted(counts, means)
    return (weighted(counts, squares) - mean**2).clamp(min=0), mean
