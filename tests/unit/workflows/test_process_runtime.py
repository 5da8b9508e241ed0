"""The process runtime over a recording `execute`: what it runs, and what it makes of the answers."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from moonmind.config.places import ServicePlace
from moonmind.schemas.service_profile import HttpCheck, ProcessRuntime
from moonmind.schemas.workflow_models import ServiceFacts
from moonmind.utils.relink import relink
from moonmind.workflows.orchestrator.ports import Command, CommandResult, EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.python_commands import UvCommands
from moonmind.workflows.orchestrator.runtimes.process import LOG_BYTES, SupervisedService

RUN = UUID("6f9d2d6e-0000-4000-8000-000000000001")
OTHER_RUN = UUID("6f9d2d6e-0000-4000-8000-000000000002")
NO_SUPERVISOR = "unix:///tmp/x/supervisor.sock no such file\n"


@dataclass
class Recorder:
    """Answers by verb, 0 and nothing unless told; makes and removes files as the real commands do."""

    answers: dict[str, CommandResult] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def __call__(self, command: Command) -> CommandResult:
        verb = next(word for word in VERBS if word in command.argv)
        self.ran.append(verb)
        answer = self.answers.get(verb, CommandResult(0, ""))
        if answer.ok and verb in EFFECTS:
            EFFECTS[verb](command.argv)
        return answer


def remove(argv: tuple[str, ...]) -> None:
    for path in map(Path, argv[3:]):
        if os.path.lexists(path):
            path.unlink() if path.is_symlink() else path.rmdir()


VERBS = (
    "status",
    "stop",
    "start",
    "venv",
    "install",
    "moonmind.utils.copy_sources",
    "moonmind.utils.relink",
    "rm",
    "mv",
)
EFFECTS: dict[str, Callable[[tuple[str, ...]], object]] = {
    "venv": lambda argv: Path(argv[-1]).mkdir(),
    "moonmind.utils.copy_sources": lambda argv: Path(argv[-1]).mkdir(),
    "moonmind.utils.relink": lambda argv: relink(Path(argv[-2]), argv[-1]),
    "rm": remove,
    "mv": lambda argv: Path(argv[-2]).rename(argv[-1]),
}
BUILT = ["venv", "install", "moonmind.utils.relink"]


@pytest.fixture
def place(tmp_path: Path) -> ServicePlace:
    place = ServicePlace(tmp_path, "shop")
    place.folder.mkdir(parents=True)
    return place


UV = UvCommands(uv="uv", python="python", env={})


def service(place: ServicePlace, port: int = 0, install: str = "requirements.txt") -> SupervisedService:
    health = (HttpCheck(http="http://127.0.0.1:{port}/health", status=200),)
    profile = ProcessRuntime(command=("python", "app.py"), port=port, health=health, install=install)
    return SupervisedService(place, place.home / "work", profile, lambda: UV)


def environments(place: ServicePlace) -> list[str]:
    return sorted(entry.name for entry in place.venvs.iterdir())


@pytest.mark.parametrize(
    ("line", "status", "instance"),
    [
        ("svc-shop                         RUNNING   pid 4711, uptime 0:00:03", "running", "4711"),
        ("svc-shop                         STARTING  ", "starting", None),
        (
            "svc-shop                         BACKOFF   Exited too quickly (process log may have details)",
            "restarting",
            None,
        ),
        (
            "svc-shop                         FATAL     Exited too quickly (process log may have details)",
            "exited",
            None,
        ),
        ("svc-shop                         EXITED    Nov 21 06:42 AM", "exited", None),
        ("svc-shop                         STOPPED   Not started", "exited", None),
        ("svc-shop                         STOPPING  ", "exited", None),
    ],
)
def test_the_supervisors_states(place: ServicePlace, line: str, status: str, instance: str | None) -> None:
    execute = Recorder({"status": CommandResult(3, line + "\n")})
    state = service(place).observe(execute)
    assert (state.status, state.instance) == (status, instance)


@pytest.mark.parametrize(
    "answer",
    [
        CommandResult(4, NO_SUPERVISOR),
        CommandResult(4, "unix:///tmp/x/supervisor.sock refused connection\n"),
        CommandResult(2, "Error: could not find config file /x\n"),
        CommandResult(-15, "", timed_out=True),
    ],
)
def test_without_a_supervisor_the_engine_is_unavailable(place: ServicePlace, answer: CommandResult) -> None:
    with pytest.raises(EngineUnavailableError, match="moonmind up"):
        service(place).observe(Recorder({"status": answer}))
    with pytest.raises(EngineUnavailableError, match="moonmind up"):
        service(place).restart(Recorder({"stop": answer}))


def test_a_supervisor_that_shuts_down_is_named_as_such(place: ServicePlace) -> None:
    fault = CommandResult(
        2, "error: <class 'xmlrpc.client.Fault'>, <Fault 6: 'SHUTDOWN_STATE'>: file: client.py line: 8\n"
    )
    with pytest.raises(
        EngineUnavailableError, match=r"^the supervisor is shutting down; `moonmind up` starts it again$"
    ):
        service(place).observe(Recorder({"status": fault}))


def test_a_program_that_the_supervisor_does_not_know_is_an_unknown_service(place: ServicePlace) -> None:
    with pytest.raises(StepFailedError) as caught:
        service(place).observe(Recorder({"status": CommandResult(4, "svc-shop: ERROR (no such group)\n")}))
    assert caught.value.code == "service_unknown"


def test_a_build_comes_into_use_when_it_is_complete(place: ServicePlace) -> None:
    execute = Recorder()
    service(place).build(execute)
    assert execute.ran == BUILT
    assert place.current.resolve() == place.venvs / "1"


@pytest.mark.parametrize("failing", BUILT)
def test_a_build_that_fails_leaves_the_current_environment_in_use(place: ServicePlace, failing: str) -> None:
    service(place).build(Recorder())
    answer = CommandResult(1, "Collecting x\nERROR: No matching distribution found for x\n\n")
    with pytest.raises(StepFailedError, match="found for x") as caught:
        service(place).build(Recorder({failing: answer}))
    assert caught.value.code == "build_failed"
    assert place.current.resolve() == place.venvs / "1"


def test_a_build_over_its_time_says_so(place: ServicePlace) -> None:
    with pytest.raises(StepFailedError, match="uv took too long"):
        service(place).build(Recorder({"install": CommandResult(-15, "", timed_out=True)}))


def test_what_uv_says_is_the_reason(place: ServicePlace) -> None:
    said = "Using Python 3.11\nerror: No solution found\n  cause: Because x was not found\n"
    with pytest.raises(StepFailedError, match="uv ended with 1: No solution found cause: Because x was not found"):
        service(place).build(Recorder({"install": CommandResult(1, said)}))


@pytest.mark.parametrize("answer", [CommandResult(0, ""), CommandResult(1, "error: no")])
def test_a_project_is_built_from_a_copy_that_does_not_stay(place: ServicePlace, answer: CommandResult) -> None:
    execute = Recorder({"install": answer})
    with pytest.raises(StepFailedError) if not answer.ok else nullcontext():
        service(place, install=".").build(execute)
    assert execute.ran[:5] == ["venv", "rm", "moonmind.utils.copy_sources", "install", "rm"]
    assert environments(place) == ["1"]


def test_a_file_with_hashes_is_installed_with_them_only(place: ServicePlace) -> None:
    (place.home / "work").mkdir()
    (place.home / "work" / "requirements.txt").write_text("x==1 --hash=sha256:00\n")
    seen: list[Command] = []

    def execute(command: Command) -> CommandResult:
        seen.append(command)
        return Recorder()(command)

    service(place).build(execute)
    assert "--require-hashes" in seen[1].argv


def test_the_facts_are_read_from_the_current_environment(place: ServicePlace) -> None:
    shop = service(place)
    assert shop.facts(Recorder()) == ServiceFacts()
    shop.build(Recorder())
    packages = place.venvs / "1" / "lib" / "python3.12" / "site-packages"
    for name in ("Flask-3.0.1.dist-info", "typing_extensions-4.9.dist-info", "no-version.dist-info", "flask"):
        (packages / name).mkdir(parents=True)
    (place.venvs / "1" / "pyvenv.cfg").write_text("home = /usr/bin\nversion_info = 3.12.4\n")
    facts = ServiceFacts(python="3.12", installed={"flask": "3.0.1", "typing-extensions": "4.9"})
    assert shop.facts(Recorder()) == facts


def test_what_a_crash_left_half_built_is_removed_and_its_number_not_taken_for_a_build(place: ServicePlace) -> None:
    service(place).build(Recorder())
    (place.venvs / "2").mkdir()
    execute = Recorder()
    service(place).build(execute)
    assert execute.ran == ["rm", *BUILT]
    assert place.current.resolve() == place.venvs / "2"
    assert environments(place) == ["1", "2"]


def test_a_restore_point_outlives_builds_until_it_is_discarded(place: ServicePlace) -> None:
    shop = service(place)
    shop.build(Recorder())
    point = shop.restore_point(Recorder(), RUN)
    for _ in range(3):
        shop.build(Recorder())
    assert environments(place) == ["1", "3", "4"]
    assert shop.restore_point(Recorder(), RUN) == point == {"environment": "1", "run": str(RUN)}
    assert shop.restore(Recorder(), point)
    shop.restore(Recorder(), point)
    assert place.current.resolve() == place.venvs / "1"
    shop.discard(Recorder(), point)
    shop.discard(Recorder(), point)
    assert environments(place) == ["1", "3", "4"], "removing is for the next build, which holds the lock group"
    shop.build(Recorder())
    assert environments(place) == ["1", "2"]


def test_a_run_before_the_first_build_goes_back_to_none(place: ServicePlace) -> None:
    shop = service(place)
    point = shop.restore_point(Recorder(), RUN)
    assert point["environment"] is None
    shop.build(Recorder())
    shop.restore(Recorder(), point)
    assert not place.current.is_symlink()


def test_an_environment_that_somebody_removed_cannot_be_restored(place: ServicePlace) -> None:
    with pytest.raises(StepFailedError, match="environment 7 of shop is gone") as caught:
        service(place).restore(Recorder(), {"environment": "7", "run": str(OTHER_RUN)})
    assert caught.value.code == "restore_failed"


def test_a_restart_sets_the_log_of_the_life_before_aside(place: ServicePlace) -> None:
    shop = service(place)
    place.log.write_text("old life\n")
    execute = Recorder({"stop": CommandResult(7, "svc-shop: ERROR (not running)\n")})
    shop.restart(execute)
    assert execute.ran == ["stop", "mv", "start"]
    assert shop.recent_logs(Recorder()) == ""
    assert Path(f"{place.log}.1").read_text() == "old life\n"
    execute.ran.clear()
    shop.restart(execute)
    assert execute.ran == ["stop", "start"]


@pytest.mark.parametrize("said", ["spawn error", "abnormal termination"])
def test_a_service_that_ends_at_once_was_restarted_all_the_same(place: ServicePlace, said: str) -> None:
    service(place).restart(Recorder({"start": CommandResult(7, f"svc-shop: ERROR ({said})\n")}))


def test_a_supervisor_that_cannot_start_it_has_failed_the_restart(place: ServicePlace) -> None:
    with pytest.raises(StepFailedError, match="no such file") as caught:
        service(place).restart(Recorder({"start": CommandResult(1, "svc-shop: ERROR (no such file)\n")}))
    assert caught.value.code == "restart_failed"


def test_only_the_end_of_a_long_log_is_read(place: ServicePlace) -> None:
    place.log.write_bytes(b"x" * LOG_BYTES + b"the end \xff")
    text = service(place).recent_logs(Recorder())
    assert text.endswith("the end �")
    assert len(text) == LOG_BYTES


def test_the_port_is_the_profiles_or_the_one_that_the_stack_chose(place: ServicePlace) -> None:
    assert service(place, port=8123).probe_values() == {"port": "8123"}
    with pytest.raises(EngineUnavailableError, match="shop has no port yet"):
        service(place).probe_values()
    place.port_file.write_text("40123\n")
    assert service(place).probe_values() == {"port": "40123"}
