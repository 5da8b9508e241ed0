"""Health URLs: where a check may go, and how long and how much it listens."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from moonmind.schemas.service_profile import HttpCheck
from moonmind.schemas.workflow_models import ServiceState
from moonmind.workflows.orchestrator.health import RealHealthProbe
from tests.attacks.tally import Tally

UP = ServiceState(status="running")
SECONDS = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

FORBIDDEN = [
    *(
        "169.254.169.254",
        "169.254.0.1",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
    ),
    *("[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]", "100.100.100.200"),
    *("2852039166", "0xa9fea9fe", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376", "169.254.43518", "169.16689662"),
    *("2130706433", "0x7f.1", "127.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::]", "255.255.255.255"),
    *("224.0.0.1", "[ff02::1]", "240.0.0.1", "169.254.169.254.", "\uff11\uff16\uff19.254.169.254", "①⑥⑨.254.169.254"),
]
OTHER_SCHEMES = [
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "ftp://127.0.0.1/",
    "unix:///run/docker.sock",
    "//127.0.0.1",
]


class Server:
    """Says what it is told to whoever connects, and remembers what was asked."""

    def __init__(self, say: Callable[[socket.socket], None]) -> None:
        self.asked: list[bytes] = []
        self._say = say
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(30)
            self.asked.append(client.recv(4096))
            self._say(client)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], Server]]:
    servers: list[Server] = []

    def start(say: Callable[[socket.socket], None]) -> Server:
        servers.append(Server(say))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def ask(url: str, resolve: Callable[[str, int], list[str]] | None = None) -> tuple[str | None, float]:
    """What the probe says, and after how many seconds."""
    probe = RealHealthProbe(resolve, SECONDS) if resolve else RealHealthProbe(seconds=SECONDS)
    began = time.monotonic()
    said = probe(HttpCheck.model_construct(http=url, status=200), {"port": "1"}, UP)
    return said, time.monotonic() - began


@pytest.mark.parametrize("host", FORBIDDEN)
def test_link_local_mapped_and_odd_addresses_are_refused_unasked(
    host: str, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it was asked"))
    said, _ = tally.case(lambda: ask(f"http://{host}/latest/meta-data/"))
    assert said is not None
    assert any(word in said for word in ("never asked", "ordinary form", "no URL", "not known"))


@pytest.mark.parametrize("url", OTHER_SCHEMES)
def test_other_schemes_are_refused(url: str, tally: Tally) -> None:
    said, _ = tally.case(lambda: ask(url))
    assert said is not None
    assert "only http and https" in said


def test_a_redirect_is_an_answer_and_not_followed(serve: Callable[..., Server], tally: Tally) -> None:
    hidden = serve(lambda client: client.sendall(OK))
    target = f"http://127.0.0.1:{hidden.port}/".encode()
    for status in (b"301", b"302", b"303", b"307", b"308"):
        head = b"HTTP/1.1 " + status + b" Go\r\nLocation: " + target + b"\r\nContent-Length: 0\r\n\r\n"
        server = serve(lambda client, head=head: client.sendall(head))
        said, _ = tally.case(lambda server=server: ask(f"http://127.0.0.1:{server.port}/"))
        assert said is not None
        assert f"{status.decode()}, expected 200" in said
    assert hidden.asked == []


def test_a_name_that_means_another_address_the_second_time_is_asked_at_the_first(
    serve: Callable[..., Server], tally: Tally
) -> None:
    server = serve(lambda client: client.sendall(OK))
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    said, _ = tally.case(lambda: ask(f"http://shop.example:{server.port}/", lambda host, port: next(answers)))
    assert said is None
    assert f"Host: shop.example:{server.port}".encode() in server.asked[0]
    assert list(answers) == [["169.254.169.254"]]


def test_a_name_of_which_one_address_is_forbidden_is_refused(serve: Callable[..., Server], tally: Tally) -> None:
    server = serve(lambda client: client.sendall(OK))
    for order in itertools.permutations(["127.0.0.1", "169.254.169.254"]):
        said, _ = tally.case(lambda order=order: ask(f"http://shop.example:{server.port}/", lambda *_: list(order)))
        assert "never asked" in str(said)
    assert server.asked == []


def test_endless_headers_bodies_and_silence_end_by_deadline_and_cap(serve: Callable[..., Server], tally: Tally) -> None:
    def forever(piece: bytes, pause: float) -> Callable[[socket.socket], None]:
        def say(client: socket.socket) -> None:
            while True:
                client.sendall(piece)
                time.sleep(pause)

        return say

    hung = threading.Event()
    cases = {
        "headers": forever(b"X: " + b"y" * 1000 + b"\r\n", 0),
        "a byte now and then": forever(b"H", 0.05),
        "silence": lambda client: hung.wait(20) and None,
    }
    for name, say in cases.items():
        said, seconds = tally.case(lambda say=say: ask(f"http://127.0.0.1:{serve(say).port}/"))
        assert said is not None, name
        assert seconds < SECONDS * 4, name
    body = serve(
        lambda client: (client.sendall(OK.replace(b": 2", b": 999999999999")), forever(b"z" * 65536, 0)(client))
    )
    said, seconds = tally.case(lambda: ask(f"http://127.0.0.1:{body.port}/"))
    hung.set()
    assert (said, seconds < SECONDS) == (None, True)  # its status is enough: nothing of the body is waited for


def test_a_resolver_that_hangs_is_left(tally: Tally) -> None:
    hung = threading.Event()
    said, seconds = tally.case(lambda: ask("http://shop.example/", lambda *_: [str(hung.wait(20))]))
    hung.set()
    assert "not resolved" in str(said)
    assert seconds < SECONDS * 4


def test_loopback_by_name_and_by_address_is_what_services_have(serve: Callable[..., Server], tally: Tally) -> None:
    server = serve(lambda client: client.sendall(OK))
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        said, _ = tally.case(lambda host=host: ask(f"http://{host}:{server.port}/"))
        assert said is None
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        port = nobody.getsockname()[1]
    assert "refused" in str(tally.case(lambda: ask(f"http://127.0.0.1:{port}/"))[0])
