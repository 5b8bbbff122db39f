"""Ways in which make_lenet(bn) is written."""

import torch
from autograder.variants import alternative, misconception
from torch import nn


def norm(kind, channels, bn):
    return [kind(channels)] if bn else []


def dense(bn, bias=True):
    return [
        nn.Linear(256, 120, bias=bias),
        *norm(nn.BatchNorm1d, 120, bn),
        nn.Sigmoid(),
        nn.Linear(120, 84, bias=bias),
        *norm(nn.BatchNorm1d, 84, bn),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    ]


def maps(bn, bias=True, activation=nn.Sigmoid, pool=nn.AvgPool2d):
    return [
        nn.Conv2d(1, 6, 5, bias=bias),
        *norm(nn.BatchNorm2d, 6, bn),
        activation(),
        pool(2),
        nn.Conv2d(6, 16, 5, bias=bias),
        *norm(nn.BatchNorm2d, 16, bn),
        activation(),
        pool(2),
        nn.Flatten(),
    ]


class Functional(nn.Module):
    """The same net with functions for everything that has no weights."""

    def __init__(self, bn, bias):
        super().__init__()
        self.fc3 = nn.Linear(84, 10)  # in another order than they are used
        self.fc2 = nn.Linear(120, 84, bias=bias)
        self.fc1 = nn.Linear(256, 120, bias=bias)
        self.conv2 = nn.Conv2d(6, 16, 5, bias=bias)
        self.conv1 = nn.Conv2d(1, 6, 5, bias=bias)
        self.norm4 = nn.BatchNorm1d(84) if bn else nn.Identity()
        self.norm3 = nn.BatchNorm1d(120) if bn else nn.Identity()
        self.norm2 = nn.BatchNorm2d(16) if bn else nn.Identity()
        self.norm1 = nn.BatchNorm2d(6) if bn else nn.Identity()

    def forward(self, x):
        x = torch.nn.functional.avg_pool2d(torch.sigmoid(self.norm1(self.conv1(x))), 2)
        x = torch.nn.functional.avg_pool2d(torch.sigmoid(self.norm2(self.conv2(x))), 2)
        x = torch.sigmoid(self.norm3(self.fc1(x.flatten(1))))
        x = torch.sigmoid(self.norm4(self.fc2(x)))
        return self.fc3(x)


class Cut(nn.Module):
    def forward(self, x):
        return x[:, :84]


one = {}


@alternative
def functional_without_biases(bn):
    return Functional(bn, bias=not bn)


@alternative
def functional_with_biases(bn):
    return Functional(bn, bias=True)


@alternative
def sequential_with_all_biases(bn):
    return nn.Sequential(*maps(bn), *dense(bn))


@alternative
def nested(bn):
    return nn.Sequential(nn.Sequential(*maps(bn, not bn)), nn.Sequential(*dense(bn, not bn)))


@alternative
def own_layers(bn):
    return exchange(nn.Sequential(*maps(bn), *dense(bn)))  # noqa: F821 - given in the notebook


@misconception(
    "Batch norm comes after the sigmoid in your network. Put it between the layer with weights and the sigmoid."
)
def after_the_activation(bn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Sigmoid(),
        *norm(nn.BatchNorm2d, 6, bn),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        *norm(nn.BatchNorm2d, 16, bn),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.Sigmoid(),
        *norm(nn.BatchNorm1d, 120, bn),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        *norm(nn.BatchNorm1d, 84, bn),
        nn.Linear(84, 10),
    )


@misconception(
    "The maps are pooled before batch norm sees them. Batch norm comes directly after the convolution, pooling last."
)
def pooled_first(bn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.AvgPool2d(2),
        *norm(nn.BatchNorm2d, 6, bn),
        nn.Sigmoid(),
        nn.Conv2d(6, 16, 5),
        nn.AvgPool2d(2),
        *norm(nn.BatchNorm2d, 16, bn),
        nn.Sigmoid(),
        nn.Flatten(),
        *dense(bn),
    )


@misconception(
    "With bn your maps are pooled before batch norm and the sigmoid. Keep the plain network's order: the sigmoid, then "
    "pooling."
)
def pooled_first_with_bn_only(bn):
    if not bn:
        return nn.Sequential(*maps(False), *dense(False))
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.AvgPool2d(2),
        nn.BatchNorm2d(6),
        nn.Sigmoid(),
        nn.Conv2d(6, 16, 5),
        nn.AvgPool2d(2),
        nn.BatchNorm2d(16),
        nn.Sigmoid(),
        nn.Flatten(),
        *dense(True),
    )


