"""Ways in which variance_shift(p, mu, var) is written."""

from autograder.variants import alternative, misconception


@alternative
def as_an_excess(p, mu, var):
    return var / (var / (1 - p) + mu**2 * p / (1 - p))


@alternative
def expanded(p, mu, var):
    return var * (1 - p) / (var + p * mu**2)


@alternative
def by_expectations(p, mu, var):
    keep = 1 - p
    mean = keep * (mu / keep)
    mean_of_squares = keep * (var + mu * mu) / keep**2
    return var / (mean_of_squares - mean * mean)


@misconception(
    "1 - p holds for mean 0 only. Elsewhere a mean that is sometimes dropped adds variance: use mu."
)
def keep_for_all(p, mu, var):
    return 1 - p + 0 * mu * var


@misconception(
    "The ratio is upside down. The variance in evaluation stands above, the one in training below."
)
def upside_down(p, mu, var):
    return ((var + mu**2) / (1 - p) - mu**2) / var


@misconception(
    "The variance in training is the mean of the squares minus the square of the mean; you left out the latter."
)
def mean_not_subtracted(p, mu, var):
    return var / ((var + mu**2) / (1 - p))


@misconception(
    "Survivors are scaled by 1 / (1 - p), but only 1 - p of them are left: the squares grow by 1 / (1 - p) once."
)
def scaled_twice(p, mu, var):
    return var / ((var + mu**2) / (1 - p) ** 2 - mu**2)


@misconception(
    "You divide the variance by (1 - p) squared and forget the mean. Start from the mean of the squares."
)
def only_the_factor(p, mu, var):
    return (1 - p) ** 2 + 0 * mu * var


@misconception("You leave out the scaling of the survivors. In training they are divided by 1 - p.")
def without_rescaling(p, mu, var):
    return var / ((1 - p) * (var + mu**2) - ((1 - p) * mu) ** 2)


@misconception("This is the ratio of deviations. Leave out the square root: variances are asked for.")
def deviations(p, mu, var):
    return (var / ((var + mu**2) / (1 - p) - mu**2)) ** 0.5


@misconception("mu has to be squared in both places.")
def mean_not_squared(p, mu, var):
    return var / ((var + mu) / (1 - p) - mu)


@misconception(
    "You treat p as the probability to keep. It is the probability to drop: survivors are divided by 1 - p."
)
def keep_probability(p, mu, var):
    return var / ((var + mu**2) / p - mu**2)


@misconception("The mean stays mu in training. You scaled it by 1 / (1 - p) as well.")
def mean_scaled_too(p, mu, var):
    return var / ((var + mu**2) / (1 - p) - (mu / (1 - p)) ** 2)


@misconception(
    "What the mean adds to the variance is mu squared times p / (1 - p); you left out the division."
)
def excess_not_divided(p, mu, var):
    return var / (var / (1 - p) + p * mu**2)


@misconception("This is a difference. Divide the variance in evaluation by the one in training.")
def difference(p, mu, var):
    return var - ((var + mu**2) / (1 - p) - mu**2)


@misconception("In evaluation dropout is the identity and the variance is var. You scaled it by 1 - p.")
def scaled_in_evaluation(p, mu, var):
    return (1 - p) * var / ((var + mu**2) / (1 - p) - mu**2)


@misconception("var is a variance already. Do not square it.")
def var_squared(p, mu, var):
    return var**2 / ((var**2 + mu**2) / (1 - p) - mu**2)
