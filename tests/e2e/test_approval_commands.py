"""Deciding about runs with the installed command, over a real API; the worker is the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from tests.servers import until
from tests.support.front import make_keys, serving, settings_of
from tests.support.house import BROKEN, House

MOONMIND = Path(sys.executable).with_name("moonmind")


class Desk:
    """A protected shop, its API, and people with the installed command."""

    def __init__(self, house: House, url: str) -> None:
        self.house, self.url, self.keys = house, url, make_keys(house)

    def start(self, who: str, *words: str, **files: Any) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MOONMIND_")}
        environment = {**clean, "MOONMIND_API_URL": self.url, "MOONMIND_API_KEY": self.keys[who]}
        environment |= {"MOONMIND_HOME": str(self.house.home), "TERM": "xterm-256color"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **files}
        return subprocess.Popen([MOONMIND, *words], env=environment, text=True, **pipes)

    def run(self, who: str, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(who, *words) as process:
            out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def ok(self, who: str, *words: str) -> str:
        done = self.run(who, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def waiting(self, *words: str) -> str:
        """A run of Kim's that waits."""
        run = self.ok("kim", "runs", "create", "--service", "shop", *words, "fix the missing dependency")
        self.house.deliver()
        return run

    def status(self, run: str) -> str:
        return str(self.house.detail(UUID(run))["status"])

    def runs(self) -> list[str]:
        """All runs, oldest first."""
        with self.house.database.connect() as connection:
            found = connection.execute(text("SELECT id FROM orchestrator_runs ORDER BY queued_at")).scalars()
            return [str(run) for run in found]


@pytest.fixture
def desk(tmp_path: Path, database: Engine, database_url: str) -> Iterator[Callable[..., Desk]]:
    """Whoever works at it; the shop is protected before anything is touched."""
    with ExitStack() as stack:

        def make(approval: str = '{ requirement = "pre-run" }') -> Desk:
            house = House(tmp_path, database, approval=approval)
            return Desk(house, stack.enter_context(serving(settings_of(house, database_url))))

        yield make


