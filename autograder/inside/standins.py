"""Harmless stand-ins for what is only there where students work: Colab's package, and somebody who types."""

import contextlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_COLAB = ("auth", "data_table", "drive", "files", "output", "userdata", "widgets")


def install() -> None:
    """Put a package ``google.colab`` among the modules that are imported already; one that is really there stays."""
    if "google.colab" in sys.modules:
        return
    with contextlib.suppress(ImportError):
        import google.colab

        return
    google = sys.modules.setdefault("google", ModuleType("google"))
    google.__path__ = getattr(google, "__path__", [])
    colab = ModuleType("google.colab", "A stand-in: it has Colab's names, and does nothing.")
    colab.__path__ = []
    sys.modules["google.colab"] = google.colab = colab  # type: ignore[attr-defined]
    for name in (*_COLAB, "patches"):
        module = ModuleType(f"google.colab.{name}")
        module.__getattr__ = _anything  # type: ignore[method-assign]
        sys.modules[module.__name__] = module
        setattr(colab, name, module)
    colab.drive.mount = _mount
    colab.files.upload = dict
    colab.userdata.get = _no_secret


def nobody_types(prompt: object = "") -> str:
    """What ``input`` is when grading: it says that nobody is there, and returns an empty text."""
    print(f"{prompt}(nobody is there to type; input() gives an empty text)")
    return ""


def _anything(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *arguments, **options: None


def _mount(place: str = "/content/drive", **options: Any) -> None:
    """Give paths below Google Drive a place: an empty folder."""
    with contextlib.suppress(OSError):
        (Path(place) / "MyDrive").mkdir(parents=True, exist_ok=True)


def _no_secret(name: str) -> str:
    raise KeyError(f"There are no secrets here; {name!r} is known on Colab only.")
