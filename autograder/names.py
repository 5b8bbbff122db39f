"""What Python source defines and uses, found by parsing it; nothing is run."""

import ast
import builtins
import symtable
import warnings
from collections.abc import Iterable
from functools import lru_cache

BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "__name__", "__file__", "In", "Out", "_"}


MAX_LENGTH = 200_000
"""Longer sources are not looked into."""


def parse(source: str) -> ast.Module | None:
    """The syntax tree of *source*, or None where it is not Python."""
    if len(source) > MAX_LENGTH:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes and the like: the student's own
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=512)
def defined(source: str) -> frozenset[str]:
    """The names that *source* binds at its top level; none where it is not Python."""
    tree = parse(source)
    return frozenset().union(*map(_bound, tree.body)) if tree else frozenset()


@lru_cache(maxsize=512)
def used(source: str) -> frozenset[str]:
    """The global names that *source* reads and does not bind itself, built-in ones left out."""
    if len(source) > MAX_LENGTH:
        return frozenset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = symtable.symtable(source, "answer", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(_read(table)) - defined(source) - BUILTINS


def definitions(source: str, wanted: Iterable[str]) -> str:
    """The top-level statements of *source* that bind or change *wanted* names, and those that these need in turn."""
    tree = parse(source)
    if tree is None:
        return ""
    names, kept = set(wanted), set[int]()
    found = True
    while found:
        found = False
        for number, node in enumerate(tree.body):
            if number not in kept and (_bound(node) | _changed(node)) & names:
                kept.add(number)
                names |= used(_segment(source, node))
                found = True
    return "\n".join(_segment(source, node) for number, node in enumerate(tree.body) if number in kept)


def _bound(node: ast.AST) -> frozenset[str]:
    """The names that one statement binds where it stands, not in functions or classes inside it."""
    names = set[str]()
    todo = [node]
    while todo:
        inner = todo.pop()
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(inner.name)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in inner.names}
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            names.add(inner.id)
        elif not isinstance(inner, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            todo += ast.iter_child_nodes(inner)
    return frozenset(names)


def _changed(node: ast.stmt) -> frozenset[str]:
    """The names whose objects a statement like ``table[1] = x`` or ``Net.forward = f`` changes."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    names = set[str]()
    for target in targets:
        inner: ast.expr = target
        while isinstance(inner, ast.Attribute | ast.Subscript):
            inner = inner.value
        if isinstance(inner, ast.Name):
            names.add(inner.id)
    return frozenset(names)


def _read(table: symtable.SymbolTable) -> set[str]:
    top = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return names.union(*map(_read, table.get_children()))


def _segment(source: str, node: ast.stmt) -> str:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    lines = source.splitlines(keepends=True)
    if first == node.lineno and node.col_offset:  # behind a semicolon
        return ast.get_source_segment(source, node) or ""
    return "".join(lines[first - 1 : node.end_lineno]).rstrip("\n")
