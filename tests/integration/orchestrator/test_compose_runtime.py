"""The Compose runtime on a real engine: what it sees, what it touches, and what it puts back."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from moonmind.schemas.workflow_models import ServiceState
from moonmind.workflows.orchestrator.ports import EngineUnavailableError, StepFailedError

from .conftest import COMPOSE, Project

pytestmark = pytest.mark.docker


def until(wanted: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "did not come about in time"
        time.sleep(0.1)


def observe(project: Project) -> ServiceState:
    return project.runtime().observe(project.execute)


def start(project: Project) -> None:
    project.compose("up", "--detach", "--build")
    until(lambda: observe(project).health == "healthy")


def version(project: Project) -> str:
    port = project.compose("port", "shop", "8000").rpartition(":")[2]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
        return answer.read().decode()


def deploy(project: Project, run: UUID) -> dict[str, str | None]:
    runtime = project.runtime()
    point = dict(runtime.restore_point(project.execute, run))
    runtime.build(project.execute)
    runtime.restart(project.execute)
    return point


def test_a_service_that_was_never_started_is_absent_and_has_no_log(project: Project) -> None:
    assert observe(project) == ServiceState(status="absent")
    assert project.runtime().recent_logs(project.execute) == ""


def test_an_unknown_service_and_a_broken_file_are_told_apart(project: Project) -> None:
    with pytest.raises(StepFailedError) as caught:
        project.runtime("nosuch").observe(project.execute)
    assert caught.value.code == "service_unknown"
    project.put(compose="services: {shop: {imag: x}}")
    with pytest.raises(StepFailedError, match="imag") as caught:
        observe(project)
    assert caught.value.code == "compose_invalid"


def test_a_crash_loop_is_seen_with_its_last_words(project: Project) -> None:
    project.put(version="broken", env="RESTART=always\n")
    deploy(project, uuid4())
    until(lambda: observe(project).restart_count > 0)
    state = observe(project)
    assert state.status in {"restarting", "running"}
    assert "ModuleNotFoundError: No module named 'nosuchthing'" in project.runtime().recent_logs(project.execute)


def test_a_crashed_service_is_exited_with_its_code(project: Project) -> None:
    project.put(version="broken")
    deploy(project, uuid4())
    until(lambda: observe(project).status == "exited")
    assert observe(project).exit_code == 1
    assert project.runtime().recent_logs(project.execute).startswith("Traceback (most recent call last):\n")


def test_only_the_target_is_rebuilt_and_restarted_and_the_same_image_comes_back(project: Project) -> None:
    start(project)
    shop, catalog, image = (
        project.container("shop"),
        project.container("catalog"),
        project.image(f"{project.name}-shop"),
    )
    run, runtime = uuid4(), project.runtime()

    project.put(version="2")
    point = deploy(project, run)
    until(lambda: observe(project).health == "healthy")
    assert version(project) == "2"
    assert project.container("catalog") == catalog
    assert project.container("shop") != shop
    assert project.image(f"{project.name}-shop") != image
    assert dict(runtime.restore_point(project.execute, run)) == point  # asked again after a crash: the first image
    assert point["image"] == image

    runtime.restore(project.execute, point)
    runtime.restart(project.execute)
    until(lambda: observe(project).health == "healthy")
    assert version(project) == "1"
    assert project.image(f"{project.name}-shop") == image
    assert project.container("shop").endswith(image)
    assert project.container("catalog") == catalog

    assert project.image(str(point["tag"])) == image
    runtime.discard(project.execute, point)
    runtime.discard(project.execute, point)
    assert project.image(str(point["tag"])) == ""


def test_a_first_build_is_undone_to_nothing(project: Project) -> None:
    project.compose("up", "--detach", "catalog")
    catalog = project.container("catalog")
    point = deploy(project, uuid4())
    assert point["image"] is None
    assert project.container("shop")
    project.runtime().restore(project.execute, point)
    assert project.container("shop") == ""
    assert project.image(f"{project.name}-shop") == ""
    assert project.container("catalog") == catalog


def test_a_failed_build_leaves_its_log_its_reason_and_the_image(project: Project) -> None:
    start(project)
    image = project.image(f"{project.name}-shop")
    project.put(Dockerfile="FROM python:3.11-slim\nRUN echo from-the-build && exit 3\n")
    with pytest.raises(StepFailedError, match="exit 3` ended with 3") as caught:
        deploy(project, uuid4())
    assert caught.value.code == "build_failed"
    assert "from-the-build" in project.log
    assert project.image(f"{project.name}-shop") == image


def test_a_service_without_a_build_section_says_so_and_keeps_its_image(project: Project) -> None:
    project.compose("up", "--detach", "catalog")
    before = project.image("python:3.11-slim")
    runtime = project.runtime("catalog")
    point = runtime.restore_point(project.execute, uuid4())
    runtime.build(project.execute)
    runtime.restart(project.execute)
    runtime.restore(project.execute, point)
    runtime.discard(project.execute, point)
    assert "catalog has no build section: nothing to build, it runs sha256:" in project.log
    assert project.image("python:3.11-slim") == before


def test_a_taken_port_is_given_as_the_reason(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        project.put(compose=COMPOSE.replace("127.0.0.1::8000", f"127.0.0.1:{taken.getsockname()[1]}:8000"))
        with pytest.raises(StepFailedError, match="its port is taken") as caught:
            deploy(project, uuid4())
    assert caught.value.code == "restart_failed"
    assert "address already in use" in project.runtime().recent_logs(project.execute)


def test_the_workspaces_env_file_fills_in_values_and_steers_nothing(project: Project) -> None:
    project.put(
        env="TOKEN=from-the-env-file\nCOMPOSE_PROJECT_NAME=mmtest-elsewhere\nCOMPOSE_FILE=/nonexistent\n"
        "COMPOSE_PROFILES=extra\nCOMPOSE_REMOVE_ORPHANS=true\n"
    )
    project.compose("up", "--detach", "catalog")
    project.put(compose=COMPOSE.replace("catalog", "renamed"))  # the catalog's container is an orphan now
    catalog = project.docker("ps", "--quiet", "--filter", f"label=com.docker.compose.project={project.name}")
    deploy(project, uuid4())
    shop = project.container("shop").split()[0]
    environment = project.docker("inspect", "--format", "{{.Config.Env}}", shop)
    assert "TOKEN=from-the-env-file" in environment
    assert "from-the-env-file" not in project.log
    running = project.docker("ps", "--quiet", "--filter", f"label=com.docker.compose.project={project.name}")
    assert catalog in running.split()


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("privileged: true", "compose_refused", "permit `privileged`"),
        ("volumes: ['/var/run/docker.sock:/s']", "compose_refused", "permit `host_paths`"),
        ("volumes: ['./link:/data']", "compose_refused", "permit `host_paths`"),
        ("extends: {file: more.yaml, service: more}", "compose_refused", "pid: host"),
    ],
)
def test_what_asks_for_the_host_is_neither_built_nor_started(
    project: Project, line: str, code: str, reason: str
) -> None:
    (project.folder / "link").symlink_to("/etc")
    (project.folder / "more.yaml").write_text("services: {more: {pid: host}}")
    project.put(compose=COMPOSE.replace("build: .", f"build: .\n    {line}"))
    for act in (project.runtime().build, project.runtime().restart):
        with pytest.raises(StepFailedError, match=reason) as caught:
            act(project.execute)
        assert caught.value.code == code
    assert (project.container("shop"), project.image(f"{project.name}-shop")) == ("", "")


def test_a_remote_include_is_refused_without_being_fetched(project: Project) -> None:
    project.put(compose="include: ['https://git.example.invalid/x.git#main']\n" + COMPOSE)
    with pytest.raises(StepFailedError, match="includes a remote file, which is refused"):
        project.runtime().build(project.execute)


def test_an_engine_that_is_away_is_recognised(project: Project) -> None:
    project.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    with pytest.raises(EngineUnavailableError, match=r"no engine answers at tcp://127\.0\.0\.1:1"):
        observe(project)
    with pytest.raises(EngineUnavailableError):
        project.runtime().build(project.execute)


def test_an_engine_that_hangs_is_recognised(project: Project) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        project.environment["DOCKER_HOST"] = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        project.timeout = 2
        with pytest.raises(EngineUnavailableError, match="did not answer in time"):
            observe(project)
