"""What every command begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonmind.missions.commands.session import open_session, read_metas
from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.ids import make_ulid
from moonmind.missions.meta import Meta, encode_meta
from tests.fakes.missions import FakeGit, FakeReader, fake_ports


def meta(slug: str) -> bytes:
    return encode_meta(
        Meta(
            mission_id=make_ulid(1, 2),
            slug=slug,
            title="x",
            created_at="2026-11-21T09:30:00.000000Z",
            topology="single",
            target_branch="main",
            coordination_branch=None,
            protected_branches=[],
        )
    )


TWO = {"007-night": {"meta.json": meta("007-night")}, "008-day": {"meta.json": meta("008-day")}}


def test_a_folder_without_meta_is_no_mission() -> None:
    files = {"003-notes": {"spec.md": b""}, **TWO}
    assert [one.slug for one in read_metas(FakeReader(files))] == ["007-night", "008-day"]


def test_a_broken_meta_is_an_error_that_names_the_file() -> None:
    with pytest.raises(MissionError, match=r"specs/009-x/meta\.json") as caught:
        read_metas(FakeReader({**TWO, "009-x": {"meta.json": b"{}"}}))
    assert caught.value.code == "BrokenMeta"


def test_a_named_mission_is_opened() -> None:
    assert open_session("8", False, fake_ports(TWO)).meta.slug == "008-day"


def test_a_broken_meta_stops_no_other_mission_that_is_named() -> None:
    ports = fake_ports({**TWO, "009-x": {"meta.json": b"{}"}})
    assert open_session("8", False, ports).meta.slug == "008-day"
    for which in ("9", make_ulid(1, 2)):  # the second could be its id
        with pytest.raises(MissionError) as caught:
            open_session(which, False, ports)
        assert caught.value.code == "BrokenMeta"


def test_a_meta_that_cannot_be_read_stops_no_other_mission() -> None:
    ports = fake_ports({**TWO, "009-x": {"meta.json": b""}})
    assert isinstance(ports.reader, FakeReader)
    ports.reader.unreadable = {"009-x"}
    assert open_session("8", False, ports).meta.slug == "008-day"
    for call in (lambda: open_session("9", False, ports), lambda: read_metas(ports.reader)):
        with pytest.raises(MissionError) as caught:
            call()
        assert caught.value.code == "FileRefused"


def test_the_mission_of_the_checked_out_branch_is_opened(tmp_path: Path) -> None:
    ports = fake_ports(TWO, git=FakeGit(top=str(tmp_path), checked_out="007-night-wp01"))
    assert open_session(None, False, ports).meta.slug == "007-night"


@pytest.mark.parametrize("below", [".", "tasks"])
def test_the_mission_one_stands_in_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    here = tmp_path / "specs" / "008-day" / below
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    ports = fake_ports(TWO, git=FakeGit(top=str(tmp_path), checked_out="007-night"))
    assert open_session(None, False, ports).meta.slug == "008-day"


@pytest.mark.parametrize("where", [".", "specs", "specs/unknown", "src/008-day"])
def test_elsewhere_nothing_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / where)
    with pytest.raises(MissionError) as caught:
        open_session(None, False, fake_ports(TWO, git=FakeGit(top=str(tmp_path))))
    assert (caught.value.code, caught.value.exit_code) == ("MissionSelectorAmbiguous", USAGE)


def test_a_folder_that_is_gone_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(MissionError, match="the current folder is gone") as caught:
        open_session("7", False, None)
    assert caught.value.exit_code == USAGE
