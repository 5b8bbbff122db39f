"""Ways in which the class BatchNorm(num_features, eps=1e-5, momentum=0.1, affine=True) is written."""

import torch
import torch.nn as nn
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


def wide(values, x):
    return values.view([1, -1] + [1] * (x.dim() - 2))


class Right(nn.Module):
    """All as it should be, in pieces: each misconception below puts its mistake in the place of one of them."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.make_affine(num_features, affine)
        self.make_running(num_features)
        self.make_counter()

    def make_affine(self, num_features, affine):
        self.register_parameter("weight", nn.Parameter(torch.ones(num_features)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(num_features)) if affine else None)

    def make_running(self, num_features):
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def make_counter(self):
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def trains(self, x):
        return self.training

    def reject(self, x):
        if x[:, 0].numel() == 1:
            raise ValueError("one value per channel")

    def statistics(self, x):
        return x.mean(axes(x)), x.var(axes(x), correction=0)

    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
            self.running_var.lerp_(x.var(axes(x)), self.momentum)

    def count(self):
        self.num_batches_tracked += 1

    def x_hat(self, x, mean, var):
        return (x - wide(mean, x)) / torch.sqrt(wide(var, x) + self.eps)

    def scaled(self, x_hat):
        return x_hat if self.weight is None else wide(self.weight, x_hat) * x_hat + wide(self.bias, x_hat)

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.trains(x):
            self.reject(x)
            mean, var = self.statistics(x)
            self.move(x)
            self.count()
        return self.scaled(self.x_hat(x, mean, var))

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"


@alternative
class Assigned(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, x):
        flat = x.transpose(0, 1).flatten(1)  # (C, all numbers of a channel)
        if self.training:
            if flat.shape[1] < 2:
                raise ValueError("too few values")
            var, mean = torch.var_mean(flat, 1, correction=0)
            seen = flat.detach()
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * seen.mean(1)
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * seen.var(1)
            self.num_batches_tracked = self.num_batches_tracked + 1
        else:
            mean, var = self.running_mean, self.running_var
        y = (flat - mean[:, None]) * torch.rsqrt(var[:, None] + self.eps)
        if self.affine:
            y = y * self.weight[:, None] + self.bias[:, None]
        return y.unflatten(1, [x.shape[0], *x.shape[2:]]).transpose(0, 1)

    def __repr__(self):
        return f"Norm({self.num_features}, {self.eps}, {self.momentum}, {self.affine})"


@alternative
class Folded(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__()
        self.eps, self.momentum, self.settings = eps, momentum, (num_features, eps, momentum, affine)
        if affine:
            self.weight = nn.Parameter(torch.ones(num_features))
            self.bias = nn.Parameter(torch.zeros(num_features))
        else:
            self.register_parameter("weight", None)
            self.register_parameter("bias", None)
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        shape = (1, -1) + (1,) * (x.dim() - 2)
        if self.training:
            n = x.numel() // x.shape[1]
            if n == 1:
                raise ValueError("a batch of one")
            mean = x.sum(axes(x)) / n
            var = ((x - mean.view(shape)) ** 2).sum(axes(x)) / n
            with torch.no_grad():
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var * n / (n - 1) - self.running_var)
                self.num_batches_tracked += 1
        else:
            mean, var = self.running_mean, self.running_var
        scale = (var + self.eps) ** -0.5
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        return x * scale.view(shape) + shift.view(shape)

    def extra_repr(self):
        return "num_features={}, eps={}, momentum={}, affine={}".format(*self.settings)


@alternative
class GivenFunctions(Right):
    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            if x.numel() == x.shape[1]:
                raise ValueError("one value per channel")
            mean, var = channel_stats(x)  # noqa: F821 - given in the notebook
            update_running(self.running_mean, self.running_var, x, self.momentum)  # noqa: F821
            self.num_batches_tracked.add_(1)
        x_hat = normalize(x, mean, var, self.eps)  # noqa: F821
        return scale_shift(x_hat, self.weight, self.bias) if self.affine else x_hat  # noqa: F821


# What it holds


@misconception(
    "Your running statistics are plain attributes: they are not saved, and do not follow .to(device). "
    "Use register_buffer."
)
class PlainRunning(Right):
    def make_running(self, num_features):
        self.running_mean = torch.zeros(num_features)
        self.running_var = torch.ones(num_features)


@misconception(
    "Your running statistics are plain attributes that forward carries to the device of x; they are still not saved. "
    "Use register_buffer."
)
class CarriedByForward(Right):
    def make_running(self, num_features):
        self.running_mean = torch.zeros(num_features)
        self.running_var = torch.ones(num_features)

    def forward(self, x):
        self.running_mean, self.running_var = self.running_mean.to(x), self.running_var.to(x)
        return super().forward(x)


@misconception("Your buffers are made with persistent=False, so they are not saved. Leave that out.")
class NotPersistent(Right):
    def make_running(self, num_features):
        self.register_buffer("running_mean", torch.zeros(num_features), persistent=False)
        self.register_buffer("running_var", torch.ones(num_features), persistent=False)


@misconception(
    "Your running statistics are parameters with requires_grad=False. The optimizer does not change them, the layer "
    "does: use register_buffer."
)
class RunningAsFrozenParameters(Right):
    def make_running(self, num_features):
        self.running_mean = nn.Parameter(torch.zeros(num_features), requires_grad=False)
        self.running_var = nn.Parameter(torch.ones(num_features), requires_grad=False)


@misconception(
    "Your running statistics are trainable parameters. Nothing is learned there: use register_buffer."
)
class RunningAsParameters(Right):
    def make_running(self, num_features):
        self.running_mean = nn.Parameter(torch.zeros(num_features))
        self.running_var = nn.Parameter(torch.ones(num_features))


@misconception(
    "gamma and beta are plain tensors with requires_grad=True: no optimizer finds them, and they are not saved. "
    "Wrap them in nn.Parameter."
)
class PlainAffine(Right):
    def make_affine(self, num_features, affine):
        self.weight = torch.ones(num_features, requires_grad=True) if affine else None
        self.bias = torch.zeros(num_features, requires_grad=True) if affine else None


@misconception("gamma and beta are buffers, so they are never trained. Wrap them in nn.Parameter.")
class AffineAsBuffers(Right):
    def make_affine(self, num_features, affine):
        self.register_buffer("weight", torch.ones(num_features) if affine else None)
        self.register_buffer("bias", torch.zeros(num_features) if affine else None)


@misconception("gamma and beta have requires_grad=False, so they are never trained. Leave that out.")
class AffineFrozen(Right):
    def make_affine(self, num_features, affine):
        self.weight = nn.Parameter(torch.ones(num_features), requires_grad=False) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features), requires_grad=False) if affine else None


@misconception(
    "Your names differ from PyTorch's, so its checkpoints do not fit. Call them weight, bias, running_mean, "
    "running_var and num_batches_tracked."
)
class OtherNames(Right):
    def make_affine(self, num_features, affine):
        self.gamma = nn.Parameter(torch.ones(num_features)) if affine else None
        self.beta = nn.Parameter(torch.zeros(num_features)) if affine else None

    def make_running(self, num_features):
        self.register_buffer("moving_mean", torch.zeros(num_features))
        self.register_buffer("moving_var", torch.ones(num_features))

    def scaled(self, x_hat):
        return x_hat if self.gamma is None else wide(self.gamma, x_hat) * x_hat + wide(self.beta, x_hat)

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            self.reject(x)
            mean, var = self.statistics(x)
            with torch.no_grad():
                self.moving_mean.lerp_(x.mean(axes(x)), self.momentum)
                self.moving_var.lerp_(x.var(axes(x)), self.momentum)
        return self.scaled(self.x_hat(x, mean, var))


@misconception(
    "Your tensors have the shape (1, C, 1, 1). PyTorch's have the shape (C,): keep that, and use view in forward."
)
class ShapedForMaps(Right):
    def make_affine(self, num_features, affine):
        self.weight = nn.Parameter(torch.ones(1, num_features, 1, 1)) if affine else None
        self.bias = nn.Parameter(torch.zeros(1, num_features, 1, 1)) if affine else None

    def make_running(self, num_features):
        self.register_buffer("running_mean", torch.zeros(1, num_features, 1, 1))
        self.register_buffer("running_var", torch.ones(1, num_features, 1, 1))

    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)).view_as(self.running_mean), self.momentum)
            self.running_var.lerp_(x.var(axes(x)).view_as(self.running_var), self.momentum)


@misconception(
    "The counter num_batches_tracked is missing; PyTorch's checkpoints contain it. Register it as a buffer."
)
class NoCounter(Right):
    def make_counter(self):
        pass

    def count(self):
        pass


@misconception(
    "num_batches_tracked is a plain Python number, so it is not saved. Register torch.tensor(0) as a buffer."
)
class CounterIsPlain(Right):
    def make_counter(self):
        self.num_batches_tracked = 0


@misconception("num_batches_tracked has an axis of its own. It is a single number: torch.tensor(0).")
class CounterHasAnAxis(Right):
    def make_counter(self):
        self.register_buffer("num_batches_tracked", torch.zeros(1, dtype=torch.int64))


@misconception(
    "num_batches_tracked is a floating-point number. It counts: use torch.tensor(0), a whole number."
)
class CounterIsFloat(Right):
    def make_counter(self):
        self.register_buffer("num_batches_tracked", torch.tensor(0.0))


@misconception("num_batches_tracked never counts. Add 1 in every training step.")
class CounterStandsStill(Right):
    def count(self):
        pass


@misconception("num_batches_tracked counts examples. Add 1 for each batch.")
class CountsExamples(Right):
    def move(self, x):
        super().move(x)
        self.num_batches_tracked += x.shape[0] - 1


@misconception("beta begins at 1. Let it begin at 0, so that a fresh layer shifts nothing.")
class BetaBeginsAtOne(Right):
    def make_affine(self, num_features, affine):
        super().make_affine(num_features, affine)
        self.bias = nn.Parameter(torch.ones(num_features)) if affine else None


@misconception("gamma begins at random numbers. Let it begin at 1, so that a fresh layer only normalises.")
class GammaBeginsAtRandom(Right):
    def make_affine(self, num_features, affine):
        super().make_affine(num_features, affine)
        self.weight = nn.Parameter(torch.rand(num_features)) if affine else None


@misconception("gamma begins at 0, so a fresh layer's output is 0. Let it begin at 1.")
class GammaBeginsAtZero(Right):
    def make_affine(self, num_features, affine):
        super().make_affine(num_features, affine)
        self.weight = nn.Parameter(torch.zeros(num_features)) if affine else None


@misconception(
    "running_var begins at 0. Let it begin at 1: a fresh layer in evaluation then changes nothing."
)
class RunningVarBeginsAtZero(Right):
    def make_running(self, num_features):
        super().make_running(num_features)
        self.running_var.zero_()


@misconception(
    "All layers share one running mean and variance, kept in the class. Make new tensors in __init__ for each layer."
)
class SharedRunning(Right):
    shared = {}  # noqa: RUF012 - that is the mistake

    def make_running(self, num_features):
        tensors = self.shared.setdefault(
            num_features, (torch.zeros(num_features), torch.ones(num_features))
        )
        self.register_buffer("running_mean", tensors[0])
        self.register_buffer("running_var", tensors[1])


@misconception(
    "affine=False is ignored. Make gamma and beta only if affine is true, and leave that step out else."
)
class AffineIgnored(Right):
    def make_affine(self, num_features, affine):
        super().make_affine(num_features, True)


@misconception(
    "With affine=False you keep gamma and beta and only freeze them. There should be none: set both to None."
)
class AffineFalseFreezes(Right):
    def make_affine(self, num_features, affine):
        self.weight = nn.Parameter(torch.ones(num_features), requires_grad=affine)
        self.bias = nn.Parameter(torch.zeros(num_features), requires_grad=affine)


@misconception("With affine=False your forward still uses gamma and beta. Leave the scaling out there.")
class AffineFalseBreaks(Right):
    def scaled(self, x_hat):
        return wide(self.weight, x_hat) * x_hat + wide(self.bias, x_hat)


@misconception("With affine=False weight and bias do not exist. Set both to None, as PyTorch does.")
class AffineFalseHasNoNames(Right):
    def make_affine(self, num_features, affine):
        if affine:
            super().make_affine(num_features, True)

    def scaled(self, x_hat):
        return super().scaled(x_hat) if self.affine else x_hat


@misconception(
    "In evaluation you reuse a scale that was computed once, so a checkpoint loaded later has no effect. "
    "Compute it in every call."
)
class ScaleComputedOnce(Right):
    def forward(self, x):
        if self.training:
            return super().forward(x)
        if not hasattr(self, "once"):
            self.once = self.running_mean.clone(), self.running_var.clone()
        return self.scaled(self.x_hat(x, *(tensor.to(x) for tensor in self.once)))


# What decides


@misconception(
    "Whether gradients are recorded decides in your code, by torch.is_grad_enabled(). Ask self.training instead."
)
class GradModeDecides(Right):
    def trains(self, x):
        return torch.is_grad_enabled()


@misconception(
    "Under no_grad your layer evaluates although it is in training mode. Ask self.training alone."
)
class TrainingAndGradMode(Right):
    def trains(self, x):
        return self.training and torch.is_grad_enabled()


@misconception(
    "Your layer asks a flag of its own, which model.eval() does not know. Ask self.training; nn.Module keeps it."
)
class OwnFlag(Right):
    is_training = True

    def trains(self, x):
        return self.is_training


@misconception("In evaluation you normalise with the batch's own statistics. Use the running ones.")
class AlwaysBatch(Right):
    def forward(self, x):
        if not self.training and x[:, 0].numel() > 1:
            return self.scaled(self.x_hat(x, *self.statistics(x)))
        return super().forward(x)


@misconception("In training you normalise with the running statistics. Use those of the batch.")
class AlwaysRunning(Right):
    def statistics(self, x):
        return self.running_mean.clone(), self.running_var.clone()


@misconception(
    "In training you normalise with the running statistics you have just moved. Use those of the batch itself."
)
class FreshlyMoved(Right):
    def forward(self, x):
        if self.training:
            self.reject(x)
            self.move(x)
            self.count()
        return self.scaled(self.x_hat(x, self.running_mean.clone(), self.running_var.clone()))


@misconception("A batch of one is treated as evaluation, and any other as training. Ask self.training.")
class BatchSizeDecides(Right):
    def trains(self, x):
        return x.shape[0] > 1


@misconception("Evaluation moves the running statistics. Move them in training only.")
class MovesInEvaluation(Right):
    def forward(self, x):
        y = super().forward(x)
        if not self.training and x[:, 0].numel() > 1:
            self.move(x)
        return y


@misconception("Evaluation counts batches too. Add 1 to num_batches_tracked in training only.")
class CountsInEvaluation(Right):
    def forward(self, x):
        y = super().forward(x)
        if not self.training:
            self.count()
        return y


# The arithmetic


@misconception(
    "You normalise with the unbiased variance, torch.var's default. Batch norm divides by n here: pass correction=0.",
    accept=("gradients_equal_torch",),
)
class UnbiasedNormalises(Right):
    def statistics(self, x):
        return x.mean(axes(x)), x.var(axes(x))


@misconception(
    "Your two variances have changed places: the biased one (correction=0) normalises, the unbiased one is stored.",
    accept=("gradients_equal_torch",),
)
class VariancesSwapped(Right):
    def statistics(self, x):
        return x.mean(axes(x)), x.var(axes(x))

    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
            self.running_var.lerp_(x.var(axes(x), correction=0), self.momentum)


@misconception("You store the biased variance. PyTorch stores the unbiased one: x.var with correction=1.")
class BiasedStored(Right):
    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
            self.running_var.lerp_(x.var(axes(x), correction=0), self.momentum)


@misconception(
    "momentum weighs the old value in your update. In PyTorch it weighs the new batch: "
    "(1 - momentum) * old + momentum * batch."
)
class MomentumSwapped(Right):
    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), 1 - self.momentum)
            self.running_var.lerp_(x.var(axes(x)), 1 - self.momentum)


@misconception("Your momentum is written into the code as 0.1. Use the one given to __init__.")
class MomentumHardCoded(Right):
    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), 0.1)
            self.running_var.lerp_(x.var(axes(x)), 0.1)


@misconception("The default of your momentum is 0.9. In PyTorch's convention it is 0.1.")
class MomentumDefault(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.9, affine=True):
        super().__init__(num_features, eps, momentum, affine)


@misconception("The running statistics never move. Move them in every training step.")
class NeverMoves(Right):
    def move(self, x):
        pass


@misconception("Your running variance is the mean of standard deviations. Store the variance.")
class StoresDeviation(Right):
    def move(self, x):
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
            self.running_var.lerp_(x.std(axes(x)), self.momentum)


@misconception(
    "In training you divide by the square root of the variance alone. Add eps to the variance inside the root."
)
class EpsMissingInTraining(Right):
    def x_hat(self, x, mean, var):
        if self.training:
            return (x - wide(mean, x)) / torch.sqrt(wide(var, x))
        return super().x_hat(x, mean, var)


@misconception("In training you add eps after the square root. It belongs inside: sqrt(var + eps).")
class EpsOutsideInTraining(Right):
    def x_hat(self, x, mean, var):
        if self.training:
            return (x - wide(mean, x)) / (torch.sqrt(wide(var, x)) + self.eps)
        return super().x_hat(x, mean, var)


@misconception("Your eps is written into the code as 1e-5. Use the one given to __init__.")
class EpsHardCoded(Right):
    def x_hat(self, x, mean, var):
        return (x - wide(mean, x)) / torch.sqrt(wide(var, x) + 1e-5)


@misconception("The square root is missing: you divide by the variance. Divide by sqrt(var + eps).")
class NoSquareRoot(Right):
    def x_hat(self, x, mean, var):
        return (x - wide(mean, x)) / (wide(var, x) + self.eps)


@misconception(
    "You compute the variance as mean of squares minus square of mean, which loses its digits where the mean is large "
    "beside the deviation. Use x.var."
)
class SquaresMinusSquare(Right):
    def statistics(self, x):
        mean = x.mean(axes(x))
        return mean, (x**2).mean(axes(x)) - mean**2


@misconception("You subtract beta. Add it.")
class BetaSubtracted(Right):
    def scaled(self, x_hat):
        return x_hat if self.weight is None else wide(self.weight, x_hat) * x_hat - wide(self.bias, x_hat)


@misconception("gamma scales beta too. Write gamma * x_hat + beta.")
class BetaScaled(Right):
    def scaled(self, x_hat):
        return x_hat if self.weight is None else wide(self.weight, x_hat) * (x_hat + wide(self.bias, x_hat))


@misconception("You do not use gamma. Multiply the normalised values by it.")
class GammaIgnored(Right):
    def scaled(self, x_hat):
        return x_hat if self.bias is None else x_hat + wide(self.bias, x_hat)


@misconception("You return the normalised values. Scale them by gamma and shift them by beta.")
class AffineForgotten(Right):
    def scaled(self, x_hat):
        return x_hat


@misconception("Evaluation returns the normalised values. Scale and shift them in both modes.")
class AffineInTrainingOnly(Right):
    def scaled(self, x_hat):
        return super().scaled(x_hat) if self.training else x_hat


@misconception("gamma and beta are lined up with the last axis. Line them up with the channel, axis 1.")
class AffineOnLastAxis(Right):
    def scaled(self, x_hat):
        return x_hat if self.weight is None else self.weight * x_hat + self.bias


@misconception(
    "Your layer works for (N, C, H, W) alone. Average over all axes except axis 1, however many there are."
)
class MapsOnly(Right):
    def statistics(self, x):
        return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)


@misconception(
    "You take one mean for each example, as layer norm does. Take one for each channel, over all examples."
)
class LayerNormAxes(Right):
    def forward(self, x):
        y = super().forward(x)
        if not self.training:
            return y
        dims = list(range(1, x.dim()))
        var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
        return self.scaled((x - mean) / torch.sqrt(var + self.eps))


@misconception(
    "You take one mean for each example and channel, as instance norm does. Average over the examples too."
)
class InstanceNormAxes(Right):
    def forward(self, x):
        y = super().forward(x)
        if not self.training or x.dim() == 2:
            return y
        dims = list(range(2, x.dim()))
        var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
        return self.scaled((x - mean) / torch.sqrt(var + self.eps))


# Gradients and graphs


@misconception(
    "You detach the batch's mean and variance. Gradients must flow through both: they depend on x."
)
class StatisticsDetached(Right):
    def statistics(self, x):
        return x.detach().mean(axes(x)), x.detach().var(axes(x), correction=0)


@misconception("You detach the batch's mean. Gradients must flow through it: it depends on x.")
class MeanDetached(Right):
    def statistics(self, x):
        return x.detach().mean(axes(x)), x.var(axes(x), correction=0)


@misconception(
    "The whole forward pass is under no_grad, so nothing before it is trained. Put only the update there."
)
class ForwardUnderNoGrad(Right):
    def forward(self, x):
        with torch.no_grad():
            return super().forward(x)


@misconception(
    "You use weight.data, which hides gamma and beta from autograd, so they are never trained. Use weight itself."
)
class DataUsed(Right):
    def scaled(self, x_hat):
        return (
            x_hat
            if self.weight is None
            else wide(self.weight.data, x_hat) * x_hat + wide(self.bias.data, x_hat)
        )


@misconception(
    "The running statistics keep the graph of every batch. Move them under torch.no_grad(), or from detached values."
)
class KeepsGraph(Right):
    def move(self, x):
        m = self.momentum
        self.running_mean = (1 - m) * self.running_mean + m * x.mean(axes(x))
        self.running_var = (1 - m) * self.running_var + m * x.var(axes(x))


@misconception(
    "You keep a result of forward on self, with its graph, so the layer cannot be copied. "
    "Keep nothing, or a detached copy."
)
class KeepsANote(Right):
    def x_hat(self, x, mean, var):
        self.last_x_hat = super().x_hat(x, mean, var)
        return self.last_x_hat


# Number types, single values, printing


@misconception("Your statistics are turned into float32, whatever x is. Leave the number type as it is.")
class StatisticsInFloat32(Right):
    def move(self, x):
        m = self.momentum
        with torch.no_grad():
            self.running_mean = (1 - m) * self.running_mean.float() + m * x.mean(axes(x)).float()
            self.running_var = (1 - m) * self.running_var.float() + m * x.var(axes(x)).float()


@misconception("Your output is always float32. Let it have the number type of x.")
class OutputInFloat32(Right):
    def scaled(self, x_hat):
        return super().scaled(x_hat).float()


@misconception(
    "You make new tensors in forward without saying of which type and on which device. Use those the layer holds."
)
class MakesTensorsOnTheCpu(Right):
    def forward(self, x):
        with torch.no_grad():
            self.running_mean = torch.tensor(
                self.running_mean.tolist() if x.device.type == "cpu" else [0.0] * 4
            )
        return super().forward(x)


@misconception(
    "One value per channel is accepted in training, and nan gets into the running variance. Raise ValueError."
)
class AcceptsOneValue(Right):
    def reject(self, x):
        pass

    def move(self, x):
        n = x[:, 0].numel()
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
            squares = (x - wide(x.mean(axes(x)), x)).square().sum(axes(x))
            self.running_var.lerp_(squares / (n - 1), self.momentum)


@misconception(
    "You refuse every batch of one example. An image or a sequence has many values per channel: count all of them."
)
class RejectsOneExample(Right):
    def reject(self, x):
        if x.shape[0] == 1:
            raise ValueError("a batch of one")


@misconception(
    "You refuse one value per channel in evaluation too. The running statistics are enough there."
)
class RejectsInEvaluation(Right):
    def forward(self, x):
        self.reject(x)
        return super().forward(x)


@misconception("You raise the error after the running statistics have moved. Look at the batch first.")
class RejectsTooLate(Right):
    def forward(self, x):
        if self.training and x[:, 0].numel() == 1:
            with torch.no_grad():
                self.running_mean.lerp_(x.mean(axes(x)), self.momentum)
        return super().forward(x)


@misconception(
    "You use assert for one value per channel. Raise ValueError, which says that the input is at fault."
)
class RejectsByAssert(Right):
    def reject(self, x):
        assert x[:, 0].numel() > 1


@misconception(
    "Your __repr__ returns None, so no model that holds the layer can be printed. Return a text."
)
class ReprIsNone(Right):
    def __repr__(self):
        pass


@misconception(
    "Your extra_repr prints instead of returning a text, so a model that holds the layer cannot be printed."
)
class ReprPrints(Right):
    def extra_repr(self):
        print(super().extra_repr())


@misconception(
    "Printed, your layer does not show all of its settings. Return num_features, eps, momentum and affine in extra_repr."
)
class ReprIsBare(Right):
    def extra_repr(self):
        return f"{self.num_features}"


# Handed to torch


@misconception(
    "You hand the work to torch.nn.functional.batch_norm. The numbers are right; the half point for writing it out is "
    "not earned.",
    flag="delegated_to_torch",
)
class Delegated(Right):
    def forward(self, x):
        if self.training:
            self.reject(x)
            self.num_batches_tracked += 1
        return torch.nn.functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )


@misconception(
    "Your layer inherits torch's own batch norm. The numbers are right; the half point for writing it out is not earned.",
    flag="delegated_to_torch",
)
class Inherited(nn.modules.batchnorm._BatchNorm):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__(num_features, eps, momentum, affine)

    def _check_input_dim(self, x):
        pass
