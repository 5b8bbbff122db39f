"""Ways in which fit(model, train, validation, epochs) is written."""

import copy

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception


def learn(model, optimizer, x, y, fresh=True):
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    if fresh:
        optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), (logits.argmax(1) == y).sum().item()


def look(model, batches, grad=False, weighted=True):
    """Loss and accuracy over batches, in whatever mode the model is."""
    total = correct = count = 0
    with torch.set_grad_enabled(grad):
        for x, y in batches:
            logits = model(x)
            total += F.cross_entropy(logits, y).item() * (len(y) if weighted else 1)
            correct += (logits.argmax(1) == y).sum().item()
            count += len(y)
    return total / (count if weighted else len(batches)), correct / count


def looped(
    model,
    train,
    validation,
    epochs,
    *,
    before=lambda model, epoch: model.train(),
    batch=learn,
    train_mean="examples",
    look=look,
    mode=lambda model: model.eval(),
    better=lambda now, best, history: (
        best is None or now["validation_accuracy"] > best["validation_accuracy"]
    ),
    keep=lambda model: copy.deepcopy(model.state_dict()),
    restore=True,
    optimizer_each_epoch=False,
    number=float,
    after=lambda model: None,
):
    """The loop, with one place for each thing that can go wrong."""
    optimizer = make_optimizer(model)  # noqa: F821 - the lesson gives it
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    history, best, state = {name: [] for name in names}, None, None
    for epoch in range(epochs):
        before(model, epoch)
        if optimizer_each_epoch:
            optimizer = make_optimizer(model)  # noqa: F821
        total = correct = count = 0
        for x, y in train:
            loss, right = batch(model, optimizer, x, y)
            if train_mean == "last":
                total, count, correct = loss * len(y), len(y), right
            else:
                total += loss * (len(y) if train_mean == "examples" else 1)
                correct, count = correct + right, count + len(y)
        seen = total / (count if train_mean != "batches" else len(train)), correct / count
        mode(model)
        values = (*seen, *look(model, validation))
        now = dict(zip(names, values, strict=True))
        for name in names:
            history[name].append(number(now[name]))
        if better(now, best, history):
            best, state = now, keep(model)
        after(model)
    if restore:
        model.load_state_dict(state)
    return state, history


@alternative
def one_place_for_both(model, train, validation, epochs):
    optimizer = make_optimizer(model)  # noqa: F821
    history = {f"{part}_{what}": [] for part in ("train", "validation") for what in ("loss", "accuracy")}
    best, highest = None, float("-inf")
    for _ in range(epochs):
        for part, batches in (("train", train), ("validation", validation)):
            model.train(part == "train")
            losses, hits = [], []
            for x, y in batches:
                with torch.set_grad_enabled(part == "train"):
                    logits = model(x)
                    each = F.cross_entropy(logits, y, reduction="none")
                if part == "train":
                    each.mean().backward()
                    optimizer.step()
                    optimizer.zero_grad()
                losses.append(each.detach())
                hits.append(logits.argmax(1) == y)
            history[f"{part}_loss"].append(torch.cat(losses).mean().item())
            history[f"{part}_accuracy"].append(torch.cat(hits).double().mean().item())
        if history["validation_accuracy"][-1] > highest:
            highest = history["validation_accuracy"][-1]
            best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(best)
    return best, history


@alternative
def train_mode_after_looking(model, train, validation, epochs):
    model.train()
    return looped(
        model,
        train,
        validation,
        epochs,
        before=lambda model, epoch: None,
        after=lambda model: model.train(),
    )


@alternative
def inference_mode(model, train, validation, epochs):
    def looked(model, batches):
        with torch.inference_mode():
            return look(model, batches)

    return looped(model, train, validation, epochs, look=looked)


@misconception(
    "model.train() is never called again after the evaluation. Call it at the start of every epoch."
)
def train_called_once(model, train, validation, epochs):
    return looped(model, train, validation, epochs, before=lambda model, epoch: epoch or model.train())


@misconception(
    "You never call model.train(): a model that comes in evaluation mode stays in it. Call it in every epoch."
)
def train_never_called(model, train, validation, epochs):
    return looped(model, train, validation, epochs, before=lambda model, epoch: None)


@misconception(
    "You evaluate in training mode: validation images move the running statistics. Call model.eval() first."
)
def eval_forgotten(model, train, validation, epochs):
    return looped(model, train, validation, epochs, mode=lambda model: None)


@misconception("You evaluate with gradients switched on. Wrap the validation batches in torch.no_grad().")
def no_grad_forgotten(model, train, validation, epochs):
    return looped(
        model, train, validation, epochs, look=lambda model, batches: look(model, batches, grad=True)
    )


@misconception("You also learn from the validation batches. Hold them out: they only choose.")
def learns_from_validation(model, train, validation, epochs):
    def learn_and_look(model, batches):
        model.train()
        optimizer = make_optimizer(model)  # noqa: F821
        for x, y in batches:
            learn(model, optimizer, x, y)
        model.eval()
        return look(model, batches)

    return looped(model, train, validation, epochs, look=learn_and_look)


@misconception("You learn from training and validation batches together. Hold the validation ones out.")
def both_sets_joined(model, train, validation, epochs):
    return looped(model, [*train, *validation], validation, epochs)


@misconception(
    "You validate on the training batches. That shows how well they are remembered: use validation."
)
def validates_on_train(model, train, validation, epochs):
    return looped(model, train, train, epochs)


@misconception(
    "You set running statistics by sending the validation batches through in training mode. Leave them out."
)
def statistics_from_validation(model, train, validation, epochs):
    def refreshed(model):
        model.train()
        with torch.no_grad():
            for x, _ in validation:
                model(x.clone())
        model.eval()

    return looped(model, train, validation, epochs, mode=refreshed)


