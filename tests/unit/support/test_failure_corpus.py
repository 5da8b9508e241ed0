"""The harness of the corpus: what it refuses, how it judges, and what it records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from moonmind.schemas.workflow_models import Analysis, Edit, Finding
from moonmind.workflows.orchestrator.planning_ports import LockToolError, UnresolvableError
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import FakeLockTools, FakeResolver, knowledge
from tests.support.failures import Case, CaseError, decide, judge, load_case, load_cases, summary, undecided
from tests.support.recorded_answers import Answers, NotRecordedError, read_answers, recording, replaying, write_answers

LOG = """\
Traceback (most recent call last):
  File "/srv/app.py", line 1, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""
EXPECT = {
    "decision": "edit",
    "kind": "python_module_missing",
    "edits": [{"kind": "requirement_add", "file": "requirements.txt", "name": "PyYAML"}],
    "repairable": True,
    "why": "the program imports it",
}
TOLD = {
    "made_with": "Python 3.11",
    "how": "python app.py",
    "source": "service",
    "facts": {"python": "3.11"},
    "allow": ["requirements.txt"],
    "install": "requirements.txt",
    "expect": EXPECT,
}
YAML = release("pyyaml", "6.0.2", modules=("yaml", "yaml.loader", "yaml.nothing_of_that"))


def put(folder: Path, **changes: Any) -> Case:
    """A case in a new folder, `expect` changed as given."""
    (folder / "workspace").mkdir(parents=True)
    (folder / "workspace" / "requirements.txt").write_text("# none yet\n")
    (folder / "workspace" / "app.py").write_text("import yaml\nyaml.loader\n")
    (folder / "log.txt").write_text(LOG)
    (folder / "case.json").write_text(json.dumps({**TOLD, "expect": {**EXPECT, **changes}}))
    return load_case(folder)


def edit(**changes: Any) -> Edit:
    return Edit(**{"kind": "requirement_add", "file": "requirements.txt", "name": "pyyaml", "reason": "x", **changes})


def analysis(*edits: Edit, kind: str = "python_module_missing") -> Analysis:
    return Analysis(decision="edit" if edits else "explain", findings=(Finding(kind=kind, summary="x"),), edits=edits)


@pytest.mark.parametrize(
    "changes",
    [{"unknown": 1}, {"decision": "mend"}, {"edits": []}, {"kind": None}, {"repairable": "yes"}, {"why": None}],
)
def test_a_case_that_is_not_as_it_must_be_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CaseError, match=r"python-yaml/case\.json"):
        put(tmp_path / "python-yaml", **changes)


def test_a_folder_without_its_parts_is_refused_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "python-yaml").mkdir()
    with pytest.raises(CaseError, match=r"case\.json, log\.txt, workspace/"):
        load_cases(tmp_path)


@pytest.mark.parametrize(
    ("got", "right", "wrong"),
    [
        (analysis(edit()), True, ()),
        (analysis(edit(name="PyYAML", version=">=6")), True, ()),
        (analysis(edit(name="yaml")), False, ("requirement_add requirements.txt yaml",)),
        (analysis(edit(file="other.txt")), False, ("requirement_add other.txt pyyaml",)),
        (analysis(edit(), edit(name="six")), False, ("requirement_add requirements.txt six",)),
        (analysis(), False, ()),
    ],
)
def test_an_edit_is_right_when_it_is_the_expected_one_alone(
    tmp_path: Path, got: Analysis, right: bool, wrong: tuple[str, ...]
) -> None:
    verdict = judge(put(tmp_path / "python-yaml"), got)
    assert (verdict.right, verdict.wrong_edits) == (right, wrong)


def test_a_version_counts_where_the_expert_names_one(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml", edits=[{**EXPECT["edits"][0], "version": "<7"}])  # type: ignore[index]
    assert judge(case, analysis(edit(version="<7"))).right
    assert judge(case, analysis(edit(version="<6"))).wrong_edits


def test_all_replacements_of_an_expected_file_are_expected(tmp_path: Path) -> None:
    lock = {"kind": "text_replace", "file": "uv.lock"}
    case = put(tmp_path / "python-yaml", edits=[lock])
    twice = [edit(kind="text_replace", file="uv.lock", name=None, old=old, new="x") for old in ("a", "b")]
    assert judge(case, analysis(*twice)).right


def test_to_explain_is_right_about_the_right_thing_only(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml", decision="explain", edits=[], repairable=False)
    assert judge(case, analysis()).right
    assert not judge(case, analysis(kind="python_name_missing")).right
    assert not judge(case, Analysis(decision="none")).right
    assert judge(case, analysis(edit())).wrong_edits


def test_where_nothing_is_to_be_found_an_explanation_does_no_harm(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml", decision="none", kind=None, edits=[], repairable=False)
    assert judge(case, analysis()).right
    assert not judge(case, analysis(edit())).right


def test_one_wrong_edit_is_too_many_and_what_is_repairable_counts_apart(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml")
    good, bad = judge(case, analysis(edit())), judge(case, analysis(edit(), edit(name="six")))
    assert summary([good] * 20)["good"]
    assert summary([good] * 19 + [undecided(case, "x")])["good"]
    assert not summary([good] * 18 + [undecided(case, "x")])["good"]
    assert not summary([good] * 99 + [bad])["good"]


def test_what_was_recorded_is_decided_the_same_again_and_other_questions_are_refused(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml")
    answers: Answers = {}
    real = decide(case, recording(case, knowledge(FakePackageIndex(YAML)), answers))
    write_answers(case.answers, answers)
    assert judge(case, real).right
    assert decide(case, replaying(case)) == real
    with pytest.raises(NotRecordedError, match=r"index\.newest\(distribution=\"six\".*RECORD=1 ONLY=python-yaml"):
        replaying(case).index.newest("six", python=None)


def test_a_releases_modules_are_kept_as_far_as_the_case_has_words_for_them(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml")
    answers: Answers = {}
    recording(case, knowledge(FakePackageIndex(YAML)), answers).index.newest("pyyaml", python="3.11")
    (kept,) = answers.values()
    assert sorted(kept["answer"]["modules"]) == ["yaml", "yaml.loader"]


@pytest.mark.parametrize("error", [UnresolvableError("a and b differ"), LockToolError("npm is missing")])
def test_an_error_that_is_an_answer_is_raised_again(tmp_path: Path, error: Exception) -> None:
    class Refusing(FakeResolver):
        def resolve(self, *given: Any, **named: Any) -> dict[str, str]:
            raise error

    case = put(tmp_path / "python-yaml")
    answers: Answers = {}
    with pytest.raises(type(error)):
        recording(case, knowledge(resolver=Refusing()), answers).resolver.resolve({"a": b"x"}, "a", python=None)
    with pytest.raises(type(error), match=str(error)):
        replaying(case, answers).resolver.resolve({"a": b"x"}, "a", python=None)


def test_nothing_asked_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text("{}")
    write_answers(file, {})
    assert not file.exists()
    assert read_answers(file) == {}


def test_hosts_that_the_case_does_not_name_are_not_kept(tmp_path: Path) -> None:
    case = put(tmp_path / "python-yaml")
    answers: Answers = {}
    asked = recording(case, knowledge(locks=FakeLockTools({"uv.lock": b"https://packages.internal/simple"})), answers)
    given = asked.locks.refresh({}, {}, python=None, node=None)
    assert given == {"uv.lock": b"https://index.example/simple"}
    assert given == replaying(case, answers).locks.refresh({}, {}, python=None, node=None)
