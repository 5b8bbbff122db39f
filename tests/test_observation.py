"""Observations on their way out of the kernel: encoded inside, decoded and compared outside."""

import functools
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from autograder.inside.encode import MAX_ELEMENTS, NotObservable, encode
from autograder.observation import Array, Malformed, decode, difference


def through(value):
    """What the judge gets of *value*: through JSON, as a message goes."""
    return decode(json.loads(json.dumps(encode(value, "v"))))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(plain)
def test_plain_values_survive(value):
    assert repr(through(value)) == repr(value)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 1, 2)])
def test_tensors_survive_with_dtype_and_shape(dtype, shape):
    tensor = (torch.randn(shape) * 5).to(dtype)
    seen = through(tensor)
    assert seen.dtype == str(dtype).removeprefix("torch.") and seen.values.shape == shape
    assert seen.values.tolist() == tensor.tolist()


def test_views_parameters_and_arrays_survive():
    view = torch.arange(12.0).reshape(3, 4).T[1:]
    assert through(view).values.tolist() == view.tolist()
    assert through(torch.nn.Parameter(torch.ones(2))).values.tolist() == [1, 1]
    assert through(np.float32(0.5)).values == 0.5
    assert through(np.arange(3)[::-1]).values.tolist() == [2, 1, 0]


class Liar(torch.Tensor):
    """A tensor that would answer for itself."""


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1: 2},
        {"a": {3}},
        torch.zeros(2, dtype=torch.complex64),
        torch.zeros(3, 3).to_sparse(),
        torch.zeros(MAX_ELEMENTS + 1),
        np.array(["a"]),
        np.array([object()]),
        Liar(torch.zeros(2)),
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_in_a_sentence(value):
    with pytest.raises(NotObservable, match=r"^v.*\.$"):
        encode(value, "v")


@pytest.mark.parametrize(
    "message",
    [
        {},
        [1],
        1.5,
        {"float": "one"},
        {"float": 1},
        {"array": {}},
        {"array": {"dtype": "float32", "shape": [2], "data": "AAAA"}},
        {"array": {"dtype": "object", "shape": [], "data": ""}},
        {"array": {"dtype": "float32", "shape": [-1], "data": ""}},
        {"array": {"dtype": "float32", "shape": [10**12, 0], "data": ""}},
        {"array": {"dtype": "float32", "shape": [1], "data": "????"}},
        {"pickle": "gASV"},
        {"list": {"a": 1}},
        {"float": "1", "list": []},
        functools.reduce(lambda inner, _: {"list": [inner]}, range(20), 1),
    ],
)
def test_what_observe_cannot_have_written_is_malformed(message):
    with pytest.raises(Malformed):
        decode(message)


def differ(seen, expected, **tolerance):
    return difference("y", through(seen), through(expected), tolerance.get("rtol"), tolerance.get("atol"))


def test_equal_within_tolerance():
    x = torch.linspace(-3, 3, 50)
    assert differ(x + 1e-6, x) is None
    assert differ(x.double(), x) is None, "the width of a floating-point type does not matter"
    assert differ(x + 0.01, x, atol=0.1) is None
    assert differ(torch.tensor([float("nan"), float("inf")]), torch.tensor([float("nan"), float("inf")])) is None
    assert differ(1, 1.0) is None
    assert differ({"a": [1, "x", None]}, {"a": [1, "x", None]}) is None


@pytest.mark.parametrize(
    ("seen", "expected", "words"),
    [
        (torch.zeros(1, 3), torch.zeros(3), r"shape \(1, 3\) where \(3,\)"),
        (
            torch.tensor([0.0, 5.0]),
            torch.tensor([0.0, 1.0]),
            r"1 of 2 values are off, by up to 4, most at index \(1,\)",
        ),
        (torch.tensor([float("nan")]), torch.tensor([1.0]), "not finite"),
        (torch.zeros(2, dtype=torch.int64), torch.zeros(2), "an array of int64 where an array of float32"),
        (None, torch.zeros(2), "None where an array"),
        (torch.zeros(()), 0.0, "a number of float32 where a number"),
        (True, 1, "True or False where a whole number"),
        (float("nan"), 1.0, "not finite"),
        ([1, 2], [1, 2, 3], "2 entries"),
        ({"a": 1}, {"b": 1}, "entries"),
        ([1, torch.zeros(2)], [1, torch.ones(2)], r"y\[1\] has the right shape"),
        ("a", "b", "not what was expected"),
        (torch.tensor([True]), torch.tensor([False]), "differs in 1 of 1 places"),
    ],
)
def test_a_difference_is_a_sentence(seen, expected, words):
    assert re.search(words, differ(seen, expected))


def test_a_difference_gives_no_expected_number_away():
    said = differ(torch.tensor([2.5, 1.0]), torch.tensor([1.375, 1.0]))
    assert "1.375" not in said and "2.5" not in said


def test_arrays_know_their_names():
    assert isinstance(through(torch.zeros(2)), Array)
