"""Hidden checks from the inside: sample and observe, which they are written with, and run_checks, which runs them."""

import contextlib
import importlib
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from autograder.inside.encode import MIME_TYPE, encode


class _Check:
    """The check that is running, if one is: its seed, how often it drew a sample, and what it observed so far."""

    running = False
    seed = 0
    samples = 0
    observations: list[Any] = []  # noqa: RUF012 - one check runs at a time
    home = str(Path.cwd())


def warm_up() -> None:
    """Import what answers use, so that no check pays for it."""
    for name in ("numpy", "torch", "torch._dynamo", "matplotlib.pyplot", "matplotlib_inline.backend_inline"):
        importlib.import_module(name)


def sample(*shape: int, dtype: Any = None, offset: float = 2.0, scale: float = 3.0) -> Any:
    """Draw a tensor of *shape* from a normal distribution with mean *offset* and standard deviation *scale*.

    Never N(0, 1): with mean 0 and deviation 1 a batch norm that does nothing would look right. The grader sets the
    seed; each call within a check draws anew. *dtype* is torch.float32 unless given.
    """
    import torch

    # Counted from 1: answers that draw at random start from the seed itself, and would draw what the sample is made of.
    _Check.samples += 1
    generator = torch.Generator().manual_seed((_Check.seed + 7919 * _Check.samples) % 2**63)
    x = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
    return (offset + scale * x).to(dtype or torch.float32)


def observe(*, rtol: float | None = None, atol: float | None = None, **values: Any) -> None:
    """Hand *values* to the judge, who compares them with what the solution gave.

    Each value is a tensor, an array, a number, text, None, or a list or dict of these. Floating-point numbers count as
    equal within ``atol + rtol * |expected|``; the judge takes *rtol* and *atol* from the solution's run.

    Run by an author in the lesson's folder, it shows what it saw. Anywhere else without the judge it raises
    RuntimeError, so that a wrong configuration cannot give full marks.
    """
    encoded = {name: encode(value, name) for name, value in values.items()}
    if _Check.running:
        _Check.observations.append({"rtol": rtol, "atol": atol, "values": encoded})
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


def run_checks(checks: list[tuple[str, int, str]]) -> None:
    """Run hidden checks, each (id, seed, source), one after the other; the grader calls this, an author never needs to.

    Every check starts on equal terms, whatever went before: seeds, grad mode, default dtype, directory. It sees the
    names of the notebook, but those that it makes are its own: no check can break an answer's helper. After each, one
    display message of type MIME_TYPE says what came of it: ``{"check", "observations", "error", "seconds"}``.
    """
    from IPython import get_ipython
    from IPython.display import publish_display_data

    shell = get_ipython()
    for check, seed, source in checks:
        started = time.perf_counter()
        error = None
        try:
            _begin(seed)
            exec(compile(source, f"<{check}>", "exec"), dict(shell.user_ns))
        except BaseException as raised:
            error = _described(raised, shell)
        _Check.running = False
        seconds = time.perf_counter() - started
        said = {"check": check, "observations": _Check.observations, "error": error, "seconds": seconds}
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        publish_display_data({MIME_TYPE: said, "text/plain": ""})


def _begin(seed: int) -> None:
    import numpy as np
    import torch

    _Check.running, _Check.seed, _Check.samples, _Check.observations = True, seed, 0, []
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also prepares for a GPU, which takes a millisecond
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    with contextlib.suppress(OSError):
        os.chdir(_Check.home)


def _described(error: BaseException, shell: Any) -> dict[str, Any]:
    """The exception's name, its message, and the last place in a cell that it passed: [execution count, line]."""
    try:
        message = str(error)[:1000]
    except BaseException:  # an exception of the student's may do anything when it is asked
        message = ""
    place = None
    frame: TracebackType | None = error.__traceback__
    while frame is not None:
        label = shell.compile.format_code_name(frame.tb_frame.f_code.co_filename)  # ("Cell", "In[3]") or None
        if label:
            place = [int(label[1][3:-1]), frame.tb_lineno]
        frame = frame.tb_next
    return {"name": type(error).__name__, "message": message, "place": place}


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        numbers = ", ".join(f"{number:.4g}" for number in value.flatten().tolist()[:6])
        more = ", ..." if value.flatten().shape[0] > 6 else ""
        return f"{tuple(value.shape)} {value.dtype} [{numbers}{more}]"
    return repr(value)
