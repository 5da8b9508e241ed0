"""The imports that a Python file does whenever it is loaded, told from its syntax; nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 1024 * 1024
"""Bytes of a source that is read; longer ones are data."""

_CATCHING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_MUTED = frozenset({"suppress"})


@dataclass(frozen=True, slots=True)
class Import:
    """`import module` or `from module import name`, at a line; `level` counts the dots before a relative module."""

    module: str
    name: str | None
    line: int
    level: int = 0


def unconditional_imports(source: bytes) -> list[Import]:
    """At the top level, neither below an `if` nor where a failed import is caught; none when it is no Python 3."""
    return list(_of(_statements(source)))


def defined_names(source: bytes) -> frozenset[str]:
    """What the file itself makes at its top level: functions, classes, plain assignments; not what it imports."""
    found: set[str] = set()
    for node in _statements(source):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {one.id for one in targets if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return frozenset(found)


def _statements(source: bytes) -> list[ast.stmt]:
    if len(source) > LONGEST:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a service's odd escapes are its own affair
            return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _of(body: Sequence[ast.stmt]) -> Iterator[Import]:
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, None, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                for alias in names:
                    name = None if alias.name == "*" else alias.name
                    yield Import(module or "", name, node.lineno, level)
            case ast.Try() if not any(_catches(handler) for handler in node.handlers):
                yield from _of(node.body)
                yield from _of(node.finalbody)
            case ast.With(items=items) if not any(_is_muted(item.context_expr) for item in items):
                yield from _of(node.body)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(_last_name(one) in _CATCHING for one in caught)


def _is_muted(context: ast.expr) -> bool:
    return isinstance(context, ast.Call) and _last_name(context.func) in _MUTED


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
