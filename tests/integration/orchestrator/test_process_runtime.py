"""The process runtime with a real supervisord, real virtual environments and a real service."""

import os
import signal
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.embedded.programs import service_programs
from moonmind.embedded.sockets import free_port
from moonmind.embedded.stack import stop
from moonmind.embedded.supervisor import Supervisor, configure, launch
from moonmind.workflows.orchestrator.bootstrap import machine_uv
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.ports import Command, CommandResult, EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.runtimes.process import SupervisedService

APP = """
import http.server, os, pathlib
import greeting

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{greeting.VERSION} {os.getpid()} {os.environ.get('SECRET')}".encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)

print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


class Log:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


@dataclass
class House:
    """A home with the services `shop` and `peer` under a supervisord of its own."""

    home: Path
    settings: Settings
    log: Log

    def service(self, name: str = "shop") -> SupervisedService:
        profile = self.settings.services[name]
        assert profile.process
        return SupervisedService(
            ServicePlace(self.home, name), self.home / profile.workspace, profile.process, lambda: machine_uv().commands
        )

    def execute(self, command: Command) -> CommandResult:
        return SubprocessRunner(dict(os.environ)).run(command, log=self.log, timeout=60)

    def get(self, name: str = "shop") -> list[str]:
        port = self.service(name).probe_values()["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            return answer.read().decode().split()

    def release(self, version: str, name: str = "shop") -> None:
        """Put a wheel `greeting` of that version into the workspace and require it."""
        workspace = self.home / name
        wheel = f"greeting-{version}-py3-none-any.whl"
        info = f"greeting-{version}.dist-info"
        with zipfile.ZipFile(workspace / wheel, "w") as file:
            file.writestr("greeting.py", f"VERSION = '{version}'\n")
            file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")
            file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr(f"{info}/RECORD", "")
        (workspace / "requirements.txt").write_text(f"./{wheel}\n")


def until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def profile(name: str) -> dict[str, object]:
    health = [{"http": "http://127.0.0.1:{port}/"}]
    process = {"command": ["python", "app.py"], "port": free_port(), "health": health}
    return {"runtime": "process", "workspace": name, "allow": ["*"], "process": process}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "a home with spaces, a % and a 'quote'"
    names = ("shop", "peer")
    settings = Settings.model_validate({"home": home, "services": {name: profile(name) for name in names}})
    house = House(home, settings, Log())
    for name in names:
        (home / name).mkdir(parents=True)
        (home / name / "app.py").write_text(APP)
        house.release("1.0", name)
    ports = {name: int(house.service(name).probe_values()["port"]) for name in names}
    configure(home, service_programs(settings, {**os.environ, "SECRET": "x"}, ports))
    child = launch(home, attached=True)
    until(Supervisor(home).answers)
    yield house
    stop(home)
    child.wait(10)


def test_build_restart_and_back_again(house: House) -> None:
    shop, peer = house.service(), house.service("peer")
    for service in (shop, peer):
        service.build(house.execute)
        service.restart(house.execute)
    before = shop.observe(house.execute)
    assert (before.status, house.get()) == ("running", ["1.0", before.instance, "None"])

    point = shop.restore_point(house.execute, uuid4())
    house.release("2.0")
    shop.build(house.execute)
    assert house.get()[0] == "1.0", "a build alone changes nothing that runs"
    neighbour = peer.observe(house.execute)
    shop.restart(house.execute)
    assert house.get()[0] == "2.0"
    assert shop.observe(house.execute).instance != before.instance

    shop.restore(house.execute, point)
    shop.restart(house.execute)
    assert house.get()[0] == "1.0"
    shop.discard(house.execute, point)
    shop.build(house.execute)
    kept = {entry.name for entry in shop.place.venvs.iterdir()}
    assert kept == {"1", shop.place.current.resolve().name}, "what the run had built is gone with the next build"
    assert peer.observe(house.execute) == neighbour


def test_a_service_that_lacks_a_module_is_restarted_and_its_log_tells_of_this_life_only(house: House) -> None:
    shop = house.service()
    shop.build(house.execute)
    shop.restart(house.execute)
    assert shop.recent_logs(house.execute).splitlines()[0] == "serving"
    (house.home / "shop" / "requirements.txt").write_text("# nothing\n")
    shop.build(house.execute)
    shop.restart(house.execute)
    until(lambda: "ModuleNotFoundError: No module named 'greeting'" in shop.recent_logs(house.execute))
    assert "serving" not in shop.recent_logs(house.execute)
    assert shop.observe(house.execute).status in ("starting", "restarting", "exited")


def test_a_service_without_an_environment_says_so(house: House) -> None:
    shop = house.service()
    shop.restart(house.execute)
    assert "it has not been built" in shop.recent_logs(house.execute)


def test_a_failed_install_shows_uvs_words_and_changes_nothing(house: House) -> None:
    shop = house.service()
    shop.build(house.execute)
    (house.home / "shop" / "requirements.txt").write_text("./nowhere-1.0-py3-none-any.whl\n")
    with pytest.raises(StepFailedError, match="Distribution not found at") as caught:
        shop.build(house.execute)
    assert caught.value.code == "build_failed"
    assert "error: Distribution not found at" in house.log.text
    assert shop.place.current.resolve().name == "1"


BACKEND = """
import pathlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    pathlib.Path("build").mkdir()  # as setuptools does
    version = pathlib.Path("shop.py").read_text().strip("# \\n")
    info = f"shop-{version}.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / f"shop-{version}-py3-none-any.whl", "w") as file:
        file.writestr("shop.py", pathlib.Path("shop.py").read_text())
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: shop\\nVersion: {version}\\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(f"{info}/RECORD", "")
    return f"shop-{version}-py3-none-any.whl"
"""
PROJECT = """
[project]
name = "shop"
dynamic = ["version"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def test_a_project_is_installed_as_it_is_now_and_its_folder_stays_as_it_was(house: House) -> None:
    shop, folder = house.service(), house.home / "shop"
    project = replace(shop, profile=shop.profile.model_copy(update={"install": "."}))
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    for version in ("1.0", "2.0"):
        (folder / "shop.py").write_text(f"# {version}\n")
        before = sorted(folder.rglob("*"))
        project.build(house.execute)
        assert project.facts(house.execute).installed == {"shop": version}
        assert sorted(folder.rglob("*")) == before
    assert sorted(entry.name for entry in shop.place.venvs.iterdir()) == ["1", "2"]


def test_a_killed_service_comes_back_by_itself(house: House) -> None:
    shop = house.service()
    shop.build(house.execute)
    shop.restart(house.execute)
    first = shop.observe(house.execute).instance
    assert first
    os.kill(int(first), signal.SIGKILL)
    until(lambda: shop.observe(house.execute).instance not in (first, None))


def test_without_the_supervisor_the_engine_is_unavailable_and_no_service_is_left(house: House) -> None:
    shop = house.service()
    shop.build(house.execute)
    shop.restart(house.execute)
    service = psutil.Process(int(shop.observe(house.execute).instance or 0))
    stop(house.home)
    assert not service.is_running()
    with pytest.raises(EngineUnavailableError):
        shop.observe(house.execute)
    with pytest.raises(EngineUnavailableError):
        shop.restart(house.execute)
