"""What the stack runs, and what each of it may know."""

from pathlib import Path
from typing import Any

from moonmind.config.settings import Settings
from moonmind.embedded.programs import (
    MARK,
    api_program,
    postgres_program,
    process_services,
    service_programs,
    worker_program,
)

HOME = Path("/home/m")
SECRETS = {"MOONMIND_DATABASE__URL": "postgresql://secret", "AWS_SECRET": "x", "PIP_INDEX_URL": "y"}
ENVIRONMENT = {"PATH": "/bin", "LC_ALL": "C.UTF-8", "HTTPS_PROXY": "http://proxy", **SECRETS}
PROCESS = {
    "command": ["python", "app.py"], "env": {"COLOUR": "blue", "PORT": "1"},
    "health": [{"http": "http://127.0.0.1:{port}/"}],
}  # fmt: skip


def profile(**more: Any) -> dict[str, Any]:
    return {"runtime": "process", "workspace": "srv/shop", "allow": ["*"], "process": PROCESS, **more}


def settings(**services: dict[str, Any]) -> Settings:
    return Settings.model_validate({"home": HOME, "services": services})


def test_a_service_gets_its_port_and_own_variables_and_none_of_our_secrets() -> None:
    (shop,) = service_programs(settings(shop=profile()), ENVIRONMENT, {"shop": 8123})
    assert shop.env == {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "HTTPS_PROXY": "http://proxy",
        "PYTHONUNBUFFERED": "1", "COLOUR": "blue", "PORT": "8123", MARK: "/home/m",
    }  # fmt: skip
    assert (shop.name, shop.argv, shop.cwd) == ("svc-shop", ("python", "app.py"), HOME / "srv/shop")
    assert shop.bin == HOME / "var/services/shop/current"
    assert shop.whole_group


def test_the_database_server_knows_no_secrets_either() -> None:
    assert not set(SECRETS) & set(postgres_program(("postgres",), settings(), ENVIRONMENT).env)


def test_api_and_worker_get_all_that_the_user_has_set() -> None:
    for program in (api_program(settings(), ENVIRONMENT, "127.0.0.1", 80), worker_program(settings(), ENVIRONMENT)):
        assert program.env == {**ENVIRONMENT, MARK: "/home/m"}
        assert program.cwd == HOME


def test_the_worker_listens_to_every_queue_of_this_machine() -> None:
    known = settings(shop=profile(host="attic"), cellar=profile(host="cellar"), none=profile())
    expected = ("orchestrator.run", "orchestrator.light", "orchestrator.run.attic", "orchestrator.run.cellar")
    assert known.queues == expected
    argv = worker_program(known, {}).argv
    assert argv[argv.index("--queues") + 1] == ",".join(expected)


def test_each_stops_before_what_it_needs() -> None:
    known = settings(shop=profile())
    (service,) = service_programs(known, {}, {"shop": 1})
    order = (postgres_program((), known, {}), service, api_program(known, {}, "h", 1), worker_program(known, {}))
    priorities = [program.priority for program in order]
    assert priorities == sorted(set(priorities))


def test_services_of_another_runtime_are_not_ours_to_supervise() -> None:
    compose = {"project": "p", "service": "s", "health": [{"engine": True}]}
    known = settings(shop=profile(), box=profile(runtime="compose", compose=compose))
    assert list(process_services(known)) == ["shop"]
