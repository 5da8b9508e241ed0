"""Asks health checks: over HTTP, or what the engine says."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import httpx

from moonmind.schemas.service_profile import EngineCheck, HealthCheck, HttpCheck
from moonmind.schemas.workflow_models import ServiceState
from moonmind.workflows.orchestrator.health_targets import Resolve, TargetRefusedError, resolve, targets_of

TIMEOUT_SECONDS = 5.0


class RealHealthProbe:
    """Follows no redirects and reads no bodies: the answer's status is what counts. Asks the address that was checked,
    not the name again, which may mean another one by then. `resolve`: the addresses of a host and port."""

    def __init__(self, resolve: Resolve = resolve, seconds: float = TIMEOUT_SECONDS) -> None:
        self._resolve, self._seconds = resolve, seconds

    def __call__(self, check: HealthCheck, values: Mapping[str, str], state: ServiceState) -> str | None:
        """None when healthy, else a short reason."""
        match check:
            case EngineCheck():
                return _engine_says(state)
            case HttpCheck():
                return self._ask(check.http.format_map(values), check.status)

    def _ask(self, url: str, expected: int) -> str | None:
        deadline = time.monotonic() + self._seconds
        try:
            targets = targets_of(url, self._resolve, self._seconds)
        except (TargetRefusedError, OSError) as error:
            return f"{url}: {error}"
        complaint = None
        for number, target in enumerate(targets):  # a name may stand for several: the first that answers counts
            status, complaint = _status_of(target.request(), deadline - time.monotonic(), len(targets) - number)
            if status is not None:
                return None if status == expected else f"{url}: {status}, expected {expected}"
        return f"{url}: {complaint}"


def _engine_says(state: ServiceState) -> str | None:
    if state.health == "healthy":
        return None
    return f"the engine says {state.health}" if state.health else "the image and its Compose file have no health check"


def _status_of(request: httpx.Request, seconds: float, candidates: int) -> tuple[int | None, str | None]:
    """The answer's status, or why there is none; time to connect is left for the other `candidates`."""
    if seconds <= 0:
        return None, "timed out"
    patience = httpx.Timeout(seconds, connect=seconds / candidates)
    client = httpx.Client(timeout=patience, follow_redirects=False, trust_env=False)
    # httpx bounds each read, not the whole: a service that sends a byte now and then would be waited for without end.
    end = threading.Timer(seconds, client.close)
    end.start()
    try:
        answer = client.send(request, stream=True)
        answer.close()
        return answer.status_code, None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
        return None, str(error) or type(error).__name__
    finally:
        end.cancel()
        client.close()
