"""Plans from instructions and from what analyze found."""

import pytest

from moonmind.schemas.service_profile import ServiceProfile
from moonmind.schemas.workflow_models import FORWARD_STEPS, Analysis, Edit, FileChange, StepName
from moonmind.workflows.orchestrator.action_plan import build_plan, is_skipped, kind_of, refine_plan, skipped_steps

PROFILE = ServiceProfile.model_validate(
    {
        "runtime": "process",
        "workspace": "shop",
        "allow": ["requirements.txt"],
        "timeouts": {"build": 77},
        "process": {"command": ["python"], "health": [{"http": "http://127.0.0.1:{port}/"}]},
    }
)
EDIT = Edit(kind="requirement_add", file="requirements.txt", name="flask", reason="missing")
FOUND = Analysis(
    decision="edit",
    edits=(EDIT,),
    changes=(FileChange(path="requirements.txt", before_sha256="a", after_sha256="b"),),
    diff="+flask",
)


@pytest.mark.parametrize(
    ("instruction", "skipped"),
    [
        ("restart the shop", {"patch", "build"}),
        ("Please re-start it!", {"patch", "build"}),
        ("rebuild", {"patch"}),
        ("redeploy and restart", {"patch"}),
        ("fix the missing dependency", set()),
        ("rebuild it, something is broken", set()),
        ("restart: import error", set()),
        ("do something", set()),
        ("restarting fails", set()),
    ],
)
def test_only_a_plain_wish_to_rebuild_or_restart_leaves_steps_out(instruction: str, skipped: set[str]) -> None:
    assert skipped_steps(instruction) == skipped
    assert kind_of(instruction) == ("rebuild" if skipped else "fix")


def test_a_plan_has_the_steps_in_canonical_order_with_their_limits() -> None:
    plan = build_plan("fix", "shop", PROFILE)
    assert [step.name for step in plan.steps] == list(FORWARD_STEPS)
    assert plan.steps[2].parameters["timeout_seconds"] == 77
    assert plan.version == 1
    assert not any(is_skipped(plan, step) for step in FORWARD_STEPS)
    assert is_skipped(build_plan("restart", "shop", PROFILE), StepName.BUILD)


def test_the_refined_plan_names_the_files_and_keeps_the_rest() -> None:
    plan = refine_plan(build_plan("fix", "shop", PROFILE), FOUND)
    assert (plan.version, plan.edits, plan.changes) == (2, FOUND.edits, FOUND.changes)
    assert plan.steps[1].parameters["files"] == ["requirements.txt"]


def test_equal_plans_have_equal_digests_and_any_change_another_one() -> None:
    first = build_plan("fix", "shop", PROFILE)
    assert first.digest == build_plan("repair it", "shop", PROFILE).digest
    other = Analysis(decision="edit", edits=(EDIT.model_copy(update={"version": "3"}),), changes=FOUND.changes)
    moved = Analysis(
        decision="edit",
        edits=(EDIT,),
        changes=(FileChange(path="requirements.txt", before_sha256="z", after_sha256="b"),),
    )
    digests = {refine_plan(first, found).digest for found in (FOUND, other, moved)}
    assert len(digests | {first.digest, build_plan("fix", "till", PROFILE).digest}) == 5
