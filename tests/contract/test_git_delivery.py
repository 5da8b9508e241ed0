"""What delivering a verified change must do, and must leave alone, shown with real git repositories."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from moonmind.schemas.workflow_models import FileChange
from moonmind.workflows.orchestrator import git_index
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.git_delivery import TRIES, BranchDelivery, CommitDelivery, NoDelivery
from moonmind.workflows.orchestrator.git_index import IndexLock
from moonmind.workflows.orchestrator.ports import (
    Command,
    CommandResult,
    DeliveredChange,
    DeliveredFile,
    Delivery,
    StepFailedError,
)

RUN = UUID("8c5ff0f4-5e0e-4d3c-9d3c-0d3f7a1b2c3d")
BRANCH = "moonmind/8c5ff0f4"
DIGEST = "d" * 64
BEFORE, AFTER = b"flask==3.0\nrequests==2.31\n", b"flask==3.0\npython-dateutil\nrequests==2.31\n"
PATH = "requirements.txt"
ADDED = "+python-dateutil"
USER = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
}
USER |= {f"GIT_{who}_{what}": "ann@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Log:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


@dataclass
class Repo:
    """A user's repository, and `execute` of a step that works in it."""

    top: Path
    prefix: str = ""
    log: Log = field(default_factory=Log)
    before: Callable[[Command], None] = lambda _: None
    """Called with each command before it runs."""

    @property
    def workspace(self) -> Path:
        return self.top / self.prefix

    def git(self, *args: str, cwd: Path | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ("git", *args), cwd=cwd or self.top, env=USER, capture_output=True, text=True, check=check
        )
        return done.stdout

    def write(self, path: str, content: bytes) -> None:
        (self.workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (self.workspace / path).write_bytes(content)

    def commit_all(self, message: str = "first") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.head()

    def head(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", ref).strip()

    def content(self, ref: str, path: str = PATH) -> bytes:
        where = f"{ref}:{self.prefix}{path}"
        return subprocess.run(("git", "show", where), cwd=self.top, env=USER, capture_output=True, check=True).stdout

    def status(self) -> list[str]:
        return self.git("status", "--porcelain").splitlines()

    def changed_lines(self, *args: str) -> list[str]:
        lines = self.git("diff", "--unified=0", *args).splitlines()
        return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]

    def execute(self, command: Command) -> CommandResult:
        self.before(command)
        return SubprocessRunner(os.environ).run(command, log=self.log, timeout=30)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "shop")
    made.top.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.write(PATH, BEFORE)
    made.write("app.py", b"import dateutil\n")
    made.commit_all()
    return made


def change_of(*files: DeliveredFile) -> DeliveredChange:
    subject, rationale = "Add python-dateutil to requirements.txt", "app.py imports dateutil.\n\nMoonMind-Run: forged"
    return DeliveredChange(RUN, DIGEST, subject, rationale, datetime.now(UTC), files)


def patched(repo: Repo, before: bytes = BEFORE, after: bytes = AFTER, path: str = PATH) -> DeliveredChange:
    """A run has patched the file in the workspace."""
    assert (repo.workspace / path).read_bytes() == before
    repo.write(path, after)
    return change_of(DeliveredFile(path, before, after))


def check(repo: Repo, kind: type[CommitDelivery | BranchDelivery], path: str = PATH, *, new: bool = False) -> None:
    kind(repo.workspace).check(
        repo.execute, [FileChange(path=path, before_sha256=None if new else "x", after_sha256="y")]
    )


def refused(repo: Repo, kind: type[CommitDelivery | BranchDelivery], path: str = PATH, *, new: bool = False) -> str:
    with pytest.raises(StepFailedError) as refusal:
        check(repo, kind, path, new=new)
    assert refusal.value.code == "delivery_not_possible"
    return refusal.value.reason


def failure(repo: Repo, delivery: Delivery, change: DeliveredChange) -> StepFailedError:
    with pytest.raises(StepFailedError) as failed:
        delivery.deliver(repo.execute, change)
    return failed.value


