"""The coordination branch is read and written beside everything that the user has."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from moonmind.missions.adapters.commit_router import GitRouter
from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.errors import MissionError
from moonmind.missions.events import encode_events
from moonmind.missions.meta import Meta
from tests.contract.missions.repository import (
    COORDINATION,
    LOG,
    SLUG,
    SNAPSHOT,
    Repository,
    add_mission,
    make_event,
    make_repository,
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "project")


@pytest.fixture
def meta(repository: Repository) -> Meta:
    return add_mission(repository, {}, "coordination")


def claim(repository: Repository, meta: Meta, number: int = 1) -> None:
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_status(meta, [make_event(number)], b"new", policy="commit")


def test_the_working_tree_the_index_and_the_checked_out_branch_stay(repository: Repository, meta: Meta) -> None:
    repository.write("README.md", b"staged\n")
    repository.git("add", "-A")
    before = repository.git("rev-parse", "HEAD"), (repository.root / ".git/index").read_bytes()
    claim(repository, meta)
    assert (repository.git("rev-parse", "HEAD"), (repository.root / ".git/index").read_bytes()) == before
    assert not (repository.root / f"specs/{SLUG}/{LOG}").exists()


def test_the_commit_adds_two_files_to_the_branch(repository: Repository, meta: Meta) -> None:
    claim(repository, meta)
    shown = repository.git("show", "--format=%H %s", "--name-only", COORDINATION).split("\n")
    assert shown[0] == f"{repository.git('rev-parse', COORDINATION).strip()} {SLUG}: WP01 planned → claimed"
    assert shown[2:4] == [f"specs/{SLUG}/{LOG}", f"specs/{SLUG}/{SNAPSHOT}"]
    assert repository.show("README.md", COORDINATION) == "A project\n"


def test_a_mission_may_begin_without_events(repository: Repository, meta: Meta) -> None:
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_status(meta, [], b"{}\n", policy="keep")
    assert repository.git("log", "-1", "--format=%s", COORDINATION).strip() == f"{SLUG}: begun"
    assert repository.show(f"specs/{SLUG}/{LOG}", COORDINATION) == ""


def test_all_working_trees_share_it(repository: Repository, meta: Meta, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "tree"))
    claim(Repository(tmp_path / "tree"), meta, 1)
    claim(repository, meta, 2)
    for root in (repository.root, tmp_path / "tree"):
        log = TreeReader(GitCli(root)).read(meta, "status", LOG)
        assert log == encode_events([make_event(1), make_event(2)])


def test_a_missing_branch_is_told_with_the_command_that_makes_it(repository: Repository, meta: Meta) -> None:
    repository.git("branch", "--quiet", "-D", COORDINATION)
    with pytest.raises(MissionError) as caught:
        TreeReader(GitCli(repository.root)).read(meta, "status", LOG)
    assert caught.value.code == "CoordinationBranchMissing"
    repository.git(*shlex.split(caught.value.details["command"])[1:])
    claim(repository, meta)
    assert repository.show(f"specs/{SLUG}/{LOG}", COORDINATION)


def test_a_branch_that_is_checked_out_somewhere_is_not_moved(
    repository: Repository, meta: Meta, tmp_path: Path
) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "tree"), COORDINATION)
    before = repository.git("rev-parse", COORDINATION)
    with pytest.raises(MissionError, match=str(tmp_path / "tree")) as caught:
        claim(repository, meta)
    assert caught.value.code == "CoordinationBranchCheckedOut"
    assert repository.git("rev-parse", COORDINATION) == before


def test_a_branch_that_git_is_at_is_not_moved(repository: Repository, meta: Meta) -> None:
    before = repository.git("rev-parse", COORDINATION)
    (repository.root / f".git/refs/heads/{COORDINATION}.lock").touch()
    with pytest.raises(MissionError) as caught:
        claim(repository, meta)
    assert caught.value.code == "BranchMoved"
    assert repository.git("rev-parse", COORDINATION) == before


def test_a_link_on_the_branch_is_no_file(repository: Repository, meta: Meta) -> None:
    repository.git("checkout", "--quiet", COORDINATION)
    repository.write(f"specs/{SLUG}/x", b"")
    (repository.root / f"specs/{SLUG}/{LOG}").symlink_to("/etc/hostname")
    repository.git("add", "-A")
    repository.git("commit", "--quiet", "--message", "link")
    repository.git("checkout", "--quiet", "main")
    with pytest.raises(MissionError) as caught:
        TreeReader(GitCli(repository.root)).read(meta, "status", LOG)
    assert caught.value.code == "NotAFile"


def test_what_an_edit_leaves_as_it_is_is_not_committed(repository: Repository, meta: Meta) -> None:
    move(repository, meta)
    before = repository.git("rev-parse", COORDINATION)
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        path = "tasks/WP01-parser/review-cycle-1.md"
        router.commit_artifact(meta, {path: bytes}, "words", kind="review", policy="commit")
    assert repository.git("rev-parse", COORDINATION) == before


def move(repository: Repository, meta: Meta) -> None:
    """As a rejection does: the log and its view, the review, and the package's file."""
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.commit_status(meta, [make_event(1)], b"new", policy="commit")
        review = {"tasks/WP01-parser/review-cycle-1.md": lambda _: b"no\n"}
        router.commit_artifact(meta, review, "WP01: no", kind="review", policy="commit")
        package = {"tasks/WP01-parser.md": lambda old: old + b"two\n"}
        router.commit_artifact(meta, package, "WP01: two", kind="package", policy="commit")


