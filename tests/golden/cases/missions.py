"""`moonmind mission new | list | show`."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case


def _mission(name: str, line: str, repository: str = "empty", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"mission {line}", code, **rest)


CASES = (
    _mission("first", "new 'Day shift'", shows=("title",), unlike="no-title"),
    _mission("next", "new 'Day shift'", "two"),
    _mission("slug", "new 'Day shift' --slug early", shows=("slug",), unlike="first"),
    _mission("coordination", "new 'Day shift' --topology coordination", shows=("topology",), unlike="first"),
    _mission("coordination-branch", "new 'Day shift' --topology coordination --coordination-branch log/day",
             shows=("coordination_branch",), unlike="coordination"),
    _mission("target-branch", "new 'Day shift' --target-branch merged", "board",
             shows=("target_branch",), unlike="beside-the-board"),
    _mission("beside-the-board", "new 'Day shift'", "board"),
    _mission("protect", "new 'Day shift' --protect main --protect live",
             shows=("protected_branches",), unlike="first"),
    _mission("elsewhere", "new 'Day shift'", "elsewhere"),
    _mission("taken-branch", "new 'Day shift' --topology coordination --coordination-branch shared", "elsewhere",
             code=2),
    _mission("specs-is-a-file", "new 'Day shift' --topology coordination", code=1, extra=(("specs", "no folder"),)),
    _mission("no-words", "new '!!!'", code=2),
    _mission("slug-in-words", "new 'Day shift' --slug 'The Day, shift'"),
    _mission("slug-without-words", "new 'Day shift' --slug '!!!'", code=2),
    _mission("branch-of-single", "new 'Day shift' --coordination-branch log/day", code=2),
    _mission("no-title", "new", code=2),
    _mission("outside", "new 'Day shift'", "outside", code=2),
    _mission("two", "list", "two"),
    _mission("odd", "list", "odd"),
    _mission("none", "list"),
    _mission("broken-meta", "list", "broken-meta", code=1),
    _mission("board", "show", "board"),
    _mission("coordinated", "show", "coordination"),
    _mission("one-of-two", "show --mission night-watch", "two", shows=("mission",), unlike="two"),
    _mission("two", "show", "two", code=2),
    _mission("none", "show", code=2),
    *(_mission(name, "show", name, code=1) for name in ("broken-log", "no-log")),
)  # fmt: skip
