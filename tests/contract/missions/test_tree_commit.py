"""A commit takes along what we changed, and leaves what the user has in the working tree and the index."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from moonmind.missions.adapters.commit_router import GitRouter
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.adapters.index import MARK
from moonmind.missions.errors import MissionError
from moonmind.missions.events import encode_events
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Policy
from tests.contract.missions.repository import (
    LOG,
    SLUG,
    SNAPSHOT,
    Repository,
    add_mission,
    make_event,
    make_repository,
)

PACKAGE = "tasks/WP01-parser.md"
FILE = f"specs/{SLUG}/{PACKAGE}"
STATUS = f"specs/{SLUG}/{LOG}"
TEXT = b"agent: none\n\nWhat to do.\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path)


@pytest.fixture
def meta(repository: Repository) -> Meta:
    return add_mission(repository, {PACKAGE: TEXT, LOG: b"", SNAPSHOT: b"{}\n"}, "single")


def claim(before: bytes) -> bytes:
    if b"agent: none" not in before:
        raise MissionError("BrokenFrontMatter", "there is no agent")
    return before.replace(b"agent: none", b"agent: ada")


def write(repository: Repository, meta: Meta, policy: Policy = "commit", path: str = PACKAGE) -> None:
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_artifact(meta, {path: claim}, "WP01: ada has it", kind="package", policy=policy)


def refused(repository: Repository, meta: Meta) -> str:
    """The code of a refusal, which has changed nothing but unnamed objects."""
    before = state(repository)
    with pytest.raises(MissionError) as caught:
        write(repository, meta)
    assert state(repository) == before
    return caught.value.code


def state(repository: Repository) -> dict[str, bytes]:
    files = (file for file in repository.root.rglob("*") if file.is_file() and "objects" not in file.parts)
    return {str(file): file.read_bytes() for file in files if file.name != "moonmind-missions.lock"}


def test_the_commit_has_the_users_name_and_our_words(repository: Repository, meta: Meta) -> None:
    write(repository, meta)
    assert repository.git("log", "-1", "--format=%an %s", "main").strip() == "Ada WP01: ada has it"
    assert repository.git("show", "--format=", "--name-only").split() == [FILE]
    assert repository.is_clean()


def test_what_others_changed_in_the_file_stays_uncommitted(repository: Repository, meta: Meta) -> None:
    repository.write(FILE, TEXT + b"A thought.\n")
    repository.write("README.md", b"changed\n")
    write(repository, meta)
    assert repository.show(FILE) == "agent: ada\n\nWhat to do.\n"
    assert (repository.root / FILE).read_bytes() == b"agent: ada\n\nWhat to do.\nA thought.\n"
    assert repository.git("status", "--porcelain").splitlines() == [" M README.md", f" M {FILE}"]


def test_what_is_staged_stays_staged(repository: Repository, meta: Meta) -> None:
    repository.write(FILE, TEXT + b"A thought.\n")
    repository.write("README.md", b"changed\n")
    repository.git("add", "-A")
    write(repository, meta)
    assert repository.show(FILE) == "agent: ada\n\nWhat to do.\n"
    assert repository.show(FILE, "") == "agent: ada\n\nWhat to do.\nA thought.\n"
    assert repository.git("status", "--porcelain").splitlines() == ["M  README.md", f"M  {FILE}"]


def test_what_is_staged_and_cannot_be_edited_is_left_alone(repository: Repository, meta: Meta) -> None:
    repository.write(FILE, b"something else\n")
    repository.git("add", FILE)
    repository.write(FILE, TEXT)
    write(repository, meta)
    assert repository.show(FILE, "") == "something else\n"
    assert repository.show(FILE) == "agent: ada\n\nWhat to do.\n"


def test_what_is_staged_as_removed_stays_so(repository: Repository, meta: Meta) -> None:
    repository.git("rm", "--quiet", "--cached", FILE)
    write(repository, meta)
    assert repository.git("ls-files", FILE) == ""
    assert repository.show(FILE) == "agent: ada\n\nWhat to do.\n"


def test_a_file_that_was_never_committed_is_committed_whole(repository: Repository, meta: Meta) -> None:
    repository.write(f"specs/{SLUG}/tasks/WP02-report.md", TEXT)
    write(repository, meta, path="tasks/WP02-report.md")
    assert repository.show(f"specs/{SLUG}/tasks/WP02-report.md") == "agent: ada\n\nWhat to do.\n"
    assert repository.is_clean()


def test_a_last_commit_that_cannot_be_edited_refuses(repository: Repository, meta: Meta) -> None:
    repository.commit({FILE: b"broken\n"})
    repository.write(FILE, TEXT)
    assert refused(repository, meta) == "BrokenFrontMatter"


def test_a_files_mode_stays(repository: Repository, meta: Meta) -> None:
    (repository.root / FILE).chmod(0o755)
    repository.git("commit", "--quiet", "--all", "--message", "mode")
    write(repository, meta)
    assert repository.git("ls-tree", "HEAD", FILE).startswith("100755")
    assert repository.is_clean()


def test_the_log_is_committed_whole_with_what_was_kept_before(repository: Repository, meta: Meta) -> None:
    router = GitRouter(GitCli(repository.root))
    policies: tuple[Policy, ...] = ("keep", "commit")
    for number, policy in enumerate(policies, start=1):
        with router.exclusive():
            router.commit_status(meta, [make_event(number)], b"%d" % number, policy=policy)
        repository.git("add", "-A")
    assert repository.show(STATUS).encode() == encode_events([make_event(1), make_event(2)])
    assert repository.is_clean()


def test_the_first_commit_of_a_repository_may_be_ours(repository: Repository, meta: Meta) -> None:
    repository.git("checkout", "--quiet", "--orphan", "fresh")
    repository.git("rm", "--quiet", "--cached", "-r", ".")
    write(repository, meta)
    assert repository.git("log", "--format=%s", "fresh").splitlines() == ["WP01: ada has it"]
    assert repository.git("ls-files").split() == [FILE]


def test_no_hook_runs(repository: Repository, meta: Meta) -> None:
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction"):
        hook = repository.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
        hook.chmod(0o755)
    write(repository, meta)
    assert "agent: ada" in repository.show(FILE)
    assert not list(repository.root.rglob("ran"))


def test_a_commit_goes_to_the_linked_working_tree_that_asks(repository: Repository, meta: Meta, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "tree"))
    linked = Repository(tmp_path / "tree")
    write(linked, meta)
    assert "agent: ada" in repository.show(FILE, "work")
    assert linked.is_clean()
    assert "agent: none" in repository.show(FILE)


def test_what_is_kept_leaves_git_alone(repository: Repository, meta: Meta) -> None:
    before = repository.git("rev-parse", "HEAD")
    write(repository, meta, "keep")
    assert repository.git("rev-parse", "HEAD") == before
    assert repository.git("status", "--porcelain").splitlines() == [f" M {FILE}"]


def test_a_detached_head_refuses(repository: Repository, meta: Meta) -> None:
    repository.git("checkout", "--quiet", "--detach")
    assert refused(repository, meta) == "DetachedHead"


def test_a_merge_under_way_refuses(repository: Repository, meta: Meta) -> None:
    (repository.root / ".git/MERGE_HEAD").write_text(repository.git("rev-parse", "HEAD"))
    assert refused(repository, meta) == "GitIsBusy"


def test_an_unknown_author_refuses(repository: Repository, meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.git("config", "--unset", "user.name")
    repository.git("config", "--unset", "user.email")
    repository.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    assert refused(repository, meta) == "GitFailed"


def test_an_index_that_git_is_at_refuses(repository: Repository, meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonmind.missions.adapters.index.PATIENCE_SECONDS", 0.0)
    (repository.root / ".git/index.lock").touch()
    assert refused(repository, meta) == "IndexLocked"


def test_an_index_lock_that_a_killed_command_left_is_removed(repository: Repository, meta: Meta) -> None:
    (repository.root / ".git/index.lock").write_bytes(MARK)
    write(repository, meta)
    assert repository.is_clean()


def test_a_branch_that_git_is_at_refuses(repository: Repository, meta: Meta) -> None:
    (repository.root / ".git/refs/heads/main.lock").touch()
    assert refused(repository, meta) == "BranchMoved"


def test_a_path_that_is_committed_as_a_link_refuses(repository: Repository, meta: Meta) -> None:
    (repository.root / FILE).unlink()
    (repository.root / FILE).symlink_to("../spec.md")
    repository.git("commit", "--quiet", "--all", "--message", "link")
    (repository.root / FILE).unlink()
    repository.write(FILE, TEXT)
    assert refused(repository, meta) == "NotAFile"


@pytest.mark.parametrize("target", ["/etc/hostname", "../plan.md"])
def test_no_link_is_written_through(repository: Repository, meta: Meta, target: str) -> None:
    repository.write(f"specs/{SLUG}/plan.md", TEXT)
    (repository.root / FILE).unlink()
    (repository.root / FILE).symlink_to(target)
    router = GitRouter(GitCli(repository.root))
    with pytest.raises(MissionError) as caught, router.exclusive():
        router.commit_artifact(meta, {PACKAGE: lambda before: b"new"}, "words", kind="package", policy="commit")
    assert caught.value.code == "UnsafePath"
    assert (repository.root / f"specs/{SLUG}/plan.md").read_bytes() == TEXT
    assert "agent: none" in repository.show(FILE)


def test_what_an_edit_leaves_as_it_is_is_not_committed(repository: Repository, meta: Meta) -> None:
    before = state(repository)
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_artifact(meta, {PACKAGE: bytes}, "words", kind="package", policy="commit")
    assert state(repository) == before


def test_all_that_is_asked_for_is_one_commit(repository: Repository, meta: Meta) -> None:
    before = repository.git("rev-parse", "HEAD").strip()
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_status(meta, [make_event(1)], b"new", policy="commit")
        router.commit_artifact(meta, {PACKAGE: claim}, "WP01: ada has it", kind="package", policy="commit")
        assert repository.git("rev-parse", "HEAD").strip() == before
    assert repository.git("rev-parse", "HEAD~").strip() == before
    assert repository.git("log", "-1", "--format=%s").strip() == f"{SLUG}: WP01 planned → claimed"
    assert repository.git("show", "--format=", "--name-only").split() == sorted(
        [STATUS, f"specs/{SLUG}/{SNAPSHOT}", FILE]
    )
    assert repository.is_clean()


def move(repository: Repository, meta: Meta) -> None:
    """As a command does: the log, its view, and the package's file."""
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_status(meta, [make_event(1)], b"new", policy="commit")
        router.commit_artifact(meta, {PACKAGE: claim}, "WP01: ada has it", kind="package", policy="commit")