BOTH = pytest.mark.parametrize("kind", [CommitDelivery, BranchDelivery])


# --- what is delivered ------------------------------------------------------------------------------------


def test_leave_refuses_nothing_and_does_nothing(repo: Repo) -> None:
    change, head = patched(repo), repo.head()
    NoDelivery().check(repo.execute, [])
    assert "uncommitted" in NoDelivery().deliver(repo.execute, change)
    assert (repo.head(), repo.status()) == (head, [f" M {PATH}"])


def test_a_commit_lands_on_the_checked_out_branch_and_leaves_a_clean_tree(repo: Repo) -> None:
    head = repo.head()
    check(repo, CommitDelivery)
    said = CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert said == f"committed {repo.head('refs/heads/main')[:10]} to main"
    assert repo.head("HEAD^") == head
    assert repo.content("HEAD") == AFTER
    assert repo.status() == []
    assert repo.git("diff-tree", "-r", "--name-only", "--no-commit-id", "HEAD").split() == [PATH]
    repo.git("fsck", "--strict")


def test_the_message_names_run_and_plan_and_no_other_line_can_pass_for_them(repo: Repo) -> None:
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert repo.git("log", "-1", "--format=%s%n%an <%ae>%n%cn <%ce>").splitlines() == [
        "Add python-dateutil to requirements.txt",
        *["MoonMind Orchestrator <moonmind@localhost>"] * 2,
    ]
    assert repo.git("log", "-1", "--format=%(trailers:only)").split() == [
        "MoonMind-Run:", str(RUN), "MoonMind-Plan-Digest:", DIGEST,
    ]  # fmt: skip
    assert "\n> MoonMind-Run: forged\n" in repo.git("log", "-1", "--format=%B")


def test_a_branch_is_made_beside_what_is_checked_out(repo: Repo) -> None:
    head, index = repo.head(), (repo.top / ".git/index").read_bytes()
    check(repo, BranchDelivery)
    said = BranchDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert said == f"committed {repo.head(BRANCH)[:10]} to the branch {BRANCH}"
    assert (repo.head(f"{BRANCH}^"), repo.content(BRANCH)) == (head, AFTER)
    assert (repo.head("main"), repo.git("branch", "--show-current")) == (head, "main\n")
    assert (repo.top / ".git/index").read_bytes() == index
    assert repo.status() == [f" M {PATH}"]


@BOTH
def test_delivering_again_adds_nothing(repo: Repo, kind: type[CommitDelivery | BranchDelivery]) -> None:
    change = patched(repo)
    said = kind(repo.workspace).deliver(repo.execute, change)
    refs, index = repo.git("show-ref"), (repo.top / ".git/index").read_bytes()
    assert kind(repo.workspace).deliver(repo.execute, change) == said
    assert (repo.git("show-ref"), (repo.top / ".git/index").read_bytes()) == (refs, index)


def test_a_delivered_commit_is_found_below_what_the_user_did_since(repo: Repo) -> None:
    change = patched(repo)
    said = CommitDelivery(repo.workspace).deliver(repo.execute, change)
    repo.write(PATH, BEFORE)  # the user takes it back
    head = repo.commit_all("no, thanks")
    assert CommitDelivery(repo.workspace).deliver(repo.execute, change) == said
    assert (repo.head(), repo.status()) == (head, [])


