"""Ways in which class Dropout(nn.Module) is written, wrong and right."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from autograder.variants import alternative, misconception


def thinned(x, p):
    return x * (torch.rand_like(x) >= p) / (1 - p) if p < 1 else torch.zeros_like(x)


class Base(nn.Module):
    """What is right in all of them; each mistake replaces a method."""

    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError("p must lie between 0 and 1")
        self.p = p

    def forward(self, x):
        return thinned(x, self.p) if self.training else x

    def extra_repr(self):
        return f"p={self.p}"


@alternative
class Functional(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(p)
        self.p = p

    def forward(self, x):
        return F.dropout(x, p=self.p, training=self.training)

    def __repr__(self):
        return f"Dropout({self.p=})"


@alternative
class WrittenOut(nn.Module):
    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError("p out of range")
        self.p = float(p)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and self.p > 0:
            mask = torch.empty_like(x).bernoulli_(1 - self.p)
            return x * mask / max(1 - self.p, 1e-9)
        return x

    def extra_repr(self) -> str:
        return f"p={self.p}, dropped in training"


@alternative
class OwnFunction(Base):
    def forward(self, x):
        return dropout(x, self.p, self.training)  # noqa: F821 - Part 1


@misconception(
    "Your class is torch's Dropout under another name. It works; the point for writing your own is not earned.",
    flag="delegated_to_torch",
)
class Inherited(nn.Dropout):
    pass


@misconception(
    "Your module holds torch's Dropout and lets it work. The point for writing your own is not earned.",
    flag="delegated_to_torch",
)
class Wrapped(Base):
    def __init__(self, p=0.5):
        super().__init__(p)
        self.inner = nn.Dropout(p)

    def forward(self, x):
        return self.inner(x)


@misconception(
    "You call F.dropout without training=, and it drops in evaluation too. Pass training=self.training."
)
class AlwaysOn(Base):
    def forward(self, x):
        return F.dropout(x, self.p)


@misconception("Your module never drops anything. In training mode set each value to 0 with probability p.")
class NeverDrops(Base):
    def forward(self, x):
        return x


@misconception(
    "Your __repr__ returns None, so no model with this layer can be printed. Return a string, or write only extra_repr."
)
class ReprReturnsNothing(Base):
    def __repr__(self):
        pass


@misconception("Printed, your layer does not show its p. Let extra_repr return it.")
class ReprWithoutP(Base):
    def extra_repr(self):
        return ""


@misconception("Your forward prints. It is called at every step: leave the print out.")
class Prints(Base):
    def forward(self, x):
        print("training" if self.training else "evaluation")
        return super().forward(x)


@misconception(
    "Whether gradients are recorded decides in your module, by torch.is_grad_enabled(). Ask self.training."
)
class GradModeDecides(Base):
    def forward(self, x):
        return thinned(x, self.p) if torch.is_grad_enabled() else x


@misconception(
    "Under no_grad your module drops nothing although it is in training mode. Ask self.training alone."
)
class TrainingAndGradMode(Base):
    def forward(self, x):
        return thinned(x, self.p) if self.training and torch.is_grad_enabled() else x


@misconception(
    "Your module has a flag of its own, which train() and eval() do not reach. Ask self.training, which nn.Module keeps."
)
class OwnFlag(Base):
    def __init__(self, p=0.5):
        super().__init__(p)
        self.on = True

    def forward(self, x):
        return thinned(x, self.p) if self.on else x


@misconception(
    "Your eval() is not reached when the model around it is switched: that calls train(False). Leave both methods to "
    "nn.Module and ask self.training."
)
class OwnEval(Base):
    on = True

    def eval(self):
        self.on = False
        return super().eval()

    def train(self, mode=True):
        self.on = self.on or mode
        return super().train(mode)

    def forward(self, x):
        return thinned(x, self.p) if self.on else x


@misconception(
    "Your module switches itself back to training mode in forward. Only read self.training; the model around it sets it."
)
class SwitchesItself(Base):
    def forward(self, x):
        self.train()
        return thinned(x, self.p)


@misconception("Your p is an nn.Parameter, so an optimizer would train it. Keep it as a plain number.")
class PIsParameter(Base):
    def __init__(self, p=0.5):
        super().__init__(p)
        del self.p
        self.p = nn.Parameter(torch.tensor(float(p)))

    def forward(self, x):
        return thinned(x, self.p.item()) if self.training else x

    def extra_repr(self):
        return f"p={self.p.item():.2f}"


@misconception("Your p is a buffer and turns up in the state_dict. Keep it as a plain number.")
class PIsBuffer(Base):
    def __init__(self, p=0.5):
        super().__init__(p)
        del self.p
        self.register_buffer("p", torch.tensor(float(p)))

    def forward(self, x):
        return thinned(x, self.p.item()) if self.training else x

    def extra_repr(self):
        return f"p={self.p.item():.2f}"


@misconception("You keep the mask as a buffer. Nothing has to be kept from one call to the next.")
class MaskIsBuffer(Base):
    def forward(self, x):
        if not self.training:
            return x
        self.register_buffer("mask", (torch.rand_like(x) >= self.p).to(x.dtype))
        return x * self.mask / (1 - self.p) if self.p < 1 else torch.zeros_like(x)


@misconception("You draw the mask in the first call and use it again. Draw a new one in every call.")
class MaskDrawnOnce(Base):
    mask = None

    def forward(self, x):
        if not self.training or self.p == 1:
            return x if not self.training else torch.zeros_like(x)
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = torch.rand_like(x) >= self.p
        return x * self.mask / (1 - self.p)


@misconception(
    "Your mask is that of the first input, so another shape does not fit. Draw a new one in every call."
)
class FirstShapeOnly(Base):
    mask = None

    def forward(self, x):
        if not self.training or self.p == 1:
            return x if not self.training else torch.zeros_like(x)
        if self.mask is None:
            self.mask = torch.rand_like(x) >= self.p
        return x * self.mask / (1 - self.p)


@misconception("You throw one coin for each row, which takes no 1-D input. Throw one for each value.")
class TwoAxesOnly(Base):
    def forward(self, x):
        if not self.training or self.p == 1:
            return x if not self.training else torch.zeros_like(x)
        rows, columns = x.shape
        return x * (torch.rand(rows, columns) >= self.p) / (1 - self.p)


@misconception(
    "You scale by 1 - p in evaluation, as the first papers did. PyTorch divides by 1 - p in training, and returns the "
    "input in evaluation.",
    accept=("eval_is_identity_with_grad_on",),
)
class ScaledAtTestTime(Base):
    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) if self.training else x * (1 - self.p)


@misconception(
    "You scale twice: by 1 / (1 - p) in training and by 1 - p in evaluation. In evaluation return the input as it is."
)
class ScaledTwice(Base):
    def forward(self, x):
        return thinned(x, self.p) if self.training else x * (1 - self.p)


@misconception("The survivors are not scaled. In training mode divide them by 1 - p.")
class NotScaled(Base):
    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) if self.training else x


@misconception(
    "Your p is the probability of being kept. Here it is the probability of being dropped: keep where rand >= p."
)
class PMeansKeep(Base):
    def forward(self, x):
        return x * (torch.rand_like(x) < self.p) / self.p if self.training else x


@misconception("With p = 1 you divide by zero, and get nan. Return zeros in that case.")
class POneIsNan(Base):
    def forward(self, x):
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= self.p) / torch.tensor(1.0 - self.p)


@misconception("Your module takes any p. A p below 0 or above 1 is to raise ValueError in __init__.")
class AnyP(Base):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p


@misconception("An invalid p raises AssertionError in your module. Raise ValueError instead.")
class PAsserted(Base):
    def __init__(self, p=0.5):
        assert 0 <= p <= 1
        super().__init__(p)


@misconception("An invalid p is noticed in forward only. Check it in __init__, where the mistake is made.")
class PCheckedLate(Base):
    def __init__(self, p=0.5):
        super().__init__(0.5)
        self.p = p

    def forward(self, x):
        if not 0 <= self.p <= 1:
            raise ValueError(self.p)
        return super().forward(x)


@misconception("Your module refuses p = 1. It is valid, and gives zeros in training mode.")
class POneRefused(Base):
    def __init__(self, p=0.5):
        if not 0 <= p < 1:
            raise ValueError("p must be below 1")
        super().__init__(p)
