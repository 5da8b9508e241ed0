"""What becomes of a verified change, in a real git repository with somebody's unfinished work."""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from moonmind.schemas.approvals import ApprovalGate
from moonmind.workflows.orchestrator.approval_gates import put_gate
from moonmind.workflows.orchestrator.approvals import ApprovalRequest, ApprovalToken, answer_approval, issue_token
from moonmind.workflows.orchestrator.gates import Approver
from moonmind.workflows.orchestrator.git_delivery import CommitDelivery
from moonmind.workflows.orchestrator.ports import DeliveredChange, Execute
from moonmind.workflows.orchestrator.use_cases import cancel_run
from tests.support.house import BROKEN, House


class Repo:
    """The shop's workspace as a repository, with unfinished work in the manifest, beside it, and staged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("start")
        (folder / "notes.txt").write_text("mine\n")
        (folder / "staged.txt").write_text("staged\n")
        self.git("add", "staged.txt")

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("-c", "user.name=kim", "-c", "user.email=kim@example.org", "commit", "--quiet", "-m", message)


def put(tmp_path: Path, database: Engine, delivery: str) -> tuple[House, Repo]:
    house = House(tmp_path, database)
    file = tmp_path / "config.toml"
    file.write_text(file.read_text() + f'delivery = "{delivery}"\n')
    house.restart()
    return house, Repo(house.shop)


def message(house: House, run: object, step: str = "verify") -> str:
    return str([s["message"] for s in house.detail(run)["steps"] if s["name"] == step][-1])  # type: ignore[arg-type]


def test_a_verified_change_is_committed_with_the_runs_trailers_and_nothing_else(
    tmp_path: Path, database: Engine
) -> None:
    house, repo = put(tmp_path, database, "commit")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert detail["status"] == "succeeded"
    assert "committed" in message(house, run)
    said = repo.git("log", "-1", "--format=%an%n%B")
    assert said.startswith("MoonMind Orchestrator\nAdd python-dateutil in requirements.txt\n")
    assert f"MoonMind-Run: {run}" in said
    assert f"MoonMind-Plan-Digest: {detail['action_plan']['digest']}" in said
    assert repo.git("diff", "--name-only", "HEAD~", "HEAD") == "requirements.txt\n"
    assert repo.git("status", "--porcelain") == "A  staged.txt\n?? notes.txt\n"


def test_a_branch_of_its_own_leaves_what_is_checked_out(tmp_path: Path, database: Engine) -> None:
    house, repo = put(tmp_path, database, "branch")
    before = repo.git("rev-parse", "HEAD")
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert repo.git("rev-parse", "HEAD") == before
    assert "python-dateutil" in repo.git("show", f"moonmind/{run.hex[:8]}:requirements.txt")
    assert repo.git("status", "--porcelain") == " M requirements.txt\nA  staged.txt\n?? notes.txt\n"


def test_a_change_that_was_undone_is_delivered_nowhere(tmp_path: Path, database: Engine) -> None:
    house, repo = put(tmp_path, database, "commit")
    house.runtime.works = lambda text: False
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "rolled_back"
    assert repo.git("log", "--format=%s") == "start\n"


@pytest.mark.parametrize("delivery", ["commit", "branch"])
def test_a_workspace_that_is_no_repository_is_refused_before_anything_is_touched(
    tmp_path: Path, database: Engine, delivery: str
) -> None:
    house, repo = put(tmp_path, database, delivery)
    (repo.folder / ".git").rename(tmp_path / "elsewhere")
    run = house.submit()
    house.deliver()
    detail = house.detail(run)
    assert (detail["status"], detail["failure"]["code"]) == ("failed", "delivery_not_possible")
    assert house.manifest.read_bytes() == BROKEN


def test_a_repair_that_cannot_be_committed_stays_and_says_so(tmp_path: Path, database: Engine) -> None:
    house, repo = put(tmp_path, database, "commit")
    run = house.submit()
    for name in ("analyze", "patch", "build", "restart"):
        assert house.step(run, name)
    (repo.folder / ".git" / "MERGE_HEAD").write_text(repo.git("rev-parse", "HEAD"))
    house.step(run, "verify")
    assert house.detail(run)["status"] == "succeeded"
    assert "NOT DELIVERED (delivery_not_possible)" in message(house, run)
    assert b"python-dateutil" in house.manifest.read_bytes()


def test_what_is_on_its_way_into_the_repository_can_not_be_cancelled_any_more(
    tmp_path: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, repo = put(tmp_path, database, "commit")
    run = house.submit()
    real = CommitDelivery.deliver

    def cancel_and_deliver(self: CommitDelivery, execute: Execute, change: DeliveredChange) -> str:
        cancel_run(house.tools, run, "kim")
        return real(self, execute, change)

    monkeypatch.setattr(CommitDelivery, "deliver", cancel_and_deliver)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert repo.git("log", "-1", "--format=%s").startswith("Add python-dateutil")


def test_a_worker_that_dies_after_the_commit_delivers_once_and_does_not_undo(
    tmp_path: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, repo = put(tmp_path, database, "commit")
    run = house.submit()
    for name in ("analyze", "patch", "build", "restart"):
        assert house.step(run, name)

    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases.decide", die)
        with pytest.raises(KeyboardInterrupt):
            house.step(run, "verify")
    house.runtime.works = lambda text: False
    house.lapse()
    house.reap()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert repo.git("log", "--format=%s").splitlines() == ["Add python-dateutil in requirements.txt", "start"]


def die(*args: object) -> None:
    raise KeyboardInterrupt


def delivered_by_a_dying_worker(house: House, run: UUID, epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("moonmind.workflows.orchestrator.use_cases.decide", die)
        with pytest.raises(KeyboardInterrupt):
            house.step(run, "verify", epoch)
    house.lapse()
    house.reap()


def test_a_commit_stays_though_its_worker_dies_as_often_as_a_step_may(
    tmp_path: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, _ = put(tmp_path, database, "commit")
    run = house.submit()
    for name in ("analyze", "patch", "build", "restart"):
        assert house.step(run, name)
    for epoch in (1, 2, 3):
        delivered_by_a_dying_worker(house, run, epoch, monkeypatch)
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert "gave_up" in message(house, run)
    assert b"python-dateutil" in house.manifest.read_bytes()


def test_a_commit_stays_when_something_unexpected_comes_after_it(
    tmp_path: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, repo = put(tmp_path, database, "commit")
    real = CommitDelivery.deliver

    def deliver_and_stumble(self: CommitDelivery, execute: Execute, change: DeliveredChange) -> str:
        real(self, execute, change)
        raise RuntimeError("unexpected")

    monkeypatch.setattr(CommitDelivery, "deliver", deliver_and_stumble)
    run = house.submit()
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert "NOT DELIVERED (internal_error)" in message(house, run)
    assert repo.git("status", "--porcelain") == "A  staged.txt\n?? notes.txt\n"


def test_a_commit_stays_when_the_approval_for_it_has_expired_since(
    tmp_path: Path, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, repo = put(tmp_path, database, "commit")
    put_gate(house.tools, "shop", ApprovalGate(requirement="pre-verify", self_approval=True), "root")
    run = house.submit()
    house.deliver()
    kim = Approver("kim", frozenset({"approver"}))
    token = issue_token(house.tools, run, kim, 60)
    answer_approval(house.tools, run, ApprovalRequest("kim", "approver", ApprovalToken(token.id)), kim)
    ((_, payload),) = house.take_messages()
    delivered_by_a_dying_worker(house, run, payload["epoch"], monkeypatch)
    with database.begin() as connection:
        connection.execute(text("UPDATE approvals SET expires_at = now() - interval '1 second'"))
        connection.execute(text("UPDATE orchestrator_runs SET approval_expires_at = now() - interval '1 second'"))
    house.deliver()
    assert house.detail(run)["status"] == "succeeded"
    assert repo.git("log", "--format=%s").splitlines() == ["Add python-dateutil in requirements.txt", "start"]
