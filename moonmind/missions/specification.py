"""`spec.md`: which requirements there are."""

from __future__ import annotations

import re

from moonmind.missions.markdown import decode_text, lines_outside_fences

_ID = re.compile(r"(?<![\w-])(?:FR|NFR|C)-\d{1,5}(?!\w)", re.IGNORECASE)


def requirement_ids(content: bytes) -> tuple[str, ...]:
    """`FR-1`, `NFR-2`, `C-3`, upper-cased, in the order in which they are first named. Raises MissionError
    `BrokenSpecification` with the line that is not UTF-8."""
    text = decode_text(content, "spec.md", "BrokenSpecification")
    found = (name.upper() for _, line in lines_outside_fences(text) for name in _ID.findall(line))
    return tuple(dict.fromkeys(found))
