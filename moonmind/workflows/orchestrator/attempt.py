"""One attempt of one step: its log, its deadline, its fence. Turns whatever happens into an event for the run."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from moonmind.engine.group_lock import GroupLock, GroupLockError
from moonmind.engine.jobs import CancelRequestedError, LeaseLostError
from moonmind.engine.lease import Heartbeat
from moonmind.schemas.service_profile import ServiceProfile
from moonmind.schemas.workflow_models import ArtifactInfo, ArtifactType, Failure, StepName
from moonmind.utils.redaction import Redactor
from moonmind.utils.text import printable
from moonmind.workflows.orchestrator.action_plan import is_skipped
from moonmind.workflows.orchestrator.command_gate import CommandGate
from moonmind.workflows.orchestrator.gates import Verdict
from moonmind.workflows.orchestrator.ports import (
    Command,
    CommandResult,
    EngineUnavailableError,
    LogSink,
    OpenLog,
    StepFailedError,
)
from moonmind.workflows.orchestrator.repositories import ClaimedRun
from moonmind.workflows.orchestrator.run_state import (
    FIX_FAILED,
    Event,
    GateShut,
    MustWait,
    RollbackDone,
    StepCancelled,
    StepDone,
    StepFailed,
)
from moonmind.workflows.orchestrator.service_profiles import UnknownServiceError
from moonmind.workflows.orchestrator.steps import STEPS, StepContext, StepResult
from moonmind.workflows.orchestrator.steps.context import Progress, Setback
from moonmind.workflows.orchestrator.steps.gathering import tells_news
from moonmind.workflows.orchestrator.toolbox import Toolbox

LOGS: dict[StepName, tuple[ArtifactType, str]] = {
    StepName.ANALYZE: (ArtifactType.ANALYZE_LOG, "analyze.log"),
    StepName.PATCH: (ArtifactType.PATCH_DIFF, "patch.diff"),
    StepName.BUILD: (ArtifactType.BUILD_LOG, "build.log"),
    StepName.RESTART: (ArtifactType.RESTART_LOG, "restart.log"),
    StepName.VERIFY: (ArtifactType.VERIFY_LOG, "verify.log"),
    StepName.ROLLBACK: (ArtifactType.ROLLBACK_LOG, "rollback.log"),
}

ROLLBACK_ATTEMPTS = 20
"""Rollbacks that come to nothing before it is given up as not verified. Waiting for an engine does not count."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What an attempt comes to. `passed`: what the gate said when the step was claimed. `saw` as in StepContext."""

    event: Event
    message: str
    progress: Progress
    artifacts: tuple[ArtifactInfo, ...]
    result: StepResult | None = None
    skipped: bool = False
    passed: Verdict = Verdict.OPEN
    saw: frozenset[str] | None = None


def log_name(step: StepName, attempt: int) -> str:
    """`build.log`, then `build-2.log`, and so on."""
    _, name = LOGS[step]
    stem, suffix = name.rsplit(".", 1)
    return name if attempt == 1 else f"{stem}-{attempt}.{suffix}"


def perform(tools: Toolbox, claimed: ClaimedRun, heartbeat: Heartbeat) -> AttemptResult:
    """Do the claimed step. Raises LeaseLostError and database errors: then nothing may be recorded."""
    step = StepName(claimed.claim.step)
    kind, _ = LOGS[step]
    with tools.artifacts.open_log(claimed.run.id, kind, log_name(step, claimed.claim.attempt), step) as log:
        context: StepContext | None = None
        result: StepResult | None = None
        skipped = is_skipped(claimed.plan, step)
        passed = Verdict.OPEN
        try:
            _refuse_too_many(tools, claimed, step)
            heartbeat.check()
            passed = _pass_gate(tools, claimed, heartbeat)
            _refuse_superseded(tools, claimed, heartbeat)
            with GroupLock(tools.locks, claimed.lock_group) as lock:
                context = _context(tools, claimed, heartbeat, lock, log)
                result = _skip(step) if skipped else _do(context, log.path)
            event: Event = StepDone(step) if result.verified is None else RollbackDone(result.verified)
            message = said(tools.redactor, result.message)
        except (LeaseLostError, SQLAlchemyError):
            raise
        except Exception as error:  # anything else is this attempt's failure, never the worker's
            event, message = _failed(step, error, log, tools.redactor)
        progress = context.progress if context else read_progress(claimed.run.progress)
        if progress.delivering and isinstance(event, StepFailed):  # what may be in the repository is not undone
            message = f"verified; NOT DELIVERED ({event.failure.code}): {message}"
            event = StepDone(step)
        _say_end(step, log, event, message)
        kept = (*_earlier_logs(tools, claimed), *(context.kept if context else ()), *log.finish())
    saw = context.saw if context else None
    return AttemptResult(event, message, progress, kept, result, skipped, passed, saw)


