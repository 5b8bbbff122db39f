"""Ways in which mc_dropout_predict(model, x, T) is written, wrong and right."""

import torch
import torch.nn as nn
from autograder.variants import alternative, misconception

LAYERS = (nn.Dropout, nn.Dropout2d)


def switched(model, kinds=LAYERS):
    """Only dropout in training mode; returns the modes that were."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for module in modes:
        if isinstance(module, kinds):
            module.train()
    return modes


def restored(modes):
    for module, training in modes.items():
        module.training = training


def passes(model, x, T):
    with torch.no_grad():
        return torch.stack([model(x).softmax(1) for _ in range(T)])


def summary(probabilities):
    return probabilities.mean(0), probabilities.std(0)


@alternative
def one_large_batch(model, x, T):
    modes = switched(model)
    with torch.no_grad():
        logits = model(torch.cat([x] * T))
    restored(modes)
    probabilities = logits.softmax(-1).view(T, len(x), -1)
    return probabilities.mean(0), probabilities.std(0)


@alternative
def running_sums(model, x, T):
    flags = [module.training for module in model.modules()]
    for module in model.modules():
        module.training = "Dropout" in type(module).__name__
    total = squares = 0
    with torch.inference_mode():
        for _ in range(T):
            probabilities = torch.nn.functional.softmax(model(x), dim=1).double()
            total, squares = total + probabilities, squares + probabilities**2
        mean = total / T
        std = (squares / T - mean**2).clamp(min=0).sqrt()
    for module, flag in zip(model.modules(), flags, strict=True):
        module.training = flag
    return mean.float(), std.float()


@alternative
def decorated(model, x, T):
    modes = switched(model, nn.modules.dropout._DropoutNd)
    try:
        answers = []
        for _ in range(T):
            answers.append(torch.exp(torch.log_softmax(model(x), 1)).detach())
    finally:
        restored(modes)
    answers = torch.stack(answers)
    return answers.mean(0), answers.var(0, correction=0).sqrt()


@misconception(
    "You put the whole model into training mode, batch norm too. Put it into evaluation mode, then only the dropout "
    "layers into training mode."
)
def all_in_training_mode(model, x, T):
    modes = {module: module.training for module in model.modules()}
    model.train()
    probabilities = passes(model, x, T)
    restored(modes)
    return summary(probabilities)


@misconception(
    "Batch norm still uses the batch in your passes, though you put its statistics back afterwards. Leave it in "
    "evaluation mode."
)
def statistics_put_back(model, x, T):
    modes = {module: module.training for module in model.modules()}
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    probabilities = passes(model, x, T)
    model.load_state_dict(state)
    restored(modes)
    return summary(probabilities)


@misconception(
    "You leave the model in the mode it came in. Put it into evaluation mode first, then its dropout layers into "
    "training mode."
)
def mode_as_it_came(model, x, T):
    modes = {module: module.training for module in model.modules()}
    for module in modes:
        if isinstance(module, LAYERS):
            module.train()
    probabilities = passes(model, x, T)
    restored(modes)
    return summary(probabilities)


@misconception(
    "Dropout is off in your passes, so they are all alike. Put the dropout layers into training mode."
)
def plain_evaluation(model, x, T):
    modes = switched(model, ())
    probabilities = passes(model, x, T)
    restored(modes)
    return summary(probabilities)


@misconception("You switch on nn.Dropout only. nn.Dropout2d layers belong to it too.")
def without_dropout2d(model, x, T):
    modes = switched(model, nn.Dropout)
    probabilities = passes(model, x, T)
    restored(modes)
    return summary(probabilities)


@misconception("Your softmax runs over the batch. It runs over the classes: dim=1.")
def softmax_over_the_batch(model, x, T):
    modes = switched(model)
    with torch.no_grad():
        probabilities = torch.stack([model(x).softmax(0) for _ in range(T)])
    restored(modes)
    return summary(probabilities)


@misconception(
    "You average logits and take the softmax at the end. Take the softmax of each pass, then average."
)
def softmax_of_the_mean(model, x, T):
    modes = switched(model)
    with torch.no_grad():
        logits = torch.stack([model(x) for _ in range(T)])
    restored(modes)
    return logits.mean(0).softmax(1), logits.softmax(2).std(0)


@misconception("You return mean and deviation of the logits. Take the softmax of each pass first.")
def logits_only(model, x, T):
    modes = switched(model)
    with torch.no_grad():
        logits = torch.stack([model(x) for _ in range(T)])
    restored(modes)
    return summary(logits)


@misconception("You average log-probabilities. Average the probabilities: softmax, not log_softmax.")
def log_probabilities(model, x, T):
    modes = switched(model)
    with torch.no_grad():
        logs = torch.stack([model(x).log_softmax(1) for _ in range(T)])
    restored(modes)
    mean = logs.mean(0).exp()
    return mean / mean.sum(1, keepdim=True), logs.exp().std(0)


@misconception("You count which class wins each pass. Average the probabilities themselves.")
def votes(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, T)
    restored(modes)
    won = torch.nn.functional.one_hot(probabilities.argmax(2), probabilities.shape[2]).float()
    return won.mean(0), won.std(0)


@misconception("You return the variance. Return the standard deviation, its square root.")
def variance(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, T)
    restored(modes)
    return probabilities.mean(0), probabilities.var(0)


@misconception(
    "You divide the deviation by the root of T, which says how exact the mean is. Return the deviation of the answers."
)
def error_of_the_mean(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, T)
    restored(modes)
    return probabilities.mean(0), probabilities.std(0) / T**0.5


@misconception("You average over the examples. Average over the T passes: axis 0 of (T, N, K).")
def averaged_over_examples(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, T)
    restored(modes)
    return probabilities.mean(1), probabilities.std(1)


@misconception("You ask once and do not use T. Ask T times.")
def one_pass(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, 1)
    restored(modes)
    return probabilities.mean(0), probabilities.std(0, correction=0)


@misconception("You ask once and repeat the answer T times. Each of the T answers needs a pass of its own.")
def one_pass_repeated(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, 1).repeat(T, 1, 1)
    restored(modes)
    return summary(probabilities)


@misconception("You ask T + 1 times. Ask T times: a pass before the loop counts too.")
def one_pass_too_many(model, x, T):
    modes = switched(model)
    probabilities = passes(model, x, T + 1)
    restored(modes)
    return summary(probabilities)


@misconception(
    "The dropout layers stay in training mode after you have asked. Put every module back as it was."
)
def modes_not_restored(model, x, T):
    switched(model)
    return summary(passes(model, x, T))


@misconception(
    "You leave the model in evaluation mode, also where it came in training mode. Put every module back as it was."
)
def left_in_evaluation(model, x, T):
    switched(model)
    probabilities = passes(model, x, T)
    model.eval()
    return summary(probabilities)


@misconception(
    "You put the whole model back into one mode. Modules may have been in different ones: restore each by itself."
)
def one_mode_for_all(model, x, T):
    was = model.training
    switched(model)
    probabilities = passes(model, x, T)
    model.train(was)
    return summary(probabilities)


@misconception("Your result carries a graph. Ask under torch.no_grad().")
def keeps_graph(model, x, T):
    modes = switched(model)
    probabilities = torch.stack([model(x).softmax(1) for _ in range(T)])
    restored(modes)
    return summary(probabilities)


@misconception(
    "You switch off recording for the rest of the program, with set_grad_enabled. Use `with torch.no_grad():`."
)
def recording_left_off(model, x, T):
    modes = switched(model)
    torch.set_grad_enabled(False)
    probabilities = torch.stack([model(x).softmax(1) for _ in range(T)])
    restored(modes)
    return summary(probabilities)
