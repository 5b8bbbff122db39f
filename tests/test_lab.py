"""What every student notebook shows answers with: verdicts in words, alone with torch and matplotlib."""

import json
import subprocess
import sys
import types
import zipfile

import pytest
import torch
from bs4 import BeautifulSoup
from conftest import LESSON, ROOT
from handin import filled_in, solutions

from autograder import lab

NAMES = ["normalize", "scale_shift", "update_running", "batch_norm", "momentum_question"]


@pytest.fixture
def shown(monkeypatch):
    """All that is displayed: verdicts, links, and dictionaries of data."""
    objects = []
    monkeypatch.setattr(lab, "display", lambda thing, **options: objects.append(thing))
    return objects


def said(shown):
    """The one verdict's text, which its HTML says too."""
    (verdict,) = (thing for thing in shown if isinstance(thing, lab.Verdict))
    page = BeautifulSoup(verdict._repr_html_(), "html.parser")
    assert page.div["role"] == "status" and page.div["lang"] == "en"
    assert page.b.get_text() == verdict.state and not page.find_all("script")
    text = repr(verdict)
    for line in text.splitlines():
        assert line.strip().partition(" · ")[2 if " · " in line else 0] in page.get_text(), line
    return text


def pictures(shown):
    return [thing for thing in shown if isinstance(thing, dict)]


def missing():
    raise NotImplementedError


def test_compare_passes_what_agrees(shown):
    wanted = torch.arange(6.0).reshape(2, 3)
    lab.compare("double", lambda: wanted + 1e-5, lambda: wanted)
    text = said(shown)
    assert text.startswith("PASS · double\n  Shape (2, 3); the largest difference is 1.")
    assert text.endswith("within 0.0001.")
    (picture,) = pictures(shown)
    assert picture["image/png"].startswith(b"\x89PNG") and "expected" in picture["text/plain"]


def test_compare_names_the_largest_difference_and_the_likely_cause(shown):
    wanted = torch.arange(6.0).reshape(2, 3)
    likely = {"you add one.": lambda: wanted + 1, "you double it: do not.": lambda: 2 * wanted}
    lab.compare("identity", lambda: 2 * wanted, lambda: wanted, likely=likely)
    assert said(shown) == (
        "FAIL · identity\n"
        "  The largest difference is 5, at index (1, 2): expected 5, yours 10.\n"
        "  Likely cause: you double it: do not."
    )
    assert len(pictures(shown)) == 1


ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("yours", "words"),
    [
        (torch.ones(3, 2), "Expected shape (2, 3); yours is (3, 2)."),
        (torch.ones(6), "Expected shape (2, 3); yours is (6,)."),
        (torch.tensor(1.0), "Expected shape (2, 3); yours is ()."),
        (torch.zeros(0), "Expected shape (2, 3); yours is (0,)."),
        (torch.zeros(0, 3), "Expected shape (2, 3); yours is (0, 3)."),
        (torch.zeros(2, 0, 3), "Expected shape (2, 3); yours is (2, 0, 3)."),
        (ONES / torch.tensor([0.0, 1.0, 1.0]), "2 of 6 values are nan or inf; all should be finite."),
        (ONES * float("nan"), "6 of 6 values are nan or inf; all should be finite."),
        (torch.zeros(2, 3, dtype=torch.bool), "The largest difference is 1, at index (0, 0): expected 1, yours 0."),
        (torch.full((2, 3), 3), "The largest difference is 2, at index (0, 0): expected 1, yours 3."),
        (None, "Expected a tensor of shape (2, 3); yours is None."),
        ([[1.0] * 3] * 2, "Expected a tensor of shape (2, 3); yours is [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]."),
        ("<b>x</b>", "Expected a tensor of shape (2, 3); yours is '<b>x</b>'."),
    ],
    ids=str,
)
def test_compare_says_what_is_wrong(shown, yours, words):
    lab.compare("ones", lambda: yours, lambda: ONES)
    assert said(shown) == f"FAIL · ones\n  {words}"


