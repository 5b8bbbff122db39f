"""Ways in which recalibrate_bn(model, batches) is written, wrong and right."""

import copy

import torch
from autograder.variants import alternative, misconception
from torch import nn


def norms(model):
    return [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))]


class Kept:
    """Within it, batch norms collect plain averages and all else is in evaluation mode; then all is as it was."""

    def __init__(self, model):
        self.modes = [(module, module.training) for module in model.modules()]
        self.momenta = [(layer, layer.momentum) for layer in norms(model)]
        model.eval()
        for layer, _ in self.momenta:
            layer.train()
            layer.reset_running_stats()
            layer.momentum = None

    def restore(self):
        for module, mode in self.modes:
            module.training = mode
        for layer, momentum in self.momenta:
            layer.momentum = momentum


@alternative
def with_finally(model, batches):
    kept = Kept(model)
    try:
        with torch.inference_mode():
            for x in batches:
                model(x)
    finally:
        kept.restore()


@alternative
def momentum_by_hand(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for k, x in enumerate(batches, 1):
            for layer in norms(model):
                layer.momentum = 1 / k
            model(x)
    kept.restore()


@alternative
@torch.no_grad()
def by_hooks(model, batches):
    kept = Kept(model)
    sums = {layer: [0.0, 0.0] for layer in norms(model)}

    def note(layer, inputs, output):
        values = inputs[0].transpose(0, 1).flatten(1)
        sums[layer][0] = sums[layer][0] + values.mean(1)
        sums[layer][1] = sums[layer][1] + values.var(1)

    handles = [layer.register_forward_hook(note) for layer in sums]
    for x in batches:
        model(x)
    for handle in handles:
        handle.remove()
    for layer, (mean, var) in sums.items():
        layer.running_mean.copy_(mean / len(batches))
        layer.running_var.copy_(var / len(batches))
    kept.restore()


@misconception(
    "The old running statistics still count in yours. Call reset_running_stats() on every batch norm before you collect."
)
def no_reset(model, batches):
    modes = [(module, module.training) for module in model.modules()]
    momenta = [(layer, layer.momentum) for layer in norms(model)]
    model.eval()
    for layer, _ in momenta:
        layer.train()
        layer.momentum = None
    with torch.no_grad():
        for x in batches:
            model(x)
    for module, mode in modes:
        module.training = mode
    for layer, momentum in momenta:
        layer.momentum = momentum


@misconception(
    "You still collect a moving average: late batches count more. Set momentum to None while collecting; then every "
    "batch counts the same."
)
def moving_average_kept(model, batches):
    kept = Kept(model)
    for layer, momentum in kept.momenta:
        layer.momentum = momentum
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "Nothing was reset, and you still collect a moving average. Reset the running statistics, and set momentum to None "
    "while collecting."
)
def only_forward_passes(model, batches):
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    for layer in norms(model):
        layer.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for module, mode in modes:
        module.training = mode


