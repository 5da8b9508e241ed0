"""Reads a project's page of the simple repository API, in both of its forms. Pure.

The forms are those of the Python packaging specifications ("Simple repository API"): HTML with `data-…` attributes, and
JSON. A page is untrusted: what cannot be read in it is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
"""What pip asks for too: JSON if there is any."""

TEXT_LIMIT = 500
"""Characters kept of what a publisher may write freely (the reason of a yank)."""


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file that a page offers; the URL has no fragment. `yanked` and `uploaded` as in `ports.Offer`."""

    url: str
    requires_python: str | None = None
    yanked: str | None = None
    uploaded: str | None = None

    @property
    def filename(self) -> str:
        """The last part of the URL's path."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])


def read_page(address: str, content_type: str, content: bytes) -> list[ProjectFile]:
    """The files of a page that came from `address`; none when it is no such page."""
    text = content.decode("utf-8", "replace")
    return list(_from_json(address, text) if "json" in content_type else _from_html(address, text))


def _from_json(address: str, text: str) -> Iterator[ProjectFile]:
    try:
        page = json.loads(text)
    except (ValueError, RecursionError):
        return
    files = page.get("files") if isinstance(page, dict) else None
    for entry in files if isinstance(files, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("url"), str):
            yanked = entry.get("yanked")
            reason = yanked if isinstance(yanked, str) else "" if yanked is True else None
            yield from _file(address, entry["url"], entry.get("requires-python"), reason, entry.get("upload-time"))


def _from_html(address: str, text: str) -> Iterator[ProjectFile]:
    links = _Links()
    links.feed(text)
    base = urljoin(address, links.base or "")
    for link in links.found:
        yanked = (link["data-yanked"] or "") if "data-yanked" in link else None
        yield from _file(base, link["href"], link.get("data-requires-python"), yanked, link.get("data-upload-time"))


def _file(base: str, url: str | None, requires: Any, yanked: str | None, uploaded: Any) -> Iterator[ProjectFile]:
    try:
        address = urljoin(base, url or "").partition("#")[0]
        scheme = urlsplit(address).scheme
    except ValueError:
        return
    if scheme in ("http", "https") or (scheme == "file" and base.startswith("file:")):
        reason = None if yanked is None else yanked[:TEXT_LIMIT]
        yield ProjectFile(address, _text(requires), reason, _text(uploaded))


def _text(value: Any) -> str | None:
    return value[:TEXT_LIMIT] if isinstance(value, str) and value.strip() else None


class _Links(HTMLParser):
    """The anchors of a page with their attributes, and the address that it says they are relative to."""

    def __init__(self) -> None:
        super().__init__()
        self.base: str | None = None
        self.found: list[Mapping[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "base" and self.base is None:
            self.base = given.get("href")
        elif tag == "a" and given.get("href"):
            self.found.append(given)
