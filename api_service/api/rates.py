"""How often somebody may ask: by key or session, by address for everybody else, and fewer times for signing in.

Each API process counts for itself: of N processes behind one address, up to N times as much passes.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_service.api.cookies import COOKIE_NAMES, IDENTIFIED
from api_service.api.problems import Problem, as_response
from moonmind.config.settings import Api

EXEMPT = frozenset({"/health", "/healthz", "/readyz"})
SIGN_IN = frozenset(
    {("POST", "/sessions"), ("POST", "/ui/sign-in"), ("GET", "/ui/sign-in/oidc"), ("GET", "/ui/sign-in/oidc/callback")}
)
REMEMBERED = 4096
"""How many callers of each kind are counted: of more, the one that asked least lately is forgotten."""
IPV6_PREFIX = 64
"""What one customer of a provider has at least (RFC 6177)."""


class Windows(MemoryStorage):
    """The moving windows of a bounded number of callers.

    The library's own keeps an entry of each caller for ever, and looks at all of them a hundred times a second.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._windows: OrderedDict[str, deque[float]] = OrderedDict()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Whether that many more fit into the caller's window; if so, they are counted."""
        window = self._window(key, expiry)
        if len(window) + amount > limit:
            return False
        window.extend([time.monotonic()] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the window's first entry came (by the monotonic clock), and how many there are."""
        window = self._window(key, expiry)
        return (window[0] if window else time.monotonic()), len(window)

    def _window(self, key: str, expiry: int) -> deque[float]:
        window = self._windows.setdefault(key, deque())
        self._windows.move_to_end(key)
        if len(self._windows) > self._capacity:
            self._windows.popitem(last=False)
        while window and window[0] <= time.monotonic() - expiry:
            window.popleft()
        return window


class KnownCallers:
    """Hashes of keys and cookies that opened something lately; a bounded number."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, caller: str) -> bool:
        return caller in self._known

    def note(self, caller: str, *, is_good: bool) -> None:
        """Remember, or forget, after an answer."""
        self._known.pop(caller, None)
        if is_good:
            self._known[caller] = None
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit, and whose requests count together."""

    name: str
    item: RateLimitItem
    caller: str


class RateLimit:
    """Refuses with 429 what comes too often, before anything is read or looked up.

    A key or cookie that has not opened anything yet counts as nobody's, so that guessing has the limit of an address.
    """

    def __init__(self, app: ASGIApp, settings: Api) -> None:
        self._app = app
        self._limits = {
            "caller": parse(settings.rate_limit),
            "anonymous": parse(settings.rate_limit_anonymous),
            "sign-in": parse(settings.sign_in_limit),
        }
        self._counting = {name: MovingWindowRateLimiter(Windows(REMEMBERED)) for name in self._limits}
        self._known = KnownCallers(REMEMBERED)
        self._salt = secrets.token_bytes(16)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        credential = self._hash_credential(HTTPConnection(scope))
        allowance = self._allowance(scope, credential)
        counting = self._counting[allowance.name]
        if not counting.hit(allowance.item, allowance.caller):
            await as_response(self._refusal(allowance), scope["path"])(scope, receive, send)
            return

        async def send_and_learn(message: Message) -> None:
            if message["type"] == "http.response.start":
                if credential is not None and IDENTIFIED in scope["state"]:
                    self._known.note(credential, is_good=scope["state"][IDENTIFIED])
                MutableHeaders(scope=message).update(self._headers(allowance))
            await send(message)

        await self._app(scope, receive, send_and_learn)

    def _allowance(self, scope: Scope, credential: str | None) -> Allowance:
        address = _address(scope)
        if (scope["method"], scope["path"]) in SIGN_IN:
            return Allowance("sign-in", self._limits["sign-in"], address)
        if credential is not None and credential in self._known:
            return Allowance("caller", self._limits["caller"], credential)
        return Allowance("anonymous", self._limits["anonymous"], address)

    def _hash_credential(self, request: HTTPConnection) -> str | None:
        """What stands for the key or cookie here; the key counts, as in `security`."""
        cookies = request.cookies
        found = request.headers.get("Authorization") or next((cookies[n] for n in COOKIE_NAMES if n in cookies), None)
        return hashlib.blake2b(found.encode(), key=self._salt, digest_size=16).hexdigest() if found else None

    def _seconds_left(self, allowance: Allowance) -> tuple[int, int]:
        """How many requests are left, and seconds until the first of those counted counts no more."""
        window = self._counting[allowance.name].get_window_stats(allowance.item, allowance.caller)
        return max(0, window.remaining), max(1, math.ceil(window.reset_time - time.monotonic()))

    def _headers(self, allowance: Allowance) -> Mapping[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them."""
        left, seconds = self._seconds_left(allowance)
        policy = f'"{allowance.name}";q={allowance.item.amount};w={allowance.item.get_expiry()}'
        return {"RateLimit-Policy": policy, "RateLimit": f'"{allowance.name}";r={left};t={seconds}'}

    def _refusal(self, allowance: Allowance) -> Problem:
        seconds = self._seconds_left(allowance)[1]
        return Problem(
            429,
            "too_many_requests",
            f"more than {allowance.item} of this caller",
            f"Wait {seconds} s, and ask less often; limits are in [api] of config.toml.",
            headers={**self._headers(allowance), "Retry-After": str(seconds)},
        )


def _address(scope: Scope) -> str:
    """The client's address; of IPv6 the network, whose owner has all of its addresses."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
