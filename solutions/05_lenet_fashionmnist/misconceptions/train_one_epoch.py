"""Ways in which train_one_epoch(model, loader, opt) is written."""

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception


@alternative
def zero_grad_last_and_first(model, loader, opt):
    model.train(True)
    opt.zero_grad()
    losses, sizes = [], []
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item() * x.shape[0])
        sizes.append(x.shape[0])
    return sum(losses) / sum(sizes)


@alternative
def sums_on_the_device(model, loader, opt):
    model.train()
    total, count = torch.zeros(()), 0
    for x, y in loader:
        model.zero_grad(set_to_none=False)
        losses = F.nll_loss(model(x).log_softmax(-1), y, reduction="none")
        losses.mean().backward()
        opt.step()
        total += losses.detach().sum()
        count += len(losses)
    return float(total / count)


@alternative
def loss_as_a_module(model, loader, opt):
    criterion = torch.nn.CrossEntropyLoss()
    model = model.train()
    weighted = 0.0
    seen = 0
    for batch in loader:
        x, y = batch
        opt.zero_grad(set_to_none=True)
        logits = model(x)
        loss = criterion(logits, y)
        loss.backward()
        opt.step()
        weighted = weighted + y.numel() * float(loss.detach())
        seen += y.numel()
    return weighted / seen


@misconception(
    "Gradients are never set to zero, so each step uses those of all batches before: opt.zero_grad() for each batch."
)
def never_zero_grad(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "Gradients are set to zero once, before the loop, and add up inside it: opt.zero_grad() for each batch."
)
def zero_grad_once(model, loader, opt):
    model.train()
    opt.zero_grad()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "Gradients are set to zero between backward and step, so no step moves anything: zero them before backward."
)
def zero_grad_before_step(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.zero_grad(set_to_none=False)
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "The step comes before backward, so each step uses the gradients of the batch before: swap the two."
)
def step_before_backward(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.step()
        opt.zero_grad()
        loss.backward()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception("There is no step: gradients are computed and never used. Call opt.step() for each batch.")
def no_step(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "The model is not switched to training mode. Call model.train() first: the caller may just have evaluated."
)
def mode_forgotten(model, loader, opt):
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "You set model.training by hand, which does not reach the layers inside: call model.train()."
)
def flag_by_hand(model, loader, opt):
    model.training = True
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception("The model is put into evaluation mode at the end. It is to stay in training mode.")
def evaluation_mode_afterwards(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    model.eval()
    return total / n


@misconception("There is one step for the whole epoch. Step inside the loop, once for each batch.")
def one_step_an_epoch(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        total, n = total + loss.item() * len(y), n + len(y)
    opt.step()
    return total / n


@misconception("You apply softmax before cross_entropy, which does that itself. Hand it the logits.")
def softmax_first(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x).softmax(1), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "You train on the sum of a batch's losses. Use their mean, as F.cross_entropy gives it, or every step is too long."
)
def summed_loss(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y, reduction="sum")
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item(), n + len(y)
    return total / n


@misconception(
    "You return the loss of the last batch alone. Return the mean over all pictures of the epoch."
)
def last_loss(model, loader, opt):
    model.train()
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    return loss.item()


@misconception(
    "You return the mean of the batch means, which counts a small last batch like a full one: weigh by len(y)."
)
def mean_of_means(model, loader, opt):
    model.train()
    losses = []
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@misconception("You return the sum over pictures. Divide it by their number.")
def not_divided(model, loader, opt):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(y)
    return total


@misconception("You return a tensor. Use loss.item(): a tensor keeps the graphs of all batches in memory.")
def returns_a_tensor(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss * len(y), n + len(y)
    return total / n


@misconception(
    "You move the weights yourself instead of calling opt.step(): any optimizer then does the same as plain descent."
)
def own_step(model, loader, opt):
    model.train()
    lr = opt.param_groups[0]["lr"]
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception("You make an optimizer of your own in the function. Use opt, the one that is given.")
def own_optimizer(model, loader, opt):
    model.train()
    opt = torch.optim.SGD(
        model.parameters(), **{k: opt.param_groups[0].get(k, 0) for k in ("lr", "momentum")}
    )
    total = n = 0
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception("The last batch is left out because it is smaller. Train on every batch.")
def small_batch_skipped(model, loader, opt):
    model.train()
    total = n = size = 0
    for x, y in loader:
        size = max(size, len(y))
        if len(y) < size:
            break
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total, n = total + loss.item() * len(y), n + len(y)
    return total / n


@misconception(
    "The loss is measured after the step, by a second pass. Use the one that you train with: it is measured before."
)
def measured_after_the_step(model, loader, opt):
    model.train()
    total = n = 0
    for x, y in loader:
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()
        opt.step()
        total, n = total + F.cross_entropy(model(x), y).item() * len(y), n + len(y)
    return total / n
