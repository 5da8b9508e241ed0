"""A package index on 127.0.0.1 that holds one small distribution, counts installations, and can be held up."""

from __future__ import annotations

import io
import threading
import zipfile
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSIONS = ("3.0.0", "3.1.0", "4.0.0")
MODULE, DISTRIBUTION = "dateutil", "python-dateutil"


def metadata(version: str) -> str:
    """What the index also serves beside the wheel (PEP 658), so that only an installation asks for the file itself."""
    return f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {version}\n\n"


def wheel(version: str) -> bytes:
    """A pure wheel of a few hundred bytes."""
    info = f"python_dateutil-{version}.dist-info"
    members = {
        f"{MODULE}/__init__.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata(version),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
    return content.getvalue()


WHEELS = {f"python_dateutil-{version}-py3-none-any.whl": wheel(version) for version in VERSIONS}


class Index:
    """The simple repository API. While `hold` is on, an installation that asks for a wheel waits."""

    def __init__(self) -> None:
        self.installations = 0
        self.waiting = 0
        self._flows = threading.Event()
        self._flows.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/simple"

    def hold(self) -> None:
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def install(self) -> None:
        """Somebody installs: count it, and wait while we are held up."""
        self.installations += 1
        self.waiting += 1
        self._flows.wait()
        self.waiting -= 1

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, index: Index, *arguments: object) -> None:
        self.index = index
        super().__init__(*arguments)  # type: ignore[arg-type]  # what ThreadingHTTPServer passes on

    def do_GET(self) -> None:
        name = self.path.rstrip("/").rpartition("/")[2]
        if name in WHEELS:
            if self.headers.get("User-Agent", "").startswith(("pip/", "uv/")):
                self.index.install()
            return self._answer(200, WHEELS[name], "application/octet-stream")
        if (of := name.removesuffix(".metadata")) in WHEELS and of != name:
            return self._answer(200, metadata(of.split("-")[1]).encode(), "text/plain")
        links = "".join(f'<a href="/files/{wheel}" data-core-metadata="true">{wheel}</a>\n' for wheel in WHEELS)
        known = name == DISTRIBUTION
        return self._answer(200 if known else 404, f"<html><body>{links}</body></html>".encode(), "text/html")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # whoever asked was killed
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        pass
