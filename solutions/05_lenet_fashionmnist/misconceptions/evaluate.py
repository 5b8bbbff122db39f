"""Ways in which evaluate(model, loader) is written."""

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception


def measured(model, loader):
    right = total = n = 0
    for x, y in loader:
        logits = model(x)
        right += (logits.argmax(1) == y).sum().item()
        total += F.cross_entropy(logits, y, reduction="sum").item()
        n += len(y)
    return right / n, total / n


@alternative
def in_inference_mode(model, loader):
    mode = model.training
    with torch.inference_mode():
        model.eval()
        result = measured(model, loader)
    if mode:
        model.train()
    return result


@alternative
@torch.no_grad()
def decorated(model, loader):
    was = model.training
    model.train(False)
    try:
        logits, labels = zip(*[(model(x), y) for x, y in loader], strict=True)
    finally:
        model.train(was)
    logits, labels = torch.cat(logits), torch.cat(labels)
    accuracy = (logits.max(dim=1).indices == labels).float().mean()
    return accuracy.item(), torch.nn.CrossEntropyLoss()(logits, labels).item()


@alternative
def weighted_means(model, loader):
    before = model.training
    model.eval()
    accuracy = loss = n = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            accuracy += len(y) * float((logits.argmax(-1) == y).float().mean())
            loss += len(y) * float(F.cross_entropy(logits, y))
            n += len(y)
    model.train(before)
    return accuracy / n, loss / n


@misconception(
    "The model is not switched to evaluation mode: call model.eval() first, for batch norm and dropout."
)
def eval_forgotten(model, loader):
    with torch.no_grad():
        return measured(model, loader)


@misconception(
    "You use no_grad, but not evaluation mode. They are two things: call model.eval() too, and restore the mode."
)
def train_mode_on_purpose(model, loader):
    was = model.training
    model.train()
    with torch.no_grad():
        result = measured(model, loader)
    model.train(was)
    return result


@misconception(
    "Gradients are recorded while you evaluate, which costs memory: put the loop under torch.no_grad()."
)
def no_grad_forgotten(model, loader):
    was = model.training
    model.eval()
    result = measured(model, loader)
    model.train(was)
    return result


@misconception(
    "You switch gradients off for good with torch.set_grad_enabled(False). Use `with torch.no_grad():` instead."
)
def grad_off_for_good(model, loader):
    was = model.training
    model.eval()
    torch.set_grad_enabled(False)
    result = measured(model, loader)
    model.train(was)
    return result


@misconception(
    "The model stays in evaluation mode. Put it back into the mode that it was in when you were called."
)
def mode_not_restored(model, loader):
    model.eval()
    with torch.no_grad():
        return measured(model, loader)


@misconception(
    "You always leave the model in training mode. Put it back into the mode that it was in when you were called."
)
def always_back_to_train(model, loader):
    model.eval()
    with torch.no_grad():
        result = measured(model, loader)
    model.train()
    return result


@misconception("The accuracy is that of the last batch alone. Count over all batches.")
def last_accuracy(model, loader):
    was = model.training
    model.eval()
    total = n = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            accuracy = (logits.argmax(1) == y).float().mean().item()
            total, n = total + F.cross_entropy(logits, y, reduction="sum").item(), n + len(y)
    model.train(was)
    return accuracy, total / n


@misconception("The loss is that of the last batch alone. Take the mean over all pictures.")
def last_loss(model, loader):
    was = model.training
    model.eval()
    right = n = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            loss = F.cross_entropy(logits, y).item()
            right, n = right + (logits.argmax(1) == y).sum().item(), n + len(y)
    model.train(was)
    return right / n, loss


@misconception(
    "Your accuracy is the mean of the batches' accuracies, which counts a small last batch like a full one."
)
def mean_of_accuracies(model, loader):
    was = model.training
    model.eval()
    accuracies, total, n = [], 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            accuracies.append((logits.argmax(1) == y).float().mean().item())
            total, n = total + F.cross_entropy(logits, y, reduction="sum").item(), n + len(y)
    model.train(was)
    return sum(accuracies) / len(accuracies), total / n


@misconception(
    "Your loss is the mean of the batches' losses, which counts a small last batch like a full one: weigh by len(y)."
)
def mean_of_losses(model, loader):
    was = model.training
    model.eval()
    losses, right, n = [], 0, 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            losses.append(F.cross_entropy(logits, y).item())
            right, n = right + (logits.argmax(1) == y).sum().item(), n + len(y)
    model.train(was)
    return right / n, sum(losses) / len(losses)


@misconception(
    "You add up over pictures and divide by the number of batches. Divide by the number of pictures."
)
def divided_by_batches(model, loader):
    was = model.training
    model.eval()
    right = total = n = batches = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            right += (logits.argmax(1) == y).sum().item()
            total += F.cross_entropy(logits, y, reduction="sum").item()
            n, batches = n + len(y), batches + 1
    model.train(was)
    return right / n, total / batches


@misconception(
    "argmax runs over the batch in your code. The classes lie along axis 1: logits.argmax(dim=1)."
)
def argmax_over_the_batch(model, loader):
    was = model.training
    model.eval()
    right = total = n = 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            right += (logits.argmax(0)[:1] == y).sum().item()
            total += F.cross_entropy(logits, y, reduction="sum").item()
            n += len(y)
    model.train(was)
    return right / n, total / n


@misconception("Your accuracy is in percent. Return a share between 0 and 1.")
def percent(model, loader):
    was = model.training
    model.eval()
    with torch.no_grad():
        accuracy, loss = measured(model, loader)
    model.train(was)
    return 100 * accuracy, loss


@misconception("You return the loss first. The accuracy comes first: return accuracy, loss.")
def loss_first(model, loader):
    was = model.training
    model.eval()
    with torch.no_grad():
        accuracy, loss = measured(model, loader)
    model.train(was)
    return loss, accuracy


@misconception("You return tensors. Use .item() to make Python floats of them.")
def returns_tensors(model, loader):
    was = model.training
    model.eval()
    with torch.no_grad():
        accuracy, loss = measured(model, loader)
    model.train(was)
    return torch.tensor(accuracy), torch.tensor(loss)


@misconception("You apply softmax before cross_entropy, which does that itself. Hand it the logits.")
def softmax_first(model, loader):
    was = model.training
    model.eval()
    right = total = n = 0
    with torch.no_grad():
        for x, y in loader:
            probabilities = model(x).softmax(1)
            right += (probabilities.argmax(1) == y).sum().item()
            total += F.cross_entropy(probabilities, y, reduction="sum").item()
            n += len(y)
    model.train(was)
    return right / n, total / n


@misconception("You reset batch norm's running statistics before you evaluate. Leave the model as it is.")
def statistics_reset(model, loader):
    was = model.training
    model.eval()
    for layer in model.modules():
        if hasattr(layer, "reset_running_stats"):
            layer.reset_running_stats()
    with torch.no_grad():
        result = measured(model, loader)
    model.train(was)
    return result
