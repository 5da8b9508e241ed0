"""The exact difference between two states of some files, in the form that `patch` and `git apply` take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from moonmind.workflows.orchestrator.edits.text_files import split_lines

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
NO_NEWLINE = "\\ No newline at end of file\n"


def unified_diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Unified diff with `a/` and `b/`, files sorted by path; a file that is missing on one side is `/dev/null`."""
    paths = sorted({*before, *after})
    return "".join(_file_diff(path, before.get(path), after.get(path)) for path in paths)


def changed_lines(diff: str) -> tuple[str, str]:
    """The text that a unified diff removes and the text that it adds; headers are neither, whatever a line is."""
    removed: list[str] = []
    added: list[str] = []
    old = new = 0
    for line in split_lines(diff):
        if old <= 0 and new <= 0:
            hunk = _HUNK.match(line)
            old, new = (int(count or 1) for count in hunk.groups()) if hunk else (0, 0)
        elif line.startswith("-"):
            removed.append(line[1:])
            old -= 1
        elif line.startswith("+"):
            added.append(line[1:])
            new -= 1
        elif not line.startswith("\\"):
            old, new = old - 1, new - 1
    return "".join(removed), "".join(added)


def _file_diff(path: str, before: bytes | None, after: bytes | None) -> str:
    return "".join(
        _with_ends(
            difflib.unified_diff(
                _lines(before),
                _lines(after),
                "/dev/null" if before is None else f"a/{path}",
                "/dev/null" if after is None else f"b/{path}",
            )
        )
    )


def _lines(content: bytes | None) -> list[str]:
    return split_lines((content or b"").decode("utf-8", "backslashreplace"))


def _with_ends(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}"