@misconception(
    "Your best state is no copy: state_dict() hands out the tensors that training goes on changing. Use copy.deepcopy."
)
def best_is_a_reference(model, train, validation, epochs):
    return looped(model, train, validation, epochs, keep=lambda model: model.state_dict())


@misconception(
    "You copy the dictionary but not its tensors, which training goes on changing. Use copy.deepcopy."
)
def shallow_copy(model, train, validation, epochs):
    return looped(model, train, validation, epochs, keep=lambda model: dict(model.state_dict()))


@misconception("You return the last state. Keep a copy of the one with the highest validation accuracy.")
def returns_the_last(model, train, validation, epochs):
    return looped(model, train, validation, epochs, better=lambda now, best, history: True)


@misconception(
    "The training accuracy chooses in your code, and that only shows what was remembered. Ask validation."
)
def chosen_by_training(model, train, validation, epochs):
    return looped(
        model,
        train,
        validation,
        epochs,
        better=lambda now, best, history: best is None or now["train_accuracy"] > best["train_accuracy"],
    )


@misconception("The lowest training loss chooses in your code. Let the validation accuracy choose.")
def chosen_by_training_loss(model, train, validation, epochs):
    return looped(
        model,
        train,
        validation,
        epochs,
        better=lambda now, best, history: best is None or now["train_loss"] < best["train_loss"],
    )


@misconception(
    "The lowest validation loss chooses in your code. Here the highest validation accuracy does."
)
def chosen_by_validation_loss(model, train, validation, epochs):
    return looped(
        model,
        train,
        validation,
        epochs,
        better=lambda now, best, history: best is None or now["validation_loss"] < best["validation_loss"],
    )


@misconception(
    "Of equal accuracies you keep the last. Keep the first: replace it only where the new one is higher."
)
def last_of_equals(model, train, validation, epochs):
    return looped(
        model,
        train,
        validation,
        epochs,
        better=lambda now, best, history: (
            best is None or now["validation_accuracy"] >= best["validation_accuracy"]
        ),
    )


@misconception(
    "Where every accuracy is 0 you keep no state at all. Start below 0, so that the first epoch counts."
)
def starts_at_zero(model, train, validation, epochs):
    return looped(
        model,
        train,
        validation,
        epochs,
        restore=False,
        better=lambda now, best, history: (
            now["validation_accuracy"] > (best or {}).get("validation_accuracy", 0.0)
        ),
    )


@misconception(
    "The state you return has no running statistics. Copy model.state_dict(), which holds the buffers too."
)
def parameters_only(model, train, validation, epochs):
    state, history = looped(model, train, validation, epochs)
    return {name: state[name] for name, _ in model.named_parameters()}, history


@misconception("At the end the model still holds the last epoch. Load the best state into it.")
def model_not_restored(model, train, validation, epochs):
    return looped(model, train, validation, epochs, restore=False)


@misconception(
    "The training loss is a mean of batch means, so a small last batch counts too much. Weigh by len(y)."
)
def mean_of_batch_means(model, train, validation, epochs):
    return looped(model, train, validation, epochs, train_mean="batches")


@misconception(
    "The validation loss is a mean of batch means, so a small last batch counts too much. Weigh by len(y)."
)
def validation_mean_of_means(model, train, validation, epochs):
    return looped(model, train, validation, epochs, look=lambda model, b: look(model, b, weighted=False))


@misconception("You record the last batch's loss and accuracy only. Add up over all batches of the epoch.")
def last_batch_only(model, train, validation, epochs):
    return looped(model, train, validation, epochs, train_mean="last")


@misconception(
    "Training numbers are measured after the epoch, in evaluation mode. Collect them while training."
)
def measured_afterwards(model, train, validation, epochs):
    history_train = []

    def looked(model, batches):
        history_train.append(look(model, [(x.clone(), y) for x, y in train]))
        return look(model, batches)

    best, history = looped(model, train, validation, epochs, look=looked)
    history["train_loss"] = [loss for loss, _ in history_train]
    history["train_accuracy"] = [accuracy for _, accuracy in history_train]
    return best, history


@misconception("Your history holds tensors. Turn each number into a Python float with .item() or float().")
def tensors_in_history(model, train, validation, epochs):
    return looped(model, train, validation, epochs, number=torch.tensor)


@misconception("Gradients of earlier batches pile up. Call optimizer.zero_grad() for every batch.")
def zero_grad_forgotten(model, train, validation, epochs):
    return looped(
        model, train, validation, epochs, batch=lambda model, o, x, y: learn(model, o, x, y, fresh=False)
    )


@misconception("You make a new optimizer in every epoch, and it forgets its momentum. Make it once.")
def optimizer_each_epoch(model, train, validation, epochs):
    return looped(model, train, validation, epochs, optimizer_each_epoch=True)


@misconception("A softmax stands before cross_entropy, which has one inside. Give it the logits.")
def softmax_first(model, train, validation, epochs):
    def learn_softened(model, optimizer, x, y):
        logits = model(x)
        loss = F.cross_entropy(logits.softmax(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item(), (logits.argmax(1) == y).sum().item()

    return looped(model, train, validation, epochs, batch=learn_softened)


@misconception(
    "Your gradients are set to 0 between backward and step, so nothing is learned. Do it before backward."
)
def zero_grad_before_step(model, train, validation, epochs):
    def learn_nothing(model, optimizer, x, y):
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        return loss.item(), (logits.argmax(1) == y).sum().item()

    return looped(model, train, validation, epochs, batch=learn_nothing)
