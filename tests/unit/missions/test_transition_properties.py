"""Whatever is asked and whatever is so, the transition core has an answer that fits the table."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from moonmind.missions import transition
from moonmind.missions.errors import Refusal
from moonmind.missions.lanes import EDGES
from moonmind.missions.moves import Move, MoveFacts, MoveRequest, Workspace
from moonmind.missions.snapshot import PackageState

TEXTS = st.sampled_from([None, " ", "ann", "rob", "[custom] so be it"])
REQUESTS = st.builds(
    MoveRequest,
    wp_id=st.just("WP01"),
    agent=TEXTS,
    assignee=TEXTS,
    shell_pid=TEXTS,
    note=TEXTS,
    approval_ref=TEXTS,
    reviewer=TEXTS,
    intended_reviewer=TEXTS,
    reviewer_failure_reason=TEXTS,
    done_override_reason=TEXTS,
    tracker_refs=st.lists(st.just("GH-1"), max_size=1),
    self_review_fallback=st.booleans(),
    force=st.booleans(),
    skip_review_artifact_check=st.booleans(),
)
FILES = st.lists(st.just("a.py"), max_size=1)
FACTS = st.builds(
    MoveFacts,
    state=st.builds(PackageState),
    workspace=st.builds(Workspace, branch=TEXTS, head=TEXTS, uncommitted=FILES, behind=FILES),
    open_subtasks=st.lists(st.just("T001"), max_size=1),
    next_cycle=st.integers(1, 9),
    actor_default=TEXTS,
    tracker_refs=st.just(()),
)


@settings(deadline=None, max_examples=300)
@given(request=REQUESTS, facts=FACTS)
def test_the_answer_is_a_refusal_or_a_way_from_here_to_there(request: MoveRequest, facts: MoveFacts) -> None:
    answer = transition.decide_move(request, facts)
    assert isinstance(answer, Move | Refusal)
    assert (answer.name if isinstance(answer, Move) else answer.code) in transition.ARMS
    if isinstance(answer, Move):
        check_way(answer, request, facts)


def check_way(answer: Move, request: MoveRequest, facts: MoveFacts) -> None:
    if not answer.hops:
        assert (answer.name, facts.state.lane) == ("unchanged", request.to)
        return
    assert (answer.hops[0].from_lane, answer.hops[-1].to_lane) == (facts.state.lane, request.to)
    assert all(hop.to_lane == after.from_lane for hop, after in pairwise(answer.hops))
    for hop in answer.hops:
        in_table = (hop.from_lane, hop.to_lane) in EDGES
        rewound = hop.force and hop.reason == "backward rewind"
        assert request.force or (in_table and not hop.force) or (not in_table and rewound)
        assert hop.force or not request.force
