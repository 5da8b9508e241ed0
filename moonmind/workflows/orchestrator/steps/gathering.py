"""The texts that analyze reads: the service's own log and state, and the log of the step that a round failed in."""

from __future__ import annotations

from dataclasses import replace

from moonmind.schemas.workflow_models import LogSource, ServiceState, StepName
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.fingerprints import fingerprint
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.ports import StepFailedError
from moonmind.workflows.orchestrator.steps.context import Setback, StepContext

LOG_LIMIT = 1024 * 1024
"""Bytes of a step's log that are read, its end: a build says what it failed for last."""

LOOK_SECONDS = 30.0
"""For asking the engine what the service said: the failed step may have used up its own time."""


def first_sources(step: StepContext, state: ServiceState) -> list[LogSource]:
    """Of a run that has done nothing yet: the service's state and its own log."""
    return [LogSource(name="state", text=_told(step, state)), _own_log(step)]


def later_sources(step: StepContext, setback: Setback) -> list[LogSource]:
    """What the round before failed with: its own log, and, once it was started anew, the service's."""
    failed = LogSource(name=setback.log, text=_log_of(step, setback.log))
    if setback.step is StepName.BUILD:
        return [failed]
    state = LogSource(name="state", text=_told(step, step.runtime.observe(step.execute)))
    return [failed, state, _own_log(step)] if setback.step is StepName.RESTART else [state, _own_log(step)]


def tells_news(step: StepContext, setback: Setback) -> bool:
    """Whether a failed step left behind what no earlier round planned for, so that it is worth looking again. A planner
    that does not go by known failures may always find something."""
    within = replace(step, execute=step.execute_within(LOOK_SECONDS))
    try:
        found = {fingerprint(finding) for finding in detect(later_sources(within, setback))}
    except StepFailedError as error:
        step.say(f"nothing can be learned from this: {error.reason}")
        return False
    return bool(found - set(step.progress.seen)) or any(planner is not RULES for planner in step.planners)


def _own_log(step: StepContext) -> LogSource:
    return LogSource(name=f"{step.run.target_service}.log", text=step.runtime.recent_logs(step.execute))


def _told(step: StepContext, state: ServiceState) -> str:
    """One line as `docker ps` would put it, which detectors read."""
    code = "" if state.exit_code is None else f" ({state.exit_code})"
    return f"{step.run.target_service} is {state.status}{code}, restarts {state.restart_count}\n"


def _log_of(step: StepContext, path: str) -> str:
    content = step.artifacts.get(step.run.id, path) or b""
    return content[-LOG_LIMIT:].decode("utf-8", "replace")
