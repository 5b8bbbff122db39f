"""Ways in which bn_parameters(model) is written. BATCH_NORMS is given in the notebook."""

# ruff: noqa: F821
import torch
import torch.nn as nn
from autograder.variants import alternative, misconception


def copied(parameter):
    return None if parameter is None else parameter.detach().clone()


def rows(pairs):
    return [(name, copied(module.weight), copied(module.bias)) for name, module in pairs]


def found(model):
    return [(name, module) for name, module in model.named_modules() if isinstance(module, BATCH_NORMS)]


@alternative
def recursive(model):
    def walk(module, path):
        table = []
        if isinstance(module, tuple(BATCH_NORMS)):
            row = [path]
            for tensor in (module.weight, module.bias):
                row.append(None if tensor is None else torch.tensor(tensor.tolist()))
            table.append(tuple(row))
        for name, child in module.named_children():
            table.extend(walk(child, f"{path}.{name}".lstrip(".")))
        return table

    return walk(model, "")


@alternative
@torch.no_grad()
def one_by_one(model):
    table = []
    for name, module in model.named_modules():
        if not any(isinstance(module, kind) for kind in BATCH_NORMS):
            continue
        if module.weight is None:
            table.append([name, None, None])
        else:
            table.append([name, module.weight.clone(), module.bias.clone()])
    return table


@alternative
def from_data(model):
    table = []
    for name, module in model.named_modules():
        if isinstance(module, BATCH_NORMS):
            gamma = module.weight.data.clone() if module.weight is not None else None
            beta = module.bias.data.clone() if module.bias is not None else None
            table.append((name, gamma, beta))
    return table


@misconception(
    "Only layers at the top of the model are found. Use model.named_modules(), which goes all the way down."
)
def top_level(model):
    return rows(
        (name, module) for name, module in model.named_children() if isinstance(module, BATCH_NORMS)
    )


@misconception(
    "The model itself is left out: a batch norm layer is a model too. Do not skip the empty name."
)
def skips_the_model_itself(model):
    return rows((name, module) for name, module in found(model) if name)


@misconception(
    "Only your own kind of batch norm is found. Ask for all kinds: isinstance(module, BATCH_NORMS)."
)
def own_kind_only(model):
    return rows(
        (name, module) for name, module in model.named_modules() if isinstance(module, BATCH_NORMS[-1])
    )


@misconception(
    "Only torch's kinds of batch norm are found. Ask for yours too: isinstance(module, BATCH_NORMS)."
)
def torchs_kinds_only(model):
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return rows((name, module) for name, module in model.named_modules() if isinstance(module, kinds))


@misconception("Only nn.BatchNorm2d is found. Ask for all kinds: isinstance(module, BATCH_NORMS).")
def maps_only(model):
    return rows(
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)
    )


@misconception(
    "You take every layer that has running statistics; instance norm can have them too. Ask for its kind."
)
def whatever_runs(model):
    return rows(
        (name, module)
        for name, module in model.named_modules()
        if getattr(module, "running_mean", None) is not None or isinstance(module, BATCH_NORMS)
    )


@misconception(
    "You take every layer with a weight of one axis; layer norm and group norm have one. Ask for its kind."
)
def whatever_has_a_weight(model):
    return rows(
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, BATCH_NORMS) or getattr(getattr(module, "weight", None), "ndim", 0) == 1
    )


@misconception(
    "You go by the layer's name. Names are free: ask for the kind of the module with isinstance."
)
def by_name(model):
    words = ("bn", "batchnorm", "norm")
    return rows(
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, BATCH_NORMS) or any(word in name for word in words)
    )


@misconception("You leave out layers with affine=False. List them too, with None for gamma and beta.")
def affine_only(model):
    return rows((name, module) for name, module in found(model) if module.weight is not None)


@misconception("For layers with affine=False you make up a gamma of 1 and a beta of 0. Give None for both.")
def makes_up_numbers(model):
    table = []
    for name, module in found(model):
        if module.weight is None:
            table.append(
                (name, torch.ones_like(module.running_mean), torch.zeros_like(module.running_mean))
            )
        else:
            table.append((name, copied(module.weight), copied(module.bias)))
    return table


@misconception(
    "A layer with affine=False has None in place of gamma and beta, and None has no detach. Treat it first."
)
def stumbles_over_none(model):
    return [
        (name, module.weight.detach().clone(), module.bias.detach().clone())
        for name, module in found(model)
    ]


@misconception("You return the parameters themselves. Return copies: detach().clone().")
def the_parameters_themselves(model):
    return [(name, module.weight, module.bias) for name, module in found(model)]


@misconception("detach() alone still shares its memory with the model. Return copies: detach().clone().")
def detached_only(model):
    return [
        (name, None if module.weight is None else module.weight.detach(), copied(module.bias))
        for name, module in found(model)
    ]


@misconception(
    "clone() alone keeps the graph, so your copies still ask for a gradient. Use detach().clone()."
)
def cloned_only(model):
    return [
        (
            name,
            None if module.weight is None else module.weight.clone(),
            None if module.bias is None else module.bias.clone(),
        )
        for name, module in found(model)
    ]


@misconception("gamma and beta have changed places. gamma is the layer's weight, beta its bias.")
def swapped(model):
    return [(name, copied(module.bias), copied(module.weight)) for name, module in found(model)]


@misconception("You return the running statistics. gamma is the layer's weight, beta its bias.")
def running_statistics(model):
    return [
        (name, copied(getattr(module, "running_mean", None)), copied(getattr(module, "running_var", None)))
        for name, module in found(model)
    ]


@misconception("You return a dictionary. Return a list of tuples (name, gamma, beta).")
def dictionary(model):
    return {name: (gamma, beta) for name, gamma, beta in rows(found(model))}


@misconception("You print the table and return nothing. Return a list of tuples (name, gamma, beta).")
def printed(model):
    for name, gamma, beta in rows(found(model)):
        print(f"{name} - gamma: {gamma}, beta: {beta}")


@misconception("You return a generator, which can be used only once. Return a list.")
def generator(model):
    return (row for row in rows(found(model)))


@misconception(
    "The first entry is the kind of the layer. It should be its name, as model.named_modules() gives it."
)
def kinds_for_names(model):
    return [
        (type(module).__name__, copied(module.weight), copied(module.bias)) for _, module in found(model)
    ]


@misconception(
    "Your names end at the last dot: the path is missing. Use the whole name that named_modules() gives."
)
def last_part_of_the_name(model):
    return [(name.rpartition(".")[2], gamma, beta) for name, gamma, beta in rows(found(model))]


@misconception("You give the names of the weights. Give the name of the layer, without .weight at its end.")
def parameter_names(model):
    return [
        (f"{name}.weight" if name else "weight", gamma, beta) for name, gamma, beta in rows(found(model))
    ]


@misconception("You sort the table by name, so 10 comes before 2. Keep the order of the model.")
def sorted_by_name(model):
    return sorted(rows(found(model)), key=lambda row: row[0])


@misconception(
    "You return one number for each layer, a mean. Return all of gamma and beta, one number a channel."
)
def means(model):
    return [
        (name, gamma if gamma is None else gamma.mean(), beta if beta is None else beta.mean())
        for name, gamma, beta in rows(found(model))
    ]


@misconception("Only the first layer is returned: the return stands inside the loop. Move it out.")
def returns_too_early(model):
    table = []
    for name, module in found(model):
        table.append((name, copied(module.weight), copied(module.bias)))
        return table
    return table
