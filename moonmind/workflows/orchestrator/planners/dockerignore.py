"""Which files a `.dockerignore` keeps out of a build, as Docker's reference has it: the last line that fits counts."""

from __future__ import annotations

import re


def is_ignored(path: str, content: bytes | None) -> bool:
    """Whether the file at `path`, or a folder that it is in, is left out of the build context."""
    ignored = False
    for line in (content or b"").decode("utf-8", "replace").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps = pattern.startswith("!")
        if _pattern(pattern.removeprefix("!").strip().strip("/").removeprefix("./")).match(path):
            ignored = not keeps
    return ignored


def _pattern(text: str) -> re.Pattern[str]:
    """Go's filepath.Match with `**`, and everything below what fits."""
    parts: list[str] = []
    for piece in re.findall(r"\*\*/?|\*|\?|[^*?]+", text):
        if piece.startswith("**"):
            parts.append(r"(?:.*/)?" if piece.endswith("/") else ".*")
        else:
            parts.append({"*": r"[^/]*", "?": r"[^/]"}.get(piece) or re.escape(piece))
    return re.compile(f"^{''.join(parts)}(?:/.*)?$", re.DOTALL)
