"""Every case does what is recorded, in people's words and as JSON; what is refused changes nothing.

`UPDATE_GOLDEN=1` records anew: read what it wrote, with `git diff tests/golden/recorded`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moonmind.missions.events import parse_log
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import encode_snapshot
from tests.golden.case import Case
from tests.golden.cases import CASES
from tests.golden.harness import Outcome, document, recorded_text, run
from tests.golden.state import LOG, SNAPSHOT

RECORDED = Path(__file__).with_name("recorded")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where repositories are made, each when it is first asked for."""
    return tmp_path_factory.mktemp("made")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_does_what_is_recorded(case: Case, made: Path, tmp_path: Path) -> None:
    human = run(case, made, tmp_path, as_json=False)
    machine = run(case, made, tmp_path, as_json=True)
    text = recorded_text(case, human, machine)
    file = RECORDED / f"{case.id}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
    for outcome in (human, machine):
        _check(case, outcome)
    _check_document(machine)
    assert human.effects == machine.effects


def _check(case: Case, outcome: Outcome) -> None:
    assert outcome.exit == case.code
    assert "Traceback" not in outcome.stderr
    if case.code or case.is_reading:
        assert outcome.after == outcome.before, "it changed something"
    _check_snapshots(outcome)


def _check_snapshots(outcome: Outcome) -> None:
    """Beside a log that has grown lies what it amounts to."""
    for name, log in outcome.after.logs.items():
        if log and log != outcome.before.logs.get(name):
            events = parse_log(log.encode())
            snapshot = reduce_events(events, mission_id=events[0].mission_id, mission_slug=events[0].mission_slug)
            beside = name.removesuffix(LOG) + SNAPSHOT
            assert outcome.after.snapshots[beside].encode() == encode_snapshot(snapshot)


def _check_document(machine: Outcome) -> None:
    """One document; of an answer, without `error`; of a refusal, with what to do about it."""
    found = document(machine.stdout)
    assert machine.exit or "error" not in found
    assert "error" not in found or isinstance(found["detail"], str)
