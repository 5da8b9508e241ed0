"""Asks health checks: over HTTP, or what the engine says."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import httpx

from moonmind.schemas.service_profile import EngineCheck, HealthCheck, HttpCheck
from moonmind.schemas.workflow_models import ServiceState

TIMEOUT_SECONDS = 5.0


class RealHealthProbe:
    """Follows no redirects and reads no endless bodies: the answer's status is what counts."""

    def __call__(self, check: HealthCheck, values: Mapping[str, str], state: ServiceState) -> str | None:
        """None when healthy, else a short reason."""
        match check:
            case EngineCheck():
                return _engine_says(state)
            case HttpCheck():
                return _ask(check.http.format_map(values), check.status)


def _engine_says(state: ServiceState) -> str | None:
    if state.health == "healthy":
        return None
    return f"the engine says {state.health}" if state.health else "the image and its Compose file have no health check"


def _ask(url: str, expected: int) -> str | None:
    client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
    # httpx bounds each read, not the whole: a service that sends a byte now and then would be waited for without end.
    end = threading.Timer(TIMEOUT_SECONDS, client.close)
    end.start()
    try:
        with client.stream("GET", url) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
        return f"{url}: {error or type(error).__name__}"
    finally:
        end.cancel()
        client.close()
    return None if status == expected else f"{url}: {status}, expected {expected}"