@BOTH
def test_a_change_that_the_user_committed_meanwhile_is_not_committed_again(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    change = patched(repo)
    head = repo.commit_all("the fix")
    assert "has the change already" in kind(repo.workspace).deliver(repo.execute, change)
    assert (repo.head(), repo.status()) == (head, [])


def test_executable_files_stay_executable(repo: Repo) -> None:
    repo.write("start.sh", b"exec app\n")
    (repo.top / "start.sh").chmod(0o755)
    repo.commit_all()
    change = patched(repo, b"exec app\n", b"exec python app\n", "start.sh")
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.git("ls-tree", "HEAD", "start.sh").startswith("100755 ")
    assert repo.status() == []


@BOTH
def test_a_new_file_is_added(repo: Repo, kind: type[CommitDelivery | BranchDelivery]) -> None:
    check(repo, kind, "conf/a, b.txt", new=True)
    repo.write("conf/a, b.txt", b"new\n")
    kind(repo.workspace).deliver(repo.execute, change_of(DeliveredFile("conf/a, b.txt", None, b"new\n")))
    ref = "HEAD" if kind is CommitDelivery else BRANCH
    assert repo.content(ref, "conf/a, b.txt") == b"new\n"
    assert repo.status() == ([] if kind is CommitDelivery else ["?? conf/"])


def test_several_files_make_one_commit(repo: Repo) -> None:
    change = patched(repo)
    repo.write("app.py", b"import dateutil.tz\n")
    files = (*change.files, DeliveredFile("app.py", b"import dateutil\n", b"import dateutil.tz\n"))
    CommitDelivery(repo.workspace).deliver(repo.execute, replace(change, files=files))
    assert repo.git("diff-tree", "-r", "--name-only", "--no-commit-id", "HEAD").split() == ["app.py", PATH]
    assert repo.status() == []


@pytest.mark.parametrize("content", [b"a\r\nb\r\n", b"\xff\xfe\x00a\n", "ä\n".encode("latin-1"), b"no end"])
@pytest.mark.parametrize("attributes", [b"", b"* text=auto eol=lf ident\n"])
def test_bytes_are_committed_as_they_are(repo: Repo, content: bytes, attributes: bytes) -> None:
    repo.write(".gitattributes", attributes)
    repo.git("add", ".gitattributes")
    blob = (repo.top / PATH).write_bytes(content) and repo.git("hash-object", "-w", "--no-filters", PATH).strip()
    repo.git("update-index", "--cacheinfo", f"100644,{blob},{PATH}")
    repo.git("commit", "--quiet", "-m", "as it is")
    repo.git("config", "core.autocrlf", "input")
    change = patched(repo, content, content + b"x")
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.content("HEAD") == content + b"x"


def test_a_workspace_may_be_a_folder_of_a_larger_repository(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "all", "services/shop ä/")
    repo.top.mkdir()
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.write(PATH, BEFORE)
    (repo.top / PATH).write_bytes(b"another one\n")
    repo.commit_all()
    check(repo, CommitDelivery)
    change = patched(repo)
    BranchDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.content(BRANCH) == AFTER
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.content("HEAD") == AFTER
    assert (repo.top / PATH).read_bytes() == b"another one\n"
    assert repo.status() == []


def test_a_workspace_may_be_a_linked_work_tree(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    linked = Repo(tmp_path / "linked")
    main = repo.head("main")
    check(linked, CommitDelivery)
    assert CommitDelivery(linked.workspace).deliver(linked.execute, patched(linked)).endswith("to side")
    assert (linked.content("side"), linked.status()) == (AFTER, [])
    assert (repo.head("main"), repo.status()) == (main, [])


def test_a_workspace_may_be_a_submodule(repo: Repo, tmp_path: Path) -> None:
    outer = Repo(tmp_path / "outer")
    outer.top.mkdir()
    outer.git("init", "--quiet", "--initial-branch=main")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.top), "shop")
    inner = Repo(outer.top / "shop")
    check(inner, CommitDelivery)
    CommitDelivery(inner.workspace).deliver(inner.execute, patched(inner))
    assert (inner.content("HEAD"), inner.status()) == (AFTER, [])


def test_a_workspace_may_be_reached_through_a_symlink(repo: Repo, tmp_path: Path) -> None:
    change = patched(repo)
    (tmp_path / "link").symlink_to(repo.top)
    CommitDelivery(tmp_path / "link").deliver(repo.execute, change)
    assert (repo.content("HEAD"), repo.status()) == (AFTER, [])


# --- the user's own work ----------------------------------------------------------------------------------


