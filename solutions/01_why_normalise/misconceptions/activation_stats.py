"""Ways in which activation_stats(model, x) is written, wrong and right."""

import contextlib
import math

import torch
from autograder.variants import alternative, misconception
from torch import nn


def leaves(model):
    return [module for module in model.modules() if not list(module.children())]


def pair(output):
    return output.mean().item(), output.std(correction=0).item()


class hooked:  # noqa: N801 - it stands in a with statement
    """The hook on all of these modules, and off again whatever happens."""

    def __init__(self, modules, hook):
        self.handles = [module.register_forward_hook(hook) for module in modules]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for handle in self.handles:
            handle.remove()


@alternative
def exit_stack_of_handles(model, x):
    stats = []
    with contextlib.ExitStack() as stack, torch.no_grad():
        for module in leaves(model):
            handle = module.register_forward_hook(lambda *seen: stats.append(pair(seen[2])))
            stack.callback(handle.remove)
        model(x)
    return stats


@alternative
def one_hook_for_all_modules(model, x):
    stats, own = [], set(leaves(model))

    def listen(module, inputs, output):
        if module in own:
            stats.append(pair(output))

    handle = nn.modules.module.register_module_forward_hook(listen)
    try:
        with torch.inference_mode():
            model(x)
    finally:
        handle.remove()
    return stats


@alternative
def cloned_and_measured_later(model, x):
    outputs = []
    with hooked(leaves(model), lambda module, inputs, output: outputs.append(output.detach().clone())):
        model(x)
    return [pair(output) for output in outputs]


@alternative
def written_out(model, x):
    stats = []

    def listen(module, inputs, output):
        mean = output.mean()
        stats.append((float(mean), math.sqrt(((output - mean) ** 2).mean())))

    with hooked(leaves(model), listen), torch.no_grad():
        model(x)
    return stats


@misconception(
    "Your standard deviation divides by n - 1, torch.std's default. Divide by n: pass correction=0.",
    accept=("values", "order_of_running", "containers_left_out", "model_keeps_its_mode", "inplace_layers"),
)
def unbiased(model, x):
    stats = []
    with (
        hooked(leaves(model), lambda m, i, out: stats.append((out.mean().item(), out.std().item()))),
        torch.no_grad(),
    ):
        model(x)
    return stats


