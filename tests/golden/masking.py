"""What differs from run to run, and says nothing: ids, times, commits and folders."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ULID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
_TIME = re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?")
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")

FIXED_IDS = "01KE"
"""How the ids begin that the builders made up; they stay, and so do their times."""
FIXED_DAY = "2026-01-05"
FAR_DAY = "2099-01-05"
"""Of a log whose last event lies in the future."""


def masked(text: str, commits: Mapping[str, str], folder: str) -> str:
    """`commits`: from hash to the name that the repository had for it before. What the builders fixed is left."""
    text = text.replace(folder, "<repository>")
    text = _ULID.sub(lambda found: found[0] if found[0].startswith(FIXED_IDS) else "<id>", text)
    text = _TIME.sub(lambda found: found[0] if found[0].startswith((FIXED_DAY, FAR_DAY)) else "<time>", text)
    return _COMMIT.sub(lambda found: commits.get(found[0], "<new commit>"), text)