@BOTH
def test_uncommitted_work_stays_what_and_where_it_was(repo: Repo, kind: type[CommitDelivery | BranchDelivery]) -> None:
    for name in ("staged.txt", "both.txt", "gone.txt", "unstaged.txt"):
        repo.write(name, b"1\n")
    repo.commit_all()
    repo.write("staged.txt", b"2\n")
    repo.write("both.txt", b"2\n")
    repo.write("added.txt", b"2\n")
    repo.git("rm", "--quiet", "gone.txt")
    repo.git("add", "staged.txt", "both.txt", "added.txt")
    repo.write("both.txt", b"3\n")
    repo.write("unstaged.txt", b"3\n")
    repo.write("untracked.txt", b"3\n")
    repo.write("meant.txt", b"3\n")
    repo.git("add", "--intent-to-add", "meant.txt")
    status, staged = repo.status(), repo.git("diff", "--cached", "--raw", "--no-abbrev")
    on_disk = {file: file.read_bytes() for file in repo.top.iterdir() if file.is_file() and file.name != PATH}
    kind(repo.workspace).deliver(repo.execute, patched(repo))
    assert [line for line in repo.status() if PATH not in line] == status
    assert repo.git("diff", "--cached", "--raw", "--no-abbrev") == staged
    assert {file: file.read_bytes() for file in on_disk} == on_disk


THEIRS = b"flask==3.0\nmine\nrequests==2.31\n"
THEIRS_PATCHED = b"flask==3.0\nmine\npython-dateutil\nrequests==2.31\n"


