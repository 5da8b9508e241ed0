"""The pure editors against the tools whose formats they speak: git takes the diffs, real files are read whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from moonmind.workflows.orchestrator.edits import requirements_txt, unified_diff

DIFFERENCES: list[tuple[bytes | None, bytes | None]] = [
    (b"a\nb\n", b"a\nx\nb\n"),
    (b"a\nb", b"a\nb\nc\n"),
    (b"a\n", b"a\nb"),
    (b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
    (b"form\x0cfeed\xe2\x80\xa8line\nb\n", b"form\x0cfeed\xe2\x80\xa8line\nb\nc\n"),
    (None, b"new\n"),
    (b"gone\n", None),
]


@pytest.mark.parametrize(("before", "after"), DIFFERENCES)
def test_git_applies_the_diff_to_exactly_the_new_bytes(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    file = tmp_path / "f.txt"
    if before is not None:
        file.write_bytes(before)
    diff = unified_diff({"f.txt": before} if before is not None else {}, {"f.txt": after} if after is not None else {})
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff.encode(), check=True)
    assert (file.read_bytes() if file.exists() else None) == after


def test_every_line_of_a_real_lock_file_is_understood() -> None:
    before = Path(__file__).parents[2].joinpath("services/orchestrator/requirements.txt").read_bytes()
    parsed = requirements_txt.parse(before)
    expected = [line.split("==")[0] for line in before.decode().splitlines() if "==" in line and line[:1].isalnum()]
    assert parsed.is_hashed
    assert [one.requirement.name for one in parsed.requirements if one.requirement] == [
        name.partition("[")[0] for name in expected
    ]
