"""Approvals, rollback and retry over real services: Docker Compose and the process runtime tell the same stories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests.support.sites import BROKEN, HEALTHY_WITHOUT, REQUIREMENTS, Site, site

Put = Callable[..., AbstractContextManager[Site]]


@pytest.fixture(params=[pytest.param("compose", marks=pytest.mark.docker), "process"])
def put(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Put:
    """Puts a site up under one of the runtimes."""
    return partial(site, request.param, tmp_path, database_url)


def test_a_protected_service_waits_untouched_until_somebody_else_approves_and_can_be_taken_up_from_each_step(
    put: Put,
) -> None:
    with put(app=BROKEN, requirement="pre-run") as shop:
        files, build = shop.files(), shop.place.build_id()
        run = shop.submit()
        shop.work()
        waiting = shop.show(run)
        assert (waiting["status"], waiting["approval_status"]) == ("awaiting_approval", "awaiting")
        assert (shop.files(), shop.place.build_id()) == (files, build)
        assert "+python-dateutil" in shop.artifact(run, "patch_preview.diff")

        own = shop.answer(run, "kim")
        assert (own.status_code, own.json()["error"]) == (403, "self_approval")
        assert shop.answer(run, "ann").status_code == 200
        late = shop.answer(run, "ben")
        assert (late.status_code, late.json()["error"]) == (409, "not_awaiting")
        shop.work()
        ended = shop.show(run)
        assert (ended["status"], ended["approval_status"]) == ("succeeded", "granted"), ended["failure"]
        assert [(a["approver"], a["decision"]) for a in ended["approvals"]] == [("ann", "approve")]
        assert shop.get("/year") == 200
        changed = {name for name, found in shop.files().items() if found != files[name]}
        assert changed == {"requirements.txt"}

        for step in ("build", "restart", "verify"):
            again = shop.retry(run, step).json()["run_id"]
            shop.work()
            detail = shop.show(again)
            assert (detail["status"], detail["retried_from"]) == ("succeeded", run), (step, detail["failure"])
        for step in ("patch", "rollback"):
            refused = shop.retry(run, step)
            assert (refused.status_code, refused.json()["error"]) == (409, "not_resumable")


def test_a_rejection_ends_a_run_and_a_changed_plan_is_not_covered_by_what_was_approved(put: Put) -> None:
    with put(app=BROKEN, requirement="pre-run") as shop:
        files, build = shop.files(), shop.place.build_id()
        dry = shop.submit(dry_run=True)
        shop.work()
        token = shop.token(dry, "ann").json()["token"]
        (shop.shop / "requirements.txt").write_text(REQUIREMENTS + "# somebody was here\n")
        run = shop.submit(approval_token=token)
        shop.work()
        assert shop.show(run)["status"] == "awaiting_approval", "what ann approved was another change"
        assert shop.answer(run, "ben", "reject").status_code == 200
        ended = shop.show(run)
        assert (ended["status"], ended["failure"]["code"], ended["approval_status"]) == (
            "failed",
            "approval_rejected",
            "rejected",
        )
        (shop.shop / "requirements.txt").write_text(REQUIREMENTS)
        assert (shop.files(), shop.place.build_id()) == (files, build)


def test_a_change_that_breaks_a_service_is_undone_to_the_byte_and_checked_and_can_be_tried_again(put: Put) -> None:
    with put(app=HEALTHY_WITHOUT, requirement="pre-run") as shop:
        shop.wait_open()
        assert shop.get("/year") == 0
        files, build = shop.files(), shop.place.build_id()
        run = shop.submit()
        shop.work()
        assert shop.answer(run, "ann").status_code == 200
        shop.work()
        ended = shop.show(run)
        assert (ended["status"], ended["failure"]["code"]) == ("rolled_back", "verify_failed")
        assert ended["rollback_verified"] is True
        assert (shop.files(), shop.place.build_id(), shop.get()) == (files, build, 200)
        log = shop.artifact(run, "rollback.log")
        assert "restored requirements.txt" in log
        assert "healthy, 2 of 2" in log

        (shop.shop / "app.py").write_text(BROKEN)
        again = shop.retry(run, "verify").json()["run_id"]
        shop.work()
        detail = shop.show(again)
        assert (detail["status"], detail["approval_status"]) == ("succeeded", "granted"), detail["failure"]
        skipped = [step["name"] for step in detail["steps"] if step["status"] == "skipped"]
        assert skipped == ["analyze"], "an undone run has its edits applied again first"
        assert shop.get("/year") == 200


def test_before_verify_a_rejection_undoes_and_an_undoing_that_failed_can_be_done_again(put: Put) -> None:
    with put(app=BROKEN, requirement="pre-verify") as shop:
        files, build = shop.files(), shop.place.build_id()
        run = shop.submit()
        shop.work()
        waiting = shop.show(run)
        assert (waiting["status"], waiting["current_step"]) == ("awaiting_approval", "verify")
        shop.wait_open()
        mine = (shop.shop / "requirements.txt").read_text()
        (shop.shop / "requirements.txt").write_text("# theirs\n")
        assert shop.answer(run, "ann", "reject").status_code == 200
        shop.work()
        ended = shop.show(run)
        assert (ended["status"], ended["rollback_verified"]) == ("rolled_back", False)
        assert (shop.shop / "requirements.txt").read_text() == "# theirs\n"

        (shop.shop / "requirements.txt").write_text(mine)
        again = shop.retry(run).json()["run_id"]
        shop.work()
        detail = shop.show(again)
        assert (detail["status"], detail["rollback_verified"]) == ("rolled_back", True), detail["steps"]
        assert (shop.files(), shop.place.build_id()) == (files, build)