def _earlier_logs(tools: Toolbox, claimed: ClaimedRun) -> list[ArtifactInfo]:
    """Logs of attempts whose worker fell silent before it could list them."""
    step = StepName(claimed.claim.step)
    names = [log_name(step, attempt) for attempt in range(1, claimed.claim.attempt)]
    found = (tools.artifacts.describe(claimed.run.id, LOGS[step][0], name, step) for name in names)
    return [info for info in found if info is not None]


def read_progress(stored: Any) -> Progress:
    """Progress as stored with the run."""
    known = {field.name for field in fields(Progress)}
    values = {name: value for name, value in stored.items() if name in known}
    if setback := values.get("setback"):
        values["setback"] = Setback(**{**setback, "step": StepName(setback["step"])})
    return Progress(**values)


def _refuse_too_many(tools: Toolbox, claimed: ClaimedRun, step: StepName) -> None:
    most = ROLLBACK_ATTEMPTS if step is StepName.ROLLBACK else tools.step_attempts
    if claimed.interruptions >= most:
        raise StepFailedError("gave_up", f"{step} came to nothing {most} times")


def _pass_gate(tools: Toolbox, claimed: ClaimedRun, heartbeat: Heartbeat) -> Verdict:
    """At the claim of a step, and again before the first write. Raises GateShutError."""
    if read_progress(claimed.run.progress).delivering:
        return Verdict.OPEN
    configured = tools.catalog.gate(claimed.run.target_service)

    def ask() -> Verdict:
        with tools.store.transaction() as runs:
            return runs.approvals.verdict(claimed.run, StepName(claimed.claim.step), claimed.plan.digest, configured)

    verdict = heartbeat.insist(ask)
    if not verdict.lets_pass:
        raise GateShutError
    return verdict


def _refuse_superseded(tools: Toolbox, claimed: ClaimedRun, heartbeat: Heartbeat) -> None:
    """An undoing that is taken up again must not undo what another run did in between."""
    old = claimed.run.retried_from
    if claimed.run.start_step is not StepName.ROLLBACK or old is None:
        return

    def ask() -> UUID | None:
        with tools.store.transaction() as runs:
            return runs.superseded_by(old, but=claimed.run.id)

    if later := heartbeat.insist(ask):
        raise StepFailedError("superseded", f"run {later} did something to the service since; nothing was undone")


class GateShutError(Exception):
    """The service's policy does not let this step be done now."""


def _do(context: StepContext, log: str) -> StepResult:
    """The step's own work; of a failure it says whether it tells of anything new. Raises StepFailedError."""
    try:
        return STEPS[context.step](context)
    except StepFailedError as error:
        if error.code in FIX_FAILED and context.step is not StepName.ANALYZE:  # which has looked already
            error.news = tells_news(context, Setback(context.step, error.code, error.reason, log))
        raise


def _skip(step: StepName) -> StepResult:
    return StepResult(f"the instruction asks for no {step}")


def said(redactor: Redactor, text: str) -> str:
    """A message as it is kept: masked before it is cut, so that no half of a secret goes unrecognised."""
    return printable(redactor.text(text))


