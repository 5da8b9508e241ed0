"""One suite over the fake and the real git; then what only a real one can be asked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from moonmind.missions.adapters.git_cli import GitCli, open_repository
from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.events import Moment
from moonmind.missions.ports import GitOps
from tests.contract.missions.repository import make_repository
from tests.fakes.missions import FakeGit

AT = "2026-11-21T09:30:00.000000Z"


@dataclass(frozen=True)
class History:
    """`main` has a file that `work` has not, and `work` has two that `main` has not. `work` is checked out, with one
    file changed and one that is new; another working tree has `other`, with a new file."""

    git: GitOps
    root: str
    main: str
    work: str


def real_history(root: Path) -> History:
    repository = make_repository(root)
    repository.git("checkout", "--quiet", "-b", "work")
    work = repository.commit({"src/a.py": b"a\n", "specs/plan.md": b"p\n"})
    repository.git("checkout", "--quiet", "main")
    main = repository.commit({"src/b.py": b"b\n"})
    repository.git("checkout", "--quiet", "work")
    repository.write("src/a.py", b"changed\n")
    repository.write("docs/deep/ä new.md", b"new\n")
    elsewhere = root.with_name(f"{root.name}-other")
    repository.git("worktree", "add", "--quiet", "-b", "other", str(elsewhere), "main")
    (elsewhere / "src/c.py").write_bytes(b"c\n")
    return History(GitCli(root), str(root), main, work)


def fake_history() -> History:
    main, work = "1" * 40, "2" * 40
    changed = {("main", "work"): ["src/a.py", "specs/plan.md"], ("work", "main"): ["src/b.py"]}
    git = FakeGit(
        checked_out="work",
        commits={"main": main, "work": work, "HEAD": work},
        dirty=["src/a.py", "docs/deep/ä new.md"],
        dirty_elsewhere={"other": ["src/c.py"]},
        changed=changed,
        ancestors=frozenset({("work~1", "main")}),
        paths=frozenset({(work, "src/a.py"), (work, "specs")}),
        times={"main": AT, "work": AT},
    )
    return History(git, git.top, main, work)


@pytest.fixture(params=["fake", "real"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    return fake_history() if request.param == "fake" else real_history(tmp_path)


def test_it_knows_where_it_is(history: History) -> None:
    assert history.git.root() == history.root
    assert history.git.branch() == "work"


def test_a_name_stands_for_a_commit_or_for_none(history: History) -> None:
    assert history.git.commit_of("main") == history.main
    assert history.git.commit_of("HEAD") == history.work
    assert history.git.commit_of("none") is None


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        (["**/*"], ["docs/deep/ä new.md", "src/a.py"]),
        (["src/*.py"], ["src/a.py"]),
        (["docs/*.md"], []),
        (["docs/**/*.md", "src/a.py"], ["docs/deep/ä new.md", "src/a.py"]),
        (["docs/"], ["docs/deep/ä new.md"]),
        ([], []),
    ],
)
def test_files_that_are_not_committed_are_found_by_pattern(
    history: History, patterns: list[str], files: list[str]
) -> None:
    assert list(history.git.uncommitted(patterns)) == files


@pytest.mark.parametrize(
    ("branch", "files"),
    [("other", ["src/c.py"]), ("work", ["src/a.py"]), ("main", ["src/a.py"]), ("none", ["src/a.py"])],
)
def test_they_are_looked_for_where_the_branch_is_checked_out(history: History, branch: str, files: list[str]) -> None:
    assert list(history.git.uncommitted(["src/*.py"], branch=branch)) == files


def test_local_branches_are_named(history: History) -> None:
    assert {"main", "work"} <= set(history.git.branches())


def test_a_commit_has_files_and_folders_of_that_name(history: History) -> None:
    assert history.git.has_path("work", "src/a.py")
    assert history.git.has_path(history.work, "specs")
    assert not history.git.has_path("main", "specs")
    assert not history.git.has_path("work", "spe")


def test_changes_are_those_of_one_side_only(history: History) -> None:
    assert list(history.git.changed_between("main", "work")) == ["specs/plan.md", "src/a.py"]
    assert list(history.git.changed_between("work", "main")) == ["src/b.py"]


def test_a_commit_is_contained_in_what_came_after_it(history: History) -> None:
    assert history.git.is_ancestor("work~1", "main")
    assert history.git.is_ancestor("main", "main")
    assert not history.git.is_ancestor("work", "main")


def test_the_newest_commit_of_a_branch_has_a_time(history: History) -> None:
    assert history.git.last_commit_at("work") is not None
    assert history.git.last_commit_at("none") is None


def test_it_says_who_acts(history: History) -> None:
    assert history.git.user_name() == "Ada"


def test_times_are_as_in_events(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    seconds = int(repository.git("show", "-s", "--format=%ct"))
    at = GitCli(tmp_path).last_commit_at("main") or ""
    assert msgspec.convert(at, Moment) == at
    assert datetime.fromisoformat(at).timestamp() == seconds


def test_a_branch_comes_before_a_tag_of_its_name(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    repository.git("tag", "main")
    commit = repository.commit({"more": b""})
    assert GitCli(tmp_path).commit_of("main") == commit


def test_nobody_acts_when_git_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    make_repository(tmp_path).git("config", "--unset", "user.name")
    assert GitCli(tmp_path).user_name() is None


@pytest.mark.parametrize("name", ["none", "--all", "a\nb", ""])
def test_a_name_that_git_does_not_know_is_said(tmp_path: Path, name: str) -> None:
    make_repository(tmp_path)
    with pytest.raises(MissionError) as caught:
        GitCli(tmp_path).is_ancestor(name, "main")
    assert caught.value.code == "UnknownRevision"


def test_what_git_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    make_repository(tmp_path)
    with pytest.raises(MissionError, match="outside repository"):
        GitCli(tmp_path).uncommitted(["/etc/*"])


def test_a_detached_head_is_no_branch(tmp_path: Path) -> None:
    make_repository(tmp_path).git("checkout", "--quiet", "--detach")
    assert GitCli(tmp_path).branch() is None


def test_the_root_is_found_from_below_and_through_links(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project").root
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root / "a")
    assert open_repository(tmp_path / "link/b").root() == str(root)


def test_a_linked_working_tree_is_a_repository_of_its_own(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "project")
    repository.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "tree"))
    git = open_repository(tmp_path / "tree")
    assert (git.root(), git.branch()) == (str(tmp_path / "tree"), "work")
    assert git.places.common_dir == str(repository.root / ".git")


def test_a_folder_outside_of_any_repository_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(MissionError) as caught:
        open_repository(tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("NotARepository", USAGE)


def test_a_hook_of_another_repository_does_not_lead_us_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = make_repository(tmp_path / "ours").commit({"ours": b""})
    make_repository(tmp_path / "theirs")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "theirs/.git/index"))
    assert GitCli(tmp_path / "ours").commit_of("HEAD") == commit


def test_a_working_tree_that_was_deleted_is_none(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "project")
    repository.git("worktree", "add", "--quiet", "-b", "work", str(tmp_path / "tree"))
    shutil.rmtree(tmp_path / "tree")
    repository.write("a.py", b"")
    assert list(GitCli(repository.root).uncommitted(["*.py"], branch="work")) == ["a.py"]


def test_reading_does_not_write(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    (tmp_path / "README.md").touch()
    before = (tmp_path / ".git/index").read_bytes()
    GitCli(tmp_path).uncommitted(["**/*"])
    assert (tmp_path / ".git/index").read_bytes() == before
    assert not list((repository.root / ".git").glob("*.lock"))
