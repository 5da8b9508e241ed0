"""Somebody else's text in a line of ours."""

from __future__ import annotations

LONGEST = 500


def printable(text: str, limit: int = LONGEST) -> str:
    """One line that any database and terminal takes: no control characters, no lone surrogates, `limit` characters."""
    plain = "".join(char if char.isprintable() else " " for char in text.encode("utf-8", "replace").decode("utf-8"))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