def test_an_approver_sees_who_asked_the_policy_and_the_exact_diff(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    refused = here.run("ann", "runs", "approve", run)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    done = here.run("ann", "runs", "approve", run[:8], "--yes", "--comment", "looks right", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["approval_status"] == "granted"
    for shown in ("asked for by kim", "fix the missing dependency", "by 1 person with the role approver", "until 20"):
        assert shown in done.stderr
    assert "+python-dateutil" in done.stderr
    assert "approved by ann (approver): the run goes on" in done.stderr
    here.house.deliver()
    shown = here.run("vic", "runs", "show", run)
    assert shown.returncode == 0
    assert "✔ approved by ann (approver)" in shown.stdout
    assert "looks right" in shown.stdout


@pytest.mark.parametrize(("said", "code", "after"), [("y", 0, "running"), ("\n", 1, "awaiting_approval")])
def test_at_a_terminal_it_asks_and_no_is_the_default(
    desk: Callable[..., Desk], said: str, code: int, after: str
) -> None:
    here = desk()
    run = here.waiting()
    mine, theirs = os.openpty()
    with here.start("ann", "runs", "approve", run, stdin=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(mine, 4096)
        os.write(mine, said.encode() + b"\n")
        assert process.stdout
        assert process.stdout.read().strip() == (run if code == 0 else "")
    os.close(mine)
    assert b"Approve this change?" in shown
    assert b"\x1b[32m+python-dateutil" in shown
    assert (process.returncode, here.status(run)) == (code, after)


def test_what_changes_no_file_is_approved_by_its_plan(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.ok("kim", "runs", "create", "--service", "shop", "restart it")
    here.house.deliver()
    done = here.run("ann", "runs", "approve", run, "--yes")
    assert done.returncode == 0
    assert "no file is changed; the plan: analyze, restart, verify" in done.stderr


def test_nobody_approves_a_change_that_they_cannot_see(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    with here.house.database.begin() as connection:
        connection.execute(text("DELETE FROM orchestrator_run_artifacts"))
    done = here.run("ann", "runs", "approve", run, "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--from analyze" in done.stderr
    assert here.status(run) == "awaiting_approval"


def test_whoever_asked_is_told_why_their_word_does_not_count_and_what_to_do(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    done = here.run("kim", "runs", "approve", run, "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert "whoever asked for a run may not approve it" in done.stderr
    assert "Ask somebody else" in done.stderr
    done = here.run("ann", "runs", "approve", run, "--yes", "--role", "operator")
    assert (done.returncode, "role operator" in done.stderr) == (2, True)


def test_a_rejection_ends_the_run_and_says_so(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    done = here.run("ann", "runs", "reject", run, "--comment", "pin it, please")
    assert (done.returncode, done.stdout.strip()) == (0, run)
    assert "rejected by ann (approver): the run has ended, nothing was touched" in done.stderr
    assert here.house.manifest.read_bytes() == BROKEN
    late = here.run("ann", "runs", "approve", run, "--yes")
    assert (late.returncode, "it waits for nobody's word" in late.stderr) == (2, True)


def test_a_rejection_of_what_runs_already_undoes_it(desk: Callable[..., Desk]) -> None:
    here = desk('{ requirement = "pre-verify", self_approval = true }')
    run = here.waiting()
    done = here.run("kim", "runs", "reject", run)
    assert "the change is undone" in done.stderr
    here.house.deliver()
    assert here.status(run) == "rolled_back"


def test_an_undoing_that_is_not_complete_is_an_alarm_with_what_to_do(desk: Callable[..., Desk]) -> None:
    here = desk('{ requirement = "pre-verify", self_approval = true }')
    words = ("runs", "create", "--service", "shop", "--wait", "--idempotency-key", "k", "fix the missing dependency")
    with here.start("kim", *words) as process:
        until(lambda: bool(here.runs()), seconds=30, what="the run was made")
        (run,) = here.runs()
        here.house.deliver()
        here.house.manifest.write_bytes(b"# theirs\n")
        here.ok("kim", "runs", "reject", run)
        here.house.deliver()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, f"{run}\n")
    advice = f"look at rollback.log, put right what it names, then: moonmind runs retry {run[:8]} --from rollback\n"
    shown = here.run("vic", "runs", "show", run).stdout
    for told in (err, shown):
        assert "ROLLED BACK, NOT VERIFIED" in told
        assert advice in told
        (line,) = [line for line in told.splitlines() if "rollback is not complete" in line]
        assert line.split()[:2] == ["✘", "rollback"]


def test_diff_prints_the_bytes_that_were_previewed(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    diff = here.house.files(UUID(run))["patch_preview.diff"].decode()
    assert here.run("vic", "runs", "diff", run).stdout == diff
    told = json.loads(here.ok("vic", "runs", "diff", run, "--json"))
    assert (told["run_id"], told["diff"]) == (run, diff)
    assert told["plan_digest"] == here.house.detail(UUID(run))["action_plan"]["digest"]
    none = here.ok("kim", "runs", "create", "--service", "shop", "restart it")
    missing = here.run("vic", "runs", "diff", none)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "has no diff" in missing.stderr


def test_a_dry_run_is_told_from_others_and_shows_its_change(desk: Callable[..., Desk]) -> None:
    here = desk("")
    key = ("--dry-run", "--idempotency-key", "k")
    words = ("runs", "create", "--service", "shop", *key)
    with here.start("kim", *words, "--wait", "fix the missing dependency") as process:
        assert process.stdout
        run = process.stdout.readline().strip()  # at once, before anything is done
        here.house.deliver()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "(dry run: nothing was changed)" in err
    assert "\n+python-dateutil" in err
    assert here.house.manifest.read_bytes() == BROKEN
    assert "succeeded, dry run" in here.ok("vic", "runs", "show", run)
    assert "succeeded, dry run" in here.ok("vic", "runs", "list")
    assert json.loads(here.ok("vic", "runs", "list", "--json"))["runs"][0]["dry_run"] is True
    assert json.loads(here.ok("kim", *words, "--wait", "--json", "fix the missing dependency"))["run_id"] == run
    real = here.waiting()
    assert "dry run" not in here.ok("vic", "runs", "show", real)


def test_an_answer_is_taken_back_by_whoever_gave_it_or_an_admin(desk: Callable[..., Desk]) -> None:
    here = desk('{ requirement = "pre-run", required_approvals = 2 }')
    run = here.waiting()
    here.ok("ann", "runs", "approve", run, "--yes")
    again = here.run("ann", "runs", "approve", run, "--yes")
    assert (again.returncode, f"`moonmind runs revoke {run[:8]}`" in again.stderr) == (2, True)
    none = here.run("ben", "runs", "revoke", run)
    assert (none.returncode, "no answer of ben" in none.stderr, "Who has one: ann." in none.stderr) == (2, True, True)
    theirs = here.run("ben", "runs", "revoke", run, "--approver", "ann")
    assert (theirs.returncode, "or an admin" in theirs.stderr) == (2, True)
    unnamed = here.run("oli", "runs", "revoke", run)
    assert (unnamed.returncode, "--approver NAME" in unnamed.stderr) == (2, True)
    done = here.run("ann", "runs", "revoke", run[:8])
    assert (done.returncode, done.stdout.strip()) == (0, run)
    assert "the answer of ann (approver) is taken back: the run waits for approval" in done.stderr
    here.ok("ann", "runs", "approve", run, "--yes")
    here.ok("ben", "runs", "approve", run, "--yes")
    after = json.loads(here.ok("ada", "runs", "revoke", run, "--approver", "ANN", "--json"))
    assert after["status"] == "awaiting_approval"
    assert "- taken back by ann" in here.ok("vic", "runs", "show", run)


def test_what_is_refused_names_commands_and_not_calls(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    here.ok("ann", "runs", "reject", run)
    unknown = "00000000-0000-4000-8000-000000000000"
    create = ("runs", "create", "--service", "shop")
    refused = [
        (("runs", "cancel", run), f"`moonmind runs show {run[:8]}`"),
        (("runs", "retry", run, "--from", "rollback"), "--from analyze"),
        (("runs", "show", unknown), "`moonmind runs list`"),
        ((*create, "--approval-token", "nonsense", "fix it"), "`moonmind runs token RUN`"),
        ((*create, " "), "instruction: must not be blank"),
    ]
    for words, advice in refused:
        done = here.run("kim", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert advice in done.stderr
        for http in ("/docs", "GET", "POST", "Send ", "resume_from_step", "/orchestrator"):
            assert http not in done.stderr
    assert here.ok("ann", "keys", "me") == "ann: approver; key test, valid until it is revoked"
    assert json.loads(here.ok("vic", "keys", "me", "--json"))["roles"] == ["viewer"]
    here.keys["kim"] = "mm_of_nobody"
    assert "Check MOONMIND_API_KEY" in here.run("kim", "runs", "list").stderr


def test_a_dry_run_is_approved_beforehand_with_a_token(desk: Callable[..., Desk]) -> None:
    here = desk()
    dry = here.waiting("--dry-run")
    refused = here.run("ann", "runs", "approve", dry, "--yes")
    assert (refused.returncode, "moonmind runs token" in refused.stderr) == (2, True)
    given = here.run("ann", "runs", "token", dry)
    assert given.returncode == 0
    assert "the word of ann (approver)" in given.stderr
    run = here.waiting("--approval-token", given.stdout.strip())
    assert here.status(run) == "succeeded"
    again = here.run("kim", "runs", "create", "--service", "shop", "--approval-token", given.stdout.strip(), "fix it")
    assert (again.returncode, "was used or has expired" in again.stderr) == (2, True)


def test_waiting_is_said_once_with_the_command_and_ctrl_c_leaves_the_run(desk: Callable[..., Desk]) -> None:
    here = desk('{ requirement = "pre-run", required_approvals = 2, approver_roles = ["approver", "admin"] }')
    words = ("runs", "create", "--service", "shop", "--wait", "fix the missing dependency")
    with here.start("kim", *words) as process:
        assert process.stderr
        until(lambda: bool(here.runs()), seconds=30, what="the run was made")
        here.house.deliver()
        lines = [process.stderr.readline()]
        while "moonmind runs approve" not in lines[-1]:
            lines.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=30)
    said = "".join(lines) + rest
    assert said.count("waits for approval before patch") == 1
    assert "by 2 people with the role approver or admin, until 20" in said
    (run,) = here.runs()
    assert f"somebody other than kim looks at it and decides with: moonmind runs approve {run[:8]}\n" in said
    assert (process.returncode, out) == (130, f"{run}\n")
    assert f"left; the run goes on: moonmind runs show {run[:8]}\n" in rest
    assert here.status(run) == "awaiting_approval"
    shown = here.run("vic", "runs", "show", run)
    assert (shown.returncode, "waits for approval before patch" in shown.stdout) == (0, True)


def test_whoever_waits_sees_the_run_go_on_once_it_is_approved(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    key = ("--idempotency-key", "k")
    assert here.run("ann", "runs", "reject", run).returncode == 0
    with here.start("kim", "runs", "retry", run, "--from", "patch", "--wait", *key) as process:
        until(lambda: len(here.runs()) == 2, seconds=30, what="the retry was made")
        here.house.deliver()
        again = here.ok("kim", "runs", "retry", run, "--from", "patch", *key)
        assert here.ok("ann", "runs", "approve", again, "--yes") == again
        here.house.deliver()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (0, again)
    assert "verify   succeeded" in err
    assert f"takes up run {run}" in here.ok("vic", "runs", "show", again)


def test_a_retry_that_cannot_be_says_what_can(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    early = here.run("kim", "runs", "retry", run)
    assert (early.returncode, early.stdout) == (2, "")
    assert "has not ended yet" in early.stderr
    here.ok("ann", "runs", "reject", run)
    here.house.manifest.write_bytes(BROKEN + b"humanize\n")
    changed = here.run("kim", "runs", "retry", run, "--from", "build", "--json")
    error = json.loads(changed.stdout)
    assert (changed.returncode, error["error"], error["files"]) == (2, "inputs_changed", ["requirements.txt"])
    assert "changed since that run: requirements.txt" in changed.stderr
    assert "Add `--from analyze`" in changed.stderr
    assert "resume_from_step" not in changed.stderr + changed.stdout


def test_gates_are_seen_and_set_by_an_admin(desk: Callable[..., Desk]) -> None:
    here = desk('{ requirement = "pre-run", valid_minutes = 30 }')
    assert "config" in here.ok("ada", "gates", "list")
    change = ("--approvals", "2", "--role", "approver", "--role", "admin", "--self-approval")
    done = here.run("ada", "gates", "set", "shop", *change)
    assert (done.returncode, done.stdout) == (0, "")
    (gate,) = json.loads(here.ok("ada", "gates", "list", "--json"))["approval_gates"]
    assert gate == {
        "service": "shop",
        "requirement": "pre-run",
        "approver_roles": ["approver", "admin"],
        "required_approvals": 2,
        "valid_minutes": 30,
        "self_approval": True,
        "source": "api",
    }
    people = "asks pre-run: 2 people with the role approver or admin, within 30 minutes"
    assert done.stderr == f"shop: {people}; whoever asked for the run counts\n"
    assert json.loads(here.ok("ada", "gates", "set", "shop", "--require", "none", "--json"))["valid_minutes"] == 30
    assert here.run("ada", "gates", "set", "shop").returncode == 2
    assert json.loads(here.ok("ada", "gates", "reset", "shop", "--json"))["source"] == "config"
    unknown = here.run("ada", "gates", "set", "shpo", "--require", "none")
    assert (unknown.returncode, "Known services: shop" in unknown.stderr) == (2, True)
    assert json.loads(here.run("ann", "gates", "list", "--json").stdout)["error"] == "not_allowed"


def test_whoever_sets_a_gate_is_told_which_runs_go_on_by_it(desk: Callable[..., Desk]) -> None:
    here = desk()
    first = here.waiting()
    longer = here.run("ada", "gates", "set", "shop", "--valid-minutes", "90")
    assert "by the new policy" not in longer.stderr
    second = here.waiting()
    done = here.run("ada", "gates", "set", "shop", "--require", "none")
    assert (done.returncode, done.stdout) == (0, "")
    on = f"2 waiting runs go on by the new policy: {first[:8]}, {second[:8]}"
    assert done.stderr == f"shop: asks nobody\n{on}\n"


def test_a_live_view_says_it_once_too_and_ends_with_the_run(desk: Callable[..., Desk]) -> None:
    here = desk()
    run = here.waiting()
    mine, theirs = os.openpty()
    words = ("runs", "create", "--service", "shop", "--wait", "--idempotency-key", "k", "fix it")
    with here.start("kim", *words, stderr=theirs) as process:
        os.close(theirs)
        until(lambda: len(here.runs()) == 2, seconds=30, what="the run was made")
        here.house.deliver()
        shown = b""
        while b"moonmind runs approve" not in shown:
            shown += os.read(mine, 4096)
        here.ok("ann", "runs", "reject", here.runs()[-1])
        while b"approval_rejected" not in shown:
            shown += os.read(mine, 4096)
        process.communicate(timeout=30)
    os.close(mine)
    assert shown.count(b"waits for approval before patch") == 1
    assert (process.returncode, here.status(run)) == (1, "awaiting_approval")
