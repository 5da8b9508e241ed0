"""The embedded stack by the installed command: how it starts and stops, and what it survives."""

import json
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.support.embedded_home import MOONMIND, PLAIN_SHOP, EmbeddedHome, kill, prefix_for_nobody


@pytest.fixture
def home(tmp_path: Path) -> Iterator[EmbeddedHome]:
    """Below a closed folder, at the end of a long path."""
    (tmp_path / "closed").mkdir(mode=0o700)
    home = EmbeddedHome(tmp_path / "closed" / ("long" * 40) / "home")
    yield home
    home.run("down")
    assert home.processes() == []


def get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url) as answer:
        value: dict[str, object] = json.load(answer)
        return value


def status(url: str) -> int:
    with urllib.request.urlopen(url) as answer:
        return int(answer.status)


def address(up: subprocess.Popen[str]) -> str:
    """Where a foreground `moonmind up` answers, once it does."""
    assert up.stdout
    if line := up.stdout.readline().strip():
        return line
    raise AssertionError(up.communicate()[1])


def end(up: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    up.send_signal(number)
    _, err = up.communicate(timeout=60)
    return up.returncode, err


def test_up_answers_in_full_and_ctrl_c_leaves_no_process(home: EmbeddedHome) -> None:
    with home.start("up") as up:
        url = address(up)
        assert get(f"{url}/readyz") == {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"}
        shop = (home.folder / "var/services/shop/port").read_text().strip()
        assert get(f"http://127.0.0.1:{shop}/health")["status"] == "ok"

        again = home.run("up")
        assert (again.returncode, again.stdout) == (1, "")
        assert f"the stack is up already at {url}; `moonmind down` stops it" in again.stderr

        assert end(up, signal.SIGINT)[0] == 0
    assert home.processes() == []
    assert not (home.folder / "var/stack.json").exists()


def test_it_is_up_once_its_services_answer(home: EmbeddedHome) -> None:
    shop = home.put_plain_shop()
    (shop / "app.py").write_text("import time\ntime.sleep(4)\n" + PLAIN_SHOP)  # longer than the supervisor looks at it
    up = home.run("up", "--detach", "--json")
    port = json.loads(up.stdout)["services"]["shop"]
    assert status(f"http://127.0.0.1:{port}/health") == 200
    assert "not healthy" not in up.stderr


def test_a_service_that_cannot_start_is_named_and_the_stack_is_up(home: EmbeddedHome) -> None:
    (home.put_plain_shop() / "app.py").write_text("import nowhere_to_be_found\n")
    up = home.run("up", "--detach", "--json")
    assert up.returncode == 0, up.stderr
    assert status(f"{json.loads(up.stdout)['url']}/health") == 200
    said = " ".join(up.stderr.split())
    assert "service shop is not healthy: the service is exited; its log: " in said
    assert "nowhere_to_be_found" in (home.folder / "var/services/shop/service.log").read_text()


def test_secrets_are_in_private_files_only(home: EmbeddedHome) -> None:
    home.put_plain_shop()
    assert json.loads(home.run("up", "--detach", "--json").stdout)["services"].keys() == {"shop"}
    var = home.folder / "var"
    password = (var / "postgres/password").read_text()
    holding = [path for path in var.rglob("*") if path.is_file() and password in path.read_text(errors="replace")]
    assert holding
    assert {oct(path.stat().st_mode & 0o777) for path in holding} == {"0o600"}
    assert not [p for p in home.processes() if password in " ".join(p.cmdline())]
    assert home.folder.parents[1].stat().st_mode & 0o777 == 0o700
    assert json.loads(home.run("down", "--json").stdout) == {"stopped": True}
    assert home.processes() == []


def test_a_killed_foreground_command_takes_its_stack_along(home: EmbeddedHome) -> None:
    home.put_plain_shop()
    with home.start("up") as up:
        address(up)
        living = home.processes()
        assert living
        up.kill()
    assert psutil.wait_procs(living, timeout=60)[1] == []


def supervisors(home: EmbeddedHome) -> list[psutil.Process]:
    """The stack's supervisord processes that live."""
    found = []
    for process in home.processes():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile, or is a zombie
            if "supervisor.supervisord" in process.cmdline():
                found.append(process)
    return found


def test_it_starts_again_after_kill_9_of_anything(home: EmbeddedHome) -> None:
    home.put_plain_shop()
    assert home.run("up", "--detach").returncode == 0
    run = "00000000"
    assert home.run("runs", "show", run).returncode == 2, "the API answers"
    home.kill_everything()
    assert home.run("runs", "show", run).returncode == 3
    started = home.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    kill(supervisors(home))
    started = home.run("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert len(supervisors(home)) == 1


def test_a_taken_port_is_told_before_anything_starts(home: EmbeddedHome) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = home.run("up", MOONMIND_API__PORT=str(port))
    assert done.returncode == 1
    assert f"port {port} is taken by another program" in done.stderr
    assert home.processes() == []


def test_what_stops_the_api_from_starting_is_shown(home: EmbeddedHome) -> None:
    home.put_plain_shop()
    (home.folder / "var" / "signing.key").mkdir(parents=True)
    done = home.run("up")
    assert done.returncode == 1
    assert "the API does not answer: api ended" in done.stderr
    assert "IsADirectoryError" in done.stderr
    assert home.processes() == []


def test_it_runs_as_a_plain_user_too(tmp_path: Path) -> None:
    as_nobody = prefix_for_nobody()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    home = EmbeddedHome(tmp_path / "home")
    home.put_plain_shop()
    shutil.chown(home.folder, "nobody")
    environment = home.environment({"HOME": str(home.folder)})

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = (*as_nobody, str(MOONMIND), *arguments)
        return subprocess.run(argv, env=environment, cwd=home.folder, capture_output=True, text=True, check=False)

    started = run("up", "--detach")
    assert started.returncode == 0, started.stderr
    assert {process.username() for process in home.processes()} == {"nobody"}
    assert run("down").returncode == 0
    assert home.processes() == []
