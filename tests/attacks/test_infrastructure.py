"""What lies around runs: messages, the broker's accounts, what a child knows, repositories, Compose files."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from kombu import Connection, Exchange, Queue

from moonmind.engine.group_lock import MARK as CHILD
from moonmind.schemas.service_profile import ComposeRuntime
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.ports import Command, StepFailedError
from moonmind.workflows.orchestrator.runtimes.compose import ComposeServiceRuntime
from tests.attacks.tally import Tally
from tests.attacks.town import Town
from tests.servers import ROOT, until

PRIVATE = ("MOONMIND_", "SHOP_API_TOKEN", "PIP_INDEX_URL")


class Pickled:
    """Runs a program when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.canary}",))


def test_a_pickled_message_is_refused_and_the_worker_lives(town: Town, tally: Tally) -> None:
    canary, queue = town.folder / "pickle-canary", "orchestrator.run"
    folder = dict.fromkeys(("data_folder_in", "data_folder_out"), f"{town.folder}/broker/messages")
    options = {**folder, "control_folder": f"{town.folder}/broker/control"}
    with Connection("filesystem://", transport_options=options) as connection:
        producer = connection.Producer()
        for kind in ("application/x-python-serialize", "application/json", "application/x-yaml", "application/data"):
            body = (
                Pickled(canary)
                if "python" in kind
                else b"!!python/object/apply:os.system ['touch " + bytes(canary) + b"']"
            )
            how = {"serializer": "pickle"} if "python" in kind else {"content_type": kind, "content_encoding": "binary"}
            declared = [Queue(queue, Exchange(queue), routing_key=queue)]
            tally.case(
                lambda body=body, how=how, d=declared: producer.publish(
                    body, exchange=queue, routing_key=queue, declare=d, **how
                )
            )
    assert town.wait(town.submit("sound0", "restart it"))["status"] == "succeeded"
    assert not canary.exists()


def test_no_guest_account_on_the_stacks_broker(tally: Tally) -> None:
    text = tally.case(lambda: (ROOT / "docker-compose.yaml").read_text())
    assert re.findall(r"RABBITMQ_DEFAULT_USER: *(\S+)", text) == ["moonmind"]
    assert "amqp://guest" not in text


def test_what_runs_for_a_service_does_not_know_the_workers_environment(town: Town, tally: Tally) -> None:
    town.index.hold()
    try:
        run = town.submit("bad0")
        until(lambda: town.index.waiting > 0, seconds=120, what="the build asks the index")
        children = [environ for process in psutil.process_iter() if CHILD in (environ := environment_of(process))]
        mine = [environ for environ in children if environ[CHILD].startswith(f"{town.home}/")]
    finally:
        town.index.release()
    assert mine
    secrets = set(town.secrets.values())
    for environ in mine:
        tally.add()
        assert [name for name in environ if name.startswith(("MOONMIND_DATABASE", "MOONMIND_BROKER", "SHOP_"))] == []
        assert not secrets & set(environ.values())
    assert town.wait(run)["status"] == "rolled_back"


