"""What a student's own run showed, made harmless: text and pictures, nothing that a browser would run or load."""

import base64
import binascii
import re
from typing import Any

_TEXT_LIMIT = 20_000
_PICTURE_LIMIT = 3_000_000
_OUTPUTS = 50
_STARTS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def harmless_outputs(outputs: list[Any]) -> list[dict[str, Any]]:
    """The text and the pictures in *outputs* as valid outputs of a notebook. HTML, scripts and widgets stay out."""
    kept = []
    for output in outputs[:_OUTPUTS]:
        if not isinstance(output, dict):
            continue
        if picture := _picture(output.get("data")):
            kept.append({"output_type": "display_data", "data": picture, "metadata": {}})
        elif text := _text(output):
            kept.append({"output_type": "stream", "name": "stdout", "text": text})
    return kept


def harmless_pictures(attachments: dict[str, Any]) -> dict[str, Any]:
    """The pictures among a Markdown cell's attachments, by their names."""
    pictures = {name: _picture(data) for name, data in attachments.items() if re.fullmatch(r"[\w.\- ]{1,80}", name)}
    return {name: picture for name, picture in pictures.items() if picture}


def _text(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        text = f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
    else:
        data = output.get("data")
        text = _joined(data.get("text/plain") if isinstance(data, dict) else output.get("text"))
    text = _COLOURS.sub("", text)
    clean = "".join(c for c in text[: _TEXT_LIMIT + 1] if c.isprintable() or c in "\n\t")
    return clean if len(clean) <= _TEXT_LIMIT else f"{clean[:_TEXT_LIMIT]}\n… (cut off)"


def _picture(data: Any) -> dict[str, str]:
    """The picture in a MIME bundle, if its bytes are one."""
    for kind, start in _STARTS.items():
        text = _joined(data.get(kind)) if isinstance(data, dict) else ""
        if 0 < len(text) < _PICTURE_LIMIT:
            try:
                content = base64.b64decode(text, validate=False)
            except (binascii.Error, ValueError):
                continue
            if content.startswith(start):
                return {kind: base64.b64encode(content).decode()}
    return {}


def _joined(value: Any) -> str:
    text = "".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return text.encode("utf-8", "replace").decode("utf-8")
