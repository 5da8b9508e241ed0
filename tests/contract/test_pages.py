"""The pages, for each role: who sees what, what each form does, and that nobody else's text is obeyed on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from api_service.api.schemas import RunSummary
from moonmind.config.settings import Settings
from tests.support.front import FIX, Front
from tests.support.house import BROKEN

Protected = Callable[..., Front]

HOSTILE = "fix <script>alert(1)</script> \u202e\"'><img src=x onerror=alert(1)>"
FOR_ALL = ("/ui/services", "/ui/runs", "/ui/approvals", "/ui/system")
FOR_ADMINS = ("/ui/keys", "/ui/policy")
FOREIGN = re.compile(r"""(?:src|href|action)=["'](?:[a-z]+:)?//""", re.IGNORECASE)
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)


class Visit:
    """One person's browser, without a screen."""

    def __init__(self, front: Front, who: str) -> None:
        self.front, self.client = front, TestClient(front.client.app, follow_redirects=False)
        answer = self.client.post("/ui/sign-in", data={"key": front.keys[who], "next": ""})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/services"), answer.text

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})

    def post(self, path: str, **fields: Any) -> httpx2.Response:
        """As a form of this person's pages."""
        return self.client.post(path, data={"csrf_token": self.proof(), **fields})

    def proof(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/ui/services").text)
        assert found
        return found[1]

    def follow(self, answer: httpx2.Response) -> str:
        """The page that a form leads to."""
        assert answer.status_code == 303, answer.text
        shown = self.get(answer.headers["Location"])
        assert shown.status_code == 200
        return shown.text


def digest_of(front: Front, run: str) -> str:
    return str(front.detail(run)["action_plan"]["digest"])


def words(html: str) -> str:
    """What a reader sees, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_role_sees_its_pages_and_is_refused_the_others(protected: Protected) -> None:
    front = protected()
    for who in ("vic", "kim", "ann", "ada"):
        visit = Visit(front, who)
        seen = {path: visit.get(path).status_code for path in (*FOR_ALL, *FOR_ADMINS, "/ui/runs/new")}
        admin, operator = who == "ada", who in ("ada", "kim")
        assert seen == (
            dict.fromkeys(FOR_ALL, 200)
            | dict.fromkeys(FOR_ADMINS, 200 if admin else 403)
            | {"/ui/runs/new": 200 if operator else 403}
        ), who
        assert ("/ui/keys" in visit.get("/ui/services").text) == admin


def test_every_page_is_private_and_takes_nothing_from_elsewhere(protected: Protected) -> None:
    front = protected()
    visit = Visit(front, "ada")
    paths = (*FOR_ALL, *FOR_ADMINS, "/ui/runs/new", "/ui/nothing", f"/ui/runs/{front.waiting()}")
    for answer in [front.client.get("/ui/sign-in"), *map(visit.get, paths)]:
        check_private(answer)


def check_private(answer: httpx2.Response) -> None:
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert not FOREIGN.search(answer.text)
    assert not INLINE.search(answer.text)


def test_strangers_are_led_to_the_sign_in_and_back(protected: Protected) -> None:
    front = protected()
    stranger = TestClient(front.client.app, follow_redirects=False)
    assert stranger.get("/").headers["Location"] == "/ui/services"
    sent = stranger.get("/ui/runs?status=failed")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/ui/sign-in?next=%2Fui%2Fruns%3Fstatus%3Dfailed")
    form = stranger.get(sent.headers["Location"]).text
    assert 'name="next" value="/ui/runs?status=failed"' in form
    answer = stranger.post("/ui/sign-in", data={"key": front.keys["vic"], "next": "/ui/runs?status=failed"})
    assert answer.headers["Location"] == "/ui/runs?status=failed"
    assert "You are signed in" in stranger.get("/ui/runs").text
    assert "You are signed in" not in stranger.get("/ui/runs").text, "a note is shown once"


def test_a_key_that_opens_nothing_is_refused_on_the_form(protected: Protected) -> None:
    front = protected()
    answer = front.client.post("/ui/sign-in", data={"key": "mm_wrong", "next": "//evil.example"})
    assert answer.status_code == 401
    assert "This key opens nothing" in answer.text
    assert "evil.example" not in answer.text
    assert "mm_wrong" not in answer.text


def test_signing_out_ends_the_session(protected: Protected) -> None:
    visit = Visit(protected(), "vic")
    assert "You are signed out" in visit.follow(visit.post("/ui/sign-out"))
    assert visit.get("/ui/runs").status_code == 303


def test_a_form_of_another_site_does_nothing(protected: Protected) -> None:
    front = protected()
    visit = Visit(front, "ada")
    run = front.waiting()
    for fields in ({}, {"csrf_token": "forged"}, {"csrf_token": Visit(front, "ann").proof()}):
        answer = visit.client.post(f"/ui/runs/{run}/cancel", data=fields)
        assert answer.status_code == 403
        assert "csrf_refused" in answer.text
    assert front.detail(run)["status"] == "awaiting_approval"


def test_errors_are_pages_that_say_what_to_do(protected: Protected) -> None:
    visit = Visit(protected(), "vic")
    no_run = f"/ui/runs/{UUID(int=0)}"
    for path, status in ((no_run, 404), ("/ui/keys", 403), ("/ui/runs/x", 422), ("/ui/nothing", 404)):
        answer = visit.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert ('aria-label="Pages"' in answer.text) == (path != "/ui/nothing"), "the way on is kept"
    assert "GET /" not in words(visit.get(no_run).text), "advice is for people, not for programs"
    assert visit.post("/ui/services").headers["Content-Type"] == "application/problem+json", "programs get problems"
    assert visit.get("/nothing").headers["Content-Type"] == "application/problem+json"


def test_a_database_that_is_away_is_a_page_too(protected: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    front = protected()
    visit = Visit(front, "vic")
    context = front.client.app.state.context  # type: ignore[attr-defined]
    monkeypatch.setattr(context.engine.dialect, "connect", refuse)
    context.engine.dispose()
    answer = visit.get("/ui/runs?status=failed")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Back in a moment" in answer.text


def refuse(*args: Any, **more: Any) -> None:
    import psycopg

    raise psycopg.OperationalError("away")


def test_what_somebody_wrote_is_shown_and_never_obeyed(protected: Protected) -> None:
    front = protected()
    run = front.create(instruction=HOSTILE)
    front.answer("ann", run, decision="reject", comment=HOSTILE)
    visit = Visit(front, "vic")
    for path in (
        "/ui/runs",
        f"/ui/runs/{run}",
        "/ui/services",
        "/ui/approvals",
        "/ui/runs?q=%3Cscript%3E&service=%22%3E",
    ):
        html = visit.get(path).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html
    shown = visit.get(f"/ui/runs/{run}").text
    assert shown.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2
    assert "U+202E" in shown


def test_a_preview_shows_the_change_and_then_does_exactly_that(protected: Protected) -> None:
    front = protected(requirement='"none"')
    visit = Visit(front, "kim")
    fields = {"target_service": "shop", "instruction": "fix the missing dependency", "priority": "normal"}
    answer = visit.post("/ui/runs", dry_run="yes", idempotency_key="k1", **fields)
    again = visit.post("/ui/runs", dry_run="yes", idempotency_key="k1", **fields)
    assert again.headers["Location"] == answer.headers["Location"], "a form that is sent twice asks once"
    front.house.deliver()
    preview = visit.follow(answer)
    assert "This is a preview: nothing was changed" in preview
    assert "python-dateutil" in preview
    assert "Run it" in preview
    assert front.house.manifest.read_bytes() == BROKEN
    answer = visit.post(answer.headers["Location"] + "/run")
    front.house.deliver()
    done = visit.follow(answer)
    assert "Succeeded" in done
    assert b"dateutil" in front.house.manifest.read_bytes()


def test_a_run_is_asked_for_without_a_preview(protected: Protected) -> None:
    front = protected(requirement='"none"')
    visit = Visit(front, "kim")
    fields = {"target_service": "shop", "instruction": "line one\r\nline two", "priority": "high"}
    run = visit.post("/ui/runs", dry_run="no", **fields).headers["Location"].rpartition("/")[2]
    shown = front.detail(run)
    assert (shown["dry_run"], shown["priority"], shown["requested_by"]) == (False, "high", "kim")
    assert shown["instruction"] == "line one\nline two"


WRONG_RUNS: list[tuple[dict[str, Any], int, str]] = [
    ({"instruction": "   "}, 422, "Must not be blank"),
    ({"instruction": "x" * 4001}, 422, "4000"),
    ({"priority": "urgent"}, 422, "normal"),
    ({"target_service": "shpo"}, 400, "No service is called"),
    ({"instruction": "a\0b"}, 422, "holds what no text holds"),
]


def test_a_form_that_is_wrong_comes_back_with_why(protected: Protected) -> None:
    visit = Visit(protected(), "kim")
    fields = {"target_service": "shop", "instruction": "keep this", "priority": "normal", "dry_run": "yes"}
    for change, status, said in WRONG_RUNS:
        answer = visit.post("/ui/runs", **{**fields, **change})
        assert answer.status_code == status
        assert said in words(answer.text)
        assert "keep this" in answer.text or "instruction" in change


def test_the_right_person_approves_the_very_plan_that_was_shown(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    ann = Visit(front, "ann")
    assert "Nothing waits for you" not in ann.get("/ui/approvals").text
    shown = ann.get(f"/ui/runs/{run}").text
    assert f'name="plan_digest" value="{digest_of(front, run)}"' in shown
    assert "1 person with the role approver, other than kim" in shown
    stale = ann.post(f"/ui/runs/{run}/answer", decision="approve", plan_digest="0" * 64, comment="kept")
    assert stale.status_code == 409
    assert "kept" in stale.text
    assert "not the one that you looked at" in stale.text
    answer = ann.post(
        f"/ui/runs/{run}/answer", decision="approve", plan_digest=digest_of(front, run), comment="looks right"
    )
    assert "Your approval is on record" in ann.follow(answer)
    front.house.deliver()
    done = ann.get(f"/ui/runs/{run}").text
    assert "Succeeded" in done
    assert "looks right" in done
    assert "/evidence" in done


def test_others_are_told_why_they_cannot_answer_and_are_refused(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    for who, said in (("kim", "You asked for this run"), ("vic", "Only people with the role approver")):
        visit = Visit(front, who)
        assert said in visit.get(f"/ui/runs/{run}").text
        assert said in visit.get("/ui/approvals").text
        answer = visit.post(f"/ui/runs/{run}/answer", decision="approve", plan_digest=digest_of(front, run))
        assert answer.status_code == 403
    assert front.detail(run)["approvals"] == []


def test_a_rejection_ends_the_run_and_says_who_and_why(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    ann = Visit(front, "ann")
    answer = ann.post(
        f"/ui/runs/{run}/answer", decision="reject", plan_digest=digest_of(front, run), comment="not today"
    )
    shown = ann.follow(answer)
    assert "Approval rejected" in shown
    assert "not today" in shown
    late = ann.post(f"/ui/runs/{run}/answer", decision="approve", plan_digest=digest_of(front, run))
    assert late.status_code == 409


def test_an_answer_is_taken_back_while_others_must_agree(protected: Protected) -> None:
    front = protected(required_approvals="2")
    run = front.waiting()
    ann = Visit(front, "ann")
    ann.post(f"/ui/runs/{run}/answer", decision="approve", plan_digest=digest_of(front, run))
    shown = ann.get(f"/ui/runs/{run}").text
    assert "You have answered" in shown
    assert "<strong>ann</strong> agreed" in shown
    assert "1 of 2" in ann.get("/ui/approvals").text
    (given,) = front.detail(run)["approvals"]
    revoke = f"/ui/runs/{run}/answers/{given['approval_id']}/revoke"
    assert "Take back" not in Visit(front, "ben").get(f"/ui/runs/{run}").text
    assert Visit(front, "ben").post(revoke).status_code == 403
    assert "Taken back" in ann.follow(ann.post(revoke))
    assert ann.post(revoke).status_code == 404


def test_a_run_is_cancelled_and_retried(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    oli = Visit(front, "oli")
    assert Visit(front, "ann").post(f"/ui/runs/{run}/cancel").status_code == 403
    assert "Cancelled" in oli.follow(oli.post(f"/ui/runs/{run}/cancel"))
    assert oli.post(f"/ui/runs/{run}/cancel").status_code == 409
    answer = oli.post(f"/ui/runs/{run}/retry", resume_from_step="patch", reason="now")
    shown = oli.follow(answer)
    assert f"/ui/runs/{run}" in shown, "it names the run that it takes up"
    refused = oli.post(f"/ui/runs/{run}/retry", resume_from_step="rollback")
    assert refused.status_code == 409
    assert oli.post(f"/ui/runs/{run}/retry", resume_from_step="dance").status_code == 422


def test_a_preview_is_approved_beforehand_and_run_with_the_token(protected: Protected) -> None:
    front = protected()
    dry = front.create(dry_run=True)
    made = Visit(front, "ann").post(f"/ui/runs/{dry}/token")
    found = re.search(r'data-copy="([^"]+)" aria-label="Copy the token"', made.text)
    assert found
    kim = Visit(front, "kim")
    assert kim.post(f"/ui/runs/{dry}/token").status_code == 403
    answer = kim.post(f"/ui/runs/{dry}/run", approval_token=found[1])
    front.house.deliver()
    assert "Succeeded" in kim.follow(answer)
    assert kim.post(f"/ui/runs/{dry}/run", approval_token=found[1]).status_code == 409


def test_runs_are_filtered_and_paged(protected: Protected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.ui.pages.runs.PAGE", 2)
    front = protected()
    for number in range(3):
        front.call("kim", "POST", "/orchestrator/runs", {**FIX, "instruction": f"fix number {number}"})
    visit = Visit(front, "vic")
    first = visit.get("/ui/runs?status=pending&q=number").text
    assert "fix number 2" in first
    assert "fix number 0" not in first
    older = re.search(r'href="(/ui/runs\?[^"]*cursor=[^"]+)"', first)
    assert older
    assert "fix number 0" in visit.get(older[1].replace("&amp;", "&")).text
    assert "No run fits" in visit.get("/ui/runs?status=failed").text
    assert "fix number 1" in visit.get("/ui/runs?since=1h&q=NUMBER%201").text
    for query in ("status=mad", "cursor=x", "q=" + "x" * 201):
        assert visit.get(f"/ui/runs?{query}").status_code == 422


def test_logs_and_files_are_shown_with_their_signed_addresses(protected: Protected) -> None:
    front = protected(requirement='"none"')
    run = front.create()
    shown = Visit(front, "vic").get(f"/ui/runs/{run}").text
    assert "ModuleNotFoundError: No module named &#39;dateutil&#39;" in shown
    assert "Python finds no module named dateutil" in words(shown)
    address = re.search(r'href="(/orchestrator/runs/[^"]+/content\?token=[^"]+)"', shown)
    assert address
    assert front.client.get(address[1]).status_code == 200


def test_a_change_that_cannot_be_seen_cannot_be_approved(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    (front.house.home / "var/artifacts/spec_workflows" / run / "patch_preview.diff").unlink()
    shown = Visit(front, "ann").get(f"/ui/runs/{run}").text
    assert "nobody should decide about what they cannot see" in shown
    assert 'value="approve"' not in shown
    assert 'value="reject"' in shown


def test_a_services_health_is_not_said_by_what_never_touched_it(protected: Protected) -> None:
    front = protected(requirement='"none"')
    visit = Visit(front, "vic")
    assert "Not looked at yet" in visit.get("/ui/services").text
    front.create()
    front.create(dry_run=True)
    late = front.call("kim", "POST", "/orchestrator/runs", FIX).json()["run_id"]
    front.call("kim", "POST", f"/orchestrator/runs/{late}/cancel")
    assert "Healthy at last check" in visit.get("/ui/services").text


def test_a_queued_run_links_to_the_run_before_it(protected: Protected) -> None:
    front = protected(requirement='"pre-verify"')
    first = front.create()
    second = front.create()
    shown = Visit(front, "vic").get(f"/ui/runs/{second}").text
    assert "Waits for another run to end" in shown
    assert f'href="/ui/runs/{first}"' in shown


def test_an_admin_makes_and_revokes_keys_and_sees_each_once(protected: Protected) -> None:
    front = protected()
    visit = Visit(front, "ada")
    made = visit.post("/ui/keys", owner="zoe", name="laptop", roles=["approver", "viewer"], valid_days="30")
    assert made.status_code == 201
    found = re.search(r'id="new-key">(mm_[\w-]+)<', made.text)
    assert found
    assert found[1] not in visit.get("/ui/keys").text
    front.keys["zoe"] = found[1]
    assert Visit(front, "zoe").get("/ui/runs").status_code == 200
    (number,) = re.findall(
        r'action="/ui/keys/([^/"]+)/revoke"[^>]*>(?:(?!</form>).)*', "".join(rows_with(visit, "zoe"))
    )
    assert "The key opens nothing any more" in visit.follow(visit.post(f"/ui/keys/{number}/revoke"))
    assert TestClient(front.client.app).post("/ui/sign-in", data={"key": found[1]}).status_code == 401
    assert visit.post(f"/ui/keys/{UUID(int=0)}/revoke").status_code == 404


def rows_with(visit: Visit, owner: str) -> list[str]:
    rows = re.findall(r"<tr.*?</tr>", visit.get("/ui/keys").text, re.DOTALL)
    return [row for row in rows if f">{owner}<" in row]


WRONG_KEYS: list[tuple[dict[str, Any], int, str]] = [
    ({"owner": "two words"}, 422, "pattern"),
    ({"roles": []}, 422, "at least 1"),
    ({"roles": ["root"]}, 422, "Input should be"),
    ({"valid_days": "soon"}, 422, "integer"),
    ({"valid_days": "0"}, 422, "greater than or equal to 1"),
    ({"owner": "KIM"}, 409, "names that differ in case"),
]


def test_a_wrong_key_form_comes_back_with_why(protected: Protected) -> None:
    visit = Visit(protected(), "ada")
    for change, status, said in WRONG_KEYS:
        fields = {"owner": "zoe", "name": "key", "roles": ["viewer"], "valid_days": "", **change}
        answer = visit.post("/ui/keys", **fields)
        assert answer.status_code == status
        assert said in answer.text


def test_the_last_admin_stays(protected: Protected) -> None:
    front = protected()
    with front.house.database.begin() as connection:
        connection.execute(text("UPDATE api_keys SET revoked_at = now() WHERE owner = 'admin'"))
    visit = Visit(front, "ada")
    (number,) = re.findall(r'action="/ui/keys/([^/"]+)/revoke"', "".join(rows_with(visit, "ada")))
    answer = visit.post(f"/ui/keys/{number}/revoke")
    assert answer.status_code == 409
    assert "last valid key of an admin" in answer.text


GATE = {"requirement": "pre-verify", "approver_roles": ["approver", "admin"], "required_approvals": "2"}


def test_an_admin_sets_a_gate_and_hands_it_back(protected: Protected) -> None:
    front = protected()
    visit = Visit(front, "ada")
    shown = visit.follow(visit.post("/ui/policy/shop", **GATE, valid_minutes="30", self_approval="yes"))
    assert "2 people (approver or admin), within 30 min; also whoever asks" in shown
    assert "Before a change stays" in Visit(front, "vic").get("/ui/services").text
    shown = visit.follow(visit.post("/ui/policy/shop/reset"))
    assert "1 person (approver), within 60 min" in shown
    assert visit.post("/ui/policy/shpo", **GATE, valid_minutes="30").status_code == 404
    assert visit.post("/ui/policy/shpo/reset").status_code == 404


WRONG_GATES: list[tuple[dict[str, Any], str]] = [
    ({"requirement": "sometimes"}, "Input should be"),
    ({"approver_roles": []}, "at least 1"),
    ({"required_approvals": "0"}, "greater than or equal to 1"),
    ({"valid_minutes": "soon"}, "integer"),
]


def test_a_wrong_gate_comes_back_with_why_and_changes_nothing(protected: Protected) -> None:
    visit = Visit(protected(), "ada")
    for change, said in WRONG_GATES:
        answer = visit.post("/ui/policy/shop", **{**GATE, "valid_minutes": "30", **change})
        assert answer.status_code == 422
        assert said in answer.text
    assert "1 person (approver), within 60 min" in visit.get("/ui/policy").text


def test_an_installation_without_services_says_how_to_add_one(settings: Settings, client: TestClient) -> None:
    del settings
    key = client.headers["Authorization"].removeprefix("Bearer ")
    client.app.state.context.tools.catalog.profiles.clear()  # type: ignore[attr-defined]
    client.post("/ui/sign-in", data={"key": key})
    assert "Add one table for each service" in client.get("/ui/services").text
    assert "There is no service to repair" in client.get("/ui/runs/new").text
    assert "No services yet" in client.get("/ui/policy").text


def test_own_files_are_kept_by_browsers_until_they_change(protected: Protected) -> None:
    front = protected()
    page = front.client.get("/ui/sign-in").text
    found = re.findall(r'(?:href|src)="(/ui/static/[^"]+)"', page)
    assert {path.partition("?")[0].rpartition("/")[2] for path in found} == {
        *("app.css", "app.js", "ansi.js", "live.js", "moon.svg")
    }
    for path in found:
        answer = front.client.get(path)
        assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("%2e%2e%2fapp.py", "..%5capp.py", "nothing.css"):
        assert front.client.get(f"/ui/static/{name}", follow_redirects=False).status_code in (303, 404)


def test_the_pages_show_every_state_that_a_run_can_have() -> None:
    from api_service.ui.views.words import RUN

    assert set(RUN) == set(RunSummary.model_fields["status"].annotation)  # type: ignore[arg-type]
