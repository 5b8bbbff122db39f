"""Ways in which build_cnn(norm, p_conv, p_fc) is written."""

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception
from torch import nn


def network(
    norm,
    p_conv,
    p_fc,
    order="layer norm relu drop pool",
    bias=None,
    last_bias=True,
    affine=True,
    tracked=True,
    hidden_norm=True,
    conv_norm=True,
    norm2=nn.BatchNorm2d,
    norm1=nn.BatchNorm1d,
    drop2=nn.Dropout2d,
    drop1=nn.Dropout,
    pool=nn.MaxPool2d,
    last_relu=True,
    behind=(),
):
    """The network, with one place for each thing that can go wrong."""
    bias = (not norm) if bias is None else bias
    layers = []
    for layer, width in [
        (nn.Conv2d(3, 6, 5, bias=bias), 6),
        (nn.Conv2d(6, 16, 5, bias=bias), 16),
        (nn.Linear(400, 120, bias=bias), 120),
        (nn.Linear(120, 84, bias=bias), 84),
    ]:
        maps = isinstance(layer, nn.Conv2d)
        if width == 120:
            layers.append(nn.Flatten())
        made = {"layer": layer, "relu": nn.ReLU(), "drop": drop2(p_conv) if maps else drop1(p_fc)}
        if norm and (conv_norm if maps else hidden_norm):
            made["norm"] = (norm2 if maps else norm1)(width, affine=affine, track_running_stats=tracked)
        if maps:
            made["pool"] = pool(2)
        if width == 84 and not last_relu:
            del made["relu"]
        layers += [made[step] for step in order.split() if step in made]
    return nn.Sequential(*layers, nn.Linear(84, 10, bias=last_bias), *behind)


class Functional(nn.Module):
    """The same as functions. drop1 and drop2 are called with x and a mode; shared puts all norms into one."""

    def __init__(self, norm, p_conv, p_fc, drop2, drop1, shared=False, bias=True, norm_mode=None):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5, bias=bias), nn.Conv2d(6, 16, 5, bias=bias)
        self.fc1, self.fc2 = nn.Linear(400, 120, bias=bias), nn.Linear(120, 84, bias=bias)
        self.fc3 = nn.Linear(84, 10)
        self.norm, self.drop2, self.drop1, self.norm_mode = norm, drop2, drop1, norm_mode
        widths = [120] * 4 if shared else [6, 16, 120, 84]
        if norm:
            norms = [nn.BatchNorm1d(width) for width in widths]
            self.norms = nn.ModuleList(norms[:1] * 4 if shared else norms)

    def normed(self, x, place):
        if not self.norm:
            return x
        bn, width = self.norms[place], x.shape[1]
        mode = self.training if self.norm_mode is None else self.norm_mode
        parts = [t[:width] for t in (bn.running_mean, bn.running_var, bn.weight, bn.bias)]
        return F.batch_norm(x, *parts, mode, 0.1, 1e-5)

    def forward(self, x):
        x = self.drop2(F.max_pool2d(self.normed(self.conv1(x), 0).relu(), 2), self.training)
        x = self.drop2(F.max_pool2d(self.normed(self.conv2(x), 1).relu(), 2), self.training)
        x = x.flatten(1)
        x = self.drop1(torch.relu(self.normed(self.fc1(x), 2)), self.training)
        x = self.drop1(F.relu(self.normed(self.fc2(x), 3)), self.training)
        return self.fc3(x)


@alternative
def biases_kept(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, bias=True)


