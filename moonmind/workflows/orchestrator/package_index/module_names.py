"""The names that a module's source makes at its top level. Parses, never imports. Pure."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

MORE = "*"
"""Among a module's names: it makes further ones at run time, which its text does not show."""

_MAKES_NAMES = frozenset({"globals", "exec"})
"""Whose use can give a module names that its text does not show."""

_MAKES_NAMES_OUTSIDE = frozenset({"locals", "vars", "setattr", "__getattr__"})
"""The same, where a module's own statements use them; inside a function or a class they are about something else."""

_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def top_level_names(source: bytes) -> frozenset[str] | None:
    """Assigned, defined and imported names, those behind a condition too, with MORE where the module makes others at
    run time; None when it is no Python source that ours understands."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an invalid escape in somebody else's package
            tree = ast.parse(source)
        everything, own = list(ast.walk(tree)), list(_own_nodes(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    makes_more = any(_uses(node, _MAKES_NAMES) or _is_opaque(node) for node in everything)
    makes_more = makes_more or any(_uses(node, _MAKES_NAMES_OUTSIDE) for node in own)
    visible = [name for node in own for name in _made(node)] + [name for node in everything for name in _global(node)]
    return frozenset([*(name for name in visible if name != MORE), *([MORE] if makes_more else [])])


def _own_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that belong to the module's own scope."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def _made(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.Name(id=name, ctx=ast.Store()) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def _global(node: ast.AST) -> list[str]:
    return node.names if isinstance(node, ast.Global) else []


def _uses(node: ast.AST, names: frozenset[str]) -> bool:
    match node:
        case ast.FunctionDef(name=name) | ast.Name(id=name):
            return name in names
    return False


def _is_opaque(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(names=names):
            return any(alias.name == "*" for alias in names)
        case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Name(id="__name__")):
            return True
    return False
