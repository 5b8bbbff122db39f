"""How fast lessons 5 and 7 train beside the loops of the texts that they come from, and how accurate they end.

``python -m benchmarks.training`` prints it, writes its section of docs/benchmarks.md, and fails where a requirement is
missed. Real data is used where there is some (see data/README.md); the section says on what it was measured.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import track
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from autograder.workbench import Images, best_device, load_images
from benchmarks.loops import Prepared, accuracy, cnn, epoch, fetched, indexed, lenet
from benchmarks.machine import describe
from benchmarks.page import table, write_section

ROOT = Path(__file__).parents[1]
REPEATS, SEEDS = 3, (0, 1, 2)
LENET_IMAGES, LENET_EPOCHS = 20_000, 4
CNN_IMAGES = 4_000
BATCH, BATCHES = 128, (64, 128, 256, 512)
RATE, MOMENTUM = 0.03, 0.9  # the third seed's
FALLING_RATE_AT_64 = 0.1  # where a rate that falls to nothing begins; in proportion to the batch


def finished(device: torch.device) -> float:
    """The time, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def trained(
    make: Callable[[], nn.Module],
    prepared: Prepared,
    images: Images,
    rate: float,
    epochs: int,
    falling_over: int,
    seed: int,
) -> tuple[float, float]:
    """Seconds of preparing and training, and the test accuracy. The rate falls to nothing over a number of steps.

    Where that number, *falling_over*, is 0, the rate stays as it is.
    """
    torch.manual_seed(seed)
    device = images.x_train.device
    model = make().to(device)
    opt = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
    started = finished(device)
    batches = prepared()
    schedule = LinearLR(opt, 1.0, 0.0, falling_over) if falling_over else None
    for _ in range(epochs):
        epoch(model, batches(), opt, schedule)
    seconds = finished(device) - started
    return seconds, accuracy(model, images.x_test, images.y_test)


