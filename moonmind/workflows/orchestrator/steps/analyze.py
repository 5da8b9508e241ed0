"""Analyze: reads the service's state and logs, and makes the exact change that would be done. Writes nothing outside
the run's own folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from moonmind.engine.failpoints import hit
from moonmind.schemas.workflow_models import Analysis, LogSource, ServiceFacts, ServiceState, StepName
from moonmind.workflows.orchestrator.action_plan import is_skipped, refine_plan
from moonmind.workflows.orchestrator.analysis import Earlier, Subject, imported_modules, python_of
from moonmind.workflows.orchestrator.analysis import analyze as analyze_evidence
from moonmind.workflows.orchestrator.analysis_log import analysis_told, sources_told
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.edits import changed_lines
from moonmind.workflows.orchestrator.fingerprints import fingerprint
from moonmind.workflows.orchestrator.ports import EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.steps.context import Setback, StepContext, StepResult
from moonmind.workflows.orchestrator.steps.gathering import first_sources, later_sources
from moonmind.workflows.orchestrator.steps.patch import bytes_before
from moonmind.workflows.orchestrator.steps.plans import keep_plan


def analyze(step: StepContext) -> StepResult:
    """Find a safe edit and make the next version of the plan with its diff. `no_fix_found` when there is none,
    `delivery_not_possible` when the profile says to commit it and that cannot be, `secret_in_patch`.

    In a later round the run has failed already: what is found then is added to the plan, and when nothing is, the run
    fails as the round before did.
    """
    setback = step.progress.setback
    if setback is None:
        return _first_round(step)
    try:
        return _later_round(step, setback)
    except EngineUnavailableError:
        raise
    except StepFailedError as error:
        step.say(f"round {step.progress.round} changes nothing: {error.reason}")
        raise StepFailedError(setback.code, f"{setback.reason}; looked again: {error.reason}") from None


def _first_round(step: StepContext) -> StepResult:
    step.runtime.check(step.execute)
    state = step.runtime.observe(step.execute)
    complaints = step.complaints(state)
    _describe(step, state, complaints)
    step.note(replace(step.progress, healthy_before=not complaints))
    if is_skipped(step.plan, StepName.PATCH):
        keep_plan(step, step.plan)
        asked = "restart" if is_skipped(step.plan, StepName.BUILD) else "rebuild"
        return StepResult(f"nothing to edit: asked to {asked}")
    analysis = _analyze(step, first_sources(step, state), "; ".join(complaints))
    if analysis.decision == "none" and state.status == "absent" and not step.run.dry_run:
        keep_plan(step, step.plan)
        return StepResult("it was never built or started here: building it will tell what is wrong")
    if analysis.rebuild and not step.run.dry_run:
        keep_plan(step, step.plan)
        _remember_seen(step, analysis)
        return StepResult(f"nothing to edit, and built anew: {analysis.rationale}")
    if analysis.decision != "edit":
        raise StepFailedError("no_fix_found", _why_not(analysis, state, complaints))
    if not complaints:
        _refuse_hearsay(step, analysis)
    return _planned(step, analysis)


def _later_round(step: StepContext, setback: Setback) -> StepResult:
    step.say(f"round {step.progress.round}, since {setback.step} failed: {setback.reason}")
    sources = later_sources(step, setback)
    step.saw = frozenset(fingerprint(finding) for finding in detect(sources))
    analysis = _analyze(step, sources, setback.reason)
    if analysis.decision != "edit":
        raise StepFailedError("no_fix_found", _nothing_new(analysis))
    return _planned(step, analysis)


def _planned(step: StepContext, analysis: Analysis) -> StepResult:
    _refuse_secrets(step, analysis)
    plan = refine_plan(step.plan, _masked(step, analysis))
    step.delivery.check(step.execute, plan.changes)
    hit("analyze.before_plan")
    assert analysis.diff is not None  # an edit has its diff
    keep_plan(step, plan, analysis.diff)
    step.say(f"plan {plan.version}, digest {plan.digest}:\n{analysis.diff}")
    _remember_seen(step, analysis)
    made = analysis.edits[len(step.plan.edits) :]
    return StepResult(analysis.rationale or f"{len(made)} edits", plan, findings=analysis.findings, edits=made)


def _remember_seen(step: StepContext, analysis: Analysis) -> None:
    """Written down with the step's outcome, not before: a crash must not make a failure look planned for."""
    seen = [*step.progress.seen, *(fingerprint(finding) for finding in analysis.findings)]
    step.progress = replace(step.progress, seen=seen)


