"""Where two texts differ, and the edits made of it: right and in time for long lock files of repeated lines."""

from __future__ import annotations

import random
from time import process_time

from moonmind.workflows.orchestrator.edits.ranges import changed_ranges
from moonmind.workflows.orchestrator.edits.text_replace import replace, replacements


def lock(packages: int, changed_every: int = 0) -> bytes:
    """A package-lock.json of five lines a package, three of them the same everywhere."""
    lines: list[str] = []
    for number in range(packages):
        version = 2 if changed_every and number % changed_every == 0 else 1
        lines += [
            f'    "node_modules/p{number}": {{',
            f'      "version": "{version}.0.0",',
            f'      "r": "{number}-{version}",',
        ]
        lines += ['      "license": "MIT",', '      "engines": {', '        "node": ">=18"', "      }", "    },"]
    return "".join(f"{line}\n" for line in lines).encode()


def test_a_long_lock_file_with_many_changes_is_planned_in_time() -> None:
    before, after = lock(600), lock(600, changed_every=5)
    started = process_time()
    edits = replacements("package-lock.json", before, after, "a test")
    assert process_time() - started < 2
    assert len(edits) > 100
    for edit in edits:
        before = replace(before, edit)
    assert before == after


def test_lines_that_stand_nearly_everywhere_lead_to_no_wrong_range() -> None:
    chance = random.Random(11)
    for _ in range(30):
        base = [chance.choice("aaaaabcdefgh") for _ in range(300)]
        other = [line for line in base if chance.random() > 0.1] + [chance.choice("axyz") for _ in range(20)]
        made = list(base)
        for i1, i2, j1, j2 in reversed(changed_ranges(base, other)):
            made[i1:i2] = other[j1:j2]
        assert made == other
