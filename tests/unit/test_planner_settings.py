"""Settings of the planners: what is refused at start, by its key, and what a profile gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonmind.config import planners
from moonmind.config.errors import SettingsError
from moonmind.config.known_secrets import llm_key, make_redactor
from moonmind.config.settings import Settings, load_settings
from moonmind.workflows.orchestrator.agent_planner.author import AgentAuthor
from moonmind.workflows.orchestrator.bootstrap import make_planners
from moonmind.workflows.orchestrator.llm_planner.author import LlmAuthor
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.proposals import GatedPlanner
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from tests.fakes.knowledge import knowledge

KEY = "sk-" + "of-this-house-4711"
SHOP = """
[services.shop]
runtime = "process"
workspace = "shop"
allow = ["requirements.txt"]
planners = [{named}]
[services.shop.process]
command = ["python", "app.py"]
health = [{{ http = "http://127.0.0.1:{{port}}/health" }}]
"""
ENDPOINT = {"MOONMIND_PLANNERS__LLM__URL": "https://llm.example/v1", "MOONMIND_PLANNERS__LLM__MODEL": "m"}
AGENT = {"MOONMIND_PLANNERS__AGENT__COMMAND": "agent --task {task}"}


def loaded(home: Path, named: str = '"rules"', **environment: str) -> Settings:
    (home / "config.toml").write_text(SHOP.format(named=named))
    return load_settings(home, environment)


def refused(home: Path, named: str = '"rules"', **environment: str) -> str:
    with pytest.raises(SettingsError) as error:
        loaded(home, named, **environment)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "key"), [("llm", "planners.llm.url"), ("agent", "planners.agent.command")], ids=["llm", "agent"]
)
def test_a_planner_that_is_named_and_not_set_up_is_refused_by_its_key(name: str, key: str, tmp_path: Path) -> None:
    assert f"shop names the planner `{name}`, but {key} is not set" in refused(tmp_path, f'"rules", "{name}"')


def test_a_step_must_leave_its_planners_their_time(tmp_path: Path) -> None:
    said = refused(tmp_path, '"llm", "agent"', **ENDPOINT, **AGENT, MOONMIND_PLANNERS__AGENT__TIMEOUT="31")
    assert "shop.timeouts.analyze is 120 seconds, and its planners may take 121: raise it" in said


@pytest.mark.parametrize("named", ['"magic"', "", '"rules", "rules"'])
def test_a_list_of_planners_is_made_of_known_ones_each_once(named: str, tmp_path: Path) -> None:
    assert "services.shop.planners" in refused(tmp_path, named)


GOOD_URLS = (
    *("https://llm.example/v1", "https://llm.example:8443", "http://127.0.0.1:8765/v1", "http://[::1]:8765"),
    *("http://192.168.7.7:11434/v1", "http://localhost:1/v1", "http://vllm:8000/v1"),
)
BAD_URLS = (
    *("http://llm.example/v1", "ftp://llm.example", "https://kim:pw@llm.example/v1", "https://llm.example/v1?key=x"),
    *("http://8.8.8.8/v1", "http://169.254.169.254/v1", "https://llm.example/v1#x", "https:///v1", "llm.example"),
)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_an_endpoint_is_reached_with_tls_or_nearby(url: str, tmp_path: Path) -> None:
    settings = loaded(tmp_path, '"llm"', **{**ENDPOINT, "MOONMIND_PLANNERS__LLM__URL": url})
    assert settings.planners.llm.url == url


@pytest.mark.parametrize("url", BAD_URLS)
def test_any_other_endpoint_is_refused(url: str, tmp_path: Path) -> None:
    said = refused(tmp_path, **{**ENDPOINT, "MOONMIND_PLANNERS__LLM__URL": url})
    assert "MOONMIND_PLANNERS__LLM__URL" in said


WRONG = {
    "an url without a model": ({"MOONMIND_PLANNERS__LLM__URL": "https://llm.example"}, "`url` and `model`"),
    "two keys": (
        {**ENDPOINT, "MOONMIND_PLANNERS__LLM__KEY": KEY, "MOONMIND_PLANNERS__LLM__KEY_FILE": "k"},
        "in `key` or in `key_file`, not in both",
    ),
    "an unknown style": ({"MOONMIND_PLANNERS__LLM__STYLE": "other"}, "MOONMIND_PLANNERS__LLM__STYLE"),
    "an unknown placeholder": (
        {"MOONMIND_PLANNERS__AGENT__COMMAND": "agent {prompt}"},
        "knows {folder}, {task}, not {prompt}",
    ),
    "a variable that is none": ({"MOONMIND_PLANNERS__AGENT__ENVIRONMENT": "A=B"}, "planners.agent.environment"),
    "no time": ({"MOONMIND_PLANNERS__LLM__TIMEOUT": "0"}, "MOONMIND_PLANNERS__LLM__TIMEOUT"),
}


@pytest.mark.parametrize(("environment", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_at_the_start(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, **environment)


def test_a_missing_client_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planners, "find_spec", lambda name: None)
    assert "pip install 'moonmind-orchestrator[llm]'" in refused(tmp_path, **ENDPOINT)
    assert loaded(tmp_path).planners.llm.url is None


def test_no_error_shows_the_key(tmp_path: Path) -> None:
    said = refused(tmp_path, '"agent"', **ENDPOINT, MOONMIND_PLANNERS__LLM__KEY=KEY)
    assert KEY not in said


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_key_is_masked_wherever_it_comes_from(where: str, tmp_path: Path) -> None:
    (tmp_path / "llm.key").write_text(f"{KEY}\nnot the key\n")
    place = {"MOONMIND_PLANNERS__LLM__KEY_FILE": "llm.key"}
    settings = loaded(tmp_path, **(place if where == "file" else {"MOONMIND_PLANNERS__LLM__KEY": KEY}))
    assert llm_key(settings) == KEY
    assert make_redactor(settings, {}).text(f"it says {KEY}!") == "it says [redacted:llm-key]!"


def test_a_service_has_its_planners_in_order_and_all_but_the_rules_behind_the_gate(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '"agent", "rules", "llm"', **ENDPOINT, **AGENT, MOONMIND_PLANNERS__AGENT__TIMEOUT="30")
    catalog = ServiceCatalog(settings.home, settings.services)
    first, second, third = make_planners(settings, catalog, make_redactor(settings, {}), "shop")
    assert isinstance(first, GatedPlanner)
    assert isinstance(first.author, AgentAuthor)
    assert first.author.command == ("agent", "--task", "{task}")
    assert second is RULES
    assert isinstance(third, GatedPlanner)
    assert isinstance(third.author, LlmAuthor)
    assert first.allow == third.allow == ("requirements.txt",)


KEYS = {
    "no file": (None, "planners.llm.key_file: there is no key to read in llm.key"),
    "an empty file": ("\n", "planners.llm.key_file: there is no key to read in llm.key"),
    "two words": ("a key", "planners.llm.key: it holds characters that no key has"),
    "letters that no header has": ("schl\u00fcssel", "planners.llm.key: it holds characters that no key has"),
}


@pytest.mark.parametrize(("text", "said"), KEYS.values(), ids=KEYS)
def test_a_planner_without_a_key_that_works_stops_no_run(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "llm.key").write_text(text, encoding="utf-8")
    settings = loaded(tmp_path, '"llm"', **ENDPOINT, MOONMIND_PLANNERS__LLM__KEY_FILE="llm.key")
    catalog = ServiceCatalog(settings.home, settings.services)
    (planner,) = make_planners(settings, catalog, make_redactor(settings, {}), "shop")
    proposal = planner.propose([], Planning(Project({}, ()), knowledge()))
    assert proposal.edits == ()
    assert proposal.rationale == f"llm: {said}"
