"""What a request passes on its way in, and an answer on its way out."""

from __future__ import annotations

from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api_service.api.headers import SecurityHeaders
from api_service.api.hosts import KnownHosts
from api_service.api.limits import BodyLimit
from api_service.api.rates import RateLimit
from moonmind.config.settings import Api


def layers_of(settings: Api) -> list[Middleware]:
    """The innermost first. Who asks is known before it is counted, and counted before its body is read."""
    proxies = list(settings.trusted_proxies)
    return [
        Middleware(BodyLimit, limit=settings.body_limit),
        Middleware(RateLimit, settings=settings),
        Middleware(KnownHosts, settings=settings),
        *([Middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)] if proxies else []),
        Middleware(SecurityHeaders, public_url=settings.public_url),
    ]
