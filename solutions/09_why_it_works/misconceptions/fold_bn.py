"""Ways in which fold_bn(conv, bn) is written, wrong and right."""

import copy

import torch
from autograder.variants import alternative, misconception
from torch import nn


def like(conv, **other):
    """A new convolution with a bias, made as conv was made; other says what is made differently."""
    made = {
        "stride": conv.stride,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "groups": conv.groups,
        "padding_mode": conv.padding_mode,
        "dtype": conv.weight.dtype,
    }
    return nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, **{**made, **other})


def constants(conv, bn):
    """gamma, beta and the bias of the convolution, with 1 and 0 for what is missing."""
    gamma = bn.weight if bn.weight is not None else torch.ones_like(bn.running_mean)
    beta = bn.bias if bn.bias is not None else torch.zeros_like(bn.running_mean)
    bias = conv.bias if conv.bias is not None else torch.zeros_like(bn.running_mean)
    return gamma, beta, bias


def filled(folded, weight, bias):
    with torch.no_grad():
        folded.weight.copy_(weight)
        folded.bias.copy_(bias)
    return folded


def folded_with(conv, bn, k, **other):
    """The right way from k on."""
    _, beta, bias = constants(conv, bn)
    return filled(
        like(conv, **other), conv.weight * k.view(-1, 1, 1, 1), beta + k * (bias - bn.running_mean)
    )


def factor(conv, bn):
    return constants(conv, bn)[0] / torch.sqrt(bn.running_var + bn.eps)


@alternative
def torchs_own(conv, bn):
    return torch.nn.utils.fusion.fuse_conv_bn_eval(conv, bn)


@alternative
def new_parameters(conv, bn):
    gamma, beta, bias = constants(conv, bn)
    k = gamma * torch.rsqrt(bn.running_var + bn.eps)
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter((conv.weight * k[:, None, None, None]).detach())
    folded.bias = nn.Parameter((beta - bn.running_mean * k + bias * k).detach())
    return folded


@alternative
def diagonal_matrix(conv, bn):
    gamma, beta, bias = constants(conv, bn)
    scale = torch.diag(gamma / (bn.running_var + bn.eps).pow(0.5))
    folded = like(conv)
    folded.weight.data = (scale @ conv.weight.flatten(1)).view_as(conv.weight).data
    folded.bias.data = (scale @ (bias - bn.running_mean) + beta).data
    return folded


@alternative
def through_a_state_dict(conv, bn):
    gamma, beta, bias = constants(conv, bn)
    k = gamma / torch.sqrt(bn.running_var + bn.eps)
    folded = like(conv)
    weight = torch.stack([kernel * one for kernel, one in zip(conv.weight, k, strict=True)])
    folded.load_state_dict(
        {"weight": weight.detach(), "bias": (beta + k * (bias - bn.running_mean)).detach()}
    )
    return folded.eval()


@misconception("eps is left out. Divide by the root of running_var + bn.eps, as the layer itself does.")
def eps_forgotten(conv, bn):
    return folded_with(conv, bn, constants(conv, bn)[0] / torch.sqrt(bn.running_var))


@misconception("You use 1e-5 for eps. Every layer has its own: use bn.eps.")
def eps_hard_coded(conv, bn):
    return folded_with(conv, bn, constants(conv, bn)[0] / torch.sqrt(bn.running_var + 1e-5))


@misconception("eps stands outside the root. Add it to the running variance first, then take the root.")
def eps_outside(conv, bn):
    return folded_with(conv, bn, constants(conv, bn)[0] / (torch.sqrt(bn.running_var) + bn.eps))


@misconception("The running variance is raised to eps where it is smaller. Add eps to it instead, always.")
def eps_as_a_floor(conv, bn):
    return folded_with(conv, bn, constants(conv, bn)[0] / torch.sqrt(bn.running_var.clamp(min=bn.eps)))


@misconception(
    "You divide by the running variance. Divide by its root: torch.sqrt(bn.running_var + bn.eps)."
)
def no_root(conv, bn):
    return folded_with(conv, bn, constants(conv, bn)[0] / (bn.running_var + bn.eps))


@misconception(
    "A channel whose running variance is 0 is treated as if it were 1. Batch norm divides it by the root of eps."
)
def zero_variance_becomes_one(conv, bn):
    var = torch.where(bn.running_var == 0, torch.ones_like(bn.running_var), bn.running_var)
    return folded_with(conv, bn, constants(conv, bn)[0] / torch.sqrt(var + bn.eps))


@misconception(
    "A channel whose running variance is 0 is switched off. Batch norm divides it by the root of eps."
)
def zero_variance_is_switched_off(conv, bn):
    k = factor(conv, bn)
    return folded_with(conv, bn, torch.where(bn.running_var < 1e-8, torch.zeros_like(k), k))


@misconception(
    "The convolution's own bias is lost. Batch norm gets it too: add k * conv.bias to the new bias."
)
def conv_bias_dropped(conv, bn):
    k, beta = factor(conv, bn), constants(conv, bn)[1]
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), beta - k * bn.running_mean)


@misconception("The convolution's bias is added as it is. It goes through batch norm: multiply it by k.")
def conv_bias_not_scaled(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), beta + bias - k * bn.running_mean)


@misconception("beta is left out. The new bias is beta + k * (conv's bias - running_mean).")
def beta_forgotten(conv, bn):
    k, bias = factor(conv, bn), constants(conv, bn)[2]
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), k * (bias - bn.running_mean))


@misconception("beta is multiplied by k. It is added last, after the scaling: leave it as it is.")
def beta_scaled(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), k * (beta + bias - bn.running_mean))