@misconception(
    "Only the convolutions are followed by batch norm. The first two linear layers need one each too, nn.BatchNorm1d."
)
def none_in_the_dense_part(bn):
    return nn.Sequential(*maps(bn), *dense(False))


@misconception(
    "After a linear layer you use nn.BatchNorm2d, which takes maps only. Use nn.BatchNorm1d for features."
)
def two_d_for_dense_layers(bn):
    return nn.Sequential(
        *maps(bn),
        nn.Linear(256, 120),
        *norm(nn.BatchNorm2d, 120, bn),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        *norm(nn.BatchNorm2d, 84, bn),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


@misconception(
    "With bn the last layer has lost its bias. No batch norm follows it, so nothing replaces that bias: keep it."
)
def last_bias_gone(bn):
    return nn.Sequential(*maps(bn, not bn), *dense(bn, not bn)[:-1], nn.Linear(84, 10, bias=not bn))


@misconception(
    "Your plain network has no biases. Without batch norm nothing takes their role: leave them out with bn only."
)
def plain_without_biases(bn):
    return nn.Sequential(*maps(bn, False), *dense(bn, False))


@misconception("There is batch norm in your network with bn=False as well. Add it only where bn is true.")
def bn_always(bn):
    return nn.Sequential(*maps(True), *dense(bn))


@misconception("The argument bn is not used: you always build the network with batch norm.")
def bn_ignored(bn):
    return nn.Sequential(*maps(True), *dense(True))


@misconception("The argument bn is not used: you never put batch norm in.")
def never_any(bn):
    return nn.Sequential(*maps(False), *dense(False))


@misconception(
    "The second batch norm has 6 channels, but the second convolution gives 16: the numbers must agree."
)
def wrong_width(bn):
    layers = [*maps(bn), *dense(bn)]
    if bn:
        layers[5] = nn.BatchNorm2d(6)
    return nn.Sequential(*layers)


@misconception(
    "There is a batch norm on the logits. The scores of the classes must keep their size: take it away."
)
def on_the_logits(bn):
    return nn.Sequential(*maps(bn), *dense(bn), *norm(nn.BatchNorm1d, 10, bn))


@misconception(
    "There is a batch norm on the pictures, before the first convolution. It belongs after each layer with weights."
)
def on_the_pictures(bn):
    return nn.Sequential(*norm(nn.BatchNorm2d, 1, bn), *maps(bn), *dense(bn))


@misconception("Your network uses ReLU. This LeNet has sigmoids.")
def relu(bn):
    dense_part = [nn.ReLU() if isinstance(layer, nn.Sigmoid) else layer for layer in dense(bn)]
    return nn.Sequential(*maps(bn, activation=nn.ReLU), *dense_part)


@misconception("Your network pools by the maximum. This LeNet takes the mean: nn.AvgPool2d(2).")
def max_pooling(bn):
    return nn.Sequential(*maps(bn, pool=nn.MaxPool2d), *dense(bn))


@misconception("Your network ends with a softmax. Return the logits: the loss does the rest.")
def softmax_at_the_end(bn):
    return nn.Sequential(*maps(bn), *dense(bn), nn.Softmax(dim=1))


@misconception(
    "With bn the sigmoids are gone: batch norm is no activation. Keep the sigmoid after each batch norm."
)
def no_sigmoid_after_bn(bn):
    layers = [*maps(bn), *dense(bn)]
    return nn.Sequential(*(layer for layer in layers if not (bn and isinstance(layer, nn.Sigmoid))))


@misconception(
    "The first convolution pads its input, so its maps are 28 x 28. This LeNet has no padding there."
)
def padded(bn):
    layers = [*maps(bn), *dense(bn)]
    layers[0] = nn.Conv2d(1, 6, 5, padding=2)
    return nn.Sequential(*layers[: -7 if not bn else -9], nn.LazyLinear(120), *dense(bn)[1:])


@misconception("Two layers share one batch norm. Each needs its own statistics, gamma and beta.")
def one_norm_module_for_all_maps(bn):
    if not bn:
        return nn.Sequential(*maps(False), *dense(False))
    shared = nn.BatchNorm1d(120)
    layers = [*maps(True), *dense(True)]
    place = [number for number, layer in enumerate(layers) if isinstance(layer, nn.BatchNorm1d)]
    layers[place[0]] = shared
    layers[place[1]] = nn.Sequential(nn.ConstantPad1d((0, 36), 0.0), shared, Cut())
    return nn.Sequential(*layers)


@misconception(
    "All networks share their layers: a second call gives the old weights. Make the layers inside the function."
)
def one_network_for_all(bn):
    return one.setdefault(bool(bn), nn.Sequential(*maps(bn), *dense(bn)))
