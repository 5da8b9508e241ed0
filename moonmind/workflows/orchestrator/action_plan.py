"""Plans: what a run will do, from the instruction, and then from what analyze found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from moonmind.evidence.plan_digest import digest_of_plan
from moonmind.schemas.service_profile import ServiceProfile
from moonmind.schemas.workflow_models import (
    FORWARD_STEPS,
    ActionPlan,
    Analysis,
    Edit,
    FileChange,
    PlanStep,
    RunKind,
    StepName,
)

_ONLY_RESTART = re.compile(r"\b(re-?start|reboot|bounce|re-?load)\b", re.IGNORECASE)
_ONLY_REBUILD = re.compile(r"\b(re-?build|re-?deploy|re-?create|re-?install)\b", re.IGNORECASE)
_WANTS_CHANGE = re.compile(
    r"\b(fix\w*|repair\w*|mend\w*|heal\w*|solve\w*|resolve\w*|diagnos\w*|analy[sz]e\w*|add|adds|adding|install|"
    r"change\w*|edit\w*|patch\w*|update\w*|upgrade\w*|downgrade\w*|pin\w*|remove\w*|replace\w*|missing|broken|"
    r"not|never|nothing|without|don'?t|no|dependenc\w+|error\w*|fail\w*|crash\w*|module|import|package|why)\b",
    re.IGNORECASE,
)


def skipped_steps(instruction: str) -> frozenset[StepName]:
    """Steps that an instruction in plain words leaves out.

    One that only asks to rebuild skips patch, one that only asks to restart skips build too. Any word that speaks of a
    fault or a change, or says what not to do, means a fix, which skips nothing: analyze decides then, and a wrong guess
    here could not be undone.
    """
    if _WANTS_CHANGE.search(instruction):
        return frozenset()
    if _ONLY_REBUILD.search(instruction):
        return frozenset({StepName.PATCH})
    if _ONLY_RESTART.search(instruction):
        return frozenset({StepName.PATCH, StepName.BUILD})
    return frozenset()


def kind_of(instruction: str) -> RunKind:
    """`rebuild` when nothing is to be edited, else `fix`."""
    return "rebuild" if StepName.PATCH in skipped_steps(instruction) else "fix"


def build_plan(instruction: str, service: str, profile: ServiceProfile) -> ActionPlan:
    """Version 1: the five steps in canonical order with their limits, before anything was looked at."""
    skipped = skipped_steps(instruction)
    steps = tuple(
        PlanStep(name=step, parameters=_parameters(step, profile, skip=step in skipped)) for step in FORWARD_STEPS
    )
    return _plan(1, steps, (), (), _context(service, profile))


def refine_plan(plan: ActionPlan, analysis: Analysis) -> ActionPlan:
    """Version 2: the same steps with the exact edits, and hashes of every file before and after."""
    files: list[JsonValue] = [change.path for change in analysis.changes]
    steps = tuple(
        PlanStep(name=s.name, parameters={**s.parameters, "files": files}) if s.name is StepName.PATCH else s
        for s in plan.steps
    )
    return _plan(plan.version + 1, steps, analysis.edits, analysis.changes, plan.service_context)


def is_skipped(plan: ActionPlan, step: StepName) -> bool:
    """Whether the plan leaves this step out."""
    return any(s.name is step and s.parameters.get("skip") is True for s in plan.steps)


def plan_digest(
    context: Mapping[str, JsonValue], edits: Iterable[Edit], changes: Iterable[FileChange], steps: Iterable[PlanStep]
) -> str:
    """SHA-256 over service, the names of the steps that are done, edits and file hashes.

    The service's part says how the change is delivered. Never over ids, times or time-outs: a plan that does the same
    has the same digest, and approvals stay valid for it.
    """
    return digest_of_plan(
        context,
        [edit.model_dump(mode="json") for edit in edits],
        [change.model_dump(mode="json") for change in changes],
        [step.model_dump(mode="json") for step in steps],
    )


def _plan(
    version: int,
    steps: tuple[PlanStep, ...],
    edits: tuple[Edit, ...],
    changes: tuple[FileChange, ...],
    context: Mapping[str, JsonValue],
) -> ActionPlan:
    digest = plan_digest(context, edits, changes, steps)
    return ActionPlan(
        version=version, steps=steps, edits=edits, changes=changes, service_context=context, digest=digest
    )


def _context(service: str, profile: ServiceProfile) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"service": service, "runtime": profile.runtime, "allow": list(profile.allow)}
    return said if profile.delivery == "leave" else {**said, "delivery": profile.delivery}


def _parameters(step: StepName, profile: ServiceProfile, *, skip: bool) -> dict[str, JsonValue]:
    parameters: dict[str, JsonValue] = {"timeout_seconds": profile.timeouts.of(step)}
    if step is StepName.VERIFY:
        parameters["successes"] = profile.verify_successes
        parameters["delivery"] = profile.delivery
    if skip:
        parameters["skip"] = True
    return parameters
