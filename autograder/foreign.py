"""Makes an answer independent of where it was written: commands to the notebook, paths, invisible characters."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from autograder.names import parse

_COMMAND = re.compile(r"^(?P<indent>\s*)(?P<name>[A-Za-z_]\w*\s*=\s*)?(?P<command>[%!?].*|[\w.]+\?{1,2}\s*)$")
_LOOKALIKES = {
    "\u2018": "a curly quotation mark",
    "\u2019": "a curly quotation mark",
    "\u201c": "a curly quotation mark",
    "\u201d": "a curly quotation mark",
    "\u00a0": "a space that is not an ordinary one",
    "\u2003": "a space that is not an ordinary one",
    "\u200b": "a character without width",
    "\u2013": "a dash that is not the minus sign",
    "\u2212": "a dash that is not the minus sign",
    "\u00d7": "a multiplication sign that is not *",
}
_ELSEWHERE = re.compile(r"^(?:[A-Za-z]:[\\/]|/content/|/kaggle/|/Users/|/home/|/root/|~[\\/])")

Note = tuple[str, dict[str, str]]
"""A repair's code, and the words that its sentence needs."""


@lru_cache(maxsize=512)
def portable(source: str) -> str:
    """*source* with its magics and shell commands taken out of use, each on its line, so that line numbers stay."""
    if parse(source) is not None or not any(mark in source for mark in "%!?"):
        return source
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    for number, line in enumerate(lines):
        if number == first and line.startswith("%%"):
            lines[number] = f"# not run when grading: {line}"
        elif found := _COMMAND.match(line):
            value = f"{found['name']}None" if found["name"] else "pass"
            lines[number] = f"{found['indent']}{value}  # not run when grading: {found['command']}"
    return "\n".join(lines)


def notes(source: str) -> Iterator[Note]:
    """What in *source* will not do where it is graded as it did where it was written."""
    clean = portable(source)
    if clean != source:
        commands = [line.strip() for line in source.split("\n") if line.strip() and line not in clean.split("\n")]
        yield "command_left_out", {"what": commands[0][:60]}
    tree = parse(clean)
    if tree is None:
        yield from _lookalikes(source)
        return
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and _short(node.func)}
    if "input" in calls:
        yield "input_called", {}
    if "os.chdir" in calls:
        yield "folder_changed", {}
    if any(_imports_colab(node) for node in ast.walk(tree)):
        yield "colab_used", {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ELSEWHERE.match(node.value):
            yield "path_elsewhere", {"what": node.value[:60], "line": str(node.lineno)}
            return


def _lookalikes(source: str) -> Iterator[Note]:
    for number, line in enumerate(source.split("\n"), start=1):
        for character in line:
            if character in _LOOKALIKES:
                yield "lookalike", {"what": _LOOKALIKES[character], "line": str(number)}
                return


def _short(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))


def _imports_colab(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.startswith("google.colab") for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        colab = node.module == "google" and any(alias.name == "colab" for alias in node.names)
        return colab or (node.module or "").startswith("google.colab")
    return False
