"""Where a health check may go: an http(s) URL, to addresses that no cloud keeps its machines' credentials at.

Loopback and private addresses are what services have. Link-local ones are refused however they are written, since
metadata services answer there, and so are those that stand for no single machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

METADATA = frozenset(ipaddress.ip_address(text) for text in ("100.100.100.200", "192.0.0.192", "fd00:ec2::254"))
"""Of clouds that do not use a link-local address: Alibaba, Oracle, AWS over IPv6."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
MOST_ADDRESSES = 4
PORTS = {"http": 80, "https": 443}
_ODD_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)


class TargetRefusedError(Exception):
    """A health check may not go there; the message says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL and one of its addresses."""

    url: httpx.URL
    address: Address

    def request(self) -> httpx.Request:
        """A GET to the address itself, with the name for the server and for its certificate."""
        host = self.url.host
        direct = self.url.copy_with(host=str(self.address))
        return httpx.Request(
            "GET",
            direct,
            headers={"Host": self.url.netloc.decode(), "Accept": "*/*", "Connection": "close"},
            extensions={"sni_hostname": host} if _literal(host) is None else {},
        )


def targets_of(url: str, resolve: Resolve, seconds: float) -> list[Target]:
    """The URL with each of its addresses; all of them must be allowed.

    Raises TargetRefusedError, or OSError when the name is not known within `seconds`.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise TargetRefusedError(f"no URL: {error}") from None
    if parsed.scheme not in PORTS or not parsed.host:
        raise TargetRefusedError("only http and https URLs with a host are asked")
    literal = _literal(parsed.host)
    if literal is None and _ODD_NUMBER.fullmatch(parsed.host):
        raise TargetRefusedError("write the address in the ordinary form, such as 127.0.0.1")
    port = parsed.port or PORTS[parsed.scheme]
    found = [literal] if literal else [_plain(text) for text in _in_time(resolve, parsed.host, port, seconds)]
    for address in found:
        if reason := refuse_address(address):
            raise TargetRefusedError(f"{parsed.host} is {address}, {reason}")
    return [Target(parsed, address) for address in dict.fromkeys(found)][:MOST_ADDRESSES]


def refuse_address(address: Address) -> str | None:
    """Why nobody may be asked there; None when it is allowed."""
    inner = _inner(address)
    if inner != address:
        return refuse_address(inner)
    if address.is_link_local or address in METADATA:
        return "a link-local or metadata address, which is never asked"
    if address.is_unspecified or address.is_multicast or (address.is_reserved and not address.is_loopback):
        return "an address of no single machine, which is never asked"
    return None


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says. Raises OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(answer[4][0]) for answer in answers]


def _in_time(resolve: Resolve, host: str, port: int, seconds: float) -> Sequence[str]:
    """A resolver cannot be interrupted: one that hangs is left behind."""
    said: list[Sequence[str] | OSError] = []

    def ask() -> None:
        try:
            said.append(resolve(host, port))
        except OSError as error:
            said.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not said:
        raise OSError(f"the name {host} was not resolved in {seconds:g} s")
    if isinstance(said[0], OSError):
        raise said[0]
    return said[0]


def _literal(host: str) -> Address | None:
    try:
        return _plain(host)
    except ValueError:
        return None


def _plain(text: str) -> Address:
    """Without the zone that a link-local address of IPv6 may have."""
    return ipaddress.ip_address(text.partition("%")[0])


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one only wraps: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    if address.teredo:
        return address.teredo[1]
    compatible = int(address) >> 32 == 0 and int(address) > 0xFFFF
    if address in NAT64 or compatible:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
