"""Commands that read: `status`, `list-tasks`, `list-dependents`, `validate-workflow`."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case


def _view(command: str, name: str, line: str = "", repository: str = "board", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"tasks {command} {line}".strip(), code, **rest)


LISTS = (
    *(_view(command, name, repository=name) for command in ("status", "list-tasks")
      for name in ("board", "fresh", "coordination", "doing", "detached")),
    *(_view(command, name, repository=name, code=1) for command in ("status", "list-tasks")
      for name in ("broken-log", "no-log", "branch-without-log", "broken-meta", "broken-front", "broken-tasks")),
    *(_view(command, name, repository=name, code=2) for command in ("status", "list-tasks")
      for name in ("two", "empty", "outside")),
    *(_view(command, "one-of-two", "--mission 8", "two", shows=("mission",), unlike="two")
      for command in ("status", "list-tasks")),
    _view("status", "stale-threshold", "--stale-threshold 52560000", shows=("stale_threshold",), unlike="board"),
    _view("status", "bad-threshold", "--stale-threshold 0", code=2),
    _view("status", "folder-of-a-mission", repository="two", folder="specs/008-night-watch/tasks"),
    _view("status", "no-tasks", repository="no-tasks"),
    _view("status", "cycle", repository="cycle"),
    _view("status", "no-file", repository="no-file"),
    _view("status", "future", repository="future"),
    _view("list-tasks", "loud-front", repository="loud-front", code=1),
    _view("list-tasks", "odd", repository="odd"),
    _view("list-tasks", "lane", "--lane in_progress", shows=("lane",), unlike="board"),
    _view("list-tasks", "lane-by-alias", "--lane doing"),
    _view("list-tasks", "lane-without-packages", "--lane done", repository="fresh"),
    _view("list-tasks", "unknown-lane", "--lane finished", code=2),
)  # fmt: skip

DEPENDENTS = (
    _view("list-dependents", "both", "WP02", shows=("wp_id",), unlike="no-package"),
    _view("list-dependents", "none", "WP09"),
    _view("list-dependents", "one-of-two", "WP01 --mission 7", "two", shows=("mission",), unlike="ambiguous"),
    _view("list-dependents", "no-such-package", "WP99", code=1),
    *(_view("list-dependents", name, "WP01", name, code=1) for name in ("broken-log", "no-log")),
    _view("list-dependents", "no-package", code=2),
    _view("list-dependents", "ambiguous", "WP01", "two", code=2),
)

VALIDITY = (
    _view("validate-workflow", "in-order", "WP04", shows=("task_id",), unlike="no-package"),
    _view("validate-workflow", "planned", "WP01", "fresh"),
    _view("validate-workflow", "finalized", "WP01", "finalized"),
    _view("validate-workflow", "rejected", "WP10"),
    _view("validate-workflow", "pushed-through", "WP20"),
    _view("validate-workflow", "smudged", "WP13", code=1),
    _view("validate-workflow", "disagreement", "WP02", "disagreement", code=1),
    _view("validate-workflow", "claimed-twice", "WP01", "claimed-twice", code=1),
    _view("validate-workflow", "claimed-twice-settled", "WP01", "claimed-twice-settled"),
    _view("validate-workflow", "owned-outside", "WP01", "owned-outside", code=1),
    _view("validate-workflow", "one-of-two", "WP01 --mission 7", "two", shows=("mission",), unlike="ambiguous"),
    _view("validate-workflow", "no-such-package", "WP99", code=1),
    _view("validate-workflow", "broken-front", "WP01", "broken-front", code=1),
    *(_view("validate-workflow", name, "WP01", name, code=1) for name in ("broken-log", "no-log")),
    _view("validate-workflow", "no-package", code=2),
    _view("validate-workflow", "ambiguous", "WP01", "two", code=2),
)

CASES = (*LISTS, *DEPENDENTS, *VALIDITY)