def environment_of(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def test_a_repository_runs_none_of_its_programs(town: Town, tally: Tally) -> None:
    workspace, canary = town.services["committed"].workspace, town.folder / "git-canary"
    program = town.folder / "hostile"
    program.write_text(f"#!/bin/sh\ntouch {canary}\nexit 1\n")
    program.chmod(0o755)
    settings = {
        "core.hooksPath": str(town.folder / "hooks"), "core.fsmonitor": str(program), "core.sshCommand": str(program),
        "core.editor": str(program), "core.pager": str(program), "diff.external": str(program),
        "filter.evil.clean": str(program), "filter.evil.smudge": str(program), "filter.evil.process": str(program),
        "diff.evil.command": str(program), "diff.evil.textconv": str(program), "gpg.program": str(program),
        "commit.gpgSign": "true", "credential.helper": f"!{program}", "alias.commit": f"!{program}",
        "merge.evil.driver": str(program), "remote.origin.url": f"ext::{program}", "core.gitProxy": str(program),
    }  # fmt: skip
    (town.folder / "hooks").mkdir()
    for hook in (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "post-index-change",
        "reference-transaction",
        "prepare-commit-msg",
    ):
        for folder in (town.folder / "hooks", workspace / ".git" / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / hook).write_bytes(program.read_bytes())
            (folder / hook).chmod(0o755)
    for name, value in settings.items():
        tally.add()
        subprocess.run(["git", "config", name, value], cwd=workspace, check=True)
    (workspace / ".git" / "info").mkdir(exist_ok=True)
    (workspace / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    ended = town.wait(town.submit("committed"))
    assert ended["status"] in ("succeeded", "failed", "rolled_back")
    assert not canary.exists(), ended


def test_nothing_of_ours_makes_a_command_line_for_a_shell(tally: Tally) -> None:
    shells = {"system", "popen", "getoutput", "getstatusoutput", "spawnl", "spawnlp", "execl", "execlp"}
    for file in [*ROOT.glob("moonmind/**/*.py"), *ROOT.glob("api_service/**/*.py")]:
        tally.add()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert name not in shells, f"{file}: {name}"
                assert not any(k.arg == "shell" and getattr(k.value, "value", True) for k in node.keywords), file


COMPOSE = {
    "privileged": "privileged: true",
    "host pid": "pid: host",
    "host network": "network_mode: host",
    "host ipc": "ipc: host",
    "another's network": "network_mode: container:victim",
    "devices": 'devices: ["/dev/kmsg:/dev/kmsg"]',
    "capabilities": "cap_add: [SYS_ADMIN]",
    "no seccomp": 'security_opt: ["seccomp:unconfined"]',
    "the engine's socket": 'volumes: ["/var/run/docker.sock:/var/run/docker.sock"]',
    "the host's root": 'volumes: ["/:/host"]',
    "a folder above": 'volumes: ["../../../../../../etc:/x"]',
    "the API's socket": "use_api_socket: true",
    "a hook": 'post_start: [{command: ["id"], user: root}]',
    "a context outside": "build: /etc",
    "a Dockerfile outside": "build: {context: ., dockerfile: ../../../../etc/passwd}",
    "a remote context": "build: https://evil.example/x.git",
    "a build secret": "build: {context: ., secrets: [{source: s}]}",
    "a privileged build": "build: {context: ., privileged: true}",
    "another frontend": 'build: {context: ., dockerfile_inline: "# syntax=evil.example/frontend\\nFROM scratch"}',
}
STEERING = [
    "COMPOSE_FILE",
    "COMPOSE_PROFILES",
    "COMPOSE_PROJECT_NAME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "BUILDKIT_HOST",
]
EXTRA = "secrets: {s: {file: ./s}}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "s").write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def check(workspace: Path) -> None:
    """What each step does before it builds or restarts; nothing is built."""
    profile = ComposeRuntime(project="mmattack", service="shop", health=({"engine": True},))  # type: ignore[arg-type]
    runner = SubprocessRunner(os.environ)

    class Quiet:
        def write(self, text: str) -> None:
            pass

    def execute(command: Command) -> Any:
        return runner.run(command, log=Quiet(), timeout=60)

    ComposeServiceRuntime(profile, workspace).check(execute)


@pytest.mark.docker
@pytest.mark.parametrize("asked", COMPOSE)
def test_a_compose_file_that_asks_for_the_host_is_refused(asked: str, workspace: Path, tally: Tally) -> None:
    image = "" if "build:" in COMPOSE[asked] else "    image: scratch\n"
    (workspace / "compose.yaml").write_text(f"services:\n  shop:\n{image}    {COMPOSE[asked]}\n{EXTRA}")
    with pytest.raises(StepFailedError) as refused:
        tally.case(lambda: check(workspace))
    assert refused.value.code in ("compose_refused", "compose_invalid"), refused.value


@pytest.mark.docker
@pytest.mark.parametrize("name", STEERING)
def test_neither_env_file_nor_environment_steer_compose(
    name: str, workspace: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "compose.yaml").write_text("services:\n  shop:\n    image: scratch\n")
    (workspace / "evil.yaml").write_text("services:\n  shop:\n    image: scratch\n    privileged: true\n")
    value = "evil.yaml" if name == "COMPOSE_FILE" else "tcp://127.0.0.1:1" if "HOST" in name else "evil"
    monkeypatch.chdir(workspace)
    (workspace / ".env").write_text(f"{name}={value}\n")
    if name.startswith("COMPOSE_"):
        tally.case(lambda: check(workspace))
    else:
        with pytest.raises(StepFailedError, match=name):
            tally.case(lambda: check(workspace))
    (workspace / ".env").unlink()
    if not name.startswith("DOCKER_"):  # those choose the engine, which is the worker's owner to say
        monkeypatch.setenv(name, value)
        tally.case(lambda: check(workspace))


@pytest.mark.docker
def test_a_run_for_such_a_compose_file_ends_before_anything_is_done(town: Town, tally: Tally) -> None:
    workspace = town.home / "work" / "boxed"
    (workspace / "compose.yaml").write_text("services:\n  shop:\n    image: scratch\n    privileged: true\n")
    (workspace / "requirements.txt").write_text("# none\n")
    ended = tally.case(lambda: town.wait(town.submit("boxed", "restart it")))
    assert (ended["status"], ended["failure"]["code"]) == ("failed", "compose_refused")
    assert "privileged" in ended["failure"]["reason"]
