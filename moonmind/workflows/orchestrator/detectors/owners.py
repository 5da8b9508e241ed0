"""Whose code a frame of a traceback runs: an installed distribution's, Python's own, or the service's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from moonmind.workflows.orchestrator.detectors.lines import Line

PYTHON = "<python>"
"""The owner of the standard library's files and of what the interpreter itself holds."""

_FRAME = re.compile(r'File "(?P<file>[^"]{1,500})", line \d+')
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\](?P<top>[^/\\]+)")
_STANDARD = re.compile(r"[/\\]lib[/\\]python\d(?:\.\d+)?[/\\]|[/\\]lib[/\\]python\d+\.zip[/\\]")
_SUFFIX = re.compile(r"\..*$")


def file_of(frame: Line) -> str | None:
    """The path in a frame's `File "…", line n`, None when it has no such form (pytest's short one)."""
    found = _FRAME.search(frame.text)
    return found["file"] if found else None


def owner(path: str) -> str | None:
    """The top-level module below `site-packages` that the file belongs to, PYTHON, or None for the service's own."""
    if found := _INSTALLED.search(path):
        return _SUFFIX.sub("", found["top"])
    return PYTHON if path.startswith("<") or _STANDARD.search(path) else None


def owners(frames: Sequence[Line]) -> list[str | None]:
    """The owners of the frames' files, the deepest first; frames without a file are left out."""
    return [owner(path) for frame in reversed(frames) if (path := file_of(frame)) is not None]


def libraries(frames: Sequence[Line]) -> list[str]:
    """The installed top-level modules that the frames run through, the deepest first, none twice."""
    return list(dict.fromkeys(one for one in owners(frames) if one is not None and one != PYTHON))


def importer(frames: Sequence[Line], provider: str) -> str:
    """Who asked the provider (a top-level module) for something: the deepest frame that is neither its own code nor
    Python's. "" for the service itself, and where the log does not say."""
    others = [one for one in owners(frames) if one not in (PYTHON, provider)]
    return (others[0] or "") if others else ""
