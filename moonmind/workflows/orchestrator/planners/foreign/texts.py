"""What no changed text may hold, whatever file it is in: characters that hide, masks, downloads that run."""

from __future__ import annotations

import ast
import re
import warnings

from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError

MASK = "[redacted:"
"""How a masked secret begins (`moonmind/utils/redaction/spans.py`): the author saw only the mask."""

_WORD = re.compile(r"[\w-]+")
_FETCHERS = frozenset({"curl", "wget"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash", "ksh", "eval", "source", "python", "python3", "perl", "node"})


def check_text(path: str, before: bytes | None, after: bytes) -> None:
    """Raises RefusedChangeError naming the first line that may not be."""
    for line in _new_lines(path, before, after):
        if odd := next((char for char in line.removesuffix("\r") if not (char.isprintable() or char == "\t")), None):
            raise RefusedChangeError(f"{path}: a line holds U+{ord(odd):04X}, which cannot be seen")
        if MASK in line:
            raise RefusedChangeError(f"{path}: a line holds a masked secret, which is not written back")
        words = set(_WORD.findall(line))
        if words & _FETCHERS and words & _SHELLS:
            raise RefusedChangeError(f"{path}: a line runs what it downloads: `{line.strip()[:100]}`")


def check_python(path: str, before: bytes | None, after: bytes) -> None:
    """A source that could be read must stay readable. Raises RefusedChangeError."""
    if (before is None or _is_python(before)) and not _is_python(after):
        raise RefusedChangeError(f"{path} would be no valid Python")


def _new_lines(path: str, before: bytes | None, after: bytes) -> list[str]:
    try:
        text = after.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedChangeError(f"{path} would be no UTF-8 text") from None
    kept = set((before or b"").decode("utf-8", "replace").split("\n"))
    return [line for line in text.split("\n") if line not in kept]


def _is_python(source: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
