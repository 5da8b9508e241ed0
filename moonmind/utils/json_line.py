"""JSON for programs that read our output."""

from __future__ import annotations

import json
from typing import Any


def json_line(value: Any) -> bytes:
    """UTF-8 without a line end, whatever the terminal's encoding. A name that is no text (bytes of a command line) is
    escaped: raw, it would be no JSON."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
