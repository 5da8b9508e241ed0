"""The local index: what it has, and how it answers."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.repair.catalogue import Catalogue, hollow_wheel, make_catalogue, stand_ins
from scripts.repair.mirror import JSON_TYPE, byte_range, served
from scripts.repair.sets import ImportSet

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SETS = [
    ImportSet("a", ("yaml", "six"), {"yaml": frozenset({"pyyaml"}), "six": frozenset({"six"})}),
    ImportSet("b", ("flaks",), {"flaks": frozenset()}),
]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "six-1.9-py3-none-any.whl").write_bytes(hollow_wheel("six", "1.9", ["six"]))
    (tmp_path / "six-1.17-py3-none-any.whl").write_bytes(hollow_wheel("six", "1.17", ["six"]))
    (tmp_path / "other-1.0-cp27-none-win32.whl").write_bytes(b"not for this Python")
    return make_catalogue([tmp_path], SETS, NOW)


def test_it_has_real_wheels_stand_ins_and_squatters(catalogue: Catalogue) -> None:
    assert sorted(catalogue) == ["flaks", "pyyaml", "six", "yaml"]
    assert stand_ins(catalogue, SETS) == ["pyyaml"]
    assert catalogue["six"][-1].filename == "six-1.17-py3-none-any.whl"
    assert [file.version for file in catalogue["six"][-3:]] == ["0.0.14", "1.9", "1.17"], "a project has a history"
    assert all(file.uploaded < NOW for files in catalogue.values() for file in files)


def test_a_squatter_provides_the_import_of_its_name(catalogue: Catalogue) -> None:
    with zipfile.ZipFile(io.BytesIO(catalogue["flaks"][-1].read())) as wheel:
        assert "flaks/__init__.py" in wheel.namelist()


def test_it_is_an_index_for_people_who_read_html_and_for_those_who_read_json(catalogue: Catalogue) -> None:
    with served(catalogue) as url:
        page = urllib.request.urlopen(f"{url}/simple/six/").read().decode()
        asked = urllib.request.Request(f"{url}/simple/Six/", headers={"Accept": JSON_TYPE})
        answer = json.loads(urllib.request.urlopen(asked).read())
        newest = json.loads(urllib.request.urlopen(f"{url}/pypi/six/json").read())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/simple/nowhere/")
    assert "/files/six-1.17-py3-none-any.whl" in page
    assert answer["files"][-1]["upload-time"].startswith("2026-10-02")
    assert newest["info"]["version"] == "1.17"


def test_a_file_is_served_whole_and_in_parts(catalogue: Catalogue) -> None:
    whole = hollow_wheel("six", "1.17", ["six"])
    with served(catalogue) as url:
        file = f"{url}/files/six-1.17-py3-none-any.whl"
        assert len(urllib.request.urlopen(file).read()) == len(whole)
        part = urllib.request.urlopen(urllib.request.Request(file, headers={"Range": "bytes=-10"}))
        assert (part.status, len(part.read())) == (206, 10)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes=95-200", (95, 100)),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_byte_ranges(header: str | None, found: tuple[int, int] | None) -> None:
    assert byte_range(header, 100) == found
