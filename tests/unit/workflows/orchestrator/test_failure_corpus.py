"""The corpus of real failures, decided with recorded answers: no network, and nothing unexpected is ever edited."""

from __future__ import annotations

import pytest

from tests.support.failures import CORPUS, Case, Verdict, decide, judge, load_case, load_cases, summary
from tests.support.recorded_answers import replaying

NAMES = sorted(one.name for one in CORPUS.iterdir() if one.is_dir()) if CORPUS.is_dir() else []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_edited_that_an_expert_would_not_edit(name: str) -> None:
    case = load_case(CORPUS / name)
    verdict = judge(case, decide(case, replaying(case)))
    assert not verdict.wrong_edits, f"expected {case.told.expect}, got {verdict.got}"


def test_nearly_all_are_decided_as_an_expert_would() -> None:
    verdicts = [_verdict(case) for case in load_cases()]
    figures = summary(verdicts)
    assert figures["good"], f"{figures}; not right: " + "; ".join(
        f"{one.case}: {one.got}" for one in verdicts if not one.right
    )


def _verdict(case: Case) -> Verdict:
    return judge(case, decide(case, replaying(case)))
