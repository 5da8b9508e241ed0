"""`python -m tests.faults`: the table of faults, with real processes and servers; exits 0 if all is right."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from tests.faults import lanes, leftovers
from tests.faults.lanes import Job, Outcome
from tests.faults.soak import soak
from tests.faults.table import KINDS

EVIDENCE = Path("test-output/faults")
NEEDS = {
    "docker": (lambda: shutil.which("docker") is not None, "a Docker engine with Compose v2"),
    "cc": (lambda: shutil.which("cc") is not None, "a C compiler, which makes the clock that jumps"),
    "root": (lambda: os.geteuid() == 0, "root, who may mount the disk that gets full"),
}


def main() -> int:
    asked = _arguments()
    if missing := [need for there, need in NEEDS.values() if not there()]:
        print(f"the faults need {', and '.join(missing)}", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(f"ended by {signal.Signals(number).name}"))
    leftovers.remove()
    began, outcomes = time.monotonic(), []
    jobs = _jobs(asked.rounds, asked.only)
    for outcome in lanes.run(jobs, asked.lanes, EVIDENCE):
        outcomes.append(outcome)
        print(_line(outcome, len(outcomes), len(jobs)), flush=True)
    if asked.soak:
        outcomes.append(soak(EVIDENCE, lambda line: print(line, flush=True)))
        print(_line(outcomes[-1], 1, 1), flush=True)
    print(_summary(outcomes, time.monotonic() - began))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=1, help="how often each kind is injected, at most")
    parser.add_argument("--lanes", type=int, default=4, help="rigs at work at the same time")
    parser.add_argument("--only", action="append", default=[], help="kinds whose name holds this; may be repeated")
    parser.add_argument("--soak", action="store_true", help="then 200 runs with a worker killed every five seconds")
    return parser.parse_args()


def _jobs(rounds: int, only: list[str]) -> list[Job]:
    """Round by round, so that a suite that was interrupted has seen each kind; the slow ones begin first."""
    return [
        (index, number)
        for number in range(rounds)
        for index, kind in enumerate(KINDS)
        if number < min(rounds, kind.rounds or rounds) and (not only or any(part in kind.name for part in only))
    ]


def _line(outcome: Outcome, done: int, jobs: int) -> str:
    mark, hits = "FAIL" if outcome.problems else "ok  ", "; ".join(outcome.hits)
    endings = Counter(outcome.ended.values()).most_common()
    ended = ", ".join(f"{count} {ending}" if count > 1 else ending for ending, count in endings)
    line = f"{mark} {done:3}/{jobs} {outcome.kind} [{hits}] -> {ended or 'no run'} {outcome.seconds:.1f} s"
    return "\n".join([line, *(f"     {part}" for text in outcome.problems for part in text.splitlines())])


def _summary(outcomes: list[Outcome], seconds: float) -> str:
    by_kind = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    lines = [f"\n{'kind':40} injected  wrong  seconds each"]
    for kind, of_kind in by_kind.items():
        injected, wrong = sum(o.injected for o in of_kind), sum(bool(o.problems) for o in of_kind)
        lines.append(f"{kind:40} {injected:8} {wrong:6}  {sum(o.seconds for o in of_kind) / len(of_kind):8.1f}")
    endings = Counter(ending for outcome in outcomes for ending in outcome.ended.values())
    injected = sum(outcome.injected for outcome in outcomes)
    wrong = sum(bool(outcome.problems) for outcome in outcomes)
    told = ", ".join(f"{count} {ending}" for ending, count in endings.most_common())
    return "\n".join(
        [
            *lines,
            f"\n{injected} faults of {len(by_kind)} kinds injected in {seconds:.0f} s, {wrong} ended wrong",
            f"{sum(endings.values())} runs accepted: {told}",
            *([f"evidence in {EVIDENCE}"] if wrong else []),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
