"""Under which names this API answers, and whose word counts about where a request came from."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.api.problems import Problem, as_response
from moonmind.config.settings import Api

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # named here, bound nowhere
QUERY_PARAMETERS = 64


class KnownHosts:
    """Refuses names that are not ours with 421: a page of another name that now leads here gets no answer to read.

    Where the API listens everywhere, any address will do: only names can be made to lead elsewhere.
    """

    def __init__(self, app: ASGIApp, settings: Api) -> None:
        self._app = app
        public = urlsplit(settings.public_url).hostname if settings.public_url else None
        self._known = LOOPBACK | {name.lower() for name in (settings.host, public, *settings.allowed_hosts) if name}
        self._any_address = settings.host in EVERYWHERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._refuse(scope) if scope["type"] == "http" else None
        if problem is not None:
            await as_response(problem, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuse(self, scope: Scope) -> Problem | None:
        hosts = Headers(scope=scope).getlist("Host")
        name = _host_name(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return Problem(400, "host_invalid", "the Host header is missing or not one", "Send one `Host: name:port`.")
        if not (name in self._known or (self._any_address and _is_address(name))):
            remedy = "Use the address that the API was started with, or name this one in `allowed_hosts` of [api]."
            return Problem(421, "host_unknown", "this API does not answer under that name", remedy)
        if scope["query_string"].count(b"&") >= QUERY_PARAMETERS:
            remedy = "Send fewer; /docs lists those of each path."
            return Problem(400, "too_many_parameters", f"a query may have {QUERY_PARAMETERS} parameters", remedy)
        return None


def _host_name(header: str) -> str | None:
    """The name without port, None for what is no `host:port`."""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts.hostname.lower() if parts.hostname and parts.netloc == header and "@" not in header else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