@BOTH
def test_unstaged_edits_of_the_same_file_are_not_committed(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    repo.write(PATH, THEIRS)
    check(repo, kind)
    kind(repo.workspace).deliver(repo.execute, patched(repo, THEIRS, THEIRS_PATCHED))
    assert repo.content("HEAD" if kind is CommitDelivery else BRANCH) == AFTER
    assert (repo.top / PATH).read_bytes() == THEIRS_PATCHED
    assert repo.changed_lines() == ["+mine"] if kind is CommitDelivery else ["+mine", ADDED]
    assert repo.changed_lines("--cached") == []


def test_staged_edits_of_the_same_file_stay_staged_and_uncommitted(repo: Repo) -> None:
    repo.write(PATH, b"# mine\n" + BEFORE)
    repo.git("add", PATH)
    repo.write(PATH, b"# mine\n" + BEFORE + b"more\n")
    change = patched(repo, b"# mine\n" + BEFORE + b"more\n", b"# mine\n" + AFTER + b"more\n")
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.content("HEAD") == AFTER
    assert repo.changed_lines("--cached") == ["+# mine"]
    assert repo.changed_lines() == ["+more"]


def test_a_run_s_lines_that_the_user_staged_meanwhile_are_committed_and_nothing_is_left(repo: Repo) -> None:
    change = patched(repo)
    repo.git("add", PATH)
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert (repo.content("HEAD"), repo.status()) == (AFTER, [])


def test_edits_since_the_run_s_own_stay_uncommitted(repo: Repo) -> None:
    change = patched(repo)
    repo.write(PATH, AFTER + b"later\n")
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.content("HEAD") == AFTER
    assert repo.changed_lines() == ["+later"]


def test_a_file_that_the_user_took_out_of_the_index_stays_out(repo: Repo) -> None:
    repo.git("rm", "--quiet", "--cached", PATH)
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert repo.content("HEAD") == AFTER
    assert repo.status() == [f"D  {PATH}", f"?? {PATH}"]


@BOTH
def test_an_edit_of_the_very_same_lines_is_a_conflict_and_touches_nothing(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    repo.write(PATH, b"flask==2.9\nrequests==2.31\n")
    change = patched(repo, b"flask==2.9\nrequests==2.31\n", b"flask==3.1\nrequests==2.31\n")
    refs, index = repo.git("show-ref"), (repo.top / ".git/index").read_bytes()
    error = failure(repo, kind(repo.workspace), change)
    assert (error.code, PATH in error.reason, "uncommitted" in error.reason) == ("delivery_conflict", True, True)
    assert (repo.git("show-ref"), (repo.top / ".git/index").read_bytes()) == (refs, index)
    assert not (repo.top / ".git/index.lock").exists()


def test_staged_edits_of_the_very_same_lines_are_a_conflict_and_touch_nothing(repo: Repo) -> None:
    repo.write(PATH, b"flask==2.9\nrequests==2.31\n")
    repo.git("add", PATH)
    repo.write(PATH, BEFORE)
    change = patched(repo, BEFORE, b"flask==3.1\nrequests==2.31\n")
    head, index = repo.head(), (repo.top / ".git/index").read_bytes()
    assert failure(repo, CommitDelivery(repo.workspace), change).code == "delivery_conflict"
    assert (repo.head(), (repo.top / ".git/index").read_bytes()) == (head, index)


def test_a_file_changed_right_after_it_was_staged_is_still_seen_as_changed(repo: Repo) -> None:
    """Git looks into a file again when it is as young as the index: the index must not look younger than it is."""
    repo.git("config", "core.trustctime", "false")
    moment = (10**18, 10**18)
    repo.write("app.py", b"import dateutil  # 1\n")
    os.utime(repo.top / "app.py", ns=moment)
    repo.git("add", "app.py")
    os.utime(repo.top / ".git/index", ns=moment)
    repo.write("app.py", b"import dateutil  # 2\n")
    os.utime(repo.top / "app.py", ns=moment)
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert repo.status() == ["MM app.py"]


@pytest.mark.parametrize("setting", ["core.splitIndex", "core.untrackedCache", "feature.manyFiles", "index.sparse"])
def test_other_forms_of_an_index_are_kept_in_order(repo: Repo, setting: str) -> None:
    repo.git("config", setting, "true")
    for number in range(50):
        repo.write(f"many/{number}.txt", b"1\n")
    repo.commit_all()
    repo.write("many/1.txt", b"2\n")
    repo.git("add", "many/1.txt")
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert (repo.content("HEAD"), repo.status()) == (AFTER, ["M  many/1.txt"])
    repo.git("fsck", "--strict")


def test_an_index_of_ours_leaves_nothing_in_the_repository(repo: Repo) -> None:
    repo.git("config", "core.splitIndex", "true")
    names = {path.name for path in (repo.top / ".git").iterdir()}
    BranchDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert {path.name for path in (repo.top / ".git").iterdir()} - {"logs"} == names - {"logs"}


def test_a_sparse_checkout_stays_sparse(repo: Repo) -> None:
    repo.write("far/away.txt", b"1\n")
    repo.commit_all()
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "near")
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert (repo.content("HEAD"), repo.status()) == (AFTER, [])
    assert not (repo.top / "far").exists()
    assert repo.git("ls-files", "far/") == "far/away.txt\n"


# --- crashes and others at work -----------------------------------------------------------------------------


class CrashError(Exception):
    pass


def at(verb: str, do: Callable[[], object], times: int = 1) -> Callable[[Command], None]:
    """Do something before the first commands with this verb run."""
    left = [None] * times

    def before(command: Command) -> None:
        if verb in command.argv and left:
            left.pop()
            do()

    return before


def crash() -> None:
    raise CrashError


@BOTH
@pytest.mark.parametrize("verb", ["commit-tree", "update-index", "update-ref"])
def test_after_a_crash_before_the_commit_is_in_history_the_next_try_completes_it(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery], verb: str
) -> None:
    repo.write(PATH, THEIRS)
    change, head = patched(repo, THEIRS, THEIRS_PATCHED), repo.head()
    repo.before = at(verb, crash)
    with pytest.raises(CrashError):
        kind(repo.workspace).deliver(repo.execute, change)
    assert repo.head() == head
    kind(repo.workspace).deliver(repo.execute, change)
    ref = "HEAD" if kind is CommitDelivery else BRANCH
    assert (repo.content(ref), repo.head(f"{ref}^")) == (AFTER, head)
    assert repo.changed_lines("--cached") == []
    assert repo.changed_lines() == ["+mine"] if kind is CommitDelivery else ["+mine", ADDED]


