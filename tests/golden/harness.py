"""Runs the installed command in a copy of a repository, for people and as JSON, and writes down what it did."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.golden.case import Case
from tests.golden.git import environment
from tests.golden.masking import masked
from tests.golden.repositories import copy
from tests.golden.state import State, difference, read_state

ROOT = Path(__file__).parents[2]
MOONMIND = Path(sys.executable).with_name("moonmind")
CHILD = Path(__file__).with_name("child")
"""On PYTHONPATH when a child tells which arm decided, or has a core swapped."""
_read: dict[tuple[str, tuple[tuple[str, str], ...]], State] = {}
_PASSED_ON = {"GOLDEN_SWAP": "GOLDEN_SWAP", "GOLDEN_COVERAGE": "COVERAGE_PROCESS_START"}
"""Of our environment, and what children find it as."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One call. `stdout` and `stderr` as they came; `shown`: all of it masked; `effects`: what it changed, masked."""

    exit: int
    stdout: str
    stderr: str
    shown: str
    effects: str
    before: State
    after: State
    arm: str
    folder: Path


def run(case: Case, made: Path, tmp: Path, *, as_json: bool) -> Outcome:
    """The case, in a repository of its own below `tmp`."""
    folder = tmp / ("json" if as_json else "human") / "repository"
    copy(case.repository, made, folder)
    for path, text in case.extra:
        (folder / path).write_text(text)
    before = _state_before(case, folder)
    words = [*case.words, *(["--json"] if as_json else [])]
    arms = folder.with_name("arms")
    done = subprocess.run(
        [MOONMIND, *words],
        cwd=folder / case.folder,
        env=_environment(folder.parent, arms if as_json else None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    after = read_state(folder)
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    said = _indented(stdout) if as_json else stdout
    text = f"exit {done.returncode}\n{_titled('stdout', said)}{_titled('stderr', stderr)}"
    arm = "".join(sorted(set(arms.read_text().splitlines()))) if arms.exists() else ""
    commits = before.commits
    return Outcome(
        done.returncode,
        stdout,
        stderr,
        masked(text, commits, str(folder)),
        masked(difference(folder, before, after), commits, str(folder)),
        before,
        after,
        arm,
        folder,
    )


def _state_before(case: Case, folder: Path) -> State:
    """Copies are alike: one is read for all."""
    key = (case.repository, case.extra)
    if key not in _read:
        _read[key] = read_state(folder)
    return _read[key]


def _environment(home: Path, arms: Path | None) -> dict[str, str]:
    """The tree that the tests lie in is the one that is run. `arms`: where the child writes which arm decided."""
    kept = {child: os.environ[ours] for ours, child in _PASSED_ON.items() if ours in os.environ}
    told = {"GOLDEN_ARMS": str(arms)} if arms else {}
    folders = [str(CHILD), str(ROOT)] if kept.get("GOLDEN_SWAP") or told else [str(ROOT)]
    return environment(home) | kept | told | {"PYTHONPATH": os.pathsep.join(folders)}


def recorded_text(case: Case, human: Outcome, machine: Outcome) -> str:
    """The content of the recorded file."""
    at = "" if case.folder == "." else f" in {case.folder}"
    called = f"$ moonmind {case.line}"
    arm = f"--- arm\n{machine.arm}\n" if machine.arm else ""
    return f"{case.repository}{at}\n{called}\n{human.shown}\n{called} --json\n{machine.shown}\n{arm}{human.effects}"


def answers(text: str) -> str:
    """What of a recorded file is not the command line."""
    return re.sub(r"(?m)^\$ .*$", "", text.partition("\n")[2])


def document(stdout: str) -> dict[str, object]:
    """The one JSON document of stdout; raises when there is none, or more."""
    found, end = json.JSONDecoder().raw_decode(stdout)
    assert not stdout[end:].strip(), f"more than one document: {stdout}"
    assert isinstance(found, dict)
    return found


def _indented(stdout: str) -> str:
    """The document on lines that `git diff` can show; text that is none as it is."""
    try:
        return json.dumps(json.loads(stdout), indent=1, ensure_ascii=False)
    except ValueError:
        return stdout


def _titled(title: str, text: str) -> str:
    return f"--- {title}\n{text}{'' if text.endswith(chr(10)) else chr(10)}" if text else ""
