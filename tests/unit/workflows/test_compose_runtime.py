"""The Compose runtime against a recording `execute` whose answers were captured from Docker 20.10 with Compose 2.26."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from moonmind.schemas.service_profile import ComposeRuntime
from moonmind.workflows.orchestrator.ports import Command, CommandResult, EngineUnavailableError, StepFailedError
from moonmind.workflows.orchestrator.runtimes.compose import ComposeServiceRuntime
from moonmind.workflows.orchestrator.runtimes.compose_failures import known_reason

RUN = UUID("6f0c1c4e-0000-4000-8000-000000000001")
ROLLBACK_TAG = f"moonmind-rollback/store-shop:{RUN}"
SHOP = "be6fa82cbff066a1631402c314fb9461984aa7a0e9749b9d36ec6d040be66df7"
CATALOG = "be25594d69a0d4f6b0a1c9b2e8f7a6d5c4b3a2918070605040302010ffeeddcc"
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
STARTED = "2026-11-21T06:43:11.804067568Z"
ENGINE_ANSWERS = CommandResult(0, "engine 20.10.24\n")
NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
BUILT = {"build": {"context": "/srv/store", "dockerfile": "Dockerfile"}, "networks": {"default": None}}


def container(name: str = SHOP, service: str = "shop", **changes: Any) -> dict[str, Any]:
    state = {"Status": "running", "ExitCode": 0, "Error": "", "StartedAt": STARTED}
    seen = {"id": name, "service": service, "oneoff": "False", "image": OLD, "restarts": 0}
    return {**seen, **{k: v for k, v in changes.items() if k in seen}, "state": {**state, **changes.get("state", {})}}


class Engine:
    """Answers commands by their verb; a list of answers is used up one by one, its last one again and again."""

    def __init__(self, **answers: str | int | list[str | int]) -> None:
        self.answers: dict[str, Any] = {"version": ENGINE_ANSWERS, "config_quiet": "", **answers}
        self.commands: list[Command] = []

    def __call__(self, command: Command) -> CommandResult:
        self.commands.append(command)
        answer = self.answers.get(self._verb(command.argv), "")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, CommandResult):
            return answer
        return CommandResult(0, answer) if isinstance(answer, str) else CommandResult(answer, "")

    @staticmethod
    def _verb(argv: tuple[str, ...]) -> str:
        if "compose" not in argv:
            return "_".join(argv[1:3]) if argv[1] in ("image", "container") else argv[1]
        after = [word for word in argv[argv.index("--env-file") + 2 :] if word not in ("--progress", "plain")]
        return "config_quiet" if after[:2] == ["config", "--quiet"] else f"compose_{after[0]}"

    @property
    def verbs(self) -> list[str]:
        return [self._verb(command.argv) for command in self.commands]

    def ran(self, verb: str) -> str:
        return next(" ".join(command.argv) for command in self.commands if self._verb(command.argv) == verb)


def model(**service: Any) -> str:
    services = {"shop": service or BUILT, "catalog": {"image": "redis:7"}}
    return json.dumps({"name": "store", "services": services, "networks": {"default": {"name": "store_default"}}})


def lines(*containers: dict[str, Any]) -> str:
    return "".join(json.dumps(item) + "\n" for item in containers)


def runtime(tmp: Path = Path("/srv/store"), **profile: Any) -> ComposeServiceRuntime:
    table = {"project": "store", "service": "shop", "health": [{"engine": True}], **profile}
    return ComposeServiceRuntime(ComposeRuntime.model_validate(table), tmp)


# --- observe ----------------------------------------------------------------------------------------------


def observed(*containers: dict[str, Any]) -> tuple[Any, ...]:
    ids = "".join(f"{item['id']}\n" for item in containers)
    state = runtime().observe(Engine(compose_ps=ids, container_inspect=lines(*containers)))
    return state.status, state.exit_code, state.restart_count, state.health


@pytest.mark.parametrize(
    ("state", "restarts", "expected"),
    [
        ({}, 0, ("running", None, 0, None)),
        ({"Health": {"Status": "healthy"}}, 0, ("running", None, 0, "healthy")),
        ({"Health": {"Status": "starting"}}, 2, ("running", None, 2, "starting")),
        ({"Health": {"Status": "none"}}, 0, ("running", None, 0, None)),
        ({"Status": "restarting", "ExitCode": 1}, 6, ("restarting", 1, 6, None)),
        ({"Status": "exited", "ExitCode": 137}, 0, ("exited", 137, 0, None)),
        ({"Status": "paused"}, 0, ("exited", 0, 0, None)),
        ({"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}, 0, ("starting", 0, 0, None)),
        ({"Status": "created", "ExitCode": 127, "Error": "no such program"}, 0, ("exited", 127, 0, None)),
    ],
)
def test_a_container_state_in_our_words(state: dict[str, Any], restarts: int, expected: tuple[Any, ...]) -> None:
    assert observed(container(state=state, restarts=restarts)) == expected


def test_a_service_is_as_well_as_its_weakest_replica() -> None:
    weak = container(name=CATALOG, restarts=1, state={"Status": "exited", "ExitCode": 3})
    assert observed(container(), weak) == ("exited", 3, 1, None)


def test_the_instance_changes_with_every_start_of_the_same_container() -> None:
    starts = (STARTED, "2026-11-21T07:00:00Z")
    engines = [
        Engine(compose_ps=SHOP, container_inspect=lines(container(state={"StartedAt": start}))) for start in starts
    ]
    first, second = (runtime().observe(engine).instance for engine in engines)
    assert first == f"{SHOP[:12]}@{STARTED}"
    assert first != second


def test_a_service_without_containers_is_absent_and_one_offs_do_not_count() -> None:
    assert observed() == ("absent", None, 0, None)
    assert observed(container(oneoff="True")) == ("absent", None, 0, None)


def test_a_container_that_went_away_in_between_is_left_out() -> None:
    engine = Engine(compose_ps=f"{SHOP}\n{CATALOG}\n", container_inspect=CommandResult(1, lines(container())))
    assert runtime().observe(engine).status == "running"


def failing(compose_says: str, engine_says: CommandResult = ENGINE_ANSWERS) -> Engine:
    return Engine(
        compose_ps=15, config_quiet=CommandResult(15 if compose_says else 0, compose_says), version=engine_says
    )


def test_an_unknown_service_is_told_apart() -> None:
    with pytest.raises(StepFailedError, match="project store has no service shop") as caught:
        runtime().observe(failing("no such service: shop\n"))
    assert caught.value.code == "service_unknown"


def test_a_broken_compose_file_is_told_apart() -> None:
    with pytest.raises(StepFailedError, match="Additional property imag is not allowed") as caught:
        runtime().observe(
            failing("validating /srv/store/compose.yaml: services.shop Additional property imag is not allowed")
        )
    assert caught.value.code == "compose_invalid"


@pytest.mark.parametrize(
    ("compose_says", "version", "reason"),
    [
        ("", CommandResult(1, NO_ENGINE), "no engine answers at unix:///var/run/docker.sock"),
        ("", CommandResult(1, "permission denied while trying to connect to the Docker daemon socket"), "may not use"),
        ("", CommandResult(-9, "", timed_out=True), "the engine does not answer"),
        ("docker: 'compose' is not a docker command.", CommandResult(0, ""), "plug-in is missing"),
    ],
)
def test_an_engine_that_is_away_is_told_apart(compose_says: str, version: CommandResult, reason: str) -> None:
    with pytest.raises(EngineUnavailableError, match=reason):
        runtime().observe(failing(compose_says, version))


def test_a_hung_engine_and_a_missing_client_count_as_away() -> None:
    with pytest.raises(EngineUnavailableError, match="did not answer in time"):
        runtime().observe(Engine(compose_ps=CommandResult(-9, "", timed_out=True)))

    def no_docker(command: Command) -> CommandResult:
        raise StepFailedError("command_not_found", f"cannot start {command.argv[0]}: No such file or directory")

    with pytest.raises(EngineUnavailableError, match="cannot start docker"):
        runtime().observe(no_docker)


# --- logs -------------------------------------------------------------------------------------------------


def test_logs_are_those_since_the_last_start_without_control_codes() -> None:
    engine = Engine(compose_ps=SHOP, container_inspect=lines(container()), compose_logs="\x1b[2KTraceback\n\x1b[2Kx\n")
    assert runtime().recent_logs(engine) == "Traceback\nx\n"
    assert f"--since {STARTED} shop" in engine.ran("compose_logs")


def test_a_start_that_said_nothing_yet_is_helped_by_the_ones_before() -> None:
    engine = Engine(compose_ps=SHOP, container_inspect=lines(container(restarts=3)), compose_logs=["\n", "Traceback\n"])
    assert runtime().recent_logs(engine) == "Traceback\n"


def test_a_container_that_could_not_start_has_the_engines_words_as_its_log() -> None:
    state = {
        "Status": "created",
        "Error": 'exec: "nosuch": executable file not found',
        "StartedAt": "0001-01-01T00:00:00Z",
    }
    engine = Engine(compose_ps=SHOP, container_inspect=lines(container(state=state)))
    assert runtime().recent_logs(engine) == 'exec: "nosuch": executable file not found\n'
    assert "compose_logs" not in engine.verbs


def test_long_logs_keep_their_end() -> None:
    engine = Engine(compose_ps=SHOP, container_inspect=lines(container()), compose_logs="ä" * 300_000 + "end")
    text = runtime().recent_logs(engine)
    assert text.endswith("end")
    assert len(text.encode()) <= 256 * 1024


def test_no_container_no_log() -> None:
    assert runtime().recent_logs(Engine()) == ""


# --- build ------------------------------------------------------------------------------------------------


def test_build_checks_the_model_and_builds_the_target_alone() -> None:
    engine = Engine(compose_config=model())
    runtime().build(engine)
    assert engine.verbs == ["compose_config", "compose_build"]
    assert engine.ran("compose_build").endswith("--progress plain build shop")


def test_a_service_that_only_names_an_image_says_so_in_the_log() -> None:
    engine = Engine(compose_config=model(image="redis:7"))
    runtime().build(engine)
    assert engine.verbs == ["compose_config", "image_inspect"]
    assert not engine.commands[-1].quiet


@pytest.mark.parametrize("act", [ComposeServiceRuntime.build, ComposeServiceRuntime.restart])
def test_nothing_is_built_or_started_that_asks_for_more_than_permitted(act: Callable[..., None]) -> None:
    engine = Engine(compose_config=model(**BUILT, privileged=True, pid="host"))
    with pytest.raises(StepFailedError, match=r"privileged: true \(permit `privileged`\); pid: host") as caught:
        act(runtime(permits=["devices"]), engine)
    assert caught.value.code == "compose_refused"
    assert engine.verbs == ["compose_config"]


def test_a_profile_permits_by_name() -> None:
    engine = Engine(compose_config=model(**BUILT, privileged=True))
    runtime(permits=["privileged"]).build(engine)
    assert "compose_build" in engine.verbs


def test_the_dockerfile_is_read_before_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("# syntax=evil.example/x\nFROM scratch\n")
    engine = Engine(compose_config=model(build={"context": str(tmp_path), "dockerfile": "Dockerfile"}))
    with pytest.raises(StepFailedError, match="syntax=evil"):
        runtime(tmp_path).build(engine)
    inline = Engine(compose_config=model(build={"context": str(tmp_path), "dockerfile_inline": "# syntax=evil/y"}))
    with pytest.raises(StepFailedError, match="syntax=evil/y"):
        runtime(tmp_path).build(inline)


def test_a_failed_build_gives_its_reason() -> None:
    said = "#7 [shop 3/4] RUN pip install\n#7 1.2 ERROR: No matching distribution found for nosuch-thing\n"
    engine = Engine(compose_config=model(), compose_build=CommandResult(17, said))
    with pytest.raises(StepFailedError, match=r"^No matching distribution found for nosuch-thing$") as caught:
        runtime().build(engine)
    assert caught.value.code == "build_failed"


def test_a_build_whose_engine_died_is_the_engines_fault() -> None:
    engine = Engine(compose_config=model(), compose_build=1, version=CommandResult(1, NO_ENGINE))
    with pytest.raises(EngineUnavailableError):
        runtime().build(engine)


def test_a_build_over_its_time_says_so() -> None:
    engine = Engine(compose_config=model(), compose_build=CommandResult(-15, "", timed_out=True))
    with pytest.raises(StepFailedError, match="did not end in time"):
        runtime().build(engine)


# --- restart ----------------------------------------------------------------------------------------------


def restarted(before: str, after: str) -> Engine:
    engine = Engine(compose_config=model(), ps=f"{SHOP}\n{CATALOG}\n", container_inspect=[before, after])
    runtime().restart(engine)
    return engine


PEER = container(name=CATALOG, service="catalog")


def test_restart_recreates_the_target_and_looks_at_the_whole_project_around_it() -> None:
    engine = restarted(lines(container(), PEER), lines(container(name="f" * 64), PEER))
    around = ["ps", "container_inspect"]
    assert engine.verbs == ["compose_config", *around, "compose_up", *around]


@pytest.mark.parametrize(
    "after",
    [
        [container(name="c" * 64, service="catalog")],
        [container(name=CATALOG, service="catalog", state={"StartedAt": "2026-11-21T08:00:00Z"})],
        [PEER, container(name="d" * 64, service="catalog")],
        [],
    ],
    ids=["replaced", "restarted", "added", "removed"],
)
def test_a_peer_that_did_not_stay_as_it_was_fails_the_step(after: list[dict[str, Any]]) -> None:
    with pytest.raises(StepFailedError, match="restarted as well: catalog") as caught:
        restarted(lines(container(), PEER), lines(container(), *after))
    assert caught.value.code == "peer_restarted"


def test_a_peer_in_its_own_crash_loop_is_not_our_doing() -> None:
    looped = container(name=CATALOG, service="catalog", restarts=5, state={"StartedAt": "2026-11-21T08:00:00Z"})
    restarted(lines(container(), PEER), lines(container(), looped))


def test_a_failed_start_gives_its_reason() -> None:
    said = (
        " Container store-shop-1  Starting\nError response from daemon: driver failed: Bind for 127.0.0.1:80 failed: "
    )
    engine = Engine(compose_config=model(), compose_up=CommandResult(1, said + "port is already allocated\n"))
    with pytest.raises(StepFailedError, match="its port is taken") as caught:
        runtime().restart(engine)
    assert caught.value.code == "restart_failed"


# --- restore point, restore, discard ----------------------------------------------------------------------


def test_the_image_that_runs_is_kept_under_a_tag_of_the_run() -> None:
    engine = Engine(
        compose_config=model(), image_inspect=1, compose_ps=SHOP, container_inspect=lines(container(image=OLD))
    )
    point = runtime().restore_point(engine, RUN)
    assert point == {"image": OLD, "name": "store-shop", "tag": ROLLBACK_TAG}
    assert engine.ran("image_tag") == f"docker image tag {OLD} {ROLLBACK_TAG}"


def test_asked_again_after_a_build_the_first_image_stays_kept() -> None:
    engine = Engine(
        compose_config=model(), image_inspect=OLD, compose_ps=SHOP, container_inspect=lines(container(image=NEW))
    )
    assert runtime().restore_point(engine, RUN)["image"] == OLD
    assert "image_tag" not in engine.verbs


def test_a_service_that_was_never_built_has_no_image_to_keep() -> None:
    point = runtime().restore_point(Engine(compose_config=model(), image_inspect=1), RUN)
    assert point == {"image": None, "name": "store-shop", "tag": ROLLBACK_TAG}


def test_an_image_only_service_keeps_what_its_name_stands_for() -> None:
    engine = Engine(compose_config=model(image="redis:7"), image_inspect=[1, NEW])
    assert runtime().restore_point(engine, RUN) == {"image": NEW, "name": "redis:7", "tag": ROLLBACK_TAG}
    assert "compose_ps" not in engine.verbs


def test_restore_tags_the_kept_image_back_and_proves_it() -> None:
    engine = Engine(image_inspect=OLD)
    assert runtime().restore(engine, {"image": OLD, "name": "store-shop", "tag": ROLLBACK_TAG})
    assert [" ".join(command.argv) for command in engine.commands] == [
        f"docker image tag {OLD} store-shop",
        "docker image inspect --format {{.Id}} store-shop",
    ]


def test_restore_of_nothing_removes_what_the_run_made() -> None:
    engine = Engine(image_inspect=1)
    assert not runtime().restore(engine, {"image": None, "name": "store-shop", "tag": ROLLBACK_TAG})
    assert engine.verbs == ["compose_rm", "image_rm", "image_inspect", "version"]


def test_a_restore_that_did_not_take_is_an_error() -> None:
    with pytest.raises(StepFailedError, match="and should be sha256:a") as caught:
        runtime().restore(Engine(image_inspect=NEW), {"image": OLD, "name": "store-shop", "tag": ROLLBACK_TAG})
    assert caught.value.code == "restore_failed"


def test_discard_removes_the_tag_and_does_not_mind_its_absence() -> None:
    engine = Engine(image_rm=1)
    runtime().discard(engine, {"image": OLD, "name": "store-shop", "tag": ROLLBACK_TAG})
    assert engine.ran("image_rm") == f"docker image rm --force {ROLLBACK_TAG}"


# --- the rest ---------------------------------------------------------------------------------------------


def test_the_workspaces_env_file_is_for_interpolation_where_there_is_one(tmp_path: Path) -> None:
    engine = Engine()
    runtime(tmp_path).observe(engine)
    (tmp_path / ".env").write_text("PORT=1\n")
    runtime(tmp_path).observe(engine)
    assert ["--env-file /dev/null" in " ".join(command.argv) for command in engine.commands] == [True, False]


def test_an_env_file_that_would_choose_the_engine_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nexport DOCKER_HOST=tcp://elsewhere:2375\n")
    with pytest.raises(StepFailedError, match=r"\.env sets DOCKER_HOST") as caught:
        runtime(tmp_path).build(Engine())
    assert caught.value.code == "compose_refused"


def test_a_compose_service_gives_no_placeholder_values() -> None:
    assert runtime().probe_values() == {}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
            "there is no Dockerfile",
        ),
        (
            "failed to solve: nosuch/base:1: failed to resolve source metadata for docker.io/nosuch/base:1: dial tcp",
            "the base image nosuch/base:1 cannot be had",
        ),
        (
            'failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
            "`/bin/sh -c exit 3` ended with 3",
        ),
        ("Error response from daemon: no such image: x:1: No such image: x:1", "there is no image x:1 here"),
        (
            "failed to solve: executor failed running [/bin/sh -c exit 3]: exit code: 3",
            "`/bin/sh -c exit 3` ended with 3",
        ),
        (
            'OCI runtime create failed: exec: "nosuchexe": executable file not found in $PATH: unknown',
            "the image has no program `nosuchexe`",
        ),
        (
            'starting container process caused: exec: "/run.sh": permission denied: unknown',
            "`/run.sh` in the image is not executable",
        ),
        (
            "exec /run.sh: exec format error",
            "`/run.sh` in the image is for another machine, or is a script without `#!`",
        ),
        ("write /var/lib/docker/x: no space left on device", "the engine's disk is full"),
        (
            'experimental git remote resource is disabled. "COMPOSE_EXPERIMENTAL_GIT_REMOTE" must be set',
            "the Compose file includes a remote file, which is refused",
        ),
        ("Error response from daemon: something new", "something new"),
        ("all went well", None),
    ],
)
def test_known_texts_become_reasons(output: str, reason: str | None) -> None:
    assert known_reason(output) == reason
