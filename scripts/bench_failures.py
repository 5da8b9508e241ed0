"""Decide every case of the corpus of real failures with the real indexes and tools, and say how often that was right.

    PYTHONPATH=. .venv/bin/python scripts/bench_failures.py [--only part-of-a-name] [--record]

A table by area goes to stdout with every case that was not decided as the expert did, then one JSON object as the last
line; progress goes to stderr. With `--record` the answers are kept beside each case, for the tests, which ask nobody.

Exit: 0 within the thresholds, 1 not, 2 a case is malformed or could not be recorded.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bench.report import aligned

from moonmind.workflows.orchestrator.knowledge import make_knowledge
from moonmind.workflows.orchestrator.planners import Knowledge
from moonmind.workflows.orchestrator.ports import StepFailedError
from tests.support.failures import Case, CaseError, Verdict, by_area, decide, judge, load_cases, summary, undecided
from tests.support.recorded_answers import Answers, recording, replaying, write_answers

COLUMNS = ("cases", "right", "right_share", "repairable", "repaired", "recall", "wrong_edits")


def main() -> int:
    """Read the arguments, decide, show; the exit code."""
    parser = argparse.ArgumentParser(description="Decide the corpus of real failures.")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with this in their name")
    parser.add_argument("--record", action="store_true", help="keep the answers beside each case")
    chosen = parser.parse_args()
    try:
        cases = load_cases(only=chosen.only)
        verdicts = [_decided(case, make_knowledge(), record=chosen.record) for case in cases]
    except CaseError as error:
        print(error, file=sys.stderr)
        return 2
    _show(verdicts)
    return 0 if summary(verdicts)["good"] else 1


def _decided(case: Case, real: Knowledge, *, record: bool) -> Verdict:
    answers: Answers = {}
    try:
        verdict = judge(case, decide(case, recording(case, real, answers)))
    except StepFailedError as error:
        verdict = undecided(case, f"{type(error).__name__}: {error}")
        record = False
    print(f"{case.name}: {'right' if verdict.right else 'NOT RIGHT'}", file=sys.stderr, flush=True)
    if record:
        _record(case, answers, verdict)
    return verdict


def _record(case: Case, answers: Answers, verdict: Verdict) -> None:
    """Write the answers when they lead to the same decision again."""
    again = judge(case, decide(case, replaying(case, answers)))
    if again != verdict:
        raise CaseError(
            f"{case.name}: replayed it gives {again.got}, and not {verdict.got}: the recorded answers lack something"
        )
    write_answers(case.answers, answers)


def _show(verdicts: Sequence[Verdict]) -> None:
    rows = [(area, summary(ones)) for area, ones in by_area(verdicts).items()]
    rows.append(("all", summary(verdicts)))
    lines = [["area", *COLUMNS], *([name, *(str(figures[one]) for one in COLUMNS)] for name, figures in rows)]
    print("\n".join(aligned(lines)))
    for one in verdicts:
        if not one.right:
            print(f"{one.case}: {'; '.join(one.wrong_edits) or 'missed'}\n  got: {one.got}")
    print(json.dumps(summary(verdicts)))


if __name__ == "__main__":
    sys.exit(main())
