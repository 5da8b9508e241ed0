"""`python -m tests.faults`: every row of the table of faults, with real processes and servers. Exits 0 when all is right."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from tests.faults.lanes import Outcome, run
from tests.faults.table import KINDS

EVIDENCE = Path("test-output/faults")


def main() -> int:
    asked = _arguments()
    chosen = [index for index, kind in enumerate(KINDS) if not asked.only or any(o in kind.name for o in asked.only)]
    jobs = [
        (index, number)
        for number in range(max(asked.rounds, 1))
        for index in chosen
        if number < min(asked.rounds, KINDS[index].rounds or asked.rounds)
    ]
    began = time.monotonic()
    outcomes = []
    for outcome in run(jobs, asked.lanes, EVIDENCE):
        outcomes.append(outcome)
        print(_line(outcome, len(outcomes), len(jobs)), flush=True)
    print(_summary(outcomes, time.monotonic() - began))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=1, help="how often each kind is injected, at most")
    parser.add_argument("--lanes", type=int, default=4, help="rigs at work at the same time")
    parser.add_argument("--only", action="append", default=[], help="kinds whose name holds this; may be repeated")
    return parser.parse_args()


def _line(outcome: Outcome, done: int, jobs: int) -> str:
    mark = "ok  " if not outcome.problems else "FAIL"
    endings = Counter(outcome.ended.values())
    ended = ", ".join(f"{count} {ending}" if count > 1 else ending for ending, count in endings.items())
    line = f"{mark} {done:3}/{jobs} {outcome.kind} [{'; '.join(outcome.hits)}] -> {ended or 'no run'} {outcome.seconds:.1f} s"
    return "\n".join([line, *(f"     {part}" for text in outcome.problems for part in text.splitlines())])


def _summary(outcomes: list[Outcome], seconds: float) -> str:
    injected = [outcome for outcome in outcomes if outcome.hits]
    by_kind = defaultdict(list)
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    endings = Counter(ending for outcome in outcomes for ending in outcome.ended.values())
    lines = [f"\n{'kind':40} injected  wrong  seconds each"]
    for kind, of_kind in by_kind.items():
        hit, wrong = sum(bool(o.hits) for o in of_kind), sum(bool(o.problems) for o in of_kind)
        lines.append(f"{kind:40} {hit:8} {wrong:6}  {sum(o.seconds for o in of_kind) / len(of_kind):8.1f}")
    lines.append(f"\n{len(injected)} faults of {len(by_kind)} kinds injected in {seconds:.0f} s")
    lines.append(f"{sum(endings.values())} runs accepted: " + ", ".join(f"{n} {e}" for e, n in endings.most_common()))
    wrong = sum(bool(outcome.problems) for outcome in outcomes)
    lines.append(f"{wrong} faults ended wrong" + (f"; evidence in {EVIDENCE}" if wrong else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
