"""One student's result: its shape, and reading and writing it so that a crash never leaves half a file."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from autograder.errors import GraderError

SCHEMA = 1

Result = dict[str, Any]
"""As ``result.schema.json`` beside this module describes it."""


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path* in one step: a reader, or a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write *value* as readable JSON in one step."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_result(path: Path) -> Result | None:
    """The result at *path*, or None where there is none of this schema that can be read."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if isinstance(result, dict) and result.get("schema") == SCHEMA else None


def read_results(folder: Path) -> list[Result]:
    """All results of one assignment, by student. Raises GraderError where there are none."""
    results = [result for path in sorted(folder.glob("*.json")) if (result := read_result(path))]
    if not results:
        raise GraderError(f"There are no results in {folder}; run `autograder grade {folder.name}` first.")
    return results
