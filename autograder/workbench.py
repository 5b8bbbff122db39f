"""What notebooks that train share: data sets as tensors, a progress bar, and a record of runs that survives a stop.

It needs torch, torchvision and matplotlib alone. A student's notebook holds this file in a folded cell near its top.
"""

import gzip
import io
import itertools
import json
import os
import platform
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import display

__all__ = ["DataMissing", "Images", "Runs", "best_device", "hardware", "load_images", "progress"]

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
JPEG_COPY = "cifar10-jpeg.npz"


class DataMissing(RuntimeError):  # noqa: N818 - it is the data that is missing
    """A data set that could not be had. Its message is one sentence, and says a way on."""


class Images(NamedTuple):
    """A data set on one device. Images are uint8 (N, C, H, W), labels int64 (N,). *title* names the data in figures."""

    title: str
    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    classes: tuple[str, ...]


FASHION = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CIFAR = ("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def best_device() -> torch.device:
    """CUDA where there is a GPU that works, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def hardware(device: torch.device) -> str:
    """What runs were made on, for the line under a figure: the chip, and the versions of Python and torch."""
    if device.type == "cuda":
        chip = torch.cuda.get_device_name(device)
    else:
        chip = f"{platform.machine()} CPU, threads: {torch.get_num_threads()}" if device.type == "cpu" else "Apple GPU"
    return f"{chip}; Python {platform.python_version()}, torch {torch.__version__.partition('+')[0]}"


def load_images(name: str, device: torch.device | str = "cpu", digits: bool = False) -> Images:
    """Load "FashionMNIST" or "CIFAR10" once, as tensors on *device*.

    Looked for in this order: the folder that the environment variable NORMDROP_DATA names; the package
    dataset-fashion-mnist of Debian; ../../data; then torchvision downloads it to there. With *digits*, where none of
    these works, the 1,797 small digits that scikit-learn brings stand in, and the title says so.
    Raises DataMissing, with a sentence that says what to do.
    """
    loaders = {"FashionMNIST": _fashion_mnist, "CIFAR10": _cifar10}
    if name not in loaders:
        raise DataMissing(f"There is no data set {name!r} here; take one of {', '.join(loaders)}.")
    folders = [Path(os.environ["NORMDROP_DATA"])] if os.environ.get("NORMDROP_DATA") else []
    try:
        images = loaders[name]([*folders, DEBIAN, _download_folder()])
    except DataMissing:
        if not digits:
            raise
        images = _digits(name)
    try:
        return images._replace(
            **{key: getattr(images, key).to(device) for key in ("x_train", "y_train", "x_test", "y_test")}
        )
    except torch.OutOfMemoryError:
        raise DataMissing(
            f"{name} does not fit on {device}; use device='cpu', or close what else runs there."
        ) from None


def _download_folder() -> Path:
    here = Path("../../data")
    return here if here.is_dir() else Path("data")


def _fashion_mnist(folders: list[Path]) -> Images:
    for folder in folders:
        for place in (folder / "FashionMNIST" / "raw", folder):
            if (place / "train-images-idx3-ubyte.gz").is_file() or (place / "train-images-idx3-ubyte").is_file():
                tensors = [_idx(place, f"{part}-{what}-ubyte") for part in ("train", "t10k") for what in _IDX]
                x_train, y_train, x_test, y_test = tensors
                return Images(
                    "Fashion-MNIST", x_train[:, None], y_train.long(), x_test[:, None], y_test.long(), FASHION
                )
    return _downloaded("FashionMNIST", folders[-1])


_IDX = ("images-idx3", "labels-idx1")


def _idx(folder: Path, name: str) -> torch.Tensor:
    """One file of MNIST's format. Source: http://yann.lecun.com/exdb/mnist, "the IDX file format"."""
    path = folder / f"{name}.gz"
    try:
        data = gzip.decompress(path.read_bytes()) if path.is_file() else (folder / name).read_bytes()
        shape = [int.from_bytes(data[4 + 4 * n : 8 + 4 * n], "big") for n in range(data[3])]
        values = np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise DataMissing(f"{path} is missing or damaged ({error}); delete it, and load the data again.") from None
    return torch.from_numpy(values.copy())


def _cifar10(folders: list[Path]) -> Images:
    for folder in folders:
        if (folder / JPEG_COPY).is_file():
            return _jpeg_copy(folder / JPEG_COPY)
        if (folder / "cifar-10-batches-py").is_dir():
            return _downloaded("CIFAR10", folder)
    return _downloaded("CIFAR10", folders[-1])


def _jpeg_copy(path: Path) -> Images:
    """CIFAR-10 whose images went through JPEG; decoded once, and kept beside it where that folder can be written."""
    cache = path.with_name("cifar10-jpeg-decoded.pt")
    with np.load(path) as file:
        stored = dict(file)
    if cache.is_file():
        x_train, x_test = torch.load(cache, weights_only=True)
    else:
        x_train, x_test = (_decoded(_pieces(stored, part)) for part in ("train", "test"))
        if os.access(path.parent, os.W_OK):
            torch.save((x_train, x_test), cache)
    y_train, y_test = (torch.from_numpy(stored[f"{part}_labels"]).long() for part in ("train", "test"))
    return Images("CIFAR-10, JPEG copy", x_train, y_train, x_test, y_test, CIFAR)


def _decoded(pieces: list[bytes]) -> torch.Tensor:
    from PIL import Image

    images = [np.asarray(Image.open(io.BytesIO(data))) for data in progress(pieces, "decoding")]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def _pieces(stored: dict[str, Any], part: str) -> list[bytes]:
    data, offsets = stored[f"{part}_jpeg"].tobytes(), stored[f"{part}_offsets"]
    return [data[start:end] for start, end in itertools.pairwise(offsets)]


def _downloaded(name: str, folder: Path) -> Images:
    """What torchvision finds below *folder*, or downloads to there."""
    from torchvision import datasets

    way_on = "try again, or put the files into a folder and name it in NORMDROP_DATA (see data/README.md)"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < 1_000_000_000:
            raise DataMissing(f"{name} needs 1 GB in {folder.resolve()}, and {free / 1e9:.1f} GB are free; make room.")
        made = [getattr(datasets, name)(str(folder), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:  # no network, no permission, a full disk; torchvision's own words
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if "corrupted" in reason:  # its word for a wrong checksum
            raise DataMissing(
                f"The download of {name} is damaged; delete what is in {folder.resolve()}; {way_on}."
            ) from None
        raise DataMissing(f"{name} could not be downloaded to {folder.resolve()} ({reason}); {way_on}.") from None
    tensors: list[torch.Tensor] = []
    for part in made:
        images = torch.as_tensor(part.data)
        tensors += [images[:, None] if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()]
        tensors += [torch.as_tensor(part.targets).long()]
    title = {"FashionMNIST": "Fashion-MNIST", "CIFAR10": "CIFAR-10"}[name]
    x_train, y_train, x_test, y_test = tensors
    return Images(title, x_train, y_train, x_test, y_test, FASHION if name == "FashionMNIST" else CIFAR)


def _digits(instead_of: str) -> Images:
    """scikit-learn's digits, enlarged to the size of the images they stand in for."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataMissing(
            f"There is no {instead_of} and no network; put it into a folder that NORMDROP_DATA names, "
            f"or install scikit-learn for its digits."
        ) from None
    digits = load_digits()
    size, channels = (28, 1) if instead_of == "FashionMNIST" else (32, 3)
    x = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear").round().byte().repeat(1, channels, 1, 1)
    y = torch.from_numpy(digits.target).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    title = f"digits of scikit-learn instead of {instead_of}"
    return Images(title, x[:1437], y[:1437], x[1437:], y[1437:], tuple("0123456789"))


def progress(things: Iterable[Any], what: str = "") -> Iterator[Any]:
    """Go through *things* and show how far it is and how long it will take; the line goes away at the end."""
    known = list(things)
    started = shown = time.monotonic()
    show = _line()
    show(f"{what} 0 of {len(known)}")
    for done, thing in enumerate(known):
        now = time.monotonic()
        if done and now - shown > 0.5:
            shown = now
            left = (now - started) / done * (len(known) - done)
            bar = "#" * round(30 * done / len(known))
            show(f"{what} [{bar:<30}] {done} of {len(known)}, {left:.0f} s left")
        yield thing
    show("")


def _line() -> Callable[[str], None]:
    """What shows a text in place of the one before: below a notebook's cell, or in a terminal; else it is not shown."""
    if get_ipython():
        handle = display({"text/plain": ""}, raw=True, display_id=True)
        return lambda text: handle.update({"text/plain": text}, raw=True)
    if sys.stderr.isatty():
        return lambda text: print(f"\r{text:<79}", end="" if text else "\r", file=sys.stderr, flush=True)
    return lambda text: None


class Runs:
    """A record of runs in a small file: what was run is not run again, and a figure is drawn from what is there.

    ``runs.get("lenet/batchnorm/0.1/seed 3", train)`` returns what *train* gave (numbers, lists, dicts), now or before.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the record at *path*; it is made at the first run."""
        self.path = Path(path)
        try:
            self.record: dict[str, Any] = json.loads(self.path.read_text()) if self.path.is_file() else {}
            if not isinstance(self.record, dict):
                raise ValueError("not a record")
        except ValueError:
            raise DataMissing(f"{self.path} is damaged; delete it, and the runs are made again.") from None

    def get(self, name: str, run: Callable[[], Any]) -> Any:
        """The result called *name*; made by *run*, and kept, where there is none yet."""
        if name not in self.record:
            started = time.monotonic()
            result = run()
            self.record[name] = {"result": result, "seconds": round(time.monotonic() - started, 2)}
            self._write()
        return self.record[name]["result"]

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.record, indent=0, sort_keys=True))
            part.replace(self.path)
        except OSError as error:
            print(
                f"The record {self.path} cannot be kept ({error}); the results are there until you stop.",
            )
