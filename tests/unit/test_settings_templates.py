"""One set of names: settings, config.toml, the two templates and the Compose stack say the same."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from moonmind.config.settings import ALIASES, Settings, load_settings

ROOT = Path(__file__).parents[2]
TEMPLATE, VLLM_TEMPLATE = ROOT / ".env-template", ROOT / ".env.vllm-template"
LINE = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
OF_THE_STACK = {"POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "MOONMIND_HOME", "WORKSPACES", "DOCKER_SOCKET"}
OF_THE_MODEL_SERVER = {"COMPOSE_PROFILES", "VLLM_VERSION", "VLLM_MODEL", "VLLM_CONTEXT", "VLLM_API_KEY", "HF_TOKEN"}
SECRET_DEFAULTS = {"MOONMIND_DATABASE__URL", "MOONMIND_BROKER__URL"}
"""Blank in the templates: the stack makes them from its passwords."""


def leaves(model: BaseModel, prefix: str = "MOONMIND") -> Iterator[tuple[str, object]]:
    """Environment name and default of every setting; services are tables of their own in config.toml."""
    for name in type(model).model_fields:
        value, key = getattr(model, name), f"{prefix}__{name}".upper()
        if isinstance(value, BaseModel):
            yield from leaves(value, key)
        elif name not in {"home", "services"}:
            yield key.replace("MOONMIND__", "MOONMIND_", 1), value


def template(path: Path) -> dict[str, str]:
    """Names and values, those that stand behind a `#` as well."""
    return {name: value for _, name, value in LINE.findall(path.read_text())}


def compose(name: str = "docker-compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


DEFAULTS = dict(leaves(Settings(home=Path("/nowhere"))))


@pytest.mark.parametrize("path", [TEMPLATE, VLLM_TEMPLATE], ids=lambda path: path.name)
def test_a_template_has_every_setting_and_nothing_else(path: Path) -> None:
    extra = OF_THE_MODEL_SERVER if path == VLLM_TEMPLATE else set()
    assert set(template(path)) == set(DEFAULTS) | set(ALIASES) | OF_THE_STACK | extra


@pytest.mark.parametrize("path", [TEMPLATE, VLLM_TEMPLATE], ids=lambda path: path.name)
def test_a_templates_values_are_the_defaults(path: Path) -> None:
    shown = {name: value for name, value in template(path).items() if name in DEFAULTS and value}
    expected = {name: str(value) for name, value in DEFAULTS.items() if value not in (None, ())}
    assert shown == {name: value for name, value in expected.items() if name not in SECRET_DEFAULTS}


def test_a_copied_template_changes_nothing(tmp_path: Path) -> None:
    copied = {name: value for mark, name, value in LINE.findall(TEMPLATE.read_text()) if not mark}
    assert load_settings(tmp_path, copied) == load_settings(tmp_path, {})


def test_the_two_templates_differ_by_the_model_server_alone() -> None:
    assert VLLM_TEMPLATE.read_text().startswith(TEMPLATE.read_text())


def test_config_toml_shows_the_defaults() -> None:
    tables = tomllib.loads((ROOT / "config.toml").read_text())
    shown = {
        f"MOONMIND_{table}__{key}".upper(): str(value)
        for table, keys in tables.items()
        if table != "services"
        for key, value in keys.items()
    }
    assert shown == {name: str(DEFAULTS[name]) for name in shown}


def test_the_stack_hands_every_setting_on() -> None:
    environment = compose()["x-environment"]
    assert set(environment) == set(DEFAULTS) | set(ALIASES) | {"MOONMIND_HOME", "MOONMIND_SERVICES__SHOP__RUNTIME"}


def test_every_name_that_the_stack_reads_is_in_a_template() -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    read = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", text))
    assert read <= set(template(VLLM_TEMPLATE))
    assert read >= OF_THE_STACK


def test_queues_of_the_stacks_workers_are_the_settings() -> None:
    services = compose()["services"]
    assert services["orchestrator"]["command"] == ["worker", _default("MOONMIND_ORCHESTRATOR__QUEUE")]
    assert services["celery-worker"]["command"] == ["worker", _default("MOONMIND_ORCHESTRATOR__LIGHT_QUEUE")]


def _default(name: str) -> str:
    return f"${{{name}:-{DEFAULTS[name]}}}"


def test_the_stack_is_these_services_and_one_of_them_has_the_socket() -> None:
    services = compose()["services"]
    always = {name for name, service in services.items() if "profiles" not in service}
    assert always == {"rabbitmq", "postgres", "migrate", "api", "celery-worker", "orchestrator"}
    assert [name for name, service in services.items() if "docker.sock" in str(service)] == ["orchestrator"]


def test_nothing_is_published_but_the_api_on_loopback() -> None:
    published = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:${MOONMIND_API__PORT:-8000}:8000"]}
    for service in compose("docker-compose.test.yaml")["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_every_long_lived_service_has_a_health_check_and_bounded_logs() -> None:
    for name, service in compose()["services"].items():
        assert "max-size" in service["logging"]["options"], name
        assert "healthcheck" in service or name == "migrate", name
