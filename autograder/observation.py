"""Reads what observe() sent, trusting nothing in it, and says in words how two observations differ."""

import base64
import binascii
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RTOL, ATOL = 1e-4, 1e-5
"""How far floating-point numbers may lie apart where a check does not say: single precision, a few operations deep."""

_DTYPES = {
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
}
_DEPTH = 8


class Malformed(ValueError):  # noqa: N818 - it is the message that is malformed, not the program
    """A message that observe() cannot have written."""


@dataclass(frozen=True)
class Array:
    """An observed array: its dtype as the kernel named it, and its values in the nearest NumPy type."""

    dtype: str
    values: npt.NDArray[Any]


def decode(value: Any, depth: int = 0) -> Any:
    """Turn one encoded value back into None, bool, int, float, str, Array, list or dict. Raises Malformed."""
    if depth > _DEPTH:
        raise Malformed("nested too deeply")
    if value is None or type(value) in (bool, int, str):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise Malformed("neither plain nor an object with one key")
    (kind, body), *_ = value.items()
    if kind == "float" and isinstance(body, str):
        try:
            return float(body)
        except ValueError:
            raise Malformed("a float that is none") from None
    if kind == "list" and isinstance(body, list):
        return [decode(item, depth + 1) for item in body]
    if kind == "dict" and isinstance(body, dict):
        return {name: decode(item, depth + 1) for name, item in body.items()}
    if kind == "array" and isinstance(body, dict):
        return _decode_array(body)
    raise Malformed("of no known kind")


def _decode_array(body: dict[str, Any]) -> Array:
    if set(body) != {"dtype", "shape", "data"} or not isinstance(body["data"], str):
        raise Malformed("an array without dtype, shape and data")
    dtype, shape = body["dtype"], body["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 1 << 24 for size in shape):
        raise Malformed("an array of an impossible shape")
    try:
        data = base64.b64decode(body["data"], validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("an array whose data is not base64") from None
    if dtype == "bfloat16":
        stored, itemsize = np.dtype("uint16"), 2
    elif dtype in _DTYPES:
        stored = np.dtype(dtype)
        itemsize = stored.itemsize
    else:
        raise Malformed("an array of an unknown dtype")
    if len(shape) > 16 or math.prod(shape) * itemsize != len(data):
        raise Malformed("an array whose data does not fill its shape")
    values = np.frombuffer(data, stored).reshape(shape)
    if dtype == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return Array(dtype, values)


def difference(name: str, seen: Any, expected: Any, rtol: float | None, atol: float | None) -> str | None:
    """Say how *seen* differs from *expected*, in a sentence that gives no expected number away; None where it does not.

    Floating-point numbers are equal within ``atol + rtol * |expected|``, nan equals nan, and the width of a
    floating-point type does not matter. Everything else must be the same.
    """
    if isinstance(expected, Array):
        return _array_difference(name, seen, expected, rtol, atol)
    if isinstance(expected, float) and type(seen) in (float, int):
        return _array_difference(
            name, Array("float64", np.array(float(seen))), Array("float64", np.array(expected)), rtol, atol
        )
    if type(seen) is not type(expected):
        return f"{name} is {_kind(seen)} where {_kind(expected)} was expected."
    if isinstance(expected, list | dict):
        if isinstance(expected, list):
            seen, expected = dict(enumerate(seen)), dict(enumerate(expected))
        if seen.keys() != expected.keys():
            return f"{name} has {len(seen)} entries where others were expected."
        parts = (difference(f"{name}[{key!r}]", seen[key], expected[key], rtol, atol) for key in expected)
        return next((part for part in parts if part), None)
    return None if seen == expected else f"{name} is not what was expected."


def _array_difference(name: str, seen: Any, expected: Array, rtol: float | None, atol: float | None) -> str | None:
    if not isinstance(seen, Array):
        return f"{name} is {_kind(seen)} where {_kind(expected)} was expected."
    a, b = seen.values, expected.values
    if a.shape != b.shape:
        return f"{name} has shape {a.shape} where {b.shape} was expected."
    if a.dtype.kind != b.dtype.kind:
        return f"{name} is {_kind(seen)} where {_kind(expected)} was expected."
    if b.dtype.kind != "f":
        wrong = a != b
        return f"{name} differs in {int(wrong.sum())} of {wrong.size} places." if wrong.any() else None
    a, b = a.astype(np.float64), b.astype(np.float64)
    tolerance = (ATOL if atol is None else atol) + (RTOL if rtol is None else rtol) * np.abs(b)
    with np.errstate(invalid="ignore"):
        far = np.abs(a - b)
        wrong = ~((far <= tolerance) | (a == b) | (np.isnan(a) & np.isnan(b)))
    if not wrong.any():
        return None
    bad = ~np.isfinite(a) & np.isfinite(b)
    if bad.any():
        return f"{name} has {int(bad.sum())} of {a.size} values that are not finite (nan or inf) and should be."
    worst = np.unravel_index(int(np.nanargmax(np.where(wrong, np.nan_to_num(far, nan=np.inf), -1))), a.shape)
    index = f", most at index {tuple(map(int, worst))}" if a.ndim else ""
    count = f"{int(wrong.sum())} of {a.size} values"
    return f"{name} has the right shape, but {count} are off, by up to {far[worst]:.3g}{index}."


def _kind(value: Any) -> str:
    if isinstance(value, Array):
        return f"{'an array' if value.values.ndim else 'a number'} of {value.dtype}"
    return {
        type(None): "None",
        bool: "True or False",
        int: "a whole number",
        float: "a number",
        str: "text",
    }.get(type(value), f"a {type(value).__name__}")
