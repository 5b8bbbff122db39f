"""Ways in which lr_sweep(make, lrs) is written."""

import math

import torch
import torch.nn.functional as F
from autograder.variants import alternative, misconception


def trained(model, train, lr):
    train_one_epoch(model, train, torch.optim.SGD(model.parameters(), lr=lr))  # noqa: F821 - an answer


def accuracy_of(model, test):
    return evaluate(model, test)[0]  # noqa: F821 - an answer


@alternative
def dict_comprehension(make, lrs):
    state = torch.random.get_rng_state()

    def one(lr):
        torch.random.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        return accuracy_of(model, test)

    return {lr: one(lr) for lr in lrs}


@alternative
def forked(make, lrs):
    found = {}
    for lr in lrs:
        with torch.random.fork_rng(devices=[]):  # leaves the state as it was
            model, train, test = make()
            trained(model, train, lr)
            found[lr] = accuracy_of(model, test)
    return found


@alternative
def prepared_dict(make, lrs):
    state = torch.get_rng_state().clone()
    result = dict.fromkeys(lrs, 0.0)
    for lr in result:
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        accuracy, _ = evaluate(model, test)  # noqa: F821 - an answer
        result[lr] = float(accuracy)
    return result


@misconception(
    "There is one model for all rates: the second rate goes on where the first ended. Call make() for each rate."
)
def one_model(make, lrs):
    model, train, test = make()
    found = {}
    for lr in lrs:
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "Each rate has a new model, but the optimizer still holds the first one's parameters: make it inside the loop too."
)
def one_optimizer(make, lrs):
    state, found, opt = torch.get_rng_state(), {}, None
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        opt = opt or torch.optim.SGD(model.parameters(), lr=lr)
        for group in opt.param_groups:
            group["lr"] = lr
        train_one_epoch(model, train, opt)  # noqa: F821 - an answer
        found[lr] = accuracy_of(model, test)
    return found


@misconception("Every rate starts from other weights: put the random state back before each make().")
def other_weights_each_time(make, lrs):
    found = {}
    for lr in lrs:
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "You set a fixed seed inside, so that no caller can repeat the sweep with another. Put the caller's random state back."
)
def fixed_seed(make, lrs):
    found = {}
    for lr in lrs:
        torch.manual_seed(0)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "The random state is read inside the loop, where it has already moved on. Read it once, before the loop."
)
def state_read_inside(make, lrs):
    found = {}
    for lr in lrs:
        state = torch.get_rng_state()
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "The random state is put back after make(), too late for the weights. Put it back before make()."
)
def state_put_back_too_late(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        model, train, test = make()
        torch.set_rng_state(state)
        torch.rand(1)
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception("You return a list of accuracies. Return a dict from each rate to its accuracy.")
def a_list(make, lrs):
    state, found = torch.get_rng_state(), []
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found.append(accuracy_of(model, test))
    return found


@misconception("The accuracy is measured on the training batches. Measure on test.")
def measured_on_train(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, _ = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, train)
    return found


@misconception("Your sweep trains on the test batches. Train on train, and measure on test.")
def trained_on_test(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, _, test = make()
        trained(model, test, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception("You keep the loss of each rate. evaluate gives accuracy and loss: keep the first.")
def losses_kept(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = evaluate(model, test)[1]  # noqa: F821 - an answer
    return found


@misconception("You keep the pair that evaluate gives. Keep its first number, the accuracy.")
def pairs_kept(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = evaluate(model, test)  # noqa: F821 - an answer
    return found


@misconception("The model is measured before it is trained. Train first.")
def measured_first(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        found[lr] = accuracy_of(model, test)
        trained(model, train, lr)
    return found


@misconception("Your optimizer is not plain SGD: the sweep is to use torch.optim.SGD without momentum.")
def with_momentum(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        train_one_epoch(model, train, opt)  # noqa: F821 - an answer
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "Your optimizer is Adam. The sweep is to use torch.optim.SGD: Adam's rates mean something else."
)
def with_adam(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        train_one_epoch(model, train, torch.optim.Adam(model.parameters(), lr=lr))  # noqa: F821 - an answer
        found[lr] = accuracy_of(model, test)
    return found


@misconception("The sweep trains more than one epoch at each rate. One is asked for.")
def two_epochs(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        opt = torch.optim.SGD(model.parameters(), lr=lr)
        for _ in range(2):
            train_one_epoch(model, train, opt)  # noqa: F821 - an answer
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "make() is called more than once for a rate, so the model you measure is not the one you trained."
)
def made_twice(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, _ = make()
        trained(model, train, lr)
        torch.set_rng_state(state)
        model, _, test = make()
        found[lr] = accuracy_of(model, test)
    return found


@misconception(
    "The sweep stops at the first rate whose loss is nan. Give that rate its accuracy, and go on."
)
def stops_at_nan(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        opt = torch.optim.SGD(model.parameters(), lr=lr)
        if not math.isfinite(train_one_epoch(model, train, opt)):  # noqa: F821 - an answer
            break
        found[lr] = accuracy_of(model, test)
    return found


@misconception("Rates whose loss becomes nan are left out. They are results too: give each its accuracy.")
def leaves_nan_out(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        opt = torch.optim.SGD(model.parameters(), lr=lr)
        if math.isfinite(train_one_epoch(model, train, opt)):  # noqa: F821 - an answer
            found[lr] = accuracy_of(model, test)
    return found


@misconception("The rates are sorted. Keep them in the order of lrs.")
def sorted_rates(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in sorted(lrs):
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    return found


@misconception("Only the best rate is returned. Return the accuracy of every rate.")
def best_only(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        trained(model, train, lr)
        found[lr] = accuracy_of(model, test)
    best = max(found, key=found.get)
    return {best: found[best]}


@alternative
def written_out(make, lrs):
    state, found = torch.get_rng_state(), {}
    for lr in lrs:
        torch.set_rng_state(state)
        model, train, test = make()
        model.train()
        for x, y in train:
            gradients = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()))
            with torch.no_grad():
                for p, gradient in zip(model.parameters(), gradients, strict=True):
                    p -= lr * gradient
                    p.grad = gradient
        found[lr] = accuracy_of(model, test)
    return found
