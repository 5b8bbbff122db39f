"""warm_up and run_check for the grader; sample and observe: what the code of a hidden check is written with."""

import contextlib
import importlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.inside.encode import MIME_TYPE, encode


class _Check:
    """The check that is running: its id and seed, and how often it has drawn a sample."""

    id: str | None = None
    seed = 0
    samples = 0
    home = str(Path.cwd())


def warm_up() -> None:
    """Import what answers use, so that no check pays for it."""
    for name in ("numpy", "torch", "matplotlib.pyplot", "matplotlib_inline.backend_inline"):
        importlib.import_module(name)


def run_check(check: str, seed: int, source: str) -> None:
    """Run the *source* of a hidden check beside the answers; the grader calls this, an author never needs to.

    Every check starts on equal terms, whatever earlier cells left behind: seeds, grad mode, default dtype, directory.
    It sees the names of the notebook, but those that it makes are its own: no check can break an answer's helper.
    """
    from IPython import get_ipython

    _begin(check, seed)
    exec(compile(source, f"<{check}>", "exec"), dict(get_ipython().user_ns))


def _begin(check: str, seed: int) -> None:
    import numpy as np
    import torch

    _Check.id, _Check.seed, _Check.samples = check, seed, 0
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device("cpu")
    with contextlib.suppress(OSError):
        os.chdir(_Check.home)


def sample(*shape: int, dtype: Any = None, offset: float = 2.0, scale: float = 3.0) -> Any:
    """Draw a tensor of *shape* from a normal distribution with mean *offset* and standard deviation *scale*.

    Never N(0, 1): with mean 0 and deviation 1 a batch norm that does nothing would look right. The grader sets the
    seed; each call within a check draws anew. *dtype* is torch.float32 unless given.
    """
    import torch

    generator = torch.Generator().manual_seed((_Check.seed + 7919 * _Check.samples) % 2**63)
    _Check.samples += 1
    x = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
    return (offset + scale * x).to(dtype or torch.float32)


def observe(*, rtol: float | None = None, atol: float | None = None, **values: Any) -> None:
    """Hand *values* to the judge, who compares them with what the solution gave.

    Each value is a tensor, an array, a number, text, None, or a list or dict of these. Floating-point numbers count as
    equal within ``atol + rtol * |expected|``; the judge takes *rtol* and *atol* from the solution's run.

    Run by an author in the lesson's folder, it shows what it saw. Anywhere else without the judge it raises
    RuntimeError, so that a wrong configuration cannot give full marks.
    """
    from IPython.display import publish_display_data

    payload = {name: encode(value, name) for name, value in values.items()}
    if _Check.id is not None:
        message = {"check": _Check.id, "rtol": rtol, "atol": atol, "values": payload}
        publish_display_data({MIME_TYPE: message, "text/plain": "(observed)"})
    elif "NBGRADER_EXECUTION" in os.environ or not Path("misconceptions").is_dir():
        raise RuntimeError("A hidden check ran without its judge; grade with `autograder grade`.")
    else:
        for name, value in values.items():
            print(f"{name}: {_brief(value)}")


@contextlib.contextmanager
def torch_calls() -> Iterator[set[str]]:
    """Collect the names of the torch functions that a block calls, in Python or through torch.ops.

    For checks that ask whether an answer was written out or handed to torch.
    """
    from torch.overrides import TorchFunctionMode

    called: set[str] = set()

    class Listening(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            called.add(str(getattr(func, "__name__", func)))
            return func(*args, **(kwargs or {}))

    with Listening():
        yield called


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        numbers = ", ".join(f"{number:.4g}" for number in value.flatten().tolist()[:6])
        more = ", ..." if value.flatten().shape[0] > 6 else ""
        return f"{tuple(value.shape)} {value.dtype} [{numbers}{more}]"
    return repr(value)
