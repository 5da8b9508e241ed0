"""The exact difference between two states of some files, in the form that `patch` and `git apply` take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from moonmind.workflows.orchestrator.edits.text_files import split_lines

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
NO_NEWLINE = "\\ No newline at end of file\n"

LineKind = Literal["outside", "hunk", "same", "removed", "added", "note"]
IN_HUNK = ("same", "removed", "added")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a diff without its mark (a header is whole), and its number before and after; `note`: what is said of
    the line before it. A hunk's header has the numbers of its first line."""

    kind: LineKind
    text: str
    old: int | None = None
    new: int | None = None


def unified_diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Unified diff with `a/` and `b/`, files sorted by path; a file that is missing on one side is `/dev/null`."""
    paths = sorted({*before, *after})
    return "".join(_file_diff(path, before.get(path), after.get(path)) for path in paths)


def changed_lines(diff: str) -> tuple[str, str]:
    """The text that a unified diff removes and the text that it adds; headers are neither, whatever a line is."""
    lines = [*walk_diff(split_lines(diff))]
    return _texts(lines, "removed"), _texts(lines, "added")


def walk_diff(lines: Iterable[str]) -> Iterator[DiffLine]:
    """What each line of a unified diff is, by the counts in the hunks' headers: no line of a file is taken for one."""
    old = new = end_of_old = end_of_new = 0
    kind: LineKind = "outside"
    for line in lines:
        kind = _kind(line, kind, in_hunk=old < end_of_old or new < end_of_new)
        if kind == "hunk":
            old, end_of_old, new, end_of_new = _counts(line)
            yield DiffLine(kind, line, old, new)
        elif kind in IN_HUNK:
            goes_on, comes = kind != "added", kind != "removed"
            yield DiffLine(kind, line[1:], old if goes_on else None, new if comes else None)
            old, new = old + goes_on, new + comes
        else:
            yield DiffLine(kind, line[2:] if kind == "note" else line)


def _kind(line: str, before: LineKind, *, in_hunk: bool) -> LineKind:
    """`before`: what the line before it is; a note may also follow the last line that a header counts."""
    if line.startswith("\\") and (in_hunk or before in IN_HUNK):
        return "note"
    if in_hunk:
        return "removed" if line.startswith("-") else "added" if line.startswith("+") else "same"
    return "hunk" if _HUNK.match(line) else "outside"


def _counts(header: str) -> tuple[int, int, int, int]:
    """The number of the first line and of the one behind the last, before and after."""
    found = _HUNK.match(header)
    assert found
    old, new = int(found[1]), int(found[3])
    return old, old + int(found[2] or 1), new, new + int(found[4] or 1)


def _texts(lines: Iterable[DiffLine], kind: LineKind) -> str:
    return "".join(line.text for line in lines if line.kind == kind)


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