def killed_while_holding_the_lock(repo: Repo) -> None:
    """What a kill leaves: the file with its mark, held by nobody."""
    with IndexLock(repo.top / ".git"):
        shutil.copy(repo.top / ".git/index.lock", repo.top / ".git/kept")
    os.rename(repo.top / ".git/kept", repo.top / ".git/index.lock")


def test_the_lock_of_a_killed_run_is_taken_over(repo: Repo) -> None:
    killed_while_holding_the_lock(repo)
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert (repo.content("HEAD"), repo.status()) == (AFTER, [])
    assert not (repo.top / ".git/index.lock").exists()


@pytest.mark.parametrize("content", [b"", b"DIRC", git_index.MARK])
def test_the_lock_of_somebody_at_work_is_waited_for_and_then_named(
    repo: Repo, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_index, "PATIENCE_SECONDS", 0.2)
    change, head = patched(repo), repo.head()
    lock = repo.top / ".git/index.lock"
    if content == git_index.MARK:
        with IndexLock(repo.top / ".git"):
            error = failure(repo, CommitDelivery(repo.workspace), change)
    else:
        lock.write_bytes(content)
        error = failure(repo, CommitDelivery(repo.workspace), change)
        assert lock.read_bytes() == content
    assert (error.code, str(lock) in error.reason, repo.head()) == ("delivery_failed", True, head)


def test_a_lock_that_somebody_removed_and_took_is_left_to_them(repo: Repo) -> None:
    lock = repo.top / ".git/index.lock"

    def take() -> None:
        lock.unlink()
        lock.write_bytes(b"theirs")

    repo.before = at("update-ref", take)
    CommitDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert lock.read_bytes() == b"theirs"


@BOTH
def test_a_full_disk_is_a_failed_delivery_and_nothing_else(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/x")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert failure(repo, kind(repo.workspace), patched(repo)).code == "delivery_failed"


def commit_of_another(repo: Repo) -> None:
    """As `git commit` in another terminal that has let go of the index already."""
    tree = repo.git("rev-parse", "HEAD^{tree}").strip()
    commit = repo.git("commit-tree", "-p", "HEAD", "-m", "in between", tree).strip()
    repo.git("update-ref", "refs/heads/main", commit)


def test_a_commit_of_somebody_else_in_between_is_built_upon(repo: Repo) -> None:
    change = patched(repo)
    repo.before = at("update-ref", lambda: commit_of_another(repo))
    CommitDelivery(repo.workspace).deliver(repo.execute, change)
    assert repo.git("log", "--format=%s", "-2").splitlines() == [change.subject, "in between"]
    assert (repo.content("HEAD"), repo.status()) == (AFTER, [])


def test_a_branch_that_never_stands_still_is_given_up_with_the_index_as_it_was(repo: Repo) -> None:
    change, index = patched(repo), (repo.top / ".git/index").read_bytes()
    repo.before = at("update-ref", lambda: commit_of_another(repo), times=TRIES)
    assert failure(repo, CommitDelivery(repo.workspace), change).code == "delivery_failed"
    assert (repo.top / ".git/index").read_bytes() == index
    assert repo.status() == [f" M {PATH}"]


def test_a_branch_of_another_making_is_left_alone(repo: Repo) -> None:
    repo.git("branch", BRANCH)
    head = repo.head(BRANCH)
    error = failure(repo, BranchDelivery(repo.workspace), patched(repo))
    assert (error.code, BRANCH in error.reason, repo.head(BRANCH)) == ("delivery_failed", True, head)


# --- what is refused before anything is touched -------------------------------------------------------------


@BOTH
def test_a_workspace_without_git_is_refused(tmp_path: Path, kind: type[CommitDelivery | BranchDelivery]) -> None:
    assert "no git work tree" in refused(Repo(tmp_path), kind)


@BOTH
def test_a_repository_without_a_commit_is_refused(tmp_path: Path, kind: type[CommitDelivery | BranchDelivery]) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "--quiet")
    assert "no commit yet" in refused(repo, kind)


