"""Reading whatever arrives: a sheet or a reason, in bounded time and memory, never anything else."""

import json
import subprocess
import sys

import pytest
from handin import filled_in, solutions
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autograder.reading import Unreadable, read

NOTEBOOK = json.dumps(filled_in(solutions()), indent=1).encode()

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names := st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
cells = st.dictionaries(
    st.sampled_from(["cell_type", "source", "input", "metadata", "id", "outputs", "execution_count", "attachments"]),
    json_values | st.sampled_from(["code", "markdown", {"nbgrader": {"grade_id": "normalize"}}]),
)
notebooks = st.fixed_dictionaries(
    {},
    optional={"cells": st.lists(cells | json_values, max_size=6), "metadata": json_values, "worksheets": json_values},
)


def outcome(data: bytes) -> str:
    """What ``read`` made of *data*: "sheets", or the code of the reason."""
    try:
        sheets = read(data)
    except Unreadable as reason:
        assert reason.repair["message"].endswith(".")
        return reason.repair["code"]
    assert sheets and all(sheet.cells for sheet in sheets)
    for sheet in sheets:
        json.dumps([cell.source for cell in sheet.cells]).encode()
        for cell in sheet.cells:
            assert isinstance(cell.defines, frozenset)
    return "sheets"


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data):
    outcome(data)


@settings(max_examples=300, deadline=None)
@given(notebooks)
@example({"cells": [{"cell_type": "code", "source": "\ud800"}]})
@example({"cells": [{"cell_type": "code", "source": [1, None, {"a": 2}]}]})
def test_any_json(value):
    outcome(json.dumps(value).encode("utf-8", "surrogatepass"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(NOTEBOOK) - 1), st.integers(0, 7)), min_size=1, max_size=8))
def test_bits_that_flipped(flips):
    data = bytearray(NOTEBOOK)
    for place, bit in flips:
        data[place] ^= 1 << bit
    assert outcome(bytes(data)) == "sheets"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(NOTEBOOK)))
def test_a_file_that_was_cut_off_gives_its_complete_cells(length):
    data = NOTEBOOK[:length]
    try:
        (sheet,) = read(data)
    except Unreadable as reason:
        assert reason.repair["code"] in ("not_a_notebook", "empty_file", "no_cells") and length < 6000
        return
    whole = read(NOTEBOOK)[0].cells
    assert [cell.source for cell in sheet.cells] == [cell.source for cell in whole[: len(sheet.cells)]]
    lost = NOTEBOOK.decode().count('"cell_type"') - data.decode("utf-8", "ignore").count('"cell_type"')
    assert len(whole) - len(sheet.cells) <= lost + 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b" \n\0", "empty_file"),
        (b"{}", "not_a_notebook"),
        (b'{"nbformat": 4}', "no_cells"),
        (b'{"nbformat": 4, "cells": []}', "no_cells"),
        (b'{"cells": [{"cell_type": "code", "source": "  "}]}', "no_cells"),
        (b"<!DOCTYPE html><title>Sign in</title>", "web_page"),
        (b"%PDF-1.7", "other_kind"),
        (b"\x89PNG\r\n", "other_kind"),
        (b"Dear professor, my dog ate it", "not_a_notebook"),
        (b"[]", "not_a_notebook"),
        (b"null", "not_a_notebook"),
    ],
)
def test_what_is_no_notebook_is_called_what_it_is(data, code):
    assert outcome(data) == code


HOSTILE = {
    "deep lists": "b'[' * 40_000_000",
    "deep cells": "b'{\"cells\": [' * 3_000_000",
    "deep inside a cell": 'b\'{"cells": [{"cell_type": "code", "metadata": \' + b"[" * 20_000_000',
    "many cells": 'b\'{"cells": [\' + b\'{"cell_type": "code", "source": "x = 1"},\' * 400_000 + b"null]}"',
    "many broken cells": 'b\'{"cells": [\' + b\'{"cell_type": "code", "source": "x = 1},\' * 400_000',
    "a long string": 'b\'{"cells": [{"cell_type": "code", "source": "\' + b"a" * 45_000_000 + b\'"}]}\'',
    "many commands": 'b\'{"cells": [{"cell_type": "code", "source": "\' + rb"!ls\\n" * 5_000_000 + b\'"}]}\'',
    "deep Python": 'b\'{"cells": [{"cell_type": "code", "source": "x = \' + b"-" * 150_000 + b\'1"}]}\'',
    "long Python": 'b\'{"cells": [{"cell_type": "code", "source": "x = 1\' + b" + 1" * 49_000 + b\'"}]}\'',
    "markers": 'b"<<<<<<< a\\n" * 3_000_000',
    "large numbers": 'b\'{"cells": [{"cell_type": "code", "source": "x", "n": \' + b"9" * 30_000_000 + b"}]}"',
    "too large": "b' ' * 50_000_001 + b'{'",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_time_and_memory_are_bounded(content):
    program = f"""
import resource
from autograder.course import Course
from autograder.graft import graft
from autograder.lesson import Master
released = {{"cells": [{{"id": "f", "cell_type": "code", "source": "def f(): pass", "metadata":
    {{"nbgrader": {{"grade_id": "f", "solution": True}}}}}}], "metadata": {{}}}}
master = Master("a", released, released)
data = {content}
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 30, int(used) + 30))
grafted = graft(data, master)
print(grafted.repairs)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-500:]
    assert "message" in ended.stdout or ended.stdout.strip() == "[]"
