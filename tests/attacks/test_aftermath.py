"""After all attacks: what was answered, what is kept, what was written, what still runs."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from moonmind.engine.group_lock import MARK as CHILD
from tests.attacks.town import RUNS, Town

SERVER_ERROR = re.compile(r'"logger": "moonmind\.access".*"status": 5\d\d')
REPAIRED = ("good1", "leaky", "mirror", "shop", "asking0", "asking1", "committed", "bad0")
MAY_CHANGE = (*REPAIRED, "linked", "swapped", "boxed")
"""One line more in a manifest, and what the attacks themselves put there."""


def test_every_run_ends(town: Town) -> None:
    open_runs = "SELECT id::text FROM orchestrator_runs WHERE completed_at IS NULL ORDER BY queued_at DESC"
    for (run,) in town.ask(open_runs):
        town.call("POST", f"{RUNS}/{run}/cancel")
    for (run,) in town.ask(open_runs):
        assert town.wait(run)["completed_at"]


def test_no_answer_was_an_unmeant_server_error(town: Town) -> None:
    log = (town.logs / "api.log").read_text()
    assert '"logger": "moonmind.access"' in log
    assert len(SERVER_ERROR.findall(log)) == town.deliberate


def test_no_traceback_and_no_path_of_the_host_was_answered(town: Town) -> None:
    problems = [line for line in town.answers() if "application/problem+json" in line]
    assert [line for line in problems if "Traceback" in line or str(town.home) in line] == []


def test_no_secret_was_answered_logged_or_kept_in_a_file(town: Town) -> None:
    logs = [
        *files_below(town.logs),
        *files_below(town.home / "var" / "supervisor"),
        *files_below(town.folder / "broker"),
    ]
    kept = [path for path in files_below(town.artifacts) if not {"pre-images", "conflicts"} & set(path.parts)]
    assert logs
    for file in (*logs, *kept):
        assert found_in(town, file.read_text(errors="replace")) == [], file
    assert found_in(town, "\n".join(town.answers())) == []


def test_no_secret_is_in_the_database(town: Town) -> None:
    tables = [row[0] for row in town.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert "orchestrator_runs" in tables
    for table in tables:
        rows = town.ask(f'SELECT to_jsonb(t)::text FROM "{table}" t')
        assert found_in(town, "\n".join(row[0] for row in rows)) == [], table


def test_nothing_was_written_where_nothing_is_to_be_written(town: Town) -> None:
    assert list(town.folder.glob("*canary*")) == []
    now = town.fingerprint()
    changed = {path for path in {*now, *town.before} if now.get(path) != town.before.get(path)}
    may = tuple(f"home/work/{name}/" for name in MAY_CHANGE)
    assert {path for path in changed if not path.startswith(may)} == set()
    manifests = {path for path in changed if path.startswith(may) and not path.endswith("requirements.txt")}
    assert {path for path in manifests if "/boxed/" not in path and "/.swap" not in path} == set()


def test_no_process_of_a_step_is_left(town: Town) -> None:
    assert [process for process in psutil.process_iter() if mark_of(process).startswith(f"{town.home}/")] == []


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def found_in(town: Town, text: str) -> list[str]:
    """Names of the secrets that stand in the text."""
    return [name for name, secret in town.secrets.items() if secret in text]


def mark_of(process: psutil.Process) -> str:
    try:
        return process.environ().get(CHILD, "")
    except (psutil.Error, OSError):
        return ""