@misconception(
    "You also listen to containers. Listen to modules without children only.",
    accept=(
        "order_of_running",
        "std_divides_by_n",
        "model_keeps_its_mode",
        "nothing_else_changes",
        "hooks_removed",
        "inplace_layers",
        "floats_and_no_graph",
    ),
)
def containers_too(model, x):
    stats = []
    with hooked(model.modules(), lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception(
    "You listen only to the direct children of the model. Use model.modules() to reach those deeper inside."
)
def direct_children(model, x):
    stats = []
    with hooked(model.children(), lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception(
    "A model that is a single layer has no children, and you report nothing. It is itself the one layer."
)
def single_layer_forgotten(model, x):
    stats = []
    inside = [module for module in leaves(model) if module is not model]
    with hooked(inside, lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception(
    "You pass x through the layers yourself, one after the other. Let the model run, and listen with hooks."
)
def layers_called_by_hand(model, x):
    stats = []
    with torch.no_grad():
        for layer in leaves(model):
            x = layer(x)
            stats.append(pair(x))
    return stats


@misconception(
    "Your pairs stand in the order in which layers were defined. Append each pair when its layer runs."
)
def order_of_definition(model, x):
    seen = {module: [] for module in leaves(model)}
    with hooked(leaves(model), lambda module, i, out: seen[module].append(pair(out))), torch.no_grad():
        model(x)
    return [one for pairs in seen.values() for one in pairs]


@misconception("A layer that runs twice has only one pair. Append to a list instead of storing by layer.")
def one_pair_a_layer(model, x):
    seen = {}
    with hooked(leaves(model), lambda module, i, out: seen.update({module: pair(out)})), torch.no_grad():
        model(x)
    return list(seen.values())


@misconception("You look only at layers with weights. Every module without children counts, nn.ReLU too.")
def layers_with_weights(model, x):
    stats = []
    weighted = [module for module in leaves(model) if list(module.parameters())]
    with hooked(weighted, lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception("You measure what goes into a layer. Measure its output, the hook's third argument.")
def inputs_measured(model, x):
    stats = []
    with hooked(leaves(model), lambda m, inputs, out: stats.append(pair(inputs[0]))), torch.no_grad():
        model(x)
    return stats


@misconception("You return the variance. Return its square root, the standard deviation.")
def variance(model, x):
    stats = []
    with (
        hooked(
            leaves(model), lambda m, i, out: stats.append((out.mean().item(), out.var(correction=0).item()))
        ),
        torch.no_grad(),
    ):
        model(x)
    return stats


@misconception("You return the standard deviation first. The order is (mean, std).")
def swapped(model, x):
    stats = []
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out)[::-1])), torch.no_grad():
        model(x)
    return stats


@misconception(
    "You average the deviations of the single features. Take one deviation over all numbers of the output."
)
def mean_of_deviations(model, x):
    stats = []

    def listen(module, inputs, output):
        stats.append((output.mean().item(), output.std(0, correction=0).mean().item()))

    with hooked(leaves(model), listen), torch.no_grad():
        model(x)
    return stats


@misconception("You measure around 0: the root of the mean square. Subtract the mean before you square.")
def root_mean_square(model, x):
    stats = []
    with (
        hooked(
            leaves(model),
            lambda m, i, out: stats.append((out.mean().item(), (out**2).mean().sqrt().item())),
        ),
        torch.no_grad(),
    ):
        model(x)
    return stats


@misconception(
    "You store the outputs and measure them later, when an in-place layer has changed them. Measure in the hook."
)
def measured_too_late(model, x):
    outputs = []
    with hooked(leaves(model), lambda m, i, out: outputs.append(out)), torch.no_grad():
        model(x)
    return [pair(output) for output in outputs]


@misconception("Your hooks stay in the model. Keep the handles and call remove() on each.")
def hooks_stay(model, x):
    stats = []
    for module in leaves(model):
        module.register_forward_hook(lambda m, i, out: stats.append(pair(out)))
    with torch.no_grad():
        model(x)
    return list(stats)


@misconception("Your hooks stay in the model when it raises an error. Remove them in a finally block.")
def no_finally(model, x):
    stats = []
    handles = [
        module.register_forward_hook(lambda m, i, out: stats.append(pair(out))) for module in leaves(model)
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return stats


@misconception("You remove only the last hook. Keep all handles in a list and remove each.")
def last_handle_only(model, x):
    stats = []
    for module in leaves(model):
        handle = module.register_forward_hook(lambda m, i, out: stats.append(pair(out)))
    try:
        with torch.no_grad():
            model(x)
    finally:
        handle.remove()
    return stats


@misconception(
    "You remove all hooks of the model, also those of others. Remove your own, through their handles."
)
def clears_all_hooks(model, x):
    stats = []
    for module in leaves(model):
        module.register_forward_hook(lambda m, i, out: stats.append(pair(out)))
    try:
        with torch.no_grad():
            model(x)
    finally:
        for module in model.modules():
            module._forward_hooks.clear()
    return stats


@misconception(
    "You swallow the error that the model raises. Let it pass; remove the hooks in a finally block."
)
def error_swallowed(model, x):
    stats = []
    listening = hooked(leaves(model), lambda m, i, out: stats.append(pair(out)))
    with listening, torch.no_grad(), contextlib.suppress(Exception):
        model(x)
    return stats


@misconception("You call model.eval() and leave it so. Let the model run in the mode it is in.")
def left_in_eval(model, x):
    stats = []
    model.eval()
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception(
    "You run the model in evaluation mode. Let it run in the mode it is in: call neither eval() nor train()."
)
def evaluated_and_restored(model, x):
    modes = [(module, module.training) for module in model.modules()]
    stats = []
    model.eval()
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    for module, mode in modes:
        module.training = mode
    return stats


@misconception("You call model.train(). Let the model run in the mode it is in, part by part.")
def put_in_train(model, x):
    stats = []
    model.train()
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))), torch.no_grad():
        model(x)
    return stats


@misconception("You run the model twice, and stored statistics move twice. Run it once.")
def run_twice(model, x):
    stats = []
    with torch.no_grad():
        with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))):
            model(x)
        model(x)
    return stats


@misconception(
    "You switch gradients off for the model's parameters. Use torch.no_grad() around the run instead."
)
def parameters_frozen(model, x):
    stats = []
    model.requires_grad_(False)
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))):
        model(x)
    return stats


@misconception(
    "You switch the recording of gradients off for good. Use with torch.no_grad(): around the run."
)
def gradients_left_off(model, x):
    stats = []
    torch.set_grad_enabled(False)
    with hooked(leaves(model), lambda m, i, out: stats.append(pair(out))):
        model(x)
    return stats


@misconception(
    "Your pairs hold tensors, which keep the graph of the run. Turn them into floats with .item()."
)
def tensors_with_graph(model, x):
    stats = []
    with hooked(leaves(model), lambda m, i, out: stats.append((out.mean(), out.std(correction=0)))):
        model(x)
    return stats


@misconception("Your pairs hold tensors. Turn them into Python floats with .item().")
def tensors_without_graph(model, x):
    stats = []
    with (
        hooked(leaves(model), lambda m, i, out: stats.append((out.mean(), out.std(correction=0)))),
        torch.no_grad(),
    ):
        model(x)
    return stats
