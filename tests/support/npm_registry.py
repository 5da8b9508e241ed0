"""A small npm registry of a test's own on 127.0.0.1: packuments and tarballs made from the packages it is given."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

PUBLISHED = "2015-03-01T10:00:00.000Z"


@dataclass(frozen=True)
class Package:
    """`versions`: what each version's package.json says besides name and version, oldest first."""

    name: str
    versions: Mapping[str, Mapping[str, Any]]
    published: str = PUBLISHED
    latest: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self, version: str) -> dict[str, Any]:
        """The package.json of one version."""
        return {"name": self.name, "version": version, **self.versions[version]}

    def tarball(self, version: str) -> bytes:
        """What an installation unpacks."""
        content = io.BytesIO()
        members = {"package.json": json.dumps(self.manifest(version)).encode(), "index.js": b"module.exports = {}\n"}
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            for path, data in members.items():
                member = tarfile.TarInfo(f"package/{path}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return content.getvalue()

    def packument(self, registry: str) -> dict[str, Any]:
        """What the registry answers about the name."""
        return {
            "_id": self.name,
            "name": self.name,
            "dist-tags": {"latest": self.latest or list(self.versions)[-1]},
            "versions": {version: self._version(version, registry) for version in self.versions},
            "time": {"created": self.published, **dict.fromkeys(self.versions, self.published)},
            **self.about,
        }

    def _version(self, version: str, registry: str) -> dict[str, Any]:
        data = self.tarball(version)
        file = f"{self.name.rpartition('/')[2]}-{version}.tgz"
        return self.manifest(version) | {
            "dist": {
                "tarball": f"{registry}/{self.name}/-/{file}",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode(),
                "shasum": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            }
        }


@dataclass
class Registry:
    """A running registry: its address, and which paths it was asked for."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def npm_registry(packages: Sequence[Package], *, failing: bool = False) -> Iterator[Registry]:
    """Serves the packages until the block ends; `failing`: answers 503 to everything."""
    known = {package.name: package for package in packages}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path).strip("/")
            registry.asked.append(path)
            status, body = (503, b"{}") if failing else _answer(known, path, registry.url)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(known: Mapping[str, Package], path: str, url: str) -> tuple[int, bytes]:
    name, _, file = path.partition("/-/")
    if name not in known:
        return 404, b'{"error":"Not found"}'
    package = known[name]
    if not file:
        return 200, json.dumps(package.packument(url)).encode()
    version = file.removeprefix(f"{name.rpartition('/')[2]}-").removesuffix(".tgz")
    return (200, package.tarball(version)) if version in package.versions else (404, b"{}")