def test_what_refuses_in_the_working_tree_leaves_the_branch_alone(repository: Repository, meta: Meta) -> None:
    repository.commit({f"specs/{SLUG}/tasks/WP01-parser.md": b"one\n"})
    (repository.root / ".git/MERGE_HEAD").write_text(repository.git("rev-parse", "HEAD"))
    before = repository.git("rev-parse", COORDINATION)
    with pytest.raises(MissionError) as caught:
        move(repository, meta)
    assert caught.value.code == "GitIsBusy"
    assert repository.git("rev-parse", COORDINATION) == before
    assert (repository.root / f"specs/{SLUG}/tasks/WP01-parser.md").read_bytes() == b"one\n"


def test_both_branches_get_one_commit_each(repository: Repository, meta: Meta) -> None:
    repository.commit({f"specs/{SLUG}/tasks/WP01-parser.md": b"one\n"})
    move(repository, meta)
    for branch, paths in {
        COORDINATION: [LOG, SNAPSHOT, "tasks/WP01-parser/review-cycle-1.md"],
        "main": ["tasks/WP01-parser.md"],
    }.items():
        shown = repository.git("log", "-1", "--format=", "--name-only", branch).split()
        assert shown == [f"specs/{SLUG}/{path}" for path in paths]
    assert repository.is_clean()


def begin(repository: Repository, meta: Meta) -> None:
    """As a new mission does."""
    router = GitRouter(GitCli(repository.root))
    with router.exclusive():
        router.begin(meta)
        router.commit_status(meta, [], b"{}\n", policy="keep")
        router.commit_artifact(meta, {"spec.md": lambda _: b"x\n"}, "words", kind="planning", policy="keep")


def test_a_branch_begins_with_its_first_commit(repository: Repository, meta: Meta) -> None:
    repository.git("branch", "--quiet", "-D", COORDINATION)
    begin(repository, meta)
    assert (
        repository.git("rev-parse", f"{COORDINATION}~", "main").split()[0]
        == repository.git("rev-parse", "main").strip()
    )
    assert repository.show(f"specs/{SLUG}/{SNAPSHOT}", COORDINATION) == "{}\n"
    assert (repository.root / f"specs/{SLUG}/spec.md").read_bytes() == b"x\n"


def test_a_branch_that_is_there_goes_on(repository: Repository, meta: Meta) -> None:
    before = repository.git("rev-parse", COORDINATION)
    begin(repository, meta)
    assert repository.git("rev-parse", f"{COORDINATION}~") == before


def test_what_refuses_leaves_no_new_branch(repository: Repository, meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.git("branch", "--quiet", "-D", COORDINATION)
    (repository.root / f"specs/{SLUG}/spec.md").mkdir()
    with pytest.raises(MissionError, match="is no file"):
        begin(repository, meta)
    (repository.root / f"specs/{SLUG}/spec.md").rmdir()
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    repository.git("config", "user.useConfigOnly", "true")
    repository.git("config", "--unset", "user.email")
    with pytest.raises(MissionError, match=r"[Tt]ell me who you are"):
        begin(repository, meta)
    assert repository.git("branch", "--list", COORDINATION) == ""
    assert not (repository.root / f"specs/{SLUG}/spec.md").exists()


def test_what_git_commits_to_the_branch_meanwhile_is_not_lost(repository: Repository, meta: Meta) -> None:
    router = GitRouter(GitCli(repository.root))

    def write() -> None:
        with router.exclusive():
            router.commit_status(meta, [make_event(1)], b"new", policy="commit")
            tree = repository.git("rev-parse", f"{COORDINATION}^{{tree}}").strip()
            theirs = repository.git("commit-tree", "-p", COORDINATION, "-m", "theirs", tree).strip()
            repository.git("update-ref", f"refs/heads/{COORDINATION}", theirs)

    with pytest.raises(MissionError) as caught:
        write()
    assert caught.value.code == "BranchMoved"
    assert repository.git("log", "-1", "--format=%s", COORDINATION).strip() == "theirs"
