"""`status.json`, as it is written."""

from __future__ import annotations

import json

import pytest

from moonmind.missions.events import ReviewResult, Verdict
from moonmind.missions.reducer import reduce_events
from moonmind.missions.snapshot import PackageState, encode_snapshot
from tests.support.missions import MISSION_ID, SLUG, at, event

LOG = [event(1, "planned", "claimed", wp_id="WP02"), event(2, "planned", "claimed", wp_id="WP01")]
SNAPSHOT = reduce_events(LOG, mission_id=MISSION_ID, mission_slug=SLUG)


def test_it_is_indented_with_sorted_keys_and_ended() -> None:
    content = encode_snapshot(SNAPSHOT)
    said = json.loads(content)
    assert content.decode() == json.dumps(said, indent=2, sort_keys=True) + "\n"
    assert (said["at"], said["events"], list(said["work_packages"])) == (at(2), 2, ["WP01", "WP02"])


def test_of_a_package_it_tells_all_also_what_is_not_so() -> None:
    said = json.loads(encode_snapshot(SNAPSHOT))["work_packages"]["WP01"]
    assert said == {
        "lane": "claimed",
        "actor": "ann",
        "holder": "ann",
        "since": at(2),
        "last_event_id": LOG[1].event_id,
        "last_event_at": at(2),
        "forced": False,
        "branch": None,
        "base": None,
        "review": None,
        "review_ref": None,
        "reviewed_anew": False,
        "subtasks": {},
    }


def test_what_the_log_does_not_mention_is_planned() -> None:
    assert SNAPSHOT.state_of("WP03") == PackageState()


@pytest.mark.parametrize(
    ("verdict", "anew", "rejected"),
    [("rejected", False, True), ("rejected", True, False), ("approved", False, False), (None, False, False)],
)
def test_a_rejection_stands_until_the_next_review(verdict: Verdict | None, anew: bool, rejected: bool) -> None:
    review = ReviewResult(verdict=verdict, reviewer="bob") if verdict else None
    assert PackageState(review=review, reviewed_anew=anew).is_rejected == rejected
