"""What training notebooks share: where data is looked for, what is said where there is none, the record, progress."""

import errno
import gzip
import json
import shutil
import urllib.error
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autograder import workbench
from autograder.workbench import DataMissing, Runs, best_device, hardware, load_images, progress

PARTS = {"train": 12, "t10k": 5}


def idx(array):
    """An array as a file of MNIST's format."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_fashion(folder, value, zipped=True):
    """A small Fashion-MNIST whose pixels all have one *value*, by which a test tells where it came from."""
    folder.mkdir(parents=True)
    for part, size in PARTS.items():
        files = {"images-idx3": np.full((size, 28, 28), value), "labels-idx1": np.arange(size) % 10}
        for what, array in files.items():
            name, data = f"{part}-{what}-ubyte", idx(array)
            (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(data) if zipped else data)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A notebook's folder in a course without any data, network, or Debian package."""
    here = tmp_path / "notebooks" / "lesson"
    here.mkdir(parents=True)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("NORMDROP_DATA", raising=False)
    monkeypatch.setattr(workbench, "DEBIAN", tmp_path / "debian")

    def no_network(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    return tmp_path


def sentence(name="FashionMNIST", **options):
    """What load_images says where it fails: one line, ended by a full stop."""
    with pytest.raises(DataMissing) as raised:
        load_images(name, **options)
    said = str(raised.value)
    assert "\n" not in said and said.endswith(".")
    return said


def test_places_are_tried_in_the_order_that_the_docstring_gives(place, monkeypatch):
    monkeypatch.setenv("NORMDROP_DATA", str(place / "named"))
    write_fashion(place / "data" / "FashionMNIST" / "raw", 3)
    assert load_images("FashionMNIST").x_train.unique().tolist() == [3]
    write_fashion(place / "debian", 2)
    assert load_images("FashionMNIST").x_train.unique().tolist() == [2]
    write_fashion(place / "named" / "FashionMNIST" / "raw", 1)
    assert load_images("FashionMNIST").x_train.unique().tolist() == [1]


@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_comes_as_bytes_with_a_channel_axis_and_whole_numbers(place, monkeypatch, zipped):
    monkeypatch.setenv("NORMDROP_DATA", str(place / "named"))
    write_fashion(place / "named", 7, zipped)
    images = load_images("FashionMNIST")
    assert images.title == "Fashion-MNIST" and len(images.classes) == 10
    assert images.x_train.shape == (12, 1, 28, 28) and images.x_train.dtype == torch.uint8
    assert images.x_test.shape == (5, 1, 28, 28)
    assert images.y_train.dtype == images.y_test.dtype == torch.int64
    assert images.y_test.tolist() == [0, 1, 2, 3, 4]


def test_without_data_and_network_it_says_what_to_do(place):
    for name in ("FashionMNIST", "CIFAR10"):
        said = sentence(name)
        assert said.startswith(f"{name} could not be downloaded to {place / 'data'}") and "no network" in said
        assert "NORMDROP_DATA" in said and "data/README.md" in said


@pytest.mark.parametrize(("name", "shape"), [("FashionMNIST", (1, 28, 28)), ("CIFAR10", (3, 32, 32))])
def test_digits_stand_in_only_where_they_may_and_say_so(place, name, shape):
    images = load_images(name, digits=True)
    assert images.title == f"digits of scikit-learn instead of {name}"
    assert len(images.x_train) + len(images.x_test) == 1797 and images.x_train.shape[1:] == shape
    assert images.x_train.dtype == torch.uint8 and images.classes == tuple("0123456789")
    assert torch.equal(images.x_train, load_images(name, digits=True).x_train), "the same order every time"


def test_real_data_is_preferred_to_digits(place):
    write_fashion(place / "debian", 2)
    assert load_images("FashionMNIST", digits=True).title == "Fashion-MNIST"


def test_without_scikit_learn_too_it_says_what_to_install(place, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    assert "install scikit-learn" in sentence(digits=True)


def damaged_bytes(data):
    """A gzip file with a byte changed in the middle of what is packed."""
    return data[:40] + bytes([data[40] ^ 0xFF]) + data[41:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"<html>404</html>",
        damaged_bytes,
        lambda data: gzip.compress(gzip.decompress(data)[:-1]),
        lambda data: data[:-6] + b"\0\0" + data[-4:],  # gzip's own checksum
    ],
    ids=["cut short", "empty", "a web page", "a byte changed", "pixels missing", "wrong checksum"],
)
def test_a_damaged_file_is_named(place, damage):
    folder = place / "data" / "FashionMNIST" / "raw"
    write_fashion(folder, 9)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    said = sentence()
    assert str(path.relative_to(place)) in said and "missing or damaged" in said and "delete it" in said


def test_a_file_that_is_missing_beside_the_others_is_named(place):
    folder = place / "data" / "FashionMNIST" / "raw"
    write_fashion(folder, 9)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "t10k-labels-idx1-ubyte.gz is missing or damaged" in sentence()


def test_a_download_with_a_wrong_checksum_is_said_to_be_damaged(place, monkeypatch):
    def answers(request, *_, **__):
        body = [b"not what was promised"]
        return SimpleNamespace(
            url=request.full_url,
            length=len(body[0]),
            headers={},
            getheader=lambda _: None,
            read=lambda *_: body.pop() if body else b"",
            __enter__=None,
        )

    class Response:
        def __init__(self, request):
            self.inner = answers(request)

        def __enter__(self):
            return self.inner

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("urllib.request.urlopen", lambda request, *_, **__: Response(request))
    said = sentence()
    assert said.startswith("The download of FashionMNIST is damaged") and str(place / "data") in said


def test_a_full_disk_is_said_before_anything_is_downloaded(place, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200_000_000))
    said = sentence()
    assert "needs 1 GB" in said and "0.2 GB are free" in said and "make room" in said


