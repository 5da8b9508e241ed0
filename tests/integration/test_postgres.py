"""The embedded PostgreSQL as a real server: what it survives, and whom it lets in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from moonmind.embedded import postgres
from moonmind.embedded.postgres import Postgres, PostgresError
from tests.support.embedded_home import prefix_for_nobody


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres", durable=False)
    yield server
    server.stop()


def ask(server: Postgres, query: str) -> object:
    with psycopg.connect(server.url.replace("+psycopg", "", 1)) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone() if cursor.description else None


def postmaster(server: Postgres) -> psutil.Process:
    return psutil.Process(int((server.data / "postmaster.pid").read_text().split()[0]))


def test_it_answers_and_keeps_its_data_over_a_restart(server: Postgres) -> None:
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 'ä' AS letter")
    server.stop()
    assert not server.is_ready()
    assert "database system is shut down" in server.log.read_text()
    server.start()
    assert ask(server, "SELECT letter FROM kept") == ("ä",)


def test_nobody_enters_without_the_password(server: Postgres) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=server.port, user="moonmind", password="guess", dbname="moonmind")
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert server.folder.stat().st_mode & 0o777 == 0o700


def test_it_starts_again_after_kill_9_of_the_server(server: Postgres) -> None:
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 1 AS number")
    leader = postmaster(server)
    leader.kill()
    psutil.wait_procs([leader], timeout=10)
    assert not server.is_ready()
    server.stop()
    server.start()
    assert ask(server, "SELECT number FROM kept") == (1,)


def test_a_second_one_ends_the_server_that_an_earlier_process_left_running(server: Postgres) -> None:
    server.start()
    left = postmaster(server)
    successor = Postgres(server.folder, durable=False)
    try:
        successor.start()
        assert ask(successor, "SELECT 1") == (1,)
        assert psutil.wait_procs([left], timeout=10)[1] == []
    finally:
        successor.stop()


def test_a_recorded_pid_that_now_is_a_strangers_does_not_stop_it(server: Postgres) -> None:
    server.start()
    recorded = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    (server.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *recorded[1:]]))
    assert not server.is_ready()
    server.start()
    assert server.is_ready()


def test_a_half_made_database_is_made_anew(server: Postgres) -> None:
    (server.folder / "making" / "data" / "base").mkdir(parents=True)
    server.start()
    assert ask(server, "SELECT 1") == (1,)
    assert not (server.folder / "making").exists()


def test_a_long_path_and_closed_folders_above_are_no_hindrance(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / ("long" * 50) / "postgres", durable=False)
    try:
        server.start()
        assert ask(server, "SELECT 1") == (1,)
    finally:
        server.stop()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_below_a_closed_folder_are_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = postgres.programs().parents[1]
    for part in wheel.parent.glob(f"{wheel.name}*"):  # its libraries lie beside it
        shutil.copytree(part, closed / part.name, symlinks=True)
    monkeypatch.setattr(postgres, "programs", lambda: closed / wheel.name / postgres.INSTALLATION / "bin")
    server = Postgres(closed / "postgres", durable=False)
    try:
        server.start()
        assert ask(server, "SELECT 1") == (1,)
    finally:
        server.stop()


def test_a_taken_port_is_told_with_the_servers_own_words(server: Postgres, tmp_path: Path) -> None:
    server.start()
    second = Postgres(tmp_path / "second", port=server.port, durable=False)
    with pytest.raises(PostgresError, match="Address already in use"):
        second.start()


def test_it_runs_as_a_plain_user_too(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.chown(mine, "nobody")
    source = (
        "import sys; from pathlib import Path; from moonmind.embedded.postgres import Postgres\n"
        "server = Postgres(Path(sys.argv[1])); server.start(); print(server.is_ready(), server.account); server.stop()"
    )
    repo = Path(__file__).parents[2]
    done = subprocess.run(
        (*prefix_for_nobody(), sys.executable, "-c", source, str(mine / "postgres")),
        cwd=repo, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False,
    )  # fmt: skip
    assert done.stdout == "True Account(prefix=(), owner=None)\n", done.stderr