def _failed(step: StepName, error: Exception, log: LogSink, redactor: Redactor) -> tuple[Event, str]:
    match error:
        case CancelRequestedError():
            return StepCancelled(step), "somebody asked to cancel"
        case GateShutError():
            return GateShut(step), "waits for approval"
        case GroupLockError():
            return MustWait(), str(error)
        case EngineUnavailableError() if step is StepName.ROLLBACK:
            return MustWait(), said(redactor, error.reason)
    failure = _failure(step, error, log, redactor)
    if step is not StepName.ROLLBACK:
        return StepFailed(step, failure, isinstance(error, StepFailedError) and error.news), failure.reason
    for_good = failure.code in ("gave_up", "superseded")
    return (RollbackDone(verified=False) if for_good else MustWait(failed=True)), failure.reason


def _failure(step: StepName, error: Exception, log: LogSink, redactor: Redactor) -> Failure:
    match error:
        case StepFailedError():
            return Failure(code=error.code, reason=said(redactor, error.reason))
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Failure(code="disk_full", reason=f"no space left in {step}")
        case _:
            log.write("".join(traceback.format_exception(error)))
            return Failure(code="internal_error", reason=f"{type(error).__name__} in {step}; its log says where")


def _say_end(step: StepName, log: LogSink, event: Event, message: str) -> None:
    """The last line. Patch's log is a diff, where a line that starts with `#` is no part of it."""
    mark = "# " if step is StepName.PATCH else ""
    ending = {StepFailed: "failed", StepCancelled: "cancelled", MustWait: "waits", GateShut: "waits"}.get(
        type(event), "done"
    )
    log.write(f"{mark}{step} {ending}: {message}\n")


def _context(tools: Toolbox, claimed: ClaimedRun, heartbeat: Heartbeat, lock: GroupLock, log: OpenLog) -> StepContext:
    service, step = claimed.run.target_service, StepName(claimed.claim.step)
    profile = _profile(tools, service)
    clock = tools.clock
    gate = CommandGate(tools.runner, heartbeat, lock, log, clock, clock.now() + profile.timeouts.of(step))

    def save(progress: Progress) -> None:
        with tools.store.transaction() as runs:
            runs.save_progress(claimed.claim, asdict(progress))

    return StepContext(
        run=claimed.run,
        plan=claimed.plan,
        profile=profile,
        step=step,
        runtime=tools.runtime_of(service),
        workspace=tools.workspace_of(service),
        delivery=tools.delivery_of(service),
        artifacts=tools.artifacts,
        knowledge=tools.knowledge,
        planners=tools.planners_of(service),
        remembered=lambda finding: heartbeat.insist(lambda: tools.store.remembered(finding)),
        probe=tools.probe,
        log=log,
        execute=gate,
        execute_within=lambda seconds: replace(gate, deadline=clock.now() + seconds),
        guard=heartbeat.check,
        pass_gate=lambda: _pass_gate(tools, claimed, heartbeat),
        ignore_cancel=heartbeat.ignore_cancel,
        pause=lambda seconds: clock.pause(heartbeat.pause, seconds),
        seconds_left=gate.seconds_left,
        remember=lambda progress: heartbeat.insist(lambda: save(progress)),
        progress=read_progress(claimed.run.progress),
        redactor=tools.redactor,
    )


def _profile(tools: Toolbox, service: str) -> ServiceProfile:
    try:
        return tools.catalog.get(service)
    except UnknownServiceError as error:
        raise StepFailedError("service_unknown", f"{error}: this worker's config.toml has no such table") from None


def loose_execute(tools: Toolbox, seconds: float) -> Callable[[Command], CommandResult]:
    """Commands outside any step, such as tidying up after a run has ended: bounded, unlogged."""
    return lambda command: tools.runner.run(command, log=_Nowhere(), timeout=seconds)


class _Nowhere:
    def write(self, text: str) -> None:
        """Nobody reads this."""
