"""The two ways to train that are compared: the seeds' loops, and the lessons' tensors that lie on the device."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

Batches = Callable[[], Iterator[list[torch.Tensor]]]
"""Starts one epoch, its batches in a new order."""

Prepared = Callable[[], Batches]
"""Does once what a way does before the first epoch."""


class WrittenOut(nn.Module):  # type: ignore[misc]
    """Batch norm with tensor operations alone, as both sides of the LeNet comparison have it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        dims, shape = [axis for axis in range(x.dim()) if axis != 1], [1, -1] + [1] * (x.dim() - 2)
        mean, var = self.running_mean, self.running_var
        if self.training:
            var, mean = torch.var_mean(x, dims, correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(var, 0.1)
        scale = self.weight * torch.rsqrt(var + 1e-5)
        return x * scale.view(shape) + (self.bias - mean * scale).view(shape)


def lenet() -> nn.Module:
    """LeNet with batch norm, lesson 5's and the third seed's network."""
    maps = [nn.Conv2d(1, 6, 5), WrittenOut(6), nn.Sigmoid(), nn.AvgPool2d(2)]
    maps += [nn.Conv2d(6, 16, 5), WrittenOut(16), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()]
    dense = [nn.Linear(256, 120), WrittenOut(120), nn.Sigmoid(), nn.Linear(120, 84), WrittenOut(84), nn.Sigmoid()]
    return nn.Sequential(*maps, *dense, nn.Linear(84, 10))


def cnn() -> nn.Module:
    """The second seed's network for CIFAR-10, which lesson 7 starts from."""
    maps = [nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*maps, nn.Flatten(), *dense)


class OnePictureAtATime(Dataset):  # type: ignore[misc]
    """What torchvision's data sets do: each picture becomes a PIL image, and goes through transforms."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x = x[:, 0].cpu().numpy() if x.shape[1] == 1 else x.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        self.y = y.tolist()
        half = (0.5,) * x.shape[1]
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(half, half)])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.x[index])), self.y[index]


def fetched(x: torch.Tensor, y: torch.Tensor, size: int, workers: int) -> Prepared:
    """The seeds' way: a DataLoader that fetches pictures one at a time, each batch then moved to the device."""
    pictures, device = OnePictureAtATime(x, y), x.device

    def prepared() -> Batches:
        loader = DataLoader(pictures, size, shuffle=True, num_workers=workers)
        return lambda: ([part.to(device) for part in batch] for batch in loader)

    return prepared


def indexed(x: torch.Tensor, y: torch.Tensor, size: int) -> Prepared:
    """The lessons' way: everything is scaled once, when it is prepared, and a batch is one indexing operation."""

    def prepared() -> Batches:
        scaled = (x.float() / 255 - 0.5) / 0.5

        def batches() -> Iterator[list[torch.Tensor]]:
            for rows in torch.randperm(len(y)).to(x.device).split(size):
                yield [scaled[rows], y[rows]]

        return batches

    return prepared


def epoch(
    model: nn.Module,
    batches: Iterator[list[torch.Tensor]],
    opt: torch.optim.Optimizer,
    schedule: LRScheduler | None = None,
    as_second: bool = False,
) -> None:
    """One epoch, every batch's loss read off. *as_second*: its accuracy too, as the second seed does."""
    model.train()
    total = right = 0.0
    for x, y in batches:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if schedule is not None:
            schedule.step()
        total += loss.item() * len(y)
        if as_second:
            right += (logits.detach().argmax(1) == y).float().mean().item() * len(y)


@torch.no_grad()  # type: ignore[untyped-decorator]
def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share of right answers on scaled pictures."""
    model.eval()
    scaled = (x.float() / 255 - 0.5) / 0.5
    right = sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(scaled.split(1000), y.split(1000), strict=True))
    return right / len(y)
