"""Each Compose verb as the exact command line; a change here is a change of what the engine is told."""

from pathlib import Path
from uuid import UUID

import pytest

from moonmind.workflows.orchestrator.commands import CONTAINER_TEMPLATE, PINNED_ENVIRONMENT, ComposeCommands

COMPOSE = ComposeCommands(
    project="store",
    files=(Path("/srv/store/compose.yaml"), Path("/srv/store/compose.prod.yaml")),
    service="shop",
    workspace=Path("/srv/store"),
    env_file=Path("/srv/store/.env"),
)
PINNED = (
    "docker compose --ansi never --project-name store --project-directory /srv/store "
    "--file /srv/store/compose.yaml --file /srv/store/compose.prod.yaml --env-file /srv/store/.env "
)
RUN = UUID("6f0c1c4e-0000-4000-8000-000000000001")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (COMPOSE.validate(), "config --quiet shop"),
        (COMPOSE.model(), "config --format json shop"),
        (COMPOSE.containers(), "ps --all --quiet shop"),
        (COMPOSE.logs(None), "logs --no-color --no-log-prefix --tail 2000 shop"),
        (
            COMPOSE.logs("2026-01-02T03:04:05.6Z"),
            "logs --no-color --no-log-prefix --tail 2000 --since 2026-01-02T03:04:05.6Z shop",
        ),
        (COMPOSE.build(), "--progress plain build shop"),
        (COMPOSE.up(), "--progress plain up --detach --no-deps --force-recreate --no-build --pull missing shop"),
        (COMPOSE.remove(), "--progress plain rm --stop --force shop"),
    ],
)
def test_compose_verbs_pin_project_files_and_env_file(command, line: str) -> None:
    assert " ".join(command.argv) == PINNED + line
    assert command.cwd == Path("/srv/store")
    assert command.env == PINNED_ENVIRONMENT


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            COMPOSE.project_containers(),
            "ps --all --no-trunc --quiet --filter label=com.docker.compose.project=store "
            "--filter label=com.docker.compose.oneoff=False",
        ),
        (COMPOSE.inspect(["a1", "b2"]), f"container inspect --format {CONTAINER_TEMPLATE} a1 b2"),
        (COMPOSE.image_id("store-shop"), "image inspect --format {{.Id}} store-shop"),
        (
            COMPOSE.say_image_only("redis:7"),
            "image inspect --format shop has no build section: nothing to build, it runs {{.Id}} redis:7",
        ),
        (COMPOSE.tag("sha256:1", "store-shop"), "image tag sha256:1 store-shop"),
        (COMPOSE.untag("store-shop"), "image rm --force store-shop"),
        (COMPOSE.engine_version(), "version --format engine {{.Server.Version}}"),
    ],
)
def test_engine_verbs(command, line: str) -> None:
    assert " ".join(command.argv) == f"docker {line}"


@pytest.mark.parametrize("command", [COMPOSE.model(), COMPOSE.inspect(["a"]), COMPOSE.logs(None)])
def test_answers_that_may_hold_secrets_stay_out_of_the_log(command) -> None:
    assert command.quiet


@pytest.mark.parametrize("command", [COMPOSE.build(), COMPOSE.up(), COMPOSE.validate(), COMPOSE.tag("a", "b")])
def test_what_people_want_to_read_is_logged(command) -> None:
    assert not command.quiet


def test_without_an_env_file_none_is_looked_for() -> None:
    bare = ComposeCommands("store", (Path("/srv/compose.yaml"),), "shop", Path("/srv"))
    assert "--env-file /dev/null" in " ".join(bare.validate().argv)


def test_the_container_template_shows_no_environment_and_no_command() -> None:
    assert CONTAINER_TEMPLATE.startswith('{"id":{{json .Id}},"service":{{json (index .Config.Labels ')
    assert ".Config.Env" not in CONTAINER_TEMPLATE


@pytest.mark.parametrize(
    ("project", "service", "repository"),
    [("store", "shop", "store-shop"), ("store", "Shop_API.v2-", "store-shop-api-v2"), ("_s", "a__b", "s-a-b")],
)
def test_rollback_tags_carry_the_run_and_are_valid_names(project: str, service: str, repository: str) -> None:
    commands = ComposeCommands(project, (), service, Path("/srv"))
    assert commands.rollback_tag(RUN) == f"moonmind-rollback/{repository}:{RUN}"
