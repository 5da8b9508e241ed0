"""One suite over the fake and the real workspace; then what only a real file system can try."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from moonmind.workflows.orchestrator import workspace as module
from moonmind.workflows.orchestrator.ports import ChangedByOthersError, PathRefusedError, PreImage, Workspace
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.fakes.workspace import FakeWorkspace

MakeWorkspace = Callable[[Mapping[str, bytes]], Workspace]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fill(root: Path, files: Mapping[str, bytes]) -> LocalWorkspace:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return LocalWorkspace(root)


@pytest.fixture(params=["fake", "real"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeWorkspace:
    return FakeWorkspace if request.param == "fake" else lambda files: _fill(tmp_path, files)


def test_reads_bytes_or_nothing(make: MakeWorkspace) -> None:
    workspace = make({"a/b.txt": b"x\r\n"})
    assert workspace.read("a/b.txt") == b"x\r\n"
    assert workspace.read("a/none.txt") is None
    assert workspace.read("none/b.txt") is None


def test_globs_are_sorted_and_leave_out_what_is_hidden_or_foreign(make: MakeWorkspace) -> None:
    workspace = make(dict.fromkeys(["b.py", "a.py", "p/c.py", ".git/d.py", "node_modules/m/e.py", "p/.f.py"], b""))
    assert workspace.glob("**/*.py") == ["a.py", "b.py", "p/c.py"]
    assert workspace.glob("*.py") == ["a.py", "b.py"]
    assert workspace.glob("*.toml") == []


def test_write_replaces_only_the_expected_bytes(make: MakeWorkspace) -> None:
    workspace = make({"r.txt": b"old"})
    workspace.write("r.txt", b"new", expect_sha256=_sha256(b"old"))
    assert workspace.read("r.txt") == b"new"
    for wrong in (_sha256(b"old"), None):
        with pytest.raises(ChangedByOthersError):
            workspace.write("r.txt", b"newer", expect_sha256=wrong)
    assert workspace.read("r.txt") == b"new"


def test_write_creates_a_file_only_where_none_is(make: MakeWorkspace) -> None:
    workspace = make({"a.txt": b""})
    workspace.write("b.txt", b"new", expect_sha256=None)
    assert workspace.read("b.txt") == b"new"
    with pytest.raises(ChangedByOthersError):
        workspace.write("c.txt", b"new", expect_sha256=_sha256(b"gone"))


def test_restore_brings_back_a_changed_a_removed_and_a_new_file(make: MakeWorkspace) -> None:
    workspace = make({"a.txt": b"old", "b.txt": b"old"})
    before = {path: workspace.pre_image(path) for path in ("a.txt", "b.txt", "c.txt")}
    for path, image in before.items():
        workspace.write(path, b"new", expect_sha256=None if image is None else _sha256(b"old"))
    workspace.restore("b.txt", None, expect_sha256=_sha256(b"new"))
    for path, image in before.items():
        for _ in range(2):  # rollback may be repeated
            workspace.restore(path, image, expect_sha256=None if path == "b.txt" else _sha256(b"new"))
    assert {path: workspace.pre_image(path) for path in before} == before


def test_restore_leaves_what_somebody_else_wrote(make: MakeWorkspace) -> None:
    workspace = make({"a.txt": b"theirs"})
    for image in (PreImage(b"old", 0o644, 0, 0), None):
        with pytest.raises(ChangedByOthersError):
            workspace.restore("a.txt", image, expect_sha256=_sha256(b"ours"))
    assert workspace.read("a.txt") == b"theirs"


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "a/../../b", "a//b", "./a", "", "a\0b", "a\\b", "a/"])
def test_paths_that_leave_the_workspace_are_refused(make: MakeWorkspace, path: str) -> None:
    workspace = make({"a": b""})
    for attempt in (
        lambda: workspace.read(path),
        lambda: workspace.write(path, b"", expect_sha256=None),
        lambda: workspace.restore(path, None, expect_sha256=None),
    ):
        with pytest.raises(PathRefusedError):
            attempt()


# --- a real file system -----------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "r.txt").write_bytes(b"secret")
    return folder


def test_a_symlinked_file_is_neither_read_nor_written(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "r.txt").symlink_to(outside / "r.txt")
    workspace = LocalWorkspace(tmp_path)
    assert workspace.glob("*.txt") == []
    with pytest.raises(PathRefusedError):
        workspace.read("r.txt")
    with pytest.raises(PathRefusedError):
        workspace.write("r.txt", b"x", expect_sha256=_sha256(b"secret"))
    assert (outside / "r.txt").read_bytes() == b"secret"


def test_a_symlinked_folder_is_not_entered(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "d").symlink_to(outside)
    workspace = LocalWorkspace(tmp_path)
    assert workspace.glob("**/*.txt") == []
    for attempt in (
        lambda: workspace.read("d/r.txt"),
        lambda: workspace.write("d/new.txt", b"x", expect_sha256=None),
        lambda: workspace.restore("d/r.txt", None, expect_sha256=_sha256(b"secret")),
    ):
        with pytest.raises(PathRefusedError):
            attempt()
    assert [file.name for file in outside.iterdir()] == ["r.txt"]


def test_a_folder_exchanged_for_a_symlink_during_the_write_is_not_followed(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = _fill(tmp_path, {"d/r.txt": b"old"})
    rename = os.rename

    def exchange_then_rename(source: str, target: str, **folders: int) -> None:
        rename(tmp_path / "d", tmp_path / "moved")
        (tmp_path / "d").symlink_to(outside)
        rename(source, target, **folders)

    monkeypatch.setattr(module.os, "rename", exchange_then_rename)
    workspace.write("d/r.txt", b"new", expect_sha256=_sha256(b"old"))
    assert (outside / "r.txt").read_bytes() == b"secret"
    assert (tmp_path / "moved" / "r.txt").read_bytes() == b"new"


def test_a_change_by_others_while_the_new_file_is_prepared_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = _fill(tmp_path, {"r.txt": b"old"})
    fsync = os.fsync

    def somebody_else_writes(file: int) -> None:
        fsync(file)
        (tmp_path / "r.txt").write_bytes(b"theirs")

    monkeypatch.setattr(module.os, "fsync", somebody_else_writes)
    with pytest.raises(ChangedByOthersError):
        workspace.write("r.txt", b"new", expect_sha256=_sha256(b"old"))
    assert [file.name for file in tmp_path.iterdir()] == ["r.txt"]
    assert (tmp_path / "r.txt").read_bytes() == b"theirs"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "folder.txt").mkdir()
    workspace = LocalWorkspace(tmp_path)
    assert workspace.glob("*.txt") == []
    for path in ("pipe.txt", "folder.txt"):
        with pytest.raises(PathRefusedError):
            workspace.read(path)


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    workspace = _fill(tmp_path, {"big.txt": b"x" * (module.READ_LIMIT + 1), "fits.txt": b"x" * module.READ_LIMIT})
    assert len(workspace.read("fits.txt") or b"") == module.READ_LIMIT
    with pytest.raises(PathRefusedError):
        workspace.read("big.txt")


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o664, 0o444])
def test_mode_survives_write_and_restore(tmp_path: Path, mode: int) -> None:
    workspace = _fill(tmp_path, {"r.txt": b"old"})
    (tmp_path / "r.txt").chmod(mode)
    before = workspace.pre_image("r.txt")
    workspace.write("r.txt", b"new", expect_sha256=_sha256(b"old"))
    assert stat.S_IMODE((tmp_path / "r.txt").stat().st_mode) == mode
    (tmp_path / "r.txt").chmod(0o640)
    workspace.restore("r.txt", before, expect_sha256=_sha256(b"new"))
    assert workspace.pre_image("r.txt") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_survives_write_and_restore_and_a_new_file_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    workspace = _fill(tmp_path, {"r.txt": b"old"})
    os.chown(tmp_path / "r.txt", 1234, 2345)
    os.chown(tmp_path, 1234, 2345)
    before = workspace.pre_image("r.txt")
    workspace.write("r.txt", b"new", expect_sha256=_sha256(b"old"))
    workspace.write("n.txt", b"new", expect_sha256=None)
    assert [(file.stat().st_uid, file.stat().st_gid) for file in tmp_path.iterdir()] == [(1234, 2345)] * 2
    os.chown(tmp_path / "r.txt", 0, 0)
    workspace.restore("r.txt", before, expect_sha256=_sha256(b"new"))
    assert workspace.pre_image("r.txt") == before


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    workspace = _fill(tmp_path, {"r.txt": b"old", ".r.txt.moonmind-new": b"half"})
    workspace.write("r.txt", b"new", expect_sha256=_sha256(b"old"))
    assert [file.name for file in tmp_path.iterdir()] == ["r.txt"]


def test_virtual_environments_and_depths_beyond_any_service_are_not_searched(tmp_path: Path) -> None:
    deep = "/".join("d" * 1 for _ in range(module.GLOB_DEPTH + 1))
    workspace = _fill(tmp_path, {"e/pyvenv.cfg": b"", "e/lib/a.py": b"", f"{deep}/b.py": b"", "c.py": b""})
    assert workspace.glob("**/*.py") == ["c.py"]


def test_the_search_ends_at_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GLOB_ENTRIES", 10)
    workspace = _fill(tmp_path, {f"{number}.py": b"" for number in range(50)})
    assert len(workspace.glob("*.py")) == 10
