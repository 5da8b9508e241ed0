"""What only a real file system can try."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moonmind.missions.adapters.files import Files
from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.adapters.lock import locked
from moonmind.missions.errors import MissionError
from moonmind.missions.events import MAX_LOG_BYTES
from tests.contract.missions.repository import make_repository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/specs").mkdir(parents=True)
    (tmp_path / "outside").write_bytes(b"secret\n")
    return tmp_path / "root"


def code_of_reading(root: Path, name: str) -> str:
    with pytest.raises(MissionError) as caught:
        Files(root).read(name)
    return caught.value.code


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    (root / "plan.md").write_bytes(b"plan\n")
    (root / "specs/plan.md").symlink_to("../plan.md")
    assert Files(root).read("specs/plan.md") == b"plan\n"


@pytest.mark.parametrize("target", ["../../outside", "/etc/hostname"])
def test_a_link_out_of_the_root_is_refused(root: Path, target: str) -> None:
    (root / "specs/plan.md").symlink_to(target)
    assert code_of_reading(root, "specs/plan.md") == "UnsafePath"


def test_a_folder_that_is_a_link_out_of_the_root_is_refused(root: Path) -> None:
    (root / "specs/007-x").symlink_to(root.parent)
    assert code_of_reading(root, "specs/007-x/outside") == "UnsafePath"
    with pytest.raises(MissionError, match="link"):
        Files(root).names("specs/007-x")
    with pytest.raises(MissionError, match="link"):
        Files(root).append("specs/007-x/outside", b"more\n")
    assert (root.parent / "outside").read_bytes() == b"secret\n"


def test_odd_entries_are_neither_folders_nor_files(root: Path) -> None:
    for name in ("a", "no\xa0break", os.fsdecode(b"\xff"), ".hidden"):
        (root / "specs" / name).mkdir()
    (root / "specs/file").touch()
    for name, target in [("loop", "loop"), ("gone", "none"), ("out", "/tmp"), ("within", "a")]:
        (root / "specs" / name).symlink_to(target)
    assert Files(root).folders("specs") == ["a", "within"]
    assert Files(root).names("specs") == ["file"]


def test_what_cannot_be_listed_is_told(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    with pytest.raises(MissionError, match="loop cannot be read: Too many levels") as caught:
        Files(root).folders("loop")
    assert caught.value.code == "FileRefused"


def test_what_is_no_file_is_refused(root: Path) -> None:
    os.mkfifo(root / "specs/pipe")
    (root / "specs/folder").mkdir()
    assert code_of_reading(root, "specs/pipe") == "NotAFile"
    assert code_of_reading(root, "specs/folder") == "NotAFile"


def test_a_file_that_is_too_large_is_refused(root: Path) -> None:
    (root / "specs/log").touch()
    os.truncate(root / "specs/log", MAX_LOG_BYTES + 1)
    assert code_of_reading(root, "specs/log") == "TooLarge"


def test_lines_are_added_to_a_file_or_make_it(root: Path) -> None:
    for line in (b"1\n", b"2\n3\n"):
        Files(root).append("specs/new/log", line)
    assert (root / "specs/new/log").read_bytes() == b"1\n2\n3\n"


def test_a_failed_write_leaves_the_file_as_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    (root / "specs/log").write_bytes(b"1\n")
    monkeypatch.setattr(os, "write", lambda fd, lines: write(fd, lines[:1]))
    with pytest.raises(MissionError, match="specs/log cannot be written"):
        Files(root).append("specs/log", b"2\n")
    assert (root / "specs/log").read_bytes() == b"1\n"


def test_whether_a_file_could_be_written_is_told_without_writing(root: Path) -> None:
    Files(root).check_target("specs/new/deep/file")
    (root / "specs/plain").touch()
    (root / "specs/link").symlink_to("gone")
    for name, code in [("specs/plain/new/file", "FileRefused"), ("specs/link/new/file", "UnsafePath")]:
        with pytest.raises(MissionError) as caught:
            Files(root).check_target(name)
        assert caught.value.code == code
    assert sorted(one.name for one in (root / "specs").iterdir()) == ["link", "plain"]


def test_a_folder_that_nobody_may_write_to_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(MissionError, match="specs/x cannot be written: Permission denied"):
        Files(root).check_target("specs/x")


def test_contents_are_replaced_when_the_block_ends_well(root: Path) -> None:
    (root / "specs/a").write_bytes(b"old")
    (root / "specs/a").chmod(0o640)
    with Files(root).replacing({"specs/a": b"new", "specs/b/c": b"new"}):
        assert (root / "specs/a").read_bytes() == b"old"
    assert (root / "specs/a").read_bytes() == (root / "specs/b/c").read_bytes() == b"new"
    assert (root / "specs/a").stat().st_mode & 0o777 == 0o640


def test_nothing_is_replaced_when_it_does_not(root: Path) -> None:
    (root / "specs/a").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), Files(root).replacing({"specs/a": b"new"}):
        raise ZeroDivisionError
    assert [file.name for file in (root / "specs").iterdir()] == ["a"]
    assert (root / "specs/a").read_bytes() == b"old"


def test_what_a_killed_writer_left_is_neither_named_nor_in_the_way(root: Path) -> None:
    (root / "specs/.a.moonmind-new").write_bytes(b"half")
    assert Files(root).names("specs") == []
    with Files(root).replacing({"specs/a": b"new"}):
        pass
    assert [file.name for file in (root / "specs").iterdir()] == ["a"]


def test_who_waits_too_long_for_the_other_writer_is_told(root: Path) -> None:
    with locked(root / "lock"):
        with pytest.raises(MissionError) as caught, locked(root / "lock", patience=0):
            pass
        assert caught.value.code == "Busy"
    with locked(root / "lock", patience=0):
        pass


def test_a_folder_whose_meta_is_no_file_is_no_mission(root: Path) -> None:
    make_repository(root)
    (root / "specs/archive/meta.json").mkdir(parents=True)
    (root / "specs/007-x").mkdir()
    (root / "specs/007-x/meta.json").symlink_to("/etc/hostname")
    reader = TreeReader(GitCli(root))
    assert reader.read_meta("archive") is None
    with pytest.raises(MissionError, match="link out of the repository"):
        reader.read_meta("007-x")
