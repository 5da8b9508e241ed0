"""What `tasks.md` and `spec.md` have in common: UTF-8, lines, and fenced blocks, in which everything is text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from moonmind.missions.errors import MissionError

_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*)")


def decode_text(content: bytes, name: str, code: str) -> str:
    """Without a byte order mark. Raises MissionError with this code and the line of the first byte that is no text."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MissionError(
            code, f"{name}, line {line}: it is not UTF-8; save it as UTF-8", details={"line": line}
        ) from None


def lines_outside_fences(text: str) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text without its end. A fence that is not closed goes on to the end of the file."""
    fence = ""
    for number, line in enumerate(text.split("\n"), start=1):
        found = _FENCE.match(line.rstrip("\r"))
        if fence:
            if found and found[1].startswith(fence) and not found[2]:
                fence = ""
        elif found:
            fence = found[1]
        else:
            yield number, line.rstrip("\r")
