"""One run as the page shows it: where it stands and why, its steps, its approvals, its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api_service.ui.views.times import lasted, span_of
from api_service.ui.views.words import ANSWER, ARTIFACT, STEP_GOAL, Badge, Tone, badge_of_step, human_size
from moonmind.schemas.workflow_models import RunStatus

Run = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Queue:
    """What a run waits behind: the run that holds the lock of its group, and how many go before it."""

    lock_group: str
    holder: str | None = None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Worker:
    """Who has a run now, until when; `cancel_asked`: somebody wants it stopped."""

    owner: str | None = None
    expires_at: datetime | None = None
    cancel_asked: bool = False


@dataclass(frozen=True, slots=True)
class Callout:
    """What must be known about a run before anything else."""

    tone: Tone
    icon: str
    title: str
    text: str
    run: str | None = None
    """Another run that it speaks of."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step."""

    number: int
    badge: Badge
    message: str
    started_at: datetime | None
    took: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step with all of its tries; the last one says how it stands. `share`: of the run's time, in twentieths."""

    name: str
    goal: str
    attempts: tuple[Attempt, ...]
    is_open: bool
    share: int = 0

    @property
    def last(self) -> Attempt:
        """The try that counts."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True)
class File:
    """An artifact to download."""

    label: str
    path: str
    size: str
    checksum: str
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said; `is_old`: about another plan than the one in force."""

    id: str
    badge: Badge
    approver: str
    role: str
    comment: str
    at: datetime
    is_old: bool
    may_revoke: bool = field(default=False)


def callout_of(run: Run, queue: Queue, worker: Worker, now: datetime) -> Callout | None:
    """Why a run waits or how it ended, when that is not plain."""
    if run["completed_at"] is not None:
        return _ending(run)
    if worker.cancel_asked:
        return Callout("warn", "stop", "Being stopped", "What it did to files and build is put back.")
    if run["status"] == "awaiting_approval":
        return None  # the page has a panel of its own for that
    if run["status"] == "pending":
        return _queued(queue)
    return _unattended(run, worker, now)


def waiting_for(run: Run) -> str:
    """Whose word a waiting run wants."""
    gate = run["awaiting"]
    number, roles = gate["required_approvals"], " or ".join(gate["approver_roles"])
    people = "1 person" if number == 1 else f"{number} people"
    others = "" if gate["self_approval"] else f", other than {run['requested_by']}"
    return f"{people} with the role {roles}{others}"


def steps_of(run: Run, now: datetime) -> list[Step]:
    """The steps in order, each with its tries; open is what one wants to see."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for row in run["steps"]:
        by_name.setdefault(row["name"], []).append(row)
    total = sum(_seconds(row, now) for row in run["steps"]) or 1.0
    return [
        Step(
            name=name,
            goal=STEP_GOAL[name],
            attempts=tuple(_attempt(run, row, now) for row in rows),
            is_open=rows[-1]["status"] in ("failed", "in_progress"),
            share=round(20 * sum(_seconds(row, now) for row in rows) / total),
        )
        for name, rows in by_name.items()
    ]


def files_of(artifacts: Sequence[Mapping[str, Any]]) -> list[File]:
    """A run's files, the ones that people look at first."""
    order = list(ARTIFACT)
    return [
        File(ARTIFACT[a["type"]], a["path"], human_size(a["size_bytes"]), a["checksum"], a["download_url"])
        for a in sorted(artifacts, key=lambda a: (order.index(a["type"]), a["path"]))
    ]


def edits_of(plan: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The plan's edits; what a tool changed in many places of one file for one reason is one of them."""
    edits: Sequence[Mapping[str, Any]] = plan["edits"] if plan else ()
    keys = [(e["file"], e["kind"], e.get("name"), e["reason"]) for e in edits]
    return [edit for place, edit in enumerate(edits) if keys[place] not in keys[:place]]


def answers_of(run: Run, may_revoke: frozenset[str]) -> list[Answer]:
    """What people said, oldest first. `may_revoke`: whose answers can be taken back by who looks."""
    digest = run["action_plan"]["digest"] if run["action_plan"] else None
    return [
        Answer(
            id=str(a["approval_id"]),
            badge=ANSWER["revoked" if a["revoked_at"] else a["decision"]],
            approver=a["approver"],
            role=a["role"],
            comment=a["comment"] or "",
            at=a["revoked_at"] or a["granted_at"],
            is_old=a["plan_digest"] != digest,
            may_revoke=a["revoked_at"] is None and a["approver"] in may_revoke,
        )
        for a in run["approvals"]
    ]


def duration_of(run: Run, now: datetime) -> str:
    """How long it took, or takes so far, from the moment somebody worked on it."""
    return lasted(run["started_at"], run["completed_at"] or now)


def is_over(run: Run) -> bool:
    """Whether it will never change again."""
    return RunStatus(run["status"]).is_terminal


def _ending(run: Run) -> Callout | None:
    failure = run["failure"]
    reason = f"{failure['reason']}" if failure else ""
    if run["rollback_verified"] is False:
        advice = "Look at rollback.log, put right what it names, then retry from rollback."
        return Callout("bad", "alert", "Something could not be put back", f"{reason}. {advice}" if reason else advice)
    match run["status"]:
        case "failed":
            return Callout("bad", "cross", _title(failure), reason)
        case "rolled_back":
            title = "Undone: files and build are as they were, and that was checked"
            return Callout("warn", "undo", title, f"{_title(failure)}: {reason}" if failure else "")
        case "cancelled":
            return Callout("quiet", "stop", "Cancelled before anything was changed", "")
        case _ if run["dry_run"]:
            return Callout(
                "active", "eye", "This is a preview: nothing was changed", "Look at the change, then run it."
            )
        case _:
            return None


def _title(failure: Mapping[str, str] | None) -> str:
    return failure["code"].replace("_", " ").capitalize() if failure else "It failed"


def _queued(queue: Queue) -> Callout:
    if queue.holder is None and not queue.ahead:
        return Callout("quiet", "clock", "Waits for a worker", "The next free worker takes it.")
    more = f"; {queue.ahead} more before it" if queue.ahead > 1 else ""
    text = f"One run at a time works on {queue.lock_group}{more}."
    title = "Waits for another run to end" if queue.holder else "Waits for its turn"
    return Callout("quiet", "clock", title, text, queue.holder)


def _unattended(run: Run, worker: Worker, now: datetime) -> Callout | None:
    if worker.owner is None:
        text = f"Nobody works on it now; {run['current_step']} is taken up again by the next free worker."
        return Callout("quiet", "clock", "Waits for a worker", text)
    if worker.expires_at is not None and worker.expires_at < now:
        silent = span_of((now - worker.expires_at).total_seconds())
        text = f"{worker.owner} has not been heard of for {silent}; another worker takes over in a moment."
        return Callout("warn", "alert", "The worker fell silent", text)
    return None


def _attempt(run: Run, row: Mapping[str, Any], now: datetime) -> Attempt:
    end = row["completed_at"] or (now if row["status"] == "in_progress" else None)
    return Attempt(
        number=row["attempt"],
        badge=badge_of_step(row, rollback_verified=run["rollback_verified"]),
        message=row["message"] or "",
        started_at=row["started_at"],
        took=lasted(row["started_at"], end),
    )


def _seconds(row: Mapping[str, Any], now: datetime) -> float:
    if row["started_at"] is None:
        return 0.0
    return float(((row["completed_at"] or now) - row["started_at"]).total_seconds())
