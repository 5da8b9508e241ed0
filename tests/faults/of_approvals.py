"""Two words about one run in the same instant: one counts, and the other is told that it came too late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

from tests.faults.case import Case
from tests.faults.processes import until

SERVICE = "asking0"
LONGER_THAN_VALID = 6 * 60
"""Seconds; a question of this service is good for five minutes."""


def _waiting(case: Case, *ends: str) -> str:
    """A run that waits for somebody's word, with a worker that takes it up."""
    case.rig.worker()
    run = case.submit(SERVICE, *ends)
    waits = "SELECT 1 FROM orchestrator_runs WHERE id::text = %s AND status = 'awaiting_approval'"
    until(lambda: case.rig.ask(waits, run), "the run waits for an approval")
    return run


def _answer(case: Case, run: str, by: str, decision: str = "approve") -> Callable[[], httpx.Response]:
    """That person's word, ready to be said."""
    got = case.rig.call("POST", f"/orchestrator/runs/{run}/approval-tokens", by=by)
    assert got.status_code == 201, got.text
    body = {"approver": {"id": by, "role": "approver"}, "token": got.json()["token"], "decision": decision}
    return lambda: case.rig.call("POST", f"/orchestrator/runs/{run}/approvals", by=by, json=body)


def _at_once(*acts: Callable[[], httpx.Response | None]) -> list[int]:
    """The status of each answer; 0 for an act that has none."""
    together = Barrier(len(acts))

    def act(what: Callable[[], httpx.Response | None]) -> int:
        together.wait()
        answer = what()
        return answer.status_code if answer is not None else 0

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def two_approvers(case: Case) -> None:
    run = _waiting(case)
    codes = _at_once(_answer(case, run, "ann"), _answer(case, run, "ben"))
    case.hit(f"two approvals at once: {codes}")
    assert sorted(codes) == [200, 409]
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}


def approve_against_reject(case: Case) -> None:
    run = _waiting(case)
    codes = _at_once(_answer(case, run, "ann"), _answer(case, run, "ben", "reject"))
    case.hit(f"approval and rejection at once: {codes}")
    assert sorted(codes) == [200, 409]
    case.expect(run, SERVICE, "succeeded" if codes == [200, 409] else "failed/approval_rejected")
    case.wait_ended()


def approve_against_cancel(case: Case) -> None:
    """An approved run can be cancelled all the same; a cancelled one cannot be approved."""
    run = _waiting(case)
    cancel = f"/orchestrator/runs/{run}/cancel"
    codes = _at_once(_answer(case, run, "ann"), lambda: case.rig.call("POST", cancel))
    case.hit(f"approval and cancel at once: {codes}")
    assert codes in ([200, 202], [409, 202])
    case.expect(run, SERVICE, "cancelled/cancelled", *(["rolled_back/cancelled"] if codes[0] == 200 else []))
    case.wait_ended()


def approve_against_expiry(case: Case) -> None:
    """The time to answer is over in the instant of the answer, or right after it, by the database's clock."""
    rig, run = case.rig, _waiting(case)
    say = _answer(case, run, "ann")
    if case.number % 2:
        codes = [say().status_code, 0]
        rig.clock.set(LONGER_THAN_VALID)
    else:
        codes = _at_once(say, lambda: rig.clock.set(LONGER_THAN_VALID))
    case.hit(f"approval and expiry at once: {codes[0]}")
    assert codes[0] in (200, 409)
    case.expect(run, SERVICE, "failed/approval_expired", *(["succeeded"] if codes[0] == 200 else []))
    case.wait_ended()


def api_dies_after_approval(case: Case) -> None:
    """The approver got no answer, and the approval counts all the same, once."""
    rig, run = case.rig, _waiting(case)
    rig.api.kill()
    rig.start_api(MOONMIND_FAILPOINT="approve.after_commit:kill", MOONMIND_FAILPOINT_TRACE=str(rig.trace))
    armed, say = rig.api, _answer(case, run, "ann")
    try:
        say()
    except httpx.HTTPError:
        case.hit(rig.wait_hit(armed, "approve.after_commit", "kill"))
    else:
        raise AssertionError("the API answered all the same")
    rig.start_api()
    assert say().status_code == 409
    case.wait_ended()
    case.exactly = {"builds": 1, "starts": 1}
