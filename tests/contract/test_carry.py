"""Carrying lines over is what `git merge-file` does, wherever that finds no conflict."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from moonmind.workflows.orchestrator.edits.carry import carry

CASES = 80


def changed(base: list[str], number: int, mark: str, chance: random.Random) -> list[str]:
    lines = list(base)
    for step in range(number):
        place = chance.randint(0, len(lines))
        match chance.choice(["insert", "delete", "replace"]):
            case "insert":
                lines.insert(place, f"{mark}{step}")
            case "delete":
                del lines[place : place + 1]
            case _:
                lines[place : place + 1] = [f"{mark}{step}"]
    return lines


def test_it_agrees_with_git_on_changes_that_are_apart(tmp_path: Path) -> None:
    chance, agreed = random.Random(17), 0
    for _ in range(CASES):
        base = [f"line {number}" for number in range(chance.randint(0, 10))]
        versions = base, changed(base, 2, "ours ", chance), changed(base, 2, "theirs ", chance)
        before, after, onto = ("".join(f"{line}\n" for line in version).encode() for version in versions)
        for name, content in (("onto", onto), ("before", before), ("after", after)):
            (tmp_path / name).write_bytes(content)
        argv = ("git", "merge-file", "-p", "-q", "onto", "before", "after")
        merged = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
        if merged.returncode == 0:
            assert carry(before, after, onto) == merged.stdout, versions
            agreed += 1
    assert agreed > CASES / 4
