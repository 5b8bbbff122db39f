"""Misconceptions are data: reads the wrong and the other right implementations of an answer from an author's file."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from autograder.errors import GraderError

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


def misconception(
    sentence: str, *, accept: tuple[str, ...] = (), flag: str | None = None
) -> Callable[[Implementation], Implementation]:
    """Mark a wrong implementation. *sentence* tells a student what is wrong and what to do.

    *accept* names the checks on which it earns the points all the same: that is how a check that is not about a
    convention takes both forms. *flag* is a code that results carry where a submission matches it.
    """
    return lambda implementation: implementation


def alternative(implementation: Implementation) -> Implementation:
    """Mark another right way to write the answer. It must keep every point."""
    return implementation


@dataclass(frozen=True)
class Variant:
    """One implementation other than the solution. *source* defines it under the name of the part it stands in for."""

    part: str
    name: str
    source: str
    right: bool
    sentence: str = ""
    accept: tuple[str, ...] = ()
    flag: str | None = None


def read_variants(folder: Path, parts: dict[str, list[str]]) -> list[Variant]:
    """Read ``<part>.py`` in *folder* for each of *parts* (part -> names of its checks), without running it.

    Raises GraderError for a file that no answer has the name of, and for a decorator that says what it cannot.
    """
    variants = []
    for path in sorted(folder.glob("*.py")):
        if path.stem not in parts:
            raise GraderError(f"{path} stands for no answer of the lesson; its answers are {', '.join(sorted(parts))}.")
        variants += _read_file(path, parts[path.stem])
    return variants


def _read_file(path: Path, checks: list[str]) -> list[Variant]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except SyntaxError as error:
        raise GraderError(f"{path}, line {error.lineno}: {error.msg}; it must be a Python file.") from error
    except ValueError as error:
        raise GraderError(f"{path} cannot be read ({error}); it must be a Python file in UTF-8.") from error
    lines = text.splitlines(keepends=True)
    shared: list[str] = []
    variants = []
    for node in tree.body:
        marks = _marks(node)
        if not marks:
            if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder")):
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                shared.append("".join(lines[first - 1 : node.end_lineno]))
            continue
        assert isinstance(node, ast.FunctionDef | ast.ClassDef)
        source = "".join(shared) + _renamed(node, marks, lines, path.stem)
        variants.append(_variant(path, node.name, source, marks[0], checks))
    return variants


def _marks(node: ast.stmt) -> list[ast.expr]:
    def name(decorator: ast.expr) -> str:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        return called.id if isinstance(called, ast.Name) else ""

    decorators = getattr(node, "decorator_list", [])
    return [decorator for decorator in decorators if name(decorator) in ("misconception", "alternative")]


def _renamed(node: ast.FunctionDef | ast.ClassDef, marks: list[ast.expr], lines: list[str], part: str) -> str:
    """The source of *node* under the name *part*, without the marks, which only this module understands."""
    others = [f"@{ast.unparse(decorator)}\n" for decorator in node.decorator_list if decorator not in marks]
    first = lines[node.lineno - 1].replace(node.name, part, 1)
    return "".join([*others, first, *lines[node.lineno : node.end_lineno]])


def _variant(path: Path, name: str, source: str, mark: ast.expr, checks: list[str]) -> Variant:
    if isinstance(mark, ast.Name) and mark.id == "alternative":
        return Variant(path.stem, name, source, right=True)
    where = f"{path}, line {mark.lineno}: the misconception {name!r}"
    try:
        if not isinstance(mark, ast.Call):
            raise ValueError("no sentence")
        sentence = ast.literal_eval(mark.args[0])
        options = {str(word.arg): ast.literal_eval(word.value) for word in mark.keywords}
        accept, flag = options.pop("accept", ()), options.pop("flag", None)
    except (ValueError, IndexError):
        raise GraderError(f"{where} needs a sentence, and what it is given must be written out as constants.") from None
    unknown = [check for check in accept if check not in checks]
    if unknown:
        raise GraderError(f"{where} accepts {unknown[0]!r}, which is no check of {path.stem}; name one of its checks.")
    if options:
        raise GraderError(f"{where} is given {next(iter(options))!r}; it takes accept and flag.")
    return Variant(path.stem, name, source, right=False, sentence=sentence, accept=tuple(accept), flag=flag)
