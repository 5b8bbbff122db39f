"""Running notebooks in real kernels: what comes back, and that one cell's failure costs one cell."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.limits import Limits
from autograder.run import run, seed_of

SEED = 7
QUICK = Limits(check_seconds=2.0, notebook_seconds=60.0, cell_output=2000, notebook_output=3000)


def answer(name, source):
    meta = {"schema_version": 3, "grade_id": name, "grade": False, "solution": True, "locked": False, "task": False}
    return new_code_cell(source, id=name, metadata={"nbgrader": meta})


def check(name, source):
    meta = {"schema_version": 3, "grade_id": name, "grade": True, "solution": False, "locked": True, "points": 1}
    source = f"from autograder.inside import observe, sample\n{source}"
    return new_code_cell(source, id=name, metadata={"nbgrader": meta})


def ran(*cells, limits=QUICK):
    return run(new_notebook(cells=list(cells)), limits, SEED)["cells"]


def statuses(cells):
    return {name: outcome["status"] for name, outcome in cells.items()}


def test_answers_checks_and_what_is_not_run():
    cells = ran(
        new_markdown_cell("text", id="text"),
        new_code_cell("import torch", id="given"),
        new_code_cell("raise SystemExit('training')", id="training", metadata={"tags": ["experiment"]}),
        answer("f", "def f(x):\n    return 2 * x\nprint('hello')"),
        check("f--double", "x = sample(3)\nobserve(y=f(x) / x, n=1)"),
        check("f--broken", "f(x=None)"),
        check("f--after", "observe(y=f(1))"),
    )
    assert statuses(cells) == {"given": "ok", "f": "ok", "f--double": "ok", "f--broken": "error", "f--after": "ok"}
    assert cells["f"]["text"] == "hello\n"
    (seen,) = cells["f--double"]["observations"]
    assert set(seen["values"]) == {"y", "n"}
    assert cells["f--broken"]["error"] == {
        "name": "TypeError",
        "message": "unsupported operand type(s) for *: 'int' and 'NoneType'",
        "cell": "f",
        "line": 2,
    }


def test_the_first_optimizer_costs_no_import():
    cells = ran(
        new_code_cell("import sys, torch", id="given"),
        answer("f", "def f():\n    return 1"),
        check(
            "f--optimizer",
            "before = set(sys.modules)\ntorch.optim.SGD([torch.zeros(1)], lr=0.1)\n"
            "observe(modules=len([name for name in set(sys.modules) - before if name.startswith('torch._dynamo')]))",
        ),
    )
    assert cells["f--optimizer"]["observations"][0]["values"] == {"modules": 0}


def test_a_checks_names_are_its_own_and_its_start_is_always_the_same():
    cells = ran(
        new_code_cell("import torch, os", id="given"),
        answer("f", "def x(y):\n    return y\ndef f(y):\n    return x(y)"),
        check("f--a", "x = sample(3)\nobserve(y=f(x), r=torch.rand(2))\ntorch.set_grad_enabled(False)\nos.chdir('/')"),
        check("f--b", "observe(y=f(1), grad=torch.is_grad_enabled(), root=os.getcwd() == '/')"),
        check("f--c", "torch.set_default_dtype(torch.float64)"),
        check("f--d", "observe(dtype=str(torch.zeros(1).dtype))"),
    )
    assert set(statuses(cells).values()) == {"ok"}, cells
    assert cells["f--b"]["observations"][0]["values"] == {"y": 1, "grad": True, "root": False}
    assert cells["f--d"]["observations"][0]["values"] == {"dtype": "torch.float32"}


def test_samples_depend_on_seed_and_check_alone():
    first = check("f--a", "observe(x=sample(3), y=sample(3))")
    other = check("f--b", "observe(x=sample(3), y=sample(3))")
    one, two = ran(first, other), ran(other, first)
    for name in ("f--a", "f--b"):
        assert one[name]["observations"] == two[name]["observations"]
    values = one["f--a"]["observations"][0]["values"]
    assert values["x"] != values["y"] != one["f--b"]["observations"][0]["values"]["x"]
    assert seed_of(SEED, "f--a") != seed_of(SEED + 1, "f--a")


def test_samples_are_not_what_an_answer_draws():
    cells = ran(
        new_code_cell("import torch", id="given"),
        check("f--a", "x = sample(2000, offset=0.0, scale=1.0)\nobserve(same=bool(torch.equal(x, torch.randn(2000))))"),
        check(
            "f--b",
            "pairs = torch.stack([sample(20000), torch.rand(20000)])\n"
            "observe(related=bool(torch.corrcoef(pairs)[0, 1].abs() > 0.04))",
        ),
    )
    assert cells["f--a"]["observations"][0]["values"] == {"same": False}
    assert cells["f--b"]["observations"][0]["values"] == {"related": False}


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("import os; os._exit(0)", "crashed"),
        ("import ctypes; ctypes.string_at(0)", "crashed"),
        ("while True: pass", "timeout"),
        ("import time\nwhile True:\n  try: time.sleep(99)\n  except BaseException: pass", "timeout"),
        ("import sys; sys.exit()", "error"),
        ("raise SystemExit", "error"),
        ("get_ipython().kernel.do_shutdown(False)", "ok"),
    ],
)
def test_a_check_that_ends_its_kernel_costs_itself(source, status):
    cells = ran(
        answer("f", "def f():\n    return 1"),
        check("f--a", "observe(y=f())"),
        check("f--b", source),
        check("f--c", "observe(y=f())"),
    )
    assert cells["f--b"]["status"] == status
    assert cells["f--a"]["observations"][0]["values"] == cells["f--c"]["observations"][0]["values"] == {"y": 1}


def test_an_answer_that_ends_its_kernel_costs_itself():
    cells = ran(
        answer("f", "def f():\n    return 1"),
        answer("g", "import os; os._exit(1)"),
        check("f--a", "observe(y=f())"),
        check("g--a", "observe(y=g())"),
    )
    assert statuses(cells) == {"f": "ok", "g": "crashed", "f--a": "ok", "g--a": "error"}


def test_an_answer_that_goes_on_too_long_keeps_what_it_defined():
    cells = ran(answer("f", "def f():\n    return 1\nwhile True: pass"), check("f--a", "observe(y=f())"))
    assert statuses(cells) == {"f": "timeout", "f--a": "ok"}


def test_the_notebook_as_a_whole_has_a_limit():
    limits = Limits(check_seconds=2.0, notebook_seconds=3.0)
    slow = [check(f"f--{number}", "while True: pass") for number in range(5)]
    cells = ran(*slow, limits=limits)
    assert set(statuses(cells).values()) == {"timeout"}
    assert sum(outcome["seconds"] for outcome in cells.values()) < 8


def test_output_is_counted_in_bytes_and_cut():
    cells = ran(
        answer("a", "print('é' * 3000)"),
        answer("b", "for _ in range(3000): print('x')"),
        answer("c", "print('y')"),
        check("a--x", "observe(y=1)"),
    )
    assert cells["a"]["cut"] and len(cells["a"]["text"].encode()) == 2000
    assert cells["b"]["cut"] and len(cells["b"]["text"]) == 1000
    assert cells["c"]["cut"] and cells["c"]["text"] == ""
    assert cells["a--x"]["observations"], "observations do not count as output"


def test_what_cannot_be_observed_fails_with_a_sentence():
    cells = ran(check("f--a", "observe(y=object())"))
    assert cells["f--a"]["error"]["name"] == "NotObservable"
    assert cells["f--a"]["error"]["message"].startswith("y is of type object;")