@misconception("beta is subtracted. It is added: the new bias is beta + k * (conv's bias - running_mean).")
def beta_subtracted(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), k * (bias - bn.running_mean) - beta)


@misconception("gamma is left out of the factor. It is k = gamma / sqrt(running_var + eps).")
def gamma_forgotten(conv, bn):
    return folded_with(conv, bn, 1 / torch.sqrt(bn.running_var + bn.eps))


@misconception(
    "The running mean is left out. Batch norm subtracts it: it goes into the new bias as -k * running_mean."
)
def mean_forgotten(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), beta + k * bias)


@misconception(
    "The running mean is not multiplied by k. It is subtracted before the scaling: use k * running_mean."
)
def mean_not_scaled(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), beta + k * bias - bn.running_mean)


@misconception("The running mean is added. Batch norm subtracts it.")
def mean_added(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(-1, 1, 1, 1), beta + k * (bias + bn.running_mean))


@misconception(
    "The weight is not scaled, only the bias is new. Multiply each output channel's weights by its k."
)
def weight_not_scaled(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight, beta + k * (bias - bn.running_mean))


@misconception(
    "The factors are lined up with the input channels. Output channels are axis 0: k.view(-1, 1, 1, 1)."
)
def scales_input_channels(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    return filled(like(conv), conv.weight * k.view(1, -1, 1, 1), beta + k * (bias - bn.running_mean))


@misconception(
    "The factors are lined up with the kernel's last axis, without an error where the sizes agree. "
    "Output channels are axis 0: k.view(-1, 1, 1, 1)."
)
def scales_kernel_columns(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    same = len(k) == conv.weight.shape[3]
    return filled(
        like(conv), conv.weight * (k if same else k.view(-1, 1, 1, 1)), beta + k * (bias - bn.running_mean)
    )


@misconception(
    "The factors go to the input channels where there are as many of them as outputs. They always belong to "
    "the outputs, axis 0 of the weight."
)
def input_channels_when_square(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    shape = (1, -1, 1, 1) if conv.weight.shape[1] == len(k) else (-1, 1, 1, 1)
    return filled(like(conv), conv.weight * k.view(shape), beta + k * (bias - bn.running_mean))


@misconception("You change conv itself. Make a new convolution, and leave the two layers as they were.")
def in_place(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    with torch.no_grad():
        conv.weight.mul_(k.view(-1, 1, 1, 1))
    conv.bias = nn.Parameter((beta + k * (bias - bn.running_mean)).detach())
    return conv


@misconception(
    "copy.copy makes a second name for the same parameters, so conv is changed too. Make a new nn.Conv2d, or use "
    "copy.deepcopy."
)
def shallow_copy(conv, bn):
    k, (_, beta, bias) = factor(conv, bn), constants(conv, bn)
    folded = copy.copy(conv)
    folded.weight = nn.Parameter((conv.weight * k.view(-1, 1, 1, 1)).detach())
    folded.bias = nn.Parameter((beta + k * (bias - bn.running_mean)).detach())
    return folded


@misconception(
    "conv is left with a bias it did not have. Put 0 in the place of a missing bias without changing conv."
)
def gives_conv_a_bias(conv, bn):
    if conv.bias is None:
        conv.bias = nn.Parameter(torch.zeros_like(bn.running_mean))
    return folded_with(conv, bn, factor(conv, bn))


@misconception("conv and bn are switched to training mode. Leave their modes as they are.")
def modes_changed(conv, bn):
    folded = folded_with(conv, bn, factor(conv, bn))
    conv.train()
    bn.train()
    return folded


@misconception("A convolution without a bias ends in an error. Where conv.bias is None, count it as 0.")
def crashes_without_bias(conv, bn):
    k, beta = factor(conv, bn), constants(conv, bn)[1]
    return filled(
        like(conv), conv.weight * k.view(-1, 1, 1, 1), beta + k * (conv.bias + 0 - bn.running_mean)
    )


@misconception(
    "The folded convolution has no bias when conv had none. It always needs one: make it with bias=True."
)
def no_new_bias(conv, bn):
    if conv.bias is not None:
        return folded_with(conv, bn, factor(conv, bn))
    folded = like(conv, bias=False)
    with torch.no_grad():
        folded.weight.copy_(conv.weight * factor(conv, bn).view(-1, 1, 1, 1))
    return folded


@misconception(
    "A batch norm with affine=False ends in an error. Its weight and bias are None: count them as 1 and 0."
)
def crashes_without_affine(conv, bn):
    k = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return folded_with(conv, bn, k)


@misconception("The stride is lost. Make the new convolution with conv's stride.")
def stride_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), stride=1)


@misconception("The padding is lost. Make the new convolution with conv's padding.")
def padding_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), padding=0)


@misconception(
    "The padding mode is lost: the border is filled with zeros. Pass padding_mode=conv.padding_mode on."
)
def padding_mode_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), padding_mode="zeros")


@misconception("The dilation is lost. Make the new convolution with conv's dilation.")
def dilation_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), dilation=1)


@misconception(
    "Convolutions with groups end in an error: the new one has one group. Pass groups=conv.groups on."
)
def groups_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), groups=1)


@misconception("The two layers are put behind each other and nothing is folded. Return a single nn.Conv2d.")
def not_folded(conv, bn):
    return nn.Sequential(copy.deepcopy(conv), copy.deepcopy(bn))


@misconception("The new convolution is always float32. Give it the dtype of conv's weight.")
def dtype_lost(conv, bn):
    return folded_with(conv, bn, factor(conv, bn), dtype=torch.float32)


@misconception("The new parameters cannot be trained. Leave requires_grad on, as a new convolution has it.")
def frozen(conv, bn):
    return folded_with(conv, bn, factor(conv, bn)).requires_grad_(False)