def _describe(step: StepContext, state: ServiceState, complaints: list[str]) -> None:
    step.say(f"service {step.run.target_service}: {state.status}, restarts {state.restart_count}")
    for complaint in complaints or ["none: every check passes"]:
        step.say(f"health: {complaint}")


def _analyze(step: StepContext, sources: list[LogSource], complaint: str) -> Analysis:
    for line in sources_told(sources):
        step.say(line)
    profile = step.profile
    analysis = analyze_evidence(
        sources=sources,
        subject=Subject(
            workspace=step.workspace,
            allow=profile.allow,
            install=profile.process.install if profile.process and profile.runtime == "process" else None,
            facts=_facts(step),
            earlier=_earlier(step),
        ),
        knowledge=step.knowledge,
        instruction=step.run.instruction,
        planners=step.planners,
        complaint=complaint,
        remember=step.remembered,
        now=datetime.now(UTC),
    )
    for line in analysis_told(analysis):
        step.say(line)
    return analysis


def _earlier(step: StepContext) -> Earlier:
    return Earlier(step.plan.edits, bytes_before(step), frozenset(step.progress.seen))


def _facts(step: StepContext) -> ServiceFacts:
    """What the runtime tells; of a service in an image that was never built, what its files say."""
    facts = step.runtime.facts(step.execute)
    if facts.python is None and step.profile.runtime == "compose":
        return facts.model_copy(update={"python": python_of(step.workspace)})
    return facts


def _refuse_hearsay(step: StepContext, analysis: Analysis) -> None:
    """A healthy service's log may quote anybody, such as a visitor: only what its own files import is believed then."""
    imported = imported_modules(step.workspace)
    for finding in analysis.findings:
        top = (finding.subject or "").partition(".")[0]
        if top not in imported:
            reason = f"the service is healthy, and none of its files imports `{top}`: its log may quote somebody else"
            raise StepFailedError("no_fix_found", reason)


def _refuse_secrets(step: StepContext, analysis: Analysis) -> None:
    """A secret that the change would bring into a file stays out of it; one that was in the changed lines may stay."""
    assert analysis.diff is not None
    removed, added = changed_lines(analysis.diff)
    there = {secret for _, secret in step.redactor.secrets_in(removed)}
    kinds = sorted({kind for kind, secret in step.redactor.secrets_in(added) if secret not in there})
    if kinds:
        files = ", ".join(change.path for change in analysis.changes)
        raise StepFailedError("secret_in_patch", f"the change would write a secret ({', '.join(kinds)}) into {files}")


def _masked(step: StepContext, analysis: Analysis) -> Analysis:
    """The plan says why in words of the log. What it does cannot be masked: a secret there stops the run."""
    edits = tuple(edit.model_copy(update={"reason": step.redactor.text(edit.reason)}) for edit in analysis.edits)
    named = "\n".join(f"{edit.file} {edit.name or ''} {edit.version or ''}" for edit in edits)
    if kinds := sorted({kind for kind, _ in step.redactor.secrets_in(named)}):
        raise StepFailedError("secret_in_patch", f"the plan would name a secret ({', '.join(kinds)})")
    return analysis.model_copy(update={"edits": edits})


def _why_not(analysis: Analysis, state: ServiceState, complaints: list[str]) -> str:
    if state.status == "absent":
        return "the service was never started, so there is nothing to learn from; start it once, then ask again"
    if analysis.findings:
        return "no safe edit: " + "; ".join(finding.summary for finding in analysis.findings)
    if not complaints:
        return "the service is healthy and its log shows no failure that is known"
    return "its log shows no failure that is known; " + "; ".join(complaints)


def _nothing_new(analysis: Analysis) -> str:
    if analysis.findings:
        return "no safe edit: " + "; ".join(finding.summary for finding in analysis.findings)
    return analysis.rationale or "the logs show no failure that is known"
