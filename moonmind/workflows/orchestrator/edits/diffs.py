"""The exact difference between two states of some files, in the form that `patch` and `git apply` take."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from moonmind.workflows.orchestrator.edits.text_files import split_lines

NO_NEWLINE = "\\ No newline at end of file\n"


def unified_diff(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Unified diff with `a/` and `b/`, files sorted by path; a file that is missing on one side is `/dev/null`."""
    paths = sorted({*before, *after})
    return "".join(_file_diff(path, before.get(path), after.get(path)) for path in paths)


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
