"""A package index of a test's own: wheels and sources made here, served on this machine only or laid out as files."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Files = dict[str, bytes]


def wheel(name: str, version: str, members: Mapping[str, bytes], *, headers: str = "") -> Files:
    """A pure wheel with these members and metadata."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.writestr(f"{stem}.dist-info/METADATA", metadata)
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return {f"{stem}-py3-none-any.whl": content.getvalue()}


def source(name: str, version: str, members: Mapping[str, bytes]) -> Files:
    """A source distribution whose setup.py must never run."""
    content = io.BytesIO()
    everything = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        "setup.py": b"raise SystemExit('the code of an unproven package was run')",
        **members,
    }
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, data in everything.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return {f"{name}-{version}.tar.gz": content.getvalue()}


def code(*paths: str) -> dict[str, bytes]:
    """Empty modules."""
    return dict.fromkeys(paths, b"")


@dataclass
class LocalIndex:
    """What there is, what the pages say of some files, how the server behaves, and what it was asked for."""

    files: Files
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ranges: bool = True
    status: int | None = None
    speaks_json: bool = False
    address: str = ""
    asked: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)

    def of(self, project: str) -> list[str]:
        """Names of a project's files."""
        return [name for name in self.files if name.lower().replace("_", "-").startswith(f"{project}-")]

    def as_html(self, project: str, folder: str) -> bytes:
        """A project's page; what it says of a file is in attributes that begin with `data-`."""
        links = "".join(f'<a href="{folder}{name}"{self._attributes(name)}>{name}</a>\n' for name in self.of(project))
        return f"<html><body>{links}</body></html>".encode() if links else b""

    def as_json(self, project: str, folder: str) -> bytes:
        """The same page in the other form."""
        files = [
            {"filename": name, "url": f"{folder}{name}", "hashes": {}, **self.said.get(name, {})}
            for name in self.of(project)
        ]
        page = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
        return json.dumps(page).encode() if files else b""

    def lay_out(self, folder: Path, *projects: str) -> str:
        """The address of an index as files below this folder."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        for project in projects:
            (folder / "simple" / project).mkdir(parents=True)
            (folder / "simple" / project / "index.html").write_bytes(self.as_html(project, "../../"))
        return (folder / "simple").as_uri()

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of the index while it is served."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _attributes(self, name: str) -> str:
        return "".join(f' data-{key}="{escape(text)}"' for key, text in self.said.get(name, {}).items())


def use_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make pip and uv know one index and nothing of the machine's configuration."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT", "PIP_PROXY", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class _Handler(BaseHTTPRequestHandler):
    """The simple repository API over an index's files."""

    def __init__(self, index: LocalIndex, *arguments: object) -> None:
        self.index = index
        super().__init__(*arguments)  # type: ignore[arg-type]  # what ThreadingHTTPServer passes on

    def do_GET(self) -> None:
        if self.index.status is not None:
            return self._answer(self.index.status, b"", "text/plain")
        if self.path.startswith("/files/"):
            return self._file(self.path.rpartition("/")[2])
        project = self.path.strip("/").rpartition("/")[2]
        self.index.asked.append(project)
        if self.index.speaks_json and "application/vnd.pypi.simple.v1+json" in self.headers["Accept"]:
            page, kind = self.index.as_json(project, "/files/"), "application/vnd.pypi.simple.v1+json"
        else:
            page, kind = self.index.as_html(project, "/files/"), "text/html"
        return self._answer(200 if page else 404, page, kind)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _file(self, name: str) -> None:
        content = self.index.files[name]
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted or not self.index.ranges:
            self._count(name, len(content))
            return self._answer(
                200, content, "application/octet-stream", {"Accept-Ranges": "bytes"} if self.index.ranges else {}
            )
        first, last = wanted.split("-")
        start = int(first) if first else max(0, len(content) - int(last))
        part = content[start : int(last) + 1 if first and last else None]
        self._count(name, len(part))
        extent = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return self._answer(206, part, "application/octet-stream", {"Content-Range": extent})

    def _count(self, name: str, size: int) -> None:
        self.index.sent[name] = self.index.sent.get(name, 0) + size

    def _answer(self, status: int, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        pass