@pytest.mark.parametrize("yours", [ONES.double(), ONES.bool(), ONES.long(), ONES.clone().requires_grad_()], ids=str)
def test_compare_looks_at_values_not_at_types(shown, yours):
    lab.compare("ones", lambda: yours, lambda: ONES)
    assert said(shown).startswith("PASS · ones")


def test_compare_of_empty_tensors(shown):
    lab.compare("empty", lambda: torch.zeros(0, 3), lambda: torch.zeros(0, 3))
    assert said(shown).startswith("PASS · empty")


def test_what_is_missing_is_not_attempted(shown):
    lab.compare("ones", missing, lambda: ONES)
    assert said(shown).startswith("NOT ATTEMPTED · ones\n  Write the function above")
    assert not pictures(shown)
    shown.clear()
    lab.expect("mean", missing, 0, 1)
    assert said(shown).startswith("NOT ATTEMPTED · mean")
    shown.clear()
    with lab.attempt("experiment"):
        missing()
    assert said(shown).startswith("NOT ATTEMPTED · experiment")


@pytest.mark.parametrize("way", ["compare", "expect", "attempt"])
def test_an_error_is_told_and_the_notebook_goes_on(shown, way):
    def broken():
        raise ValueError("<b>no</b>")

    if way == "compare":
        lab.compare("broken", broken, lambda: ONES)
    elif way == "expect":
        lab.expect("broken", broken, 0, 1)
    else:
        with lab.attempt("broken"):
            broken()
    assert said(shown) == "ERROR · broken\n  ValueError: <b>no</b>"
    assert "&lt;b&gt;no&lt;/b&gt;" in shown[0]._repr_html_()


def test_an_error_says_in_which_line_of_the_notebook(shown):
    code = compile("def broken():\n    return 1 / 0\n", "<ipython-input-1>", "exec")
    names = {}
    exec(code, names)
    lab.expect("broken", names["broken"], 0, 1)
    assert "  line 2, in broken:" in said(shown)
    assert "<details><summary>Where it happened</summary>" in shown[0]._repr_html_()


def test_a_gpu_without_memory_is_told_in_a_sentence_with_a_way_on(shown):
    with lab.attempt("experiment"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of ...")
    assert said(shown) == (
        "ERROR · experiment\n"
        "  The GPU has no memory left for this. Restart the notebook, and take smaller batches or the CPU."
    )


def test_attempt_says_nothing_where_all_is_well(shown):
    with lab.attempt("experiment"):
        pass
    assert shown == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.5, "PASS · share\n  Expected 0 to 1; yours: 0.5."),
        (1, "PASS · share\n  Expected 0 to 1; yours: 1."),
        (torch.tensor([0.25, 0.5]), "PASS · share\n  Expected 0 to 1; yours: 0.25 to 0.5."),
        (torch.tensor([0.25, 1.5]), "FAIL · share\n  Expected 0 to 1; yours: 0.25 to 1.5."),
        (float("nan"), "FAIL · share\n  Expected 0 to 1; yours: nan."),
        (torch.zeros(0), "FAIL · share\n  Expected 0 to 1; yours: tensor([])."),
        (None, "FAIL · share\n  Expected 0 to 1; yours: None."),
        ("half", "FAIL · share\n  Expected 0 to 1; yours: 'half'."),
    ],
    ids=str,
)
def test_expect_prints_the_range_and_the_value(shown, value, words):
    lab.expect("share", lambda: value, 0, 1)
    assert said(shown) == words


def test_show_gives_every_figure_a_text(monkeypatch):
    data = []
    monkeypatch.setattr(lab, "display", lambda *things, **options: data.append((things, options)))
    figure, ax = lab.plt.subplots()
    ax.plot([1, 2])
    lab.show(figure, "A line that rises.")
    (((bundle,), options),) = data
    assert bundle["image/png"].startswith(b"\x89PNG") and bundle["text/plain"] == "[Figure: A line that rises.]"
    assert options == {"metadata": {"image/png": {"alt": "A line that rises."}}, "raw": True}
    assert not lab.plt.get_fignums(), "no figure is left open"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def packed(folder):
    with zipfile.ZipFile(folder / f"{LESSON}.zip") as archive:
        assert archive.namelist() == [f"{LESSON}.ipynb", "manifest.json"]
        return json.loads(archive.read(f"{LESSON}.ipynb")), json.loads(archive.read("manifest.json"))


@pytest.mark.parametrize("name", [f"{LESSON}.ipynb", "Copy of it (2).ipynb"])
def test_submit_packs_the_notebook_under_its_right_name(shown, folder, name):
    notebook = filled_in(solutions())
    (folder / "another.ipynb").write_text('{"cells": [], "metadata": {}}')
    (folder / name).write_text(json.dumps(notebook))
    lab.submit(LESSON, NAMES)
    inside, manifest = packed(folder)
    assert inside == json.loads(json.dumps(notebook))
    assert manifest["assignment"] == LESSON and len(manifest["sha256"]) == 64
    assert said(shown) == f"READY · {LESSON}.zip\n  Hand in this file. Public checks are not all checks."
    link = shown[-1]
    assert f"<a href='{LESSON}.zip'" in link["text/html"] and link["text/plain"] == f"{LESSON}.zip", "no path of yours"


def test_submit_lists_what_is_missing(shown, folder):
    answers = solutions()
    del answers["scale_shift"], answers["momentum_question"]
    answers["normalize"] = "def normalize(x:\n    return x"
    notebook = filled_in(answers)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "update_running"]
    notebook["cells"] += [cell for cell in notebook["cells"] if cell["id"] == "batch_norm"]
    (folder / f"{LESSON}.ipynb").write_text(json.dumps(notebook))
    lab.submit(LESSON, NAMES)
    lines = [line.strip() for line in said(shown).splitlines()]
    assert lines[0] == f"READY, WITH GAPS · {LESSON}.zip"
    assert lines[1].startswith("normalize: line 1 cannot be read (")
    assert lines[2:6] == [
        "scale_shift: not answered yet.",
        "update_running: its cell is missing.",
        "batch_norm: there are 2 copies of its cell.",
        "momentum_question: not answered yet.",
    ]
    packed(folder)


def test_submit_without_a_file_says_what_to_do(shown, folder):
    (folder / "another.ipynb").write_text("{")
    lab.submit(LESSON, NAMES)
    assert said(shown).startswith("NOT FOUND · This notebook's file\n  Save the notebook, download it as")
    assert not list(folder.glob("*.zip"))


@pytest.fixture
def colab(monkeypatch):
    """What of Google Colab the lab uses: the page answers with its notebook, and files go to the browser."""
    page = {"ipynb": filled_in(solutions())}
    downloads = []
    module = types.ModuleType("google.colab")
    module._message = types.SimpleNamespace(blocking_request=lambda what, timeout_sec: page if page else None)
    module.files = types.SimpleNamespace(download=downloads.append)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return types.SimpleNamespace(page=page, downloads=downloads)


def test_on_colab_submit_asks_the_page_and_downloads(shown, folder, colab):
    person = {"executionInfo": {"user": {"displayName": "Ada", "userId": "17"}}}
    colab.page["ipynb"]["cells"][0]["metadata"].update(person)
    lab.submit(LESSON, NAMES)
    inside, _ = packed(folder)
    assert "Ada" not in json.dumps(inside), "no account travels with the answers"
    assert colab.downloads == [f"{LESSON}.zip"]
    assert said(shown).startswith("READY ·")


def test_on_colab_a_page_that_does_not_answer(shown, folder, colab):
    colab.page.clear()
    lab.submit(LESSON, NAMES)
    assert said(shown).startswith("NOT FOUND ·") and colab.downloads == []


ALONE = """
import sys
import IPython.display, matplotlib.pyplot, torch
before = set(sys.modules)
exec(compile(open(sys.argv[1]).read(), "lab.py", "exec"), {"__name__": "lab"})
new = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(new - {"IPython", "matplotlib", "torch"}))
"""


def test_it_needs_torch_and_matplotlib_alone():
    words = [sys.executable, "-I", "-c", ALONE, str(ROOT / "autograder" / "lab.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
