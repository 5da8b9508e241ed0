"""`moonmind tasks status`: the board."""

from __future__ import annotations

from collections.abc import Mapping

from moonmind.missions import status
from moonmind.missions.board import Board, read_board
from moonmind.missions.commands import kanban, words
from moonmind.missions.commands.session import open_session
from moonmind.missions.ports import GitOps, Ports


def _do_status(
    *, stale_threshold: int, mission: str | None, as_json: bool, now: str, ports: Ports | None = None
) -> None:
    """`stale_threshold`: minutes; `now` as an event's `at`."""
    session = open_session(mission, as_json, ports)
    board = read_board(session.ports.reader, session.meta)
    commits = _last_commits(board, session.ports.git)
    report = status.decide_status(board, now=now, stale_minutes=stale_threshold, last_commits=commits)
    render = session.ports.render
    render.answer(report.document(), lambda: kanban.board_words(report, board.meta.title, words.screen_width()))


def _last_commits(board: Board, git: GitOps) -> Mapping[str, str | None]:
    """By package in progress, the time of the newest commit on its branch; git is asked once a branch."""
    states = {wp: board.state_of(wp) for wp in board.packages}
    branches = {wp: state.branch for wp, state in states.items() if state.lane == "in_progress" and state.branch}
    times = {branch: git.last_commit_at(branch) for branch in set(branches.values())}
    return {wp: times[branch] for wp, branch in branches.items()}