@BOTH
def test_files_that_the_last_commit_does_not_have_are_refused(
    repo: Repo, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    repo.write("mine.txt", b"untracked\n")
    repo.git("rm", "--quiet", "--cached", PATH)
    repo.write(".gitignore", b"*.log\n")
    (repo.top / "link").symlink_to(PATH)
    repo.git("add", "link")
    repo.git("commit", "--quiet", "-m", "a link")
    assert "commit it first" in refused(repo, kind, "mine.txt")
    assert "commit it first" in refused(repo, kind, PATH)
    assert "no regular file" in refused(repo, kind, "link")
    assert "ignore" in refused(repo, kind, "new.log", new=True)
    assert "removed" in refused(repo, kind, "app.py", new=True)


def test_a_commit_without_a_branch_is_refused_and_a_branch_is_not(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--detach")
    assert 'delivery = "branch"' in refused(repo, CommitDelivery)
    check(repo, BranchDelivery)
    BranchDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    assert repo.content(BRANCH) == AFTER


@pytest.mark.parametrize("doing", ["merge", "cherry-pick", "rebase"])
def test_git_in_the_middle_of_something_is_refused_for_commits(repo: Repo, doing: str) -> None:
    repo.git("checkout", "--quiet", "-b", "side")
    repo.write("app.py", b"side\n")
    repo.commit_all("side")
    repo.git("checkout", "--quiet", "main")
    repo.write("app.py", b"main\n")
    repo.commit_all("main")
    repo.git(doing, "side", check=False)
    assert f"a {doing} is under way" in refused(repo, CommitDelivery)
    check(repo, BranchDelivery)


def test_files_that_the_user_hides_from_git_are_refused_for_commits(repo: Repo) -> None:
    for mark in ("skip-worktree", "assume-unchanged"):
        repo.git("update-index", f"--{mark}", PATH)
        assert "unmark it" in refused(repo, CommitDelivery)
        check(repo, BranchDelivery)
        repo.git("update-index", f"--no-{mark}", PATH)


def test_a_branch_name_that_leaves_no_room_is_refused(repo: Repo) -> None:
    repo.git("branch", "moonmind")
    assert "rename it" in refused(repo, BranchDelivery)


def test_checking_changes_nothing(repo: Repo) -> None:
    def files() -> dict[Path, tuple[int, bytes]]:
        found = (file for file in repo.top.rglob("*") if file.is_file())
        return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in found}

    repo.write("app.py", b"changed, not staged\n")
    before = files()
    check(repo, CommitDelivery)
    check(repo, BranchDelivery)
    assert files() == before


# --- a hostile repository -----------------------------------------------------------------------------------


@pytest.fixture
def trap(repo: Repo, tmp_path: Path) -> Iterator[Path]:
    """Whatever a repository's configuration may name as a program, named; and the file that such a program leaves."""
    sprung, program = tmp_path / "sprung", tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>{sprung}\nexec cat\n')
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    for folder in (hooks, repo.top / ".git/hooks"):
        folder.mkdir(exist_ok=True)
        for hook in ("pre-commit", "post-commit", "reference-transaction", "post-index-change", "commit-msg"):
            shutil.copy(program, folder / hook)
    repo.write(".gitattributes", b"* filter=evil diff=evil merge=evil\n")
    repo.commit_all("attributes")
    sprung.unlink()
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "gpg.program"),
        *("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.external", "diff.evil.command"),
        *("merge.evil.driver", "credential.helper", "alias.update-ref", "pager.rev-list", "remote.origin.uploadpack"),
    ):
        repo.git("config", key, str(program))
    for key, value in {
        "core.hooksPath": str(hooks),
        "commit.gpgSign": "true",
        "log.showSignature": "true",
        "filter.evil.required": "true",
        "remote.origin.url": f"ext::{program}",
        "remote.origin.promisor": "true",
        "protocol.ext.allow": "always",
        "user.name": "Mallory",
        "hook.evil.event": "reference-transaction",
        "hook.evil.command": str(program),
    }.items():
        repo.git("config", key, value)
    return sprung


