"""What every notebook of the course shows answers with: a picture first, then a verdict in words.

It needs torch and matplotlib alone. A student's notebook holds this file in its first, folded cell.
"""

import contextlib
import hashlib
import html
import io
import json
import math
import re
import sys
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from IPython.display import FileLink, display

__all__ = ["attempt", "compare", "expect", "show", "submit"]

PASS, FAIL, ERROR, NOT_ATTEMPTED = "PASS", "FAIL", "ERROR", "NOT ATTEMPTED"
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"  # told apart by colour-blind readers, and in grey


class Verdict:
    """One result, as words for any screen and as HTML where there is some. Words first, colour second."""

    def __init__(self, state: str, title: str, lines: list[str], details: str = "") -> None:
        self.state, self.title, self.lines, self.details = state, title, lines, details

    def __repr__(self) -> str:
        return "\n".join(
            [f"{self.state} · {self.title}", *(f"  {line}" for line in [*self.lines, self.details] if line)]
        )

    def _repr_html_(self) -> str:
        colour = {PASS: BLUE, FAIL: ORANGE, ERROR: ORANGE}.get(self.state, GREY)
        body = "".join(f"<div>{html.escape(line)}</div>" for line in self.lines)
        more = f"<details><summary>Where it happened</summary><pre>{html.escape(self.details)}</pre></details>"
        return (
            f'<div role="status" lang="en" style="border-left:5px solid {colour};padding:.3em .8em;margin:.4em 0">'
            f"<b>{self.state}</b> · {html.escape(self.title)}{body}{more if self.details else ''}</div>"
        )