@alternative
def dropout_behind_pooling(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer norm relu pool drop")


@alternative
def dropout_before_relu(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer norm drop relu pool")


@alternative
def relu_behind_pooling(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer norm pool relu drop")


@alternative
def functions(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: F.dropout2d(x, p_conv, training),
        lambda x, training: F.dropout(x, p_fc, training=training),
        bias=not norm,
    )


@alternative
def functions_with_biases_and_clamp(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: torch.feature_dropout(x, p_conv, training),
        lambda x, training: F.dropout(x.clamp(min=0), p=p_fc, training=training, inplace=True),
    )


@alternative
def one_module_for_all_dropout(norm, p_conv, p_fc):
    maps, units = nn.Dropout2d(p_conv, inplace=True), nn.Dropout(p_fc)
    return network(norm, p_conv, p_fc, drop2=lambda p: maps, drop1=lambda p: units)


@misconception(
    "You drop logits: in training half of a picture's classes get the answer 0. End with the last layer."
)
def dropout_on_logits(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, behind=[nn.Dropout(p_fc)])


@misconception(
    "Dropout stands before batch norm. Its running variance then holds the dropped activations: put dropout behind it."
)
def dropout_before_norm(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer drop norm relu pool")


@misconception(
    "Your only batch norm stands behind several dropouts. Give every layer but the last a batch norm directly behind it."
)
def dropout_before_the_only_norm(norm, p_conv, p_fc):
    model = network(False, p_conv, p_fc)
    return model.insert(15, nn.BatchNorm1d(84)) if norm else model


@misconception(
    "Dropout2d stands behind the hidden layers, whose outputs are (N, C) and no maps. Use Dropout there."
)
def maps_dropped_among_units(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, drop1=nn.Dropout2d)


@misconception(
    "Dropout1d on (N, C) drops whole examples, for it takes the rows for channels. Use Dropout there."
)
def rows_dropped(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, drop1=nn.Dropout1d)


@misconception(
    "Behind the convolutions you drop single pixels. Use Dropout2d there, which drops whole maps."
)
def pixels_dropped(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, drop2=nn.Dropout)


@misconception(
    "Several layers share one batch norm and mix up its running statistics. Make a new one for every layer."
)
def one_norm_shared(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: F.dropout2d(x, p_conv, training),
        lambda x, training: F.dropout(x, p_fc, training),
        shared=True,
    )


@misconception(
    "Batch norm stands behind the last layer too, and fixes mean and variance of the logits. Leave them alone."
)
def norm_on_logits(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, behind=[nn.BatchNorm1d(10)] if norm else [])


@misconception(
    "You treat p as the probability to keep. In PyTorch it is the probability to drop: pass p itself."
)
def keep_probability(norm, p_conv, p_fc):
    return network(norm, 1 - p_conv, 1 - p_fc)


@misconception(
    "F.dropout drops in evaluation too unless told otherwise. Pass training=self.training, or use nn.Dropout."
)
def dropout_without_training(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: F.dropout2d(x, p_conv, training),
        lambda x, training: F.dropout(x, p_fc),
        bias=not norm,
    )


@misconception(
    "You pass training=False to dropout, so nothing is ever dropped. Pass training=self.training."
)
def dropout_never_on(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: F.dropout2d(x, p_conv, False),
        lambda x, training: F.dropout(x, p_fc, False),
        bias=not norm,
    )


@misconception("Batch norm stands behind the ReLU. Put it directly behind the layer, before the ReLU.")
def norm_behind_relu(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer relu norm drop pool")


@misconception("Batch norm stands behind the pooling. Put it directly behind the convolution.")
def norm_behind_pooling(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, order="layer pool norm relu drop")


@misconception("The hidden linear layers have no batch norm. Put a BatchNorm1d behind each of the two.")
def hidden_layers_forgotten(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, hidden_norm=False)


@misconception("The convolutions have no batch norm. Put a BatchNorm2d behind each of the two.")
def convolutions_forgotten(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, conv_norm=False)


@misconception(
    "BatchNorm2d takes (N, C, H, W) only. Behind the hidden layers the shape is (N, C): use BatchNorm1d."
)
def maps_norm_for_units(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, norm1=nn.BatchNorm2d)


@misconception("There is batch norm even where norm is False. Ask the argument.")
def norm_always(norm, p_conv, p_fc):
    return network(True, p_conv, p_fc)


@misconception(
    "p_conv and p_fc have changed places: p_conv belongs to the maps, p_fc to the hidden layers."
)
def probabilities_swapped(norm, p_conv, p_fc):
    return network(norm, p_fc, p_conv)


@misconception("You use p_fc everywhere. Behind the convolutions the probability is p_conv.")
def one_probability(norm, p_conv, p_fc):
    return network(norm, p_fc, p_fc)


@misconception("The hidden layers have no dropout. Put a Dropout with p_fc behind each of the two.")
def no_dropout_among_units(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, drop1=lambda p: nn.Identity())


@misconception(
    "The last layer has no bias. No batch norm stands behind it, so nothing else does the bias's work: keep it."
)
def last_bias_gone(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, last_bias=not norm)


@misconception(
    "Without batch norm the layers need their biases. Leave them out only where batch norm follows."
)
def plain_without_biases(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, bias=False)


@misconception(
    "Your batch norms have no scale and shift. Leave affine at True: without biases nothing else shifts."
)
def without_scale_and_shift(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, affine=False)


@misconception(
    "Your batch norms keep no running statistics, so in evaluation an answer depends on the other images. Keep them."
)
def without_running_statistics(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, tracked=False)


@misconception(
    "Your batch norm normalises with the batch in evaluation too. Pass training=self.training to it."
)
def norm_always_training(norm, p_conv, p_fc):
    return Functional(
        norm,
        p_conv,
        p_fc,
        lambda x, training: F.dropout2d(x, p_conv, training),
        lambda x, training: F.dropout(x, p_fc, training),
        bias=not norm,
        norm_mode=True,
    )


@misconception("A softmax stands at the end. cross_entropy has one inside: return the logits.")
def softmax_at_the_end(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, behind=[nn.Softmax(1)])


@misconception("You pool by averaging. This network takes the maximum: nn.MaxPool2d(2).")
def average_pooling(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, pool=nn.AvgPool2d)


@misconception("The second hidden layer has no ReLU. Put one behind every layer but the last.")
def relu_forgotten(norm, p_conv, p_fc):
    return network(norm, p_conv, p_fc, last_relu=False)