def epochs_timed(
    contestants: dict[str, tuple[Prepared, torch.device, bool]], make: Callable[[], nn.Module], rate: float
) -> dict[str, list[float]]:
    """Seconds of an epoch each, REPEATS times; contestants take turns, so that a slow moment meets all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in track(range(REPEATS), "CNN, all loops"):
        for name, (prepared, device, as_second) in contestants.items():
            model = make().to(device)
            opt = torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
            started = finished(device)
            epoch(model, prepared()(), opt, as_second=as_second)
            seconds[name].append(finished(device) - started)
    return seconds


def first(images: Images, count: int, device: torch.device) -> Images:
    """*images* with the first *count* training pictures, on *device*."""
    x, y = images.x_train[:count], images.y_train[:count]
    return images._replace(
        x_train=x.to(device), y_train=y.to(device), x_test=images.x_test.to(device), y_test=images.y_test.to(device)
    )


def spread(values: list[float], form: str, middle: Callable[[list[float]], float] = statistics.mean) -> str:
    """The mean, or another middle, and the range."""
    return f"{middle(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def falling(size: int, images: int) -> tuple[float, int]:
    """The rate at which training with batches of *size* begins, and over how many steps it falls."""
    return FALLING_RATE_AT_64 * size / 64, LENET_EPOCHS * math.ceil(images / size)


def measured_lenet(images: Images, device: torch.device) -> tuple[list[str], bool]:
    """The section on lesson 5 for one device, and whether what must hold does."""
    images = first(images, LENET_IMAGES, device)
    x, y = images.x_train, images.y_train
    sides = {
        "the third seed's loop, batches of 64": (fetched(x, y, 64, 0), RATE, 0),
        f"lesson 5's loop, batches of {BATCH}": (indexed(x, y, BATCH), *falling(BATCH, len(y))),
    }
    few = first(images, 1_000, device)
    for way in (fetched(few.x_train, few.y_train, 64, 0), indexed(few.x_train, few.y_train, BATCH)):
        trained(lenet, way, few, RATE, 1, 0, 0)  # whatever is slow only once
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for seed in track(SEEDS, "LeNet, both loops"):
        for name, (prepared, rate, falling_over) in sides.items():
            runs[name].append(trained(lenet, prepared, images, rate, LENET_EPOCHS, falling_over, seed))
    speeds = {name: [len(y) * LENET_EPOCHS / seconds for seconds, _ in found] for name, found in runs.items()}
    rights = {name: [right for _, right in found] for name, found in runs.items()}
    slow, fast = sides
    ratios = {name: statistics.median(found) / statistics.median(speeds[slow]) for name, found in speeds.items()}
    rows = [
        [name, spread(found, ",.0f", statistics.median), f"{ratios[name]:.1f}", spread(rights[name], ".3f")]
        for name, found in speeds.items()
    ]
    met = ratios[fast] >= 2 and statistics.mean(rights[fast]) >= statistics.mean(rights[slow])
    word = "met" if met else "missed"
    verdict = f"Wanted: at least twice as fast at equal or better accuracy: **{word}** ({ratios[fast]:.1f} times)."
    return [
        f"LeNet with a written-out batch norm on {images.title}, {len(y):,} pictures, {LENET_EPOCHS} epochs, "
        f"{len(SEEDS)} seeds. Both have the same network and momentum {MOMENTUM}, as the third seed does. Its rate is "
        f"{RATE} throughout; the other begins at {falling(BATCH, 0)[0]:g} and falls to nothing step by step. "
        "Time counts fetching, scaling and training, not the evaluation at the end.",
        "",
        *table(["", "images a second, median (range)", "times the seed's", "test accuracy, mean (range)"], rows),
        "",
        verdict,
        "",
    ], met or device.type != "cpu"


def measured_cnn(images: Images, device: torch.device) -> list[str]:
    """The section on lesson 7 for one device."""
    images = first(images, CNN_IMAGES, device)
    x, y = images.x_train, images.y_train
    sides = {
        "the second seed's loop, batches of 4, 2 worker processes": (fetched(x, y, 4, 2), device, True),
        "tensors on the device, batches of 4": (indexed(x, y, 4), device, False),
        "tensors on the device, batches of 256": (indexed(x, y, 256), device, False),
    }
    seconds = epochs_timed(sides, cnn, 0.001)
    speeds = {name: [len(y) / one for one in found] for name, found in seconds.items()}
    seed = statistics.median(next(iter(speeds.values())))
    rows = [
        [name, spread(found, ",.0f", statistics.median), f"{statistics.median(found) / seed:.1f}"]
        for name, found in speeds.items()
    ]
    return [
        f"The second seed's CNN on {images.title}, an epoch of {len(y):,} pictures, {REPEATS} times. "
        "Starting the worker processes counts, as it does in each epoch of the seed's; its accuracy is read off there.",
        "",
        *table(["", "images a second, median (range)", "times the seed's"], rows),
        "",
    ]


def measured_batches(images: Images, device: torch.device) -> list[str]:
    """Whether larger batches with a rate scaled alike end as accurate."""
    images = first(images, LENET_IMAGES, device)
    rows = []
    for size in track(BATCHES, "LeNet, sizes of batch"):
        rate, steps = falling(size, len(images.y_train))
        prepared = indexed(images.x_train, images.y_train, size)
        runs = [trained(lenet, prepared, images, rate, LENET_EPOCHS, steps, seed) for seed in SEEDS]
        speed = len(images.y_train) * LENET_EPOCHS / statistics.median(seconds for seconds, _ in runs)
        rows.append([str(size), f"{rate:g}", f"{speed:,.0f}", spread([right for _, right in runs], ".3f")])
    return [
        "The same LeNet and loop with other batches, the rate in proportion to the batch and falling to nothing; "
        f"{len(images.y_train):,} pictures, {LENET_EPOCHS} epochs, {len(SEEDS)} seeds.",
        "",
        *table(["batch", "rate at the start", "images a second, median", "test accuracy, mean (range)"], rows),
        "",
    ]


def machine(device: torch.device) -> str:
    """What it was measured on."""
    words = describe(("torch", "torchvision", "pillow"))
    words["processor"] += f", threads: {torch.get_num_threads()}"
    if device.type == "cuda":
        words["GPU"] = torch.cuda.get_device_name(device)
    return "; ".join(f"{name}: {value}" for name, value in words.items())


def main() -> int:
    """Measure, print, write; 1 where lesson 5 is not as fast as it must be."""
    began = time.monotonic()
    fashion, cifar = load_images("FashionMNIST", digits=True), load_images("CIFAR10", digits=True)
    devices = list({str(device): device for device in (torch.device("cpu"), best_device())}.values())
    text, all_met = ["## Training", ""], True
    for device in devices:
        text += [f"### On the {'CPU' if device.type == 'cpu' else 'GPU'}", "", machine(device), ""]
        lines, met = measured_lenet(fashion, device)
        all_met = all_met and met
        text += [*lines, *measured_cnn(cifar, device), *measured_batches(fashion, device)]
    if len(devices) == 1:
        text += ["No GPU was there; its figures were not measured.", ""]
    text += [
        f"Measured by `make bench-training` in {time.monotonic() - began:.0f} s. "
        "Accuracies on so few pictures and epochs compare the rows of one table, and nothing else.",
        "",
    ]
    print("\n".join(text))
    write_section(ROOT / "docs" / "benchmarks.md", "training", "\n".join(text))
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
