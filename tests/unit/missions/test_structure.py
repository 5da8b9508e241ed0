"""The shape of the missions' code: who may import what, and how long a function may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MISSIONS = ROOT / "moonmind" / "missions"
CLI = [ROOT / "moonmind" / "cli" / f"{name}.py" for name in ("tasks", "mission", "mission_call")]
FILES = sorted([*MISSIONS.rglob("*.py"), *CLI])

PURE = sorted(
    ".".join(path.relative_to(MISSIONS).with_suffix("").parts)
    for path in MISSIONS.rglob("*.py")
    if path.relative_to(MISSIONS).parts[0] not in ("adapters", "commands") and path.stem not in ("__init__", "ports")
)
"""All that lies beside the ports: the cores, their helpers and their shapes. I/O lives in `adapters` and `commands`."""
IO = {"os", "io", "pathlib", "subprocess", "time", "random", "secrets", "socket", "shutil", "tempfile", "click", "sys"}
CLOCKS = {"now", "utcnow", "today"}
OF_THE_WORLD = ("moonmind.missions.adapters", "moonmind.missions.commands", "moonmind.cli")
LONGEST_COMMAND, LONGEST_HELPER = 40, 60


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _file_of(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imports(path: Path) -> Iterator[str]:
    """Modules, of ours and of others, also those imported inside functions."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _reached(module: str) -> frozenset[str]:
    """Modules of ours that it imports, and those that they import."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        here = waiting.pop()
        path = _file_of(here)
        if path and here not in found and here.startswith("moonmind"):
            found.add(here)
            waiting += _imports(path)
    return frozenset(found)


@pytest.mark.parametrize("command", ["mark_status", "finalize_tasks"])
def test_what_moves_nothing_does_not_reach_the_transition_core(command: str) -> None:
    reached = _reached(f"moonmind.missions.commands.{command}")
    assert "moonmind.missions.commands.session" in reached
    assert not [module for module in reached if "transition" in module]


def test_moving_does_reach_the_transition_core() -> None:
    assert "moonmind.missions.transition" in _reached("moonmind.missions.commands.move_task")


@pytest.mark.parametrize("name", PURE)
def test_what_decides_does_no_io(name: str) -> None:
    path = MISSIONS.joinpath(*name.split(".")).with_suffix(".py")
    reached = _reached(f"moonmind.missions.{name}")
    assert not [module for module in reached if module.startswith(OF_THE_WORLD)]
    for module in reached:
        file = _file_of(module)
        assert file
        assert not {one.partition(".")[0] for one in _imports(file) if not _is_memory(one, file)} & IO, module
    assert not [node.lineno for node in ast.walk(_tree(path)) if _asks_a_clock(node) or _opens(node)]


def _is_memory(name: str, file: Path) -> bool:
    """`from io import BytesIO` and nothing else of that module."""
    memory = {"io", "io.BytesIO"}
    return name in memory and memory == {one for one in _imports(file) if one.partition(".")[0] == "io"}


def _asks_a_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS


def _opens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print", "input")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short_enough_to_read_at_a_glance(path: Path) -> None:
    long = [
        f"{node.name}: {_body_lines(node)}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef) and _body_lines(node) >= _limit(path, node)
    ]
    assert not long


def _limit(path: Path, node: ast.FunctionDef) -> int:
    return LONGEST_COMMAND if path in CLI or node.name.startswith("_do_") else LONGEST_HELPER


def _body_lines(node: ast.FunctionDef) -> int:
    """From the first statement after the docstring to the last line."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_check_is_switched_off(path: Path) -> None:
    text = path.read_text()
    assert "noqa" not in text
    assert "type: ignore" not in text
