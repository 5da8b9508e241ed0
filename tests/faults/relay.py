"""A relay between one of our programs and a server: it can be cut, can hang, and can lose the answer to a COMMIT."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "cut", "hang"]
CHUNK = 65536
COMMIT = b"COMMIT\0"


class Relay:
    """Listens on a Unix socket (`listen` is a path) or on a free port of 127.0.0.1, and passes bytes on to `target`.

    `cut`: nobody listens there, and who was connected is so no more. `hang`: connections are taken, and nothing is
    answered.
    """

    def __init__(self, listen: Path | None, target: Path | tuple[str, int]) -> None:
        self._listen, self._target = listen, target
        self.port = 0
        self.swallowed = 0
        self.hung = 0
        self.swallow_when: Callable[[bytes], bool] | None = None
        self._open: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self._server: socket.socket | None = self._bind()

    def set(self, mode: Mode) -> None:
        """Change what it does. Whoever was connected begins anew, but with `hang`, which those do not notice."""
        if mode == "hang":
            return self._flows.clear()
        self._drop()
        self._flows.set()
        if mode == "cut":
            self._unbind()
        elif self._server is None:
            self._server = self._bind()
        return None

    def close(self) -> None:
        self.set("cut")

    def _bind(self) -> socket.socket:
        if self._listen is None:
            server = socket.create_server(("127.0.0.1", self.port))
            self.port = int(server.getsockname()[1])
        else:
            self._listen.unlink(missing_ok=True)
            server = socket.socket(socket.AF_UNIX)
            server.bind(str(self._listen))
            server.listen(64)
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return server

    def _unbind(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            _shut(server)
        if self._listen is not None:
            self._listen.unlink(missing_ok=True)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self.hung += not self._flows.is_set()
        self._flows.wait()
        with suppress(OSError):
            server = self._connect()
            self._open.add(server)
            watch = _Watch()
            threading.Thread(target=self._pump, args=(server, client, watch, False), daemon=True).start()
            self._pump(client, server, watch, True)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._target))
        return server

    def _pump(self, source: socket.socket, sink: socket.socket, watch: _Watch, asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self.hung += not self._flows.is_set()
                self._flows.wait()
                if asking:
                    watch.see(data, self.swallow_when)
                elif watch.doomed:
                    self.swallowed += 1
                    self.swallow_when = None
                    _shut(source)
                    break
                sink.sendall(data)
        if asking:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)  # half-closed: the answer may still come
            return
        for end in (source, sink):
            _shut(end)
            self._open.discard(end)

    def _drop(self) -> None:
        for end in list(self._open):
            _shut(end)
        self._open.clear()


class _Watch:
    """What one connection has asked since its last COMMIT, and whether the answer to that COMMIT shall be lost."""

    def __init__(self) -> None:
        self.doomed = False
        self._asked = b""

    def see(self, data: bytes, swallow_when: Callable[[bytes], bool] | None) -> None:
        self._asked += data
        if COMMIT in self._asked[-len(data) - len(COMMIT) :]:
            self.doomed = swallow_when is not None and swallow_when(self._asked)
            self._asked = b""


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
