"""Measure the commands that read a mission: is a board of 100 packages and 10,000 events there at once?

    .venv/bin/python scripts/bench_missions.py --rounds 15

Each round calls every command and, beside it, `python -c pass` of the same interpreter, turn about which is first; the
start of the process is in the figures. The table and a line of JSON go to stdout, progress to stderr.

Exit: 0 every median is within three times that of the empty program and 100 ms, 1 one is above, 2 it could not be
measured.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import aligned

TIMES, PLUS_SECONDS = 3, 0.100
PACKAGES, EVENTS = 100, 10_000
ROOT = Path(__file__).parents[1]
MOONMIND = Path(sys.executable).with_name("moonmind")
EMPTY = [sys.executable, "-c", "pass"]
CALLS = [[command, *form] for command in ("status", "list-tasks") for form in ((), ("--json",))]
_GIT = ["git", "-c", "user.name=Bench", "-c", "user.email=bench@example.org"]
_ROUND_OF_LANES = ("planned", "claimed", "in_progress", "for_review", "in_review", "planned")
_began = time.monotonic()


@dataclass(slots=True)
class Pair:
    """A command's seconds and the empty program's beside it, one a round."""

    title: str
    seconds: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)

    @property
    def limit(self) -> float:
        """In seconds."""
        return TIMES * median(self.empty) + PLUS_SECONDS

    @property
    def is_good(self) -> bool:
        """Whether the median keeps the limit."""
        return median(self.seconds) <= self.limit

    def as_json(self) -> dict[str, Any]:
        """For machines; seconds."""
        figures = {"median": median(self.seconds), "min": min(self.seconds), "max": max(self.seconds)}
        return {"title": self.title, **figures, "empty": median(self.empty), "limit": self.limit, "good": self.is_good}


def main() -> int:
    """Build the mission, measure, show; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the commands that read a mission.")
    parser.add_argument("--rounds", type=int, default=15, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds: at least 1")
    try:
        with tempfile.TemporaryDirectory(prefix="moonmind-bench-") as folder:
            _tell(f"a mission of {PACKAGES} packages and {EVENTS} events")
            _build(Path(folder))
            pairs = _measure(Path(folder), rounds)
    except (subprocess.CalledProcessError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    _show(pairs, rounds)
    return 0 if all(pair.is_good for pair in pairs) else 1


def _measure(folder: Path, rounds: int) -> list[Pair]:
    """Compiled beforehand, as an installed program is; the first call of each is not counted."""
    compileall.compile_dir(ROOT / "moonmind", quiet=1)
    pairs = [Pair(" ".join(["moonmind tasks", *words])) for words in CALLS]
    commands = [[str(MOONMIND), "tasks", *words] for words in CALLS]
    for command in (EMPTY, *commands):
        _timed(command, folder)
    for number in range(rounds):
        for pair, command in zip(pairs, commands, strict=True):
            both = ((EMPTY, pair.empty), (command, pair.seconds))
            for one, seconds in both if number % 2 else both[::-1]:
                seconds.append(_timed(one, folder))
        _tell(f"round {number + 1} of {rounds}: " + " ".join(f"{pair.seconds[-1]:.3f}" for pair in pairs))
    return pairs


def _timed(command: Sequence[str], folder: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    return time.perf_counter() - began


def _build(folder: Path) -> None:
    """A repository with one mission that is long under way."""
    mission = folder / "specs" / "001-long-haul"
    (mission / "tasks").mkdir(parents=True)
    for path, text in _files().items():
        (mission / path).write_text(text)
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "The mission"]):
        subprocess.run([*_GIT, *words], cwd=folder, check=True)


def _files() -> dict[str, str]:
    names = [f"WP{number:02d}" for number in range(1, PACKAGES + 1)]
    sections = [
        f"### {name}: Package {name}\nDepends on: {before}\n- [ ] T{number:03d} Do it\n"
        for number, (name, before) in enumerate(zip(names, ["none", *names], strict=False), start=1)
    ]
    return {
        "meta.json": json.dumps(_META, indent=2) + "\n",
        "spec.md": "# Long haul\n\n- FR-1: arrive\n",
        "tasks.md": "# Tasks: Long haul\n\n## Phase 1: All of it\n\n" + "\n".join(sections),
        "status.events.jsonl": "".join(_event(number, names) for number in range(EVENTS)),
        **{
            f"tasks/{name}-package.md": f"---\nwork_package_id: {name}\ntitle: Package {name}\n---\nDo it.\n"
            for name in names
        },
    }


_MISSION_ID = "01KE" + "0" * 22
_META = {
    "mission_id": _MISSION_ID,
    "slug": "001-long-haul",
    "title": "Long haul",
    "created_at": "2026-01-05T08:00:00.000000Z",
    "topology": "single",
    "target_branch": "main",
    "coordination_branch": None,
    "protected_branches": [],
}


def _event(number: int, names: Sequence[str]) -> str:
    """The packages go round and round, one lane an event: worked on, reviewed and turned down."""
    turn, index = divmod(number, len(names))
    step = turn % (len(_ROUND_OF_LANES) - 1)
    before, after = _ROUND_OF_LANES[step : step + 2]
    review = {"verdict": "rejected", "reviewer": "rob", "cycle": 1} if before == "in_review" else None
    minute, second = divmod(number, 60)
    document = {
        "event_id": f"01KE{number:022d}",
        "at": f"2026-01-05T{9 + minute // 60:02d}:{minute % 60:02d}:{second:02d}.000000Z",
        "wp_id": names[index],
        "from_lane": before,
        "to_lane": after,
        "actor": "ann",
        "force": False,
        "reason": None,
        "evidence": {"branch": "main", "base": "0" * 40} if after == "in_progress" else None,
        "review_ref": None,
        "review_result": review,
        "execution_mode": "code_change",
        "mission_id": _MISSION_ID,
        "mission_slug": "001-long-haul",
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"


def _show(pairs: Sequence[Pair], rounds: int) -> None:
    lines = [["seconds", "median", "min", "max", "python -c pass", "limit", ""]]
    for pair in pairs:
        figures = [median(pair.seconds), min(pair.seconds), max(pair.seconds), median(pair.empty), pair.limit]
        lines.append([pair.title, *(f"{value:.3f}" for value in figures), "kept" if pair.is_good else "NOT KEPT"])
    print("\n".join(aligned(lines)))
    about = {"packages": PACKAGES, "events": EVENTS, "rounds": rounds, "cpus": os.cpu_count()}
    print(json.dumps({**about, "measures": [pair.as_json() for pair in pairs]}))


def _tell(text: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
