"""`moonmind tasks mark-status` and `add-history`."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case


def _mark(name: str, line: str, repository: str = "board", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"tasks mark-status {line}".strip(), code, **rest)


def _history(name: str, line: str, repository: str = "board", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"tasks add-history {line}".strip(), code, **rest)


CASES = (
    _mark("done", "T012 --status done"),
    _mark("in-a-table", "T003 T004 --status done"),
    _mark("already-and-new", "T011 T012 --status done"),
    _mark("nothing-new", "T011 --status done"),
    _mark("pending", "T011 --status pending"),
    _mark("of-two-packages", "T012 T003 --status done"),
    _mark("twice-the-same", "T012 T012 --status done"),
    _mark("no-auto-commit", "T012 --status done --no-auto-commit", shows=("auto_commit",), unlike="done"),
    _mark("coordinated", "T012 --status done", "coordination"),
    _mark("one-of-two", "T001 --status done --mission night-shift", "two", shows=("mission",), unlike="ambiguous"),
    _mark("unknown", "T012 T999 --status done", code=1),
    _mark("protected", "T012 --status done", "protected", code=1),
    _mark("protected-uncommitted", "T012 --status done --no-auto-commit", "protected"),
    _mark("protected-primary", "T012 --status done", "coordination-protected", code=1),
    _mark("protected-primary-uncommitted", "T012 --status done --no-auto-commit", "coordination-protected", code=1),
    _mark("broken-log", "T012 --status done", "broken-log", code=1),
    _mark("no-tasks", "T001 --status done", "no-tasks", code=1),
    _mark("no-words", "--status done", code=2),
    _mark("needs-ids", "T012 --status done", shows=("task_ids",), unlike="no-words"),
    _mark("no-status", "T012", code=2),
    _mark("needs-status", "T012 --status done", shows=("status",), unlike="no-status"),
    _mark("ambiguous", "T001 --status done", "two", code=2),
    _history("note", "WP04 --note 'the parser takes empty files'", shows=("task_id",), unlike="no-package"),
    _history("agent", "WP04 --note 'takes empty files' --agent kim", shows=("agent",), unlike="short-note"),
    _history(
        "shell-pid", "WP04 --note 'takes empty files' --shell-pid 4711", shows=("shell_pid",), unlike="short-note"
    ),
    _history("short-note", "WP04 --note 'takes empty files'", shows=("note",), unlike="no-note"),
    _history("colons-and-lines", "WP04 --note 'first: a # and \"quotes\"\nsecond line'"),
    _history("twice", "WP03 --note 'with a comment above'"),
    _history("protected", "WP04 --note 'takes empty files'", "protected"),
    _history("one-of-two", "WP01 --note so --mission 008-night-watch", "two", shows=("mission",), unlike="ambiguous"),
    _history("no-such-package", "WP99 --note so", code=1),
    _history("broken-front", "WP01 --note so", "broken-front", code=1),
    _history("empty-note", "WP04 --note ' '", code=2),
    _history("no-package", "--note 'the parser takes empty files'", code=2),
    _history("no-note", "WP04", code=2),
    _history("ambiguous", "WP01 --note so", "two", code=2),
)