@BOTH
def test_no_program_that_the_repository_names_is_started(
    repo: Repo, trap: Path, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    os.utime(repo.top / ".git/index", ns=(10**18, 10**18))  # older than every file: git would look into each again
    check(repo, kind)
    kind(repo.workspace).deliver(repo.execute, patched(repo))
    assert not trap.exists(), trap.read_text()
    assert repo.content("HEAD" if kind is CommitDelivery else BRANCH) == AFTER
    assert not trap.exists(), trap.read_text()
    repo.git("status")
    assert trap.exists(), "the trap would not have been sprung by anybody"


def test_hooks_that_the_configuration_defines_are_switched_off(repo: Repo, trap: Path) -> None:
    """By name and in every command; git before 2.54 knows no such hooks, so that the setting is what can be seen."""
    seen: list[Command] = []
    repo.before = seen.append
    BranchDelivery(repo.workspace).deliver(repo.execute, patched(repo))
    settings = [set(command.env.values()) for command in seen if "GIT_DIR" in command.env]
    assert settings
    assert all("hook.evil.enabled" in values for values in settings)


def test_what_is_missing_is_not_fetched(repo: Repo, trap: Path) -> None:
    blob = repo.git("rev-parse", f"HEAD:{PATH}").strip()
    (repo.top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    error = failure(repo, CommitDelivery(repo.workspace), patched(repo))
    assert (error.code, trap.exists()) == ("delivery_failed", False)


def test_a_git_folder_that_belongs_elsewhere_is_refused(repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    other.top.mkdir()
    other.write(PATH, BEFORE)
    (other.top / ".git").write_text(f"gitdir: {repo.top / '.git'}\n")
    assert "does not name this work tree" in refused(other, CommitDelivery)
    (other.top / ".git").unlink()
    (other.top / ".git").symlink_to(repo.top / ".git")
    assert "does not name this work tree" in refused(other, CommitDelivery)
    (other.top / ".git").unlink()
    other.git("init", "--quiet")
    (other.top / ".git/commondir").write_text(str(repo.top / ".git"))
    assert "does not name this work tree" in refused(other, CommitDelivery)


def test_a_submodules_git_folder_taken_from_elsewhere_is_refused(repo: Repo, tmp_path: Path) -> None:
    outer, other = Repo(tmp_path / "outer"), Repo(tmp_path / "other")
    outer.top.mkdir()
    outer.git("init", "--quiet", "--initial-branch=main")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.top), "shop")
    other.top.mkdir()
    other.write(PATH, BEFORE)
    (other.top / ".git").write_text(f"gitdir: {outer.top / '.git/modules/shop'}\n")
    assert "core.worktree" in refused(other, CommitDelivery)


def test_a_work_tree_set_elsewhere_is_refused(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "core.worktree", str(tmp_path))
    refused(repo, CommitDelivery)


@pytest.fixture
def foreign() -> Iterator[Repo]:
    """A repository of user 1234, in a place that every user reaches."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        repo = Repo(Path(folder) / "shop")
        repo.top.mkdir()
        repo.git("init", "--quiet", "--initial-branch=main")
        repo.write(PATH, BEFORE)
        repo.commit_all()
        give_away(repo.top)
        repo.git = lambda *args, **rest: Repo.git(repo, "-c", "safe.directory=*", *args, **rest)  # type: ignore[method-assign]
        yield repo


def give_away(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        os.lchown(path, 1234, 2345)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for others")
@BOTH
def test_root_leaves_nothing_of_its_own_in_a_users_repository(
    foreign: Repo, kind: type[CommitDelivery | BranchDelivery]
) -> None:
    change = patched(foreign)
    check(foreign, kind)
    kind(foreign.workspace).deliver(foreign.execute, change)
    owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in (foreign.top / ".git").rglob("*")}
    assert owners == {(1234, 2345)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's repository")
def test_a_repository_of_another_user_than_the_workspace_is_refused(foreign: Repo) -> None:
    os.chown(foreign.top, 0, 0)
    assert "that its owner may use" in refused(foreign, CommitDelivery)