def test_a_disk_that_fills_up_on_the_way_is_said(place, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", full)
    assert "No space left on device" in sentence()


def test_an_unknown_name_is_answered_with_the_known_ones(place):
    assert sentence("MNIST") == "There is no data set 'MNIST' here; take one of FashionMNIST, CIFAR10."


def test_a_device_that_is_too_small_is_said(place, monkeypatch):
    write_fashion(place / "debian", 2)

    class Huge:
        def to(self, _):
            raise torch.OutOfMemoryError("CUDA out of memory")

    made = workbench.Images("Fashion-MNIST", Huge(), Huge(), Huge(), Huge(), ())
    monkeypatch.setattr(workbench, "_fashion_mnist", lambda _: made)
    assert "does not fit on cuda; use device='cpu'" in sentence(device="cuda")


def test_what_torchvision_gives_becomes_tensors(place, monkeypatch):
    def made(root, train, download):
        assert root == str(workbench._download_folder()) and download
        size = 4 if train else 2
        return SimpleNamespace(data=np.zeros((size, 32, 32, 3), np.uint8), targets=list(range(size)))

    monkeypatch.setattr("torchvision.datasets.CIFAR10", made)
    images = load_images("CIFAR10")
    assert images.title == "CIFAR-10" and images.x_train.shape == (4, 3, 32, 32)
    assert images.y_test.tolist() == [0, 1]


def test_the_jpeg_copy_says_so_and_is_decoded_once(place, monkeypatch):
    from io import BytesIO

    from PIL import Image

    def jpeg(value):
        file = BytesIO()
        Image.new("RGB", (32, 32), (value, value, value)).save(file, "JPEG")
        return file.getvalue()

    stored = {}
    for part, values in {"train": [0, 100, 200], "test": [50]}.items():
        pieces = [jpeg(value) for value in values]
        stored[f"{part}_jpeg"] = np.frombuffer(b"".join(pieces), np.uint8)
        stored[f"{part}_offsets"] = np.cumsum([0, *map(len, pieces)]).astype(np.uint32)
        stored[f"{part}_labels"] = np.arange(len(values))
    np.savez(place / "data" / "cifar10-jpeg.npz", **stored)
    monkeypatch.setattr(workbench, "display", lambda *_, **__: None)
    images = load_images("CIFAR10")
    assert images.title == "CIFAR-10, JPEG copy" and images.x_train.shape == (3, 3, 32, 32)
    assert [round(x.float().mean().item(), -1) for x in images.x_train] == [0, 100, 200]
    monkeypatch.setattr(workbench, "_decoded", None)
    assert torch.equal(load_images("CIFAR10").x_train, images.x_train)


def test_runs_are_made_once_and_kept_through_a_stop(tmp_path):
    calls = []

    def train(name):
        calls.append(name)
        if name == "stopped":
            raise KeyboardInterrupt
        return {"accuracy": [0.5, 0.75]}

    path = tmp_path / "new" / "runs.json"
    runs = Runs(path)
    assert runs.get("first", lambda: train("first")) == {"accuracy": [0.5, 0.75]}
    with pytest.raises(KeyboardInterrupt):
        runs.get("stopped", lambda: train("stopped"))
    again = Runs(path)
    assert again.get("first", lambda: train("first")) == {"accuracy": [0.5, 0.75]}
    again.get("second", lambda: train("second"))
    assert calls == ["first", "stopped", "second"]
    assert set(json.loads(path.read_text())) == {"first", "second"}
    assert json.loads(path.read_text())["second"]["seconds"] >= 0
    assert [file.name for file in path.parent.iterdir()] == ["runs.json"], "nothing half written is left"


@pytest.mark.parametrize("text", ["", '{"first": {"resu', "[]", "no json"])
def test_a_damaged_record_says_what_to_do_and_can_be_made_again(tmp_path, text):
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(DataMissing, match=r"runs.json is damaged; delete it, and the runs are made again\.$"):
        Runs(path)
    assert path.read_text() == text, "it is left for its owner to look at"
    path.unlink()
    assert Runs(path).get("first", lambda: 1) == 1


def test_a_record_that_cannot_be_kept_still_gives_results(tmp_path, capsys):
    (tmp_path / "a file").write_text("")
    runs = Runs(tmp_path / "a file" / "runs.json")
    assert runs.get("first", lambda: 0.5) == 0.5
    assert runs.get("first", lambda: pytest.fail("it was made already")) == 0.5
    said = capsys.readouterr().out
    assert "cannot be kept" in said and "until you stop" in said


class Line:
    """Stands in for the display of a notebook."""

    def __init__(self):
        self.texts = []

    def __call__(self, data, **_):
        self.texts.append(data["text/plain"])
        return self

    def update(self, data, raw):
        self.texts.append(data["text/plain"])


def test_progress_goes_through_everything_and_says_how_long_it_takes(monkeypatch):
    line, clock = Line(), iter(range(100))
    monkeypatch.setattr(workbench, "display", line)
    monkeypatch.setattr(workbench, "get_ipython", object)
    monkeypatch.setattr(workbench.time, "monotonic", lambda: float(next(clock)))
    assert list(progress(iter("abcd"), "runs")) == list("abcd")
    assert line.texts[:2] == ["", "runs 0 of 4"] and line.texts[-1] == ""
    shown = [text for text in line.texts if "left" in text]
    assert shown[0].startswith("runs [########") and shown[0].endswith("1 of 4, 6 s left")
    assert shown[-1].endswith("3 of 4, 1 s left")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_script_shows_progress_in_its_terminal_alone(capsys, monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert list(progress(range(3), "runs")) == [0, 1, 2]
    assert list(progress([])) == []
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("\rruns 0 of 3" if terminal else "")
    assert terminal or said.err == ""


def test_the_best_device_works_and_hardware_names_it_with_versions():
    device = best_device()
    assert torch.ones(1, device=device).item() == 1
    assert f"torch {torch.__version__.partition('+')[0]}" in hardware(device)
    assert "CPU" in hardware(torch.device("cpu"))
