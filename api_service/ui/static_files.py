"""Style, script and picture of the pages, with their content's digest in the address, so that they may be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

FOREVER = "public, max-age=31536000, immutable"
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent; `digest`: enough of its hash to tell versions apart."""

    content: bytes
    media_type: str
    digest: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """All of them by name, read once."""
    folder = files("api_service.ui") / "static"
    return {entry.name: _read(entry.name, entry.read_bytes()) for entry in folder.iterdir()}


def static_url(name: str) -> str:
    """The address of one of them, as it is now."""
    return f"/ui/static/{name}?v={static_files()[name].digest}"


def _read(name: str, content: bytes) -> StaticFile:
    return StaticFile(content, TYPES["." + name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:12])
