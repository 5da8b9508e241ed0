"""`validate-workflow`: an answer of the core, and exit 1 when a package is not in order."""

from __future__ import annotations

import pytest

from moonmind.missions import workflow
from moonmind.missions.board import Board
from moonmind.missions.commands.validate_workflow import _do_validate_workflow
from moonmind.missions.errors import REFUSED, MissionError
from moonmind.missions.moves import ReviewFile
from moonmind.missions.workflow import Validity
from tests.unit.missions.commands.desk import PACKAGES, PARSER, Desk, walk


def validated(desk: Desk, task_id: str = "WP01") -> int | None:
    return _do_validate_workflow(task_id=task_id, mission=None, as_json=True, ports=desk.ports)


@pytest.mark.parametrize(
    ("validity", "code", "words"),
    [
        (Validity(errors=(), warnings=()), None, "WP01 (claimed) is in order"),
        (Validity(errors=(), warnings=("odd",)), None, "WP01 (claimed) is in order\n  warning: odd"),
        (
            Validity(errors=("bad", "worse"), warnings=("odd",)),
            REFUSED,
            "WP01 (claimed) is not in order\n  error: bad\n  error: worse\n  warning: odd",
        ),
    ],
)
def test_what_is_shown_is_what_the_core_returns(
    monkeypatch: pytest.MonkeyPatch, validity: Validity, code: int | None, words: str
) -> None:
    monkeypatch.setattr(workflow, "decide_validity", lambda board, wp_id, *, review_file, view: validity)
    desk = Desk(*walk("planned", "claimed"))
    assert validated(desk) == code
    assert desk.document == {
        "valid": code is None,
        "errors": list(validity.errors),
        "warnings": list(validity.warnings),
        "task_id": "WP01",
        "lane": "claimed",
    }
    assert desk.render.words == [words]


@pytest.mark.parametrize(("review", "told"), [(None, "none"), ("no review", "unreadable")])
def test_the_core_knows_of_the_newest_review(monkeypatch: pytest.MonkeyPatch, review: str | None, told: str) -> None:
    asked: list[ReviewFile] = []

    def decide(board: Board, wp_id: str, *, review_file: ReviewFile, view: bytes | None) -> Validity:
        asked.append(review_file)
        return Validity(errors=(), warnings=())

    monkeypatch.setattr(workflow, "decide_validity", decide)
    validated(Desk(files={"tasks/WP01-parser/review-cycle-2.md": review} if review else {}))
    assert asked == [told]


def test_the_core_knows_of_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(files={"status.json": "merged"})
    assert validated(desk) is None
    assert "status.json is not what the log says" in desk.document["warnings"][0]


def test_an_unknown_package_is_refused_with_those_that_there_are() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match="WP01, WP02") as caught:
        validated(desk, "WP09")
    assert (caught.value.code, caught.value.exit_code) == ("UnknownWorkPackage", REFUSED)
    assert desk.is_untouched


def test_a_package_without_a_file_is_not_in_order() -> None:
    desk = Desk()
    del desk.files[PARSER]
    assert validated(desk) == REFUSED
    assert "there is no tasks/WP01-NAME.md" in desk.document["errors"][0]


def test_a_broken_file_is_an_error_that_names_it() -> None:
    broken = PACKAGES[PARSER].replace("title", "titel")
    with pytest.raises(MissionError, match=r"WP01-parser\.md.*titel") as caught:
        validated(Desk(files={PARSER: broken}))
    assert caught.value.code == "BrokenFrontMatter"


def test_it_writes_nothing() -> None:
    desk = Desk()
    validated(desk)
    assert desk.files == desk.before
    assert not desk.commits