def link_the_package(repository: Repository) -> None:
    (repository.root / FILE).unlink()
    (repository.root / FILE).symlink_to("../spec.md")


def make_the_snapshot_a_folder(repository: Repository) -> None:
    (repository.root / f"specs/{SLUG}/{SNAPSHOT}").unlink()
    (repository.root / f"specs/{SLUG}/{SNAPSHOT}").mkdir()


def filter_missions(repository: Repository) -> None:
    repository.write(".gitattributes", b"specs/** filter=crypt\n")


def begin_a_conflict(repository: Repository) -> None:
    blobs = [repository.git("rev-parse", f"HEAD:{FILE}").strip()] * 2
    lines = "".join(f"100644 {blob} {stage}\t{FILE}\n" for stage, blob in enumerate(blobs, start=2))
    repository.git("rm", "--quiet", "--cached", FILE)
    subprocess.run(["git", "update-index", "--index-info"], cwd=repository.root, input=lines, text=True, check=True)


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (link_the_package, "UnsafePath"),
        (make_the_snapshot_a_folder, "NotAFile"),
        (filter_missions, "FilteredFile"),
        (begin_a_conflict, "Unmerged"),
    ],
)
def test_whatever_refuses_refuses_all(
    repository: Repository, meta: Meta, break_it: Callable[[Repository], None], code: str
) -> None:
    repository.write(f"specs/{SLUG}/spec.md", TEXT)
    break_it(repository)
    before = state(repository)
    with pytest.raises(MissionError) as caught:
        move(repository, meta)
    assert caught.value.code == code
    assert state(repository) == before


def test_a_submodule_is_not_written_into(repository: Repository, meta: Meta, tmp_path: Path) -> None:
    """git would take it out of the commit to put our file in its place."""
    repository.git("init", "--quiet", str(repository.root / "specs"))
    before = state(repository)
    with pytest.raises(MissionError, match="specs is a repository of its own") as caught:
        move(repository, meta)
    assert caught.value.code == "UnsafePath"
    assert state(repository) == before
