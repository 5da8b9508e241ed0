"""Gates, approvals and tokens in PostgreSQL. Times are the database's, at the moment of asking (`clock_timestamp`): a
transaction that waited for a row's lock must not judge by when it began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from api_service.db.models import ApiKey, Approval, ApprovalToken, OrchestratorRun, Session
from api_service.db.models import ApprovalGate as GateRow
from moonmind.engine.events import Signer
from moonmind.engine.repository import SYSTEM, append_event
from moonmind.schemas.approvals import Answer, ApprovalGate, GateSource
from moonmind.schemas.workflow_models import RunSnapshot, StepName
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.gates import Approver, GateFacts, Given, Verdict, gate_of, judge
from moonmind.workflows.orchestrator.run_rows import SUBJECT

NOW = func.clock_timestamp()
GATE_SUBJECT = "approval_gate"
GATE_FIELDS = tuple(ApprovalGate.model_fields)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored. `is_usable`: neither used nor expired."""

    id: UUID
    subject_id: UUID
    approver: str
    role: str
    plan_digest: str
    expires_at: datetime
    is_usable: bool


class ApprovalRepository:
    """Everything about approvals on one connection; the caller commits. Secrets in comments are masked."""

    def __init__(self, connection: Connection, signer: Signer, redactor: Redactor) -> None:
        self._connection, self._signer, self._redactor = connection, signer, redactor

    def verdict(self, run: RunSnapshot, step: StepName, plan_digest: str, configured: ApprovalGate) -> Verdict:
        """What the service's gate says about this step of the run. The one way in for whoever must obey it.

        `configured` is in force where nothing is stored yet: a database that was away at the start opens no gate.
        """
        if configured.requirement != "none" and self.gate(run.target_service) is None:
            self.put_gate(run.target_service, configured, "config", SYSTEM)
        return judge(
            self.facts(run),
            step=step,
            start=run.start_step,
            begun=run.progress.get("begun") == plan_digest,
            plan_digest=plan_digest,
            requester=run.requester,
        )

    def facts(self, run: RunSnapshot) -> GateFacts:
        """The stored gate, the answers that stand, and whether the time to answer is over."""
        r, g = OrchestratorRun, GateRow
        columns = [getattr(g, name) for name in GATE_FIELDS]
        query = (
            select(g.id, *columns, func.coalesce(r.approval_expires_at < NOW, False).label("is_over"))
            .select_from(r)
            .outerjoin(g, g.service == r.target_service)
            .where(r.id == run.id)
        )
        row = self._connection.execute(query).mappings().one()
        if row["id"] is None or row["requirement"] == "none":
            return GateFacts(ApprovalGate())
        return GateFacts(gate_of(dict(row)), self._given(run.id), row["is_over"])

    def _given(self, run: UUID) -> tuple[Given, ...]:
        a = Approval
        query = select(a.approver, a.role, a.decision, a.plan_digest, (a.expires_at > NOW).label("valid")).where(
            a.subject_kind == SUBJECT, a.subject_id == run, a.revoked_at.is_(None)
        )
        return tuple(Given(**row) for row in self._connection.execute(query).mappings())

    def add(
        self,
        run: UUID,
        *,
        approver: str,
        role: str,
        plan_digest: str,
        decision: Answer,
        comment: str | None,
        valid_minutes: int,
        expires_at: datetime | None = None,
    ) -> None:
        """Write an answer down; it is good for `valid_minutes`, or until `expires_at` if that is earlier."""
        latest = NOW + timedelta(minutes=valid_minutes)
        values = {
            "subject_kind": SUBJECT,
            "subject_id": run,
            "approver": approver,
            "role": role,
            "plan_digest": plan_digest,
            "decision": decision,
            "comment": self._redactor.text(comment) if comment is not None else None,
            "granted_at": NOW,
            "expires_at": latest if expires_at is None else func.least(latest, expires_at),
        }
        self._connection.execute(insert(Approval).values(values))

    def retire_expired(self, run: UUID, approver: str, plan_digest: str) -> None:
        """Make room for a new answer of somebody whose last one does not count any more."""
        a = Approval
        old = (a.subject_kind == SUBJECT, a.subject_id == run, a.plan_digest == plan_digest, a.revoked_at.is_(None))
        theirs = (func.lower(a.approver) == func.lower(approver), a.expires_at <= NOW)
        self._connection.execute(update(a).where(*old, *theirs).values(revoked_at=NOW))

    def take_over(self, old: UUID, new: UUID, plan_digest: str) -> list[Mapping[str, Any]]:
        """Let a retried run stand on the approvals that its predecessor got for the same plan; these approvals."""
        a = Approval
        kept = (a.approver, a.role, a.plan_digest, a.decision, a.comment, a.granted_at, a.expires_at)
        standing = select(a.subject_kind, *kept).where(
            and_(a.subject_kind == SUBJECT, a.subject_id == old, a.plan_digest == plan_digest),
            and_(a.decision == "approve", a.revoked_at.is_(None), a.expires_at > NOW),
        )
        rows = [{**row, "subject_id": new} for row in self._connection.execute(standing).mappings()]
        if rows:
            self._connection.execute(insert(a), rows)
        return [dict(row) for row in rows]

    def find(self, run: UUID, approval: UUID) -> Mapping[str, Any] | None:
        """An approval of this run that stands."""
        a = Approval
        query = select(a.approver, a.decision).where(
            a.id == approval, a.subject_kind == SUBJECT, a.subject_id == run, a.revoked_at.is_(None)
        )
        row = self._connection.execute(query).mappings().one_or_none()
        return dict(row) if row else None

    def revoke(self, approval: UUID) -> None:
        """Take an answer back; it stays on record."""
        self._connection.execute(update(Approval).where(Approval.id == approval).values(revoked_at=NOW))

    def is_past(self, moment: datetime) -> bool:
        """By the database's clock."""
        return bool(self._connection.execute(select(moment <= NOW)).scalar_one())

    def still_may(self, person: str, role: str) -> bool:
        """Whether a key, or a session by OpenID Connect, gives this person the role now: a token outlives neither."""
        k, s = ApiKey, Session
        valid = and_(k.revoked_at.is_(None), or_(k.expires_at.is_(None), k.expires_at > NOW))
        by_key = exists().where(func.lower(k.owner) == func.lower(person), valid, k.roles.overlap([role, "admin"]))
        of_person = and_(func.lower(s.owner) == func.lower(person), s.key_id.is_(None))
        by_session = exists().where(of_person, s.expires_at > NOW, s.roles.overlap([role, "admin"]))
        return bool(self._connection.execute(select(or_(by_key, by_session))).scalar_one())

    def add_token(self, run: UUID, approver: Approver, role: str, plan_digest: str, seconds: int) -> Token:
        """A new token for one answer."""
        t = ApprovalToken
        values = {
            "subject_kind": SUBJECT,
            "subject_id": run,
            "approver": approver.id,
            "role": role,
            "plan_digest": plan_digest,
            "expires_at": NOW + timedelta(seconds=seconds),
        }
        row = self._connection.execute(insert(t).values(values).returning(t.id, t.expires_at)).one()
        return Token(row.id, run, approver.id, role, plan_digest, row.expires_at, is_usable=True)

    def find_token(self, token: UUID) -> Token | None:
        """A token; None when it was never given out."""
        t = ApprovalToken
        columns = (t.id, t.subject_id, t.approver, t.role, t.plan_digest, t.expires_at, _usable().label("is_usable"))
        query = select(*columns).where(t.id == token, t.subject_kind == SUBJECT)
        row = self._connection.execute(query).mappings().one_or_none()
        return Token(**row) if row else None

    def use_token(self, token: UUID) -> bool:
        """It opens nothing any more; False when it opened nothing before. Whoever calls holds a run already: always run
        first, then token, so that two who use one token both ways at once cannot wait for each other."""
        t = ApprovalToken
        used = update(t).where(t.id == token, _usable()).values(used_at=NOW)
        return self._connection.execute(used).rowcount == 1

    def gate(self, service: str) -> tuple[UUID, ApprovalGate, GateSource] | None:
        """The stored gate of a service."""
        row = next(iter(self._gates(GateRow.service == service)), None)
        return (row["id"], gate_of(row), row["source"]) if row else None

    def gates(self) -> dict[str, tuple[ApprovalGate, GateSource]]:
        """All stored gates by service."""
        return {row["service"]: (gate_of(row), row["source"]) for row in self._gates()}

    def put_gate(
        self, service: str, gate: ApprovalGate, source: GateSource, actor: str, *, only_over: GateSource | None = None
    ) -> None:
        """Store a gate and put it on its own record; with `only_over`, one of another source stays as it is."""
        values = {"service": service, "source": source, **gate.model_dump(mode="json")}
        stored = upsert(GateRow).values(values)
        changed = {name: stored.excluded[name] for name in (*GATE_FIELDS, "source")}
        where = GateRow.source == only_over if only_over is not None else None
        written = stored.on_conflict_do_update(index_elements=["service"], set_=changed, where=where)
        number = self._connection.execute(written.returning(GateRow.id)).scalar_one_or_none()
        if number is not None:
            to = (self._connection, self._signer, GATE_SUBJECT, number)
            append_event(*to, actor=actor, kind="gate_changed", payload=values)

    def _gates(self, *where: Any) -> Sequence[Mapping[str, Any]]:
        columns = [getattr(GateRow, name) for name in ("id", "service", "source", *GATE_FIELDS)]
        rows = self._connection.execute(select(*columns).where(*where).order_by(GateRow.service)).mappings()
        return [dict(row) for row in rows]


def _usable() -> ColumnElement[bool]:
    return and_(ApprovalToken.used_at.is_(None), ApprovalToken.expires_at > NOW)
