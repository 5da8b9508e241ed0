"""Serves a catalogue on this machine as a package index: the simple API as HTML and JSON, `<name>/json`, and the files
with byte ranges."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from packaging.utils import canonicalize_name

from .catalogue import Catalogue, File

LOOPBACK = "127.0.0.1"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"


@contextmanager
def served(catalogue: Catalogue) -> Iterator[str]:
    """The index for the length of a block; the value is its URL, without a slash at the end."""

    files = {file.filename: file for listed in catalogue.values() for file in listed}
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, catalogue, files))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def html_page(files: tuple[File, ...]) -> str:
    """A project's page of the simple API."""
    return "<!doctype html><html><body>\n" + "".join(_link(file) for file in files) + "</body></html>\n"


def json_page(name: str, files: tuple[File, ...]) -> dict[str, Any]:
    """The same as JSON, version 1.1, with the times."""
    return {
        "meta": {"api-version": "1.1"},
        "name": name,
        "versions": list(dict.fromkeys(file.version for file in files)),
        "files": [_entry(file) for file in files],
    }


def project_page(name: str, files: tuple[File, ...]) -> dict[str, Any]:
    """What tools that want a project's newest version as JSON read."""
    return {"info": {"name": name, "version": files[-1].version, "package_url": f"/project/{name}/"}, "releases": {}}


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None: all, or not understood."""
    if header is None or not header.startswith("bytes=") or "," in header:
        return None
    first, _, last = header.removeprefix("bytes=").partition("-")
    if first.isdecimal() and (last.isdecimal() or not last):
        return int(first), min(int(last) + 1 if last else size, size)
    return (max(0, size - int(last)), size) if last.isdecimal() else None


def _link(file: File) -> str:
    requires = f' data-requires-python="{html.escape(file.requires_python)}"' if file.requires_python else ""
    return f'<a href="/files/{file.filename}"{requires}>{file.filename}</a><br>\n'


def _entry(file: File) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": f"/files/{file.filename}",
        "hashes": {},
        "size": file.path.stat().st_size if file.path else len(file.read()),
        "upload-time": file.uploaded.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
    }
    return entry | ({"requires-python": file.requires_python} if file.requires_python else {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, projects: Catalogue, files: Mapping[str, File], *given: Any) -> None:
        self.projects, self.files = projects, files
        super().__init__(*given)

    def do_GET(self) -> None:
        parts = [part for part in self.path.partition("?")[0].split("/") if part]
        match parts:
            case ["simple", name] if files := self.projects.get(canonicalize_name(name)):
                self._page(canonicalize_name(name), files)
            case ["pypi", name, "json"] if files := self.projects.get(canonicalize_name(name)):
                self._send(json.dumps(project_page(canonicalize_name(name), files)).encode(), "application/json")
            case ["files", name] if name in self.files:
                self._file(self.files[name])
            case _:
                self._send(b"not found\n", "text/plain", 404)

    do_HEAD = do_GET

    def _page(self, name: str, files: tuple[File, ...]) -> None:
        if JSON_TYPE in self.headers.get("Accept", ""):
            self._send(json.dumps(json_page(name, files)).encode(), JSON_TYPE)
        else:
            self._send(html_page(files).encode(), "text/html")

    def _file(self, file: File) -> None:
        content = file.path.stat().st_size if file.path else file.read()
        size = content if isinstance(content, int) else len(content)
        asked = byte_range(self.headers.get("Range"), size)
        first, end = asked or (0, size)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - first))
        self.end_headers()
        if self.command == "GET":
            self._body(file, first, end) if isinstance(content, int) else self.wfile.write(content[first:end])

    def _body(self, file: File, first: int, end: int) -> None:
        assert file.path is not None
        with file.path.open("rb") as stream:
            stream.seek(first)
            while first < end and (piece := stream.read(min(1 << 20, end - first))):
                self.wfile.write(piece)
                first += len(piece)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass
