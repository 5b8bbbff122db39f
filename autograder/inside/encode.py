"""Turns what a hidden check looked at into plain JSON: numbers, text, and the bytes of arrays."""

import base64
import sys
from typing import Any

MIME_TYPE = "application/vnd.autograder.check+json"
"""The type of display message that carries what came of a check out of the kernel."""

MAX_ELEMENTS = 1 << 16
"""The most numbers one observed array may hold. Checks look at small inputs; this bounds what a broken answer sends."""


class NotObservable(TypeError):  # noqa: N818 - reads as a sentence in a traceback
    """A value that observe() has no plain form for. The message says which, and what would do."""


def encode(value: Any, name: str) -> Any:
    """Give *value* as JSON of a few plain types; *name* is what messages call it.

    None, bool, int and str stand for themselves. The rest is an object with one key: ``float`` (text, so that nan and
    inf survive), ``array`` (dtype, shape, base64 of the bytes in C order), ``list``, ``dict``.

    Raises NotObservable for anything else, a tensor subclass or an object array among them.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return {"float": repr(value)}
    if type(value) in (list, tuple):
        return {"list": [encode(item, f"{name}[{i}]") for i, item in enumerate(value)]}
    if type(value) is dict:
        if not all(type(key) is str for key in value):
            raise NotObservable(f"{name} is a dict whose keys are not all text.")
        return {"dict": {key: encode(item, f"{name}[{key!r}]") for key, item in value.items()}}
    return {"array": _encode_array(value, name)}


def _encode_array(value: Any, name: str) -> dict[str, Any]:
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter):
        if value.layout is not torch.strided or value.is_complex() or value.is_quantized:
            raise NotObservable(f"{name} is a {value.layout} tensor of {value.dtype}; a dense real tensor is needed.")
        tensor = value.detach().cpu().contiguous()
        dtype, shape = str(value.dtype).removeprefix("torch."), list(value.shape)
        count = tensor.numel()
        # bfloat16 has no NumPy type, so every dtype goes out as its bytes.
        data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if count <= MAX_ELEMENTS else b""
    elif numpy is not None and (type(value) is numpy.ndarray or isinstance(value, numpy.generic)):
        array = numpy.asarray(value)
        if array.dtype.kind not in "fiub":
            raise NotObservable(f"{name} is an array of {array.dtype}; an array of real numbers is needed.")
        dtype, shape, count = str(array.dtype), list(array.shape), array.size
        data = array.tobytes() if count <= MAX_ELEMENTS else b""
    else:
        raise NotObservable(
            f"{name} is of type {type(value).__name__}; "
            "a tensor, array, number, text, None, or a list or dict of these is needed."
        )
    if count > MAX_ELEMENTS:
        raise NotObservable(f"{name} has {count} numbers; at most {MAX_ELEMENTS} can be observed.")
    return {"dtype": dtype, "shape": shape, "data": base64.b64encode(data).decode("ascii")}