def show(figure: Any, alt: str) -> None:
    """Show a matplotlib figure, with a text that says the same to those who cannot see it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=88, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    data = {"image/png": file.getvalue(), "text/plain": f"[Figure: {alt}]"}
    display(data, metadata={"image/png": {"alt": alt}}, raw=True)


def compare(
    title: str,
    yours: Callable[[], Any],
    expected: Callable[[], torch.Tensor],
    likely: dict[str, Callable[[], torch.Tensor]] | None = None,
    tolerance: float = 1e-4,
) -> None:
    """Draw what was expected beside what your code gives, then say whether they agree.

    *yours* and *expected* are functions without arguments; *likely* maps a cause to what that mistake would give.
    """
    wanted = expected().detach()
    found = _attempt(title, yours)
    if isinstance(found, Verdict):
        display(found)
    elif not isinstance(found, torch.Tensor):
        display(Verdict(FAIL, title, [f"Expected a tensor of shape {tuple(wanted.shape)}; yours is {found!r:.80}."]))
    else:
        found = found.detach()
        _picture(wanted, found)
        if _equal(wanted, found, tolerance):
            gap = (wanted.double() - found.double()).abs().max().item() if wanted.numel() else 0.0
            words = f"Shape {tuple(found.shape)}; the largest difference is {gap:.1e}, within {tolerance:g}."
            display(Verdict(PASS, title, [words]))
        else:
            causes = [cause for cause, wrong in (likely or {}).items() if _equal(wrong().detach(), found, tolerance)]
            guess = [f"Likely cause: {causes[0]}"] if causes else []
            display(Verdict(FAIL, title, [_difference(wanted, found), *guess]))


def expect(title: str, value: Callable[[], Any], low: float, high: float) -> None:
    """Print the range that a number should lie in, and whether value() does. Of a tensor, every number has to."""
    found = _attempt(title, value)
    if not isinstance(found, Verdict):
        try:
            numbers = torch.as_tensor(found).detach().double()
            least, most = numbers.min().item(), numbers.max().item()
        except (TypeError, ValueError, RuntimeError):  # no number, or none at all
            inside, seen = False, f"{found!r:.80}"
        else:
            inside = bool(((numbers >= low) & (numbers <= high)).all())
            seen = f"{least:.4g}" if numbers.numel() == 1 else f"{least:.4g} to {most:.4g}"
        found = Verdict(PASS if inside else FAIL, title, [f"Expected {low:g} to {high:g}; yours: {seen}."])
    display(found)


@contextlib.contextmanager
def attempt(title: str) -> Iterator[None]:
    """Run a block that uses your answers. Where one is still missing, say so and let the notebook go on."""
    try:
        yield
    except Exception as error:
        plt.close("all")
        display(_trouble(title, error))


def submit(assignment: str, answers: list[str]) -> None:
    """Look over the saved notebook, say what is missing, and pack it under the right name. Nothing is sent anywhere."""
    notebook = _this_notebook(assignment)
    if notebook is None:
        words = f"Save the notebook, download it as {assignment}.ipynb, and hand that file in."
        display(Verdict("NOT FOUND", "This notebook's file", [words]))
        return
    for cell in notebook["cells"]:
        cell.get("metadata", {}).pop("executionInfo", None)  # Colab puts your name and account there
    text = json.dumps(notebook)
    manifest = {
        **notebook["metadata"].get("autograder", {}),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    with zipfile.ZipFile(f"{assignment}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{assignment}.ipynb", text)
        archive.writestr("manifest.json", json.dumps(manifest))
    notes = [note for name in answers if (note := _health(name, notebook["cells"]))]
    state = "READY, WITH GAPS" if notes else "READY"
    display(Verdict(state, f"{assignment}.zip", [*notes, "Hand in this file. Public checks are not all checks."]))
    if "google.colab" in sys.modules:
        from google.colab import files

        files.download(f"{assignment}.zip")
    else:
        name = f"{assignment}.zip"  # as text too: a FileLink would say where on your machine it lies
        display({"text/html": FileLink(name)._repr_html_(), "text/plain": name}, raw=True)


def _this_notebook(assignment: str) -> Any:
    """The notebook as it was last saved, or None. On Colab there is no file, but the page can be asked."""
    if "google.colab" in sys.modules:
        from google.colab import _message

        reply = _message.blocking_request("get_ipynb", timeout_sec=60)
        return reply["ipynb"] if reply else None
    for path in sorted(Path.cwd().glob("*.ipynb"), key=lambda path: path.stat().st_mtime, reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            if path.stem == assignment or notebook["metadata"]["autograder"]["assignment"] == assignment:
                return notebook
    return None


def _health(name: str, cells: list[Any]) -> str:
    """What is wrong with the answer *name*, in a sentence; empty where nothing is."""
    found = [cell for cell in cells if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == name]
    sources = ["".join(cell["source"]) for cell in found]
    if len(found) != 1:
        return f"{name}: {'its cell is missing' if not found else f'there are {len(found)} copies of its cell'}."
    if re.search(r"# YOUR CODE HERE\n *raise NotImplementedError|YOUR ANSWER HERE", sources[0]):
        return f"{name}: not answered yet."
    if found[0]["cell_type"] == "code" and not any(line.lstrip()[:1] in ("%", "!") for line in sources[0].splitlines()):
        try:
            compile(sources[0], name, "exec")
        except SyntaxError as error:
            return f"{name}: line {error.lineno} cannot be read ({error.msg})."
    return ""


def _attempt(title: str, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return _trouble(title, error)


def _trouble(title: str, error: Exception) -> Verdict:
    if isinstance(error, NotImplementedError):
        words = "Write the function above and run its cell; then run this one again."
        return Verdict(NOT_ATTEMPTED, title, [words])
    if isinstance(error, torch.OutOfMemoryError):
        words = "The GPU has no memory left for this. Restart the notebook, and take smaller batches or the CPU."
        return Verdict(ERROR, title, [words])
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "ipykernel" in frame.filename or "<ipython" in frame.filename]
    where = "\n".join(f"line {frame.lineno}, in {frame.name}: {frame.line}" for frame in own)
    return Verdict(ERROR, title, [f"{type(error).__name__}: {error}"], where)


def _equal(wanted: torch.Tensor, found: torch.Tensor, tolerance: float) -> bool:
    same_shape = wanted.shape == found.shape
    return same_shape and bool(torch.allclose(wanted.double(), found.double(), tolerance, tolerance))


def _difference(wanted: torch.Tensor, found: torch.Tensor) -> str:
    if wanted.shape != found.shape:
        return f"Expected shape {tuple(wanted.shape)}; yours is {tuple(found.shape)}."
    if not torch.isfinite(found).all():
        return f"{int((~torch.isfinite(found)).sum())} of {found.numel()} values are nan or inf; all should be finite."
    gap = (wanted.double() - found.double()).abs()
    index = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    pair = f"expected {wanted[index].item():.4g}, yours {found[index].item():.4g}"
    return f"The largest difference is {gap.max().item():.3g}, at index {index}: {pair}."


def _picture(wanted: torch.Tensor, found: torch.Tensor) -> None:
    panels = [("expected", wanted), ("yours", found)]
    if wanted.shape == found.shape:
        panels.append(("difference", found.double() - wanted.double()))
    figure, axes = plt.subplots(1, len(panels), figsize=(3.1 * len(panels), 1.9), layout="constrained")
    shown = wanted.double()[torch.isfinite(wanted)]
    low, high = (shown.min().item(), shown.max().item()) if shown.numel() else (0.0, 1.0)
    for ax, (name, tensor) in zip(axes, panels, strict=True):
        rows = tensor.transpose(0, 1) if tensor.dim() > 2 else tensor  # a row is a channel, or else as it stands
        grid = torch.full((1, 1), math.nan).double()  # what an empty tensor looks like
        if rows.numel():
            grid = rows.double().reshape(rows.shape[0] if rows.dim() > 1 else 1, -1)
        reach = max(grid[torch.isfinite(grid)].abs().max().item() if torch.isfinite(grid).any() else 0.0, 1e-6)
        span = (-reach, reach) if name == "difference" else (low, max(high, low + 1e-6))
        colours = "PuOr" if name == "difference" else "cividis"
        image = ax.imshow(
            grid.numpy(), cmap=colours, vmin=span[0], vmax=span[1], aspect="auto", interpolation="nearest"
        )
        figure.colorbar(image, ax=ax)
        ax.set_title(f"{name} {tuple(tensor.shape)}", fontsize=9)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_ylabel("channel" if tensor.dim() > 2 else "", fontsize=9)
    words = "its shape is the one expected" if len(panels) == 3 else f"its shape is {tuple(found.shape)}"
    show(
        figure,
        f"Two or three grids of numbers: what was expected, your result ({words}), and their difference.",
    )
