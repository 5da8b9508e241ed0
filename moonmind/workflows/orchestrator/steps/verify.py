"""Verify: the service stays up and every health check passes, several times in a row."""

from __future__ import annotations

from moonmind.engine.backoff import backoff_seconds
from moonmind.engine.failpoints import hit
from moonmind.schemas.workflow_models import ServiceState
from moonmind.workflows.orchestrator.ports import EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.steps.context import StepContext, StepResult
from moonmind.workflows.orchestrator.steps.deliver import deliver
from moonmind.workflows.orchestrator.steps.patch import check_taken_over

BETWEEN_SUCCESSES_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 3.0
GIVEN_UP = 6
"""Looks in a row that find a service exited, over about ten seconds, before waiting longer is pointless: whoever would
start it again (an engine's restart policy, a supervisor's retries) shows it as restarting meanwhile."""


def verify(step: StepContext) -> StepResult:
    """Succeeds, and delivers the change, once the service is healthy. `verify_failed` with the last complaint."""
    check_taken_over(step)
    hit("verify.before")
    complaint = None if step.progress.delivering else wait_until_healthy(step)
    hit("verify.after")
    if complaint is not None:
        step.say("--- the service's own log ---\n" + step.runtime.recent_logs(step.execute))
        raise StepFailedError("verify_failed", f"not healthy in time: {complaint}")
    healthy = f"{step.run.target_service} is healthy, {step.profile.verify_successes} times in a row"
    return StepResult(healthy + deliver(step))


def wait_until_healthy(step: StepContext) -> str | None:
    """None once it is healthy N times in a row in one and the same life; the last complaint when time is over, or
    when the service has exited for good."""
    successes, failures, exits, life, complaint = 0, 0, 0, _life(None), "never asked"
    while step.seconds_left() > 0 and exits < GIVEN_UP:
        state = _observe(step)
        if state is None:
            break
        complaints = step.complaints(state)
        exits = exits + 1 if state.status == "exited" else 0
        same_life = _life(state) == life
        life = _life(state)
        if complaints:
            successes, failures, complaint = 0, failures + 1, "; ".join(complaints)
            step.say(f"not yet: {complaint}")
        else:
            successes, failures = (successes + 1 if same_life else 1), 0
            step.say(f"healthy, {successes} of {step.profile.verify_successes}")
            if successes >= step.profile.verify_successes:
                return None
        wait = backoff_seconds(failures, most=LONGEST_WAIT_SECONDS) if failures else BETWEEN_SUCCESSES_SECONDS
        step.pause(min(wait, max(0.0, step.seconds_left())))
    return complaint


def _observe(step: StepContext) -> ServiceState | None:
    """The service's state; None when time was over before the answer came, which says nothing of the engine."""
    try:
        return step.runtime.observe(step.execute)
    except EngineUnavailableError:
        if step.seconds_left() > 0:
            raise
        return None


def _life(state: ServiceState | None) -> tuple[str | None, int]:
    """What changes when a service starts anew: a crash between two good answers is no health."""
    return (state.instance, state.restart_count) if state else (None, -1)
