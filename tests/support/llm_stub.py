"""A model's endpoint on this machine that replays recorded exchanges, for tests and for trying the planner `llm`:

    python -m tests.support.llm_stub tests/data/llm/openai-adds-what-is-missing.json --port 8765

A cassette is a list of exchanges in order; the last one is repeated. An exchange says what the request must look like
(`path`, `headers`, `body`: what of it must be there) and the `response` (`status`, `headers`, `body` as JSON or
`text`; `hang`: nothing comes until the client leaves; `filler`: so many bytes come first). Other requests get 400.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any


class LlmStub(ThreadingHTTPServer):
    """`asked`: the requests so far: path, headers in lower case, body."""

    daemon_threads = True

    def __init__(self, exchanges: Sequence[Mapping[str, Any]], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._exchanges, self._lock = list(exchanges), Lock()
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, path: str, headers: dict[str, str], body: Any) -> Mapping[str, Any]:
        """The next response."""
        with self._lock:
            self.asked.append((path, headers, body))
            exchange = self._exchanges[min(len(self.asked), len(self._exchanges)) - 1]
        if wrong := _wrong(exchange["request"], path, headers, body):
            return {"status": 400, "body": {"error": {"message": wrong, "type": "invalid_request_error"}}}
        response: Mapping[str, Any] = exchange["response"]
        return response


class _Handler(BaseHTTPRequestHandler):
    server: LlmStub

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        response = self.server.take(self.path, headers, json.loads(self.rfile.read(length)))
        if response.get("hang"):
            self.connection.recv(1)  # returns when the client has closed
            self.close_connection = True
            return
        text = response["text"] if "text" in response else json.dumps(response.get("body"))
        content = b" " * response.get("filler", 0) + text.encode()
        self.send_response(response.get("status", 200))
        for name, value in {"Content-Type": "application/json", **response.get("headers", {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # a client may have had enough

    def log_message(self, *arguments: object) -> None:
        """Nobody reads this."""


def _wrong(wanted: Mapping[str, Any], path: str, headers: Mapping[str, str], body: Any) -> str | None:
    """What the request lacks of what was recorded; values of headers are patterns."""
    if path != wanted["path"]:
        return f"unknown path {path}"
    for name, pattern in wanted.get("headers", {}).items():
        if not fnmatchcase(headers.get(name, ""), pattern):
            return f"header {name} is not as recorded"
    return None if _holds(body, wanted.get("body", {})) else "the body is not as recorded"


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(name), inner) for name, inner in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    return bool(found == wanted)


def cassette(name: str) -> list[Mapping[str, Any]]:
    """The exchanges of `tests/data/llm/NAME.json`."""
    file = Path(__file__).parents[1] / "data" / "llm" / f"{name}.json"
    found: list[Mapping[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


@contextmanager
def serving(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[LlmStub]:
    """A stub in a thread, on a free port."""
    stub = LlmStub(exchanges)
    thread = Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.shutdown()
        stub.server_close()
        thread.join()


def main() -> None:
    """Serve one cassette until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Replays a cassette as a model's endpoint on 127.0.0.1.")
    parser.add_argument("cassette", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    stub = LlmStub(json.loads(given.cassette.read_text(encoding="utf-8")), given.port)
    print(f"replaying {given.cassette.name} at {stub.url}", flush=True)
    try:
        stub.serve_forever()
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
