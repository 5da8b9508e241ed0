"""What no changed text may hold, whatever file it is in: characters that hide, masks, downloads that run."""

from __future__ import annotations

import ast
import codecs
import re
import warnings

from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError

MASK = "[redacted:"
"""How a masked secret begins (`moonmind/utils/redaction/spans.py`): the author saw only the mask."""

_WORD = re.compile(r"[\w-]+")
_FETCHERS = frozenset({"curl", "wget"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash", "ksh", "eval", "source", "python", "python3", "perl", "node"})
_RUNNERS = _SHELLS | {"chmod"}
_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=]\s*([-\w.]+)")
"""As pip and Python (PEP 263) find it, whichever of the two takes more."""
_ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1"})


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


def check_downloads(path: str, before: bytes | None, after: bytes) -> None:
    """For a file that may hold any command: to download and to run may be two lines. Raises RefusedChangeError.

    A line `#!` only says what the file itself is for.
    """
    commands = [line for line in _new_lines(path, before, after) if not line.startswith("#!")]
    words = set(_WORD.findall("\n".join(commands)))
    if words & _FETCHERS and words & _RUNNERS:
        line = next(one for one in commands if _FETCHERS.intersection(_WORD.findall(one)))
        raise RefusedChangeError(f"{path}: its new lines run what they download: `{line.strip()[:100]}`")


def check_encoding(path: str, content: bytes) -> None:
    """Its own tool must read it as we do. Raises RefusedChangeError for another encoding that it names.

    Beyond ASCII not even Latin-1, in which a letter's second byte may end a line (U+0085).
    """
    for line in content.split(b"\n")[:2]:
        found = _CODING.match(line)
        codec = _codec(found[1]) if found else "utf-8"
        if codec != "utf-8" and (codec not in _ENCODINGS or not content.isascii()):
            raise RefusedChangeError(f"{path} must be UTF-8, and says another encoding: `{line.decode()[:100]}`")


def _codec(name: bytes) -> str | None:
    try:
        return codecs.lookup(name.decode("ascii")).name
    except LookupError:
        return None


def check_python(path: str, before: bytes | None, after: bytes) -> None:
    """A source that could be read must stay readable, in an encoding that is ours. Raises RefusedChangeError."""
    check_encoding(path, after)
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
