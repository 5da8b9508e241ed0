"""Do the parts tell one story? Run, plans, steps and approvals against the record. Pure.

The record is what is signed; a row that says something else was changed after it was written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from moonmind.evidence.plan_digest import digest_of_plan
from moonmind.evidence.report import Check, make_check
from moonmind.evidence.shapes import ApprovalLine, EventLine, PlanLine, RunPart, StepLine

GIVEN = {"approval_given": "approve", "approval_taken_over": "approve", "approval_rejected": "reject"}
"""Event → decision of the approval that it made."""
STEP_STATUS = {"SUCCESS": "succeeded", "FAILURE": "failed"}
MASK = "[redacted:"
"""What the record masks, a row of people's own words may show."""


@dataclass(frozen=True, slots=True)
class Story:
    """The rows of a run beside its record."""

    run: RunPart
    plans: Sequence[PlanLine]
    steps: Sequence[StepLine]
    approvals: Sequence[ApprovalLine]
    events: Sequence[EventLine]

    def of(self, *kinds: str) -> list[EventLine]:
        """The events of these kinds."""
        return [event for event in self.events if event.kind in kinds]


def check_story(story: Story) -> list[Check]:
    """Every part against the record."""
    approvals = [a for a in story.approvals if a.revoked_at is None]
    return [
        make_check("run", f"{story.run.status}, as the record says", (*_beginning(story), *_ending(story))),
        make_check("plan", f"{len(story.plans)} versions, each with its digest", _plans(story)),
        make_check("steps", f"{len(story.steps)} attempts, as the record says", _steps(story)),
        make_check("approvals", f"{len(approvals)} that stand, for plans of this run", _approvals(story)),
    ]


def _beginning(story: Story) -> Iterator[str]:
    run, created = story.run, story.of("run_created")
    if len(created) != 1 or created[0].sequence != 1:
        yield "the record does not begin with one event that the run was made"
        return
    said = created[0].payload
    if created[0].actor != run.requested_by:
        yield f"the run says {run.requested_by} asked for it; its record says {created[0].actor}"
    for name, value in (("service", run.target_service), ("instruction", run.instruction)):
        if said.get(name) != value:
            yield f"the run's {name} is not what its record says was asked for"
    if said.get("retried_from") != (str(run.retried_from) if run.retried_from else None):
        yield "the run says it takes up another run than its record says"


def _ending(story: Story) -> Iterator[str]:
    run, ends = story.run, story.of("run_finished")
    if not run.status.is_terminal:
        if ends:
            yield f"the run is {run.status}; its record says it has ended"
        return
    if len(ends) != 1:
        yield f"the run is {run.status}; its record says {len(ends)} times that it has ended"
        return
    said = ends[0].payload
    if said.get("status") != run.status:
        yield f"the run is {run.status}; its record says it ended {said.get('status')}"
    failure = run.failure.model_dump() if run.failure else None
    if said.get("failure") is not None and _differ(said["failure"], failure):
        yield f"the run failed with {failure}; its record says {said['failure']}"
    if run.status == "succeeded" and failure is not None:
        yield f"the run succeeded, and failed with {failure}"
    undone = [event.payload["rollback_verified"] for event in story.events if "rollback_verified" in event.payload]
    if run.rollback_verified != (undone[-1] if undone else None):
        yield f"the run says rollback_verified {run.rollback_verified}; its record says {undone[-1:]}"


def _differ(said: object, row: object) -> bool:
    """Whether a row is not what the record says; where the record masked something, that cannot be told."""
    return said != row and MASK not in str(said)


def _plans(story: Story) -> Iterator[str]:
    made = {(event.payload.get("version"), event.payload.get("digest")) for event in story.of("plan_made")}
    there = {(plan.version, plan.digest) for plan in story.plans}
    first = min((plan.version for plan in story.plans), default=0)
    for version, digest in sorted(made - there, key=str):
        yield f"the record tells of version {version} of the plan, {digest}, which is not here"
    for plan in story.plans:
        if plan.version != first and (plan.version, plan.digest) not in made:
            yield f"version {plan.version} of the plan is not the one that the record tells of"
        if digest_of_plan(plan.service_context, plan.edits, [c.model_dump() for c in plan.changes], plan.steps) != (
            plan.digest
        ):
            yield f"version {plan.version} of the plan is not what its digest was made from"
    if len(there) != len(story.plans) or not story.plans:
        yield "there is not exactly one plan of each version"
    if first != 1 and story.run.retried_from is None:
        yield f"the plan begins with version {first}"


def _steps(story: Story) -> Iterator[str]:
    rows: dict[tuple[Any, Any], StepLine] = {(step.name, step.attempt): step for step in story.steps}
    if len(rows) != len(story.steps):
        yield "an attempt of a step is there twice"
    begun = {(e.payload.get("step"), e.payload.get("attempt")) for e in story.of("step_started")}
    for step, attempt in sorted(begun - rows.keys(), key=str):
        yield f"the record tells of attempt {attempt} of {step}, which is not here"
    for key, row in rows.items():
        if row.started_at is not None and key not in begun:
            yield f"attempt {row.attempt} of {row.name} began; the record does not know of it"
    for event in story.of("step_finished"):
        ended = rows.get((event.payload.get("step"), event.payload.get("attempt")))
        status = "skipped" if event.payload.get("skipped") is True else STEP_STATUS.get(str(event.payload.get("state")))
        if ended is not None and ended.status != status:
            yield f"attempt {ended.attempt} of {ended.name} is {ended.status}; the record says {status}"
        elif ended is not None and _differ(event.payload.get("message"), ended.message):
            yield f"attempt {ended.attempt} of {ended.name} says something else than the record"


def _approvals(story: Story) -> Iterator[str]:
    digests = {plan.digest for plan in story.plans}
    given = Counter(_key(a.approver, a.role, a.decision, a.plan_digest) for a in story.approvals)
    said = Counter(
        _key(event.actor, event.payload.get("role"), GIVEN[event.kind], event.payload.get("plan_digest"))
        for event in story.of(*GIVEN)
    )
    for who, role, decision, digest in (said - given).elements():
        yield f"the record says {who} ({role}) said {decision} about plan {digest}; that answer is not here"
    for who, role, decision, digest in (given - said).elements():
        yield f"{who} ({role}) is here with {decision} about plan {digest}; the record does not know of it"
    for approval in story.approvals:
        if approval.plan_digest not in digests:
            yield f"{approval.approver}'s answer is about plan {approval.plan_digest}, which this run never had"
        yield from _comment(story, approval)
    taken_back = Counter(str(event.payload.get("approver")) for event in story.of("approval_revoked"))
    revoked = Counter(a.approver for a in story.approvals if a.revoked_at is not None)
    for who in taken_back - revoked:
        yield f"the record says {who}'s answer was taken back; here it stands"
    if story.run.approval_status == "granted" and not any(a.decision == "approve" for a in story.approvals):
        yield "the run says it was approved, and nobody did"


def _comment(story: Story, approval: ApprovalLine) -> Iterator[str]:
    """What they said with it; where the record masked something, it cannot be compared."""
    same = [
        event.payload["comment"]
        for event in story.of(*GIVEN)
        if event.actor == approval.approver
        and event.payload.get("plan_digest") == approval.plan_digest
        and "comment" in event.payload
    ]
    if same and all(_differ(comment, approval.comment) for comment in same):
        yield f"{approval.approver}'s comment is not the one on record"


def _key(*parts: object) -> tuple[str, ...]:
    return tuple(str(part) for part in parts)