@misconception(
    "Your momentum is 1 / len(batches) for all batches, which is again a moving average. The k-th batch needs the weight "
    "1 / k: that is momentum = None."
)
def one_over_count(model, batches):
    kept = Kept(model)
    for layer in norms(model):
        layer.momentum = 1 / len(batches)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "Modules are left in the mode they collected in. Note every module's mode first, and put it back."
)
def modes_left(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.modes = []
    kept.restore()


@misconception(
    "You put the model's own mode back with model.train(mode), which sets all its parts to the same. Put back every "
    "module's own mode, one by one."
)
def one_mode_for_all(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()
    model.train(kept.modes[0][1])


@misconception(
    "You leave the whole model in training mode. Note every module's mode first, and put it back."
)
def training_afterwards(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()
    model.train()


@misconception(
    "You leave the whole model in evaluation mode. Note every module's mode first, and put it back."
)
def evaluation_afterwards(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()
    model.eval()


@misconception(
    "momentum stays None afterwards. Note every batch norm's own momentum first, and put it back."
)
def momentum_left(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.momenta = []
    kept.restore()


@misconception(
    "You set every momentum to 0.1 afterwards. Each batch norm had one of its own; put that back."
)
def momentum_of_all(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()
    for layer in norms(model):
        layer.momentum = 0.1


@misconception(
    "reset_parameters() resets gamma and beta too, which the network has learned. Use reset_running_stats()."
)
def parameters_reset(model, batches):
    kept = Kept(model)
    for layer in norms(model):
        layer.reset_parameters()
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "You turn requires_grad off and leave it off, so the model cannot be trained any more. Use no_grad instead."
)
def frozen_for_good(model, batches):
    kept = Kept(model)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for x in batches:
        model(x)
    kept.restore()


@misconception("Only your last batch counts. Reset once before the loop, and average over all batches.")
def reset_within_the_loop(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        for x in batches:
            for layer in norms(model):
                layer.reset_running_stats()
            model(x)
    kept.restore()


@misconception("Only your first batch counts. Send every batch through the model.")
def first_batch_alone(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        model(batches[0])
    kept.restore()


@misconception(
    "You send all batches through as one. Send them one by one: each is normalised with its own statistics, and each "
    "counts the same."
)
def all_at_once(model, batches):
    kept = Kept(model)
    with torch.no_grad():
        model(torch.cat(list(batches)))
    kept.restore()


@misconception("Gradients are recorded while you collect. Put the loop under torch.no_grad().")
def gradients_recorded(model, batches):
    kept = Kept(model)
    for x in batches:
        model(x)
    kept.restore()


@misconception(
    "Dropout is on while you collect, because the whole model is in training mode. Call model.eval() first, and then "
    "train() on the batch norms alone."
)
def dropout_on(model, batches):
    kept = Kept(model)
    model.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "torch.optim.swa_utils.update_bn leaves dropout on, and gives all modules one mode afterwards. Collect in "
    "evaluation mode with the batch norms alone in training mode, and put back every module's own mode."
)
def torchs_update_bn(model, batches):
    torch.optim.swa_utils.update_bn(batches, model)


@misconception(
    "Your batch norms are in evaluation mode while you collect, so nothing is collected. Call train() on them."
)
def collected_in_evaluation(model, batches):
    kept = Kept(model)
    model.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "You put batch norms that were in evaluation mode back to sleep before collecting. Frozen ones collect too: call "
    "train() on every batch norm."
)
def frozen_left_out(model, batches):
    kept = Kept(model)
    for module, mode in kept.modes:
        if module in norms(model):
            module.training = mode
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception("You look for nn.BatchNorm2d alone. Take nn.BatchNorm1d and nn.BatchNorm3d, too.")
def only_2d(model, batches):
    kept = Kept(model)
    for layer in norms(model):
        if not isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "You miss batch norms inside the model's parts. model.modules() goes all the way down; model.children() does not."
)
def children_only(model, batches):
    kept = Kept(model)
    for layer in norms(model):
        if not any(layer is child for child in model.children()):
            layer.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    kept.restore()


@misconception(
    "You recalibrate a copy, and the model that was given stays as it was. Work on the model itself."
)
def on_a_copy(model, batches):
    other = copy.deepcopy(model)
    kept = Kept(other)
    with torch.no_grad():
        for x in batches:
            other(x)
    kept.restore()
    return other


@misconception(
    "Your running variance averages biased variances. PyTorch stores unbiased ones, divided by n - 1: let the layers "
    "collect by themselves.",
)
def biased_variances(model, batches):
    kept = Kept(model)
    sizes = {layer: [] for layer in norms(model)}
    variances = {layer: [] for layer in norms(model)}

    def note(layer, inputs, output):
        values = inputs[0].transpose(0, 1).flatten(1)
        sizes[layer].append(values.shape[1])
        variances[layer].append(values.var(1, correction=0))

    handles = [layer.register_forward_hook(note) for layer in sizes]
    with torch.no_grad():
        for x in batches:
            model(x)
    for handle in handles:
        handle.remove()
    for layer, seen in variances.items():
        layer.running_var.copy_(torch.stack(seen).mean(0))
    kept.restore()
