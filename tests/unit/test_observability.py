"""One set of names: what is sent, what the document lists, what the mapping knows and what the dashboards ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from api_service.api.exposition import standing_metrics, total_metrics
from api_service.api.observed import RequestMetrics
from moonmind.schemas.workflow_models import RunStatus, StepName
from moonmind.workflows.orchestrator.gauges import gauge_values
from moonmind.workflows.orchestrator.metric_rows import DURATION_BOUNDS, OpenRuns, RunCount, Standing, StepCount, Totals
from moonmind.workflows.orchestrator.metrics import PREFIX, StatsdMetrics

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "services" / "observability"
DASHBOARDS = sorted((PLACE / "grafana" / "dashboards").glob("*.json"))
DOCUMENT = (ROOT / "docs" / "OrchestratorArchitecture.md").read_text(encoding="utf-8")
ENDINGS = [status for status in RunStatus if status.is_terminal]
STANDING = Standing((OpenRuns("orchestrator.run", "pending", 1, 2.0),), 1, 0, 0, 0.0)


class Sender:
    """Keeps names and kinds."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def send(self, say: Any) -> None:
        say(self)

    def incr(self, stat: str) -> None:
        self.told[stat] = "counter"

    def timing(self, stat: str, delta: float) -> None:
        self.told[stat] = "timer"

    def gauge(self, stat: str, value: float) -> None:
        self.told[stat] = "gauge"


@cache
def sent() -> Mapping[str, str]:
    """Kind by name of all that can be sent by StatsD, below the prefix."""
    sender = Sender()
    metrics = StatsdMetrics.__new__(StatsdMetrics)
    metrics._sender = sender  # type: ignore[assignment]
    metrics.run_queued()
    metrics.rollback_unverified()
    for status in ENDINGS:
        metrics.run_ended(status, 1)
    for step in StepName:
        metrics.step_started(step)
        for outcome in ("succeeded", "failed", "retried"):
            metrics.step_ended(step, outcome, 1)  # type: ignore[arg-type]
    for name in (*gauge_values(STANDING, ["orchestrator.run", "orchestrator.light"]), *RequestMetrics().gauges()):
        sender.gauge(name, 1)
    return sender.told


@cache
def families() -> tuple[Metric, ...]:
    """Everything that `/metrics` has, with one of each label."""
    runs = [RunCount("shop", "succeeded", 1, 1, 1.0, 0)]
    steps = [StepCount("build", "succeeded", 1, 1, 1.0)]
    requests = RequestMetrics()
    requests.total.labels("GET", "/", 200).inc()
    requests.seconds.labels("GET", "/").observe(1)
    up = Metric("moonmind_orchestrator_database_up", "", "gauge")
    up.add_sample(up.name, {}, 1)
    return (
        up,
        *standing_metrics(STANDING),
        *total_metrics(Totals(tuple(runs), tuple(steps))),
        *requests.registry.collect(),
    )


def rows(heading: str) -> list[list[str]]:
    """The cells of the table in one part of the document."""
    part = DOCUMENT.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_document_lists_what_is_sent_by_statsd_and_nothing_else() -> None:
    patterns = {
        re.sub(r"<\w+>", "[^.]+", re.escape(row[0].strip("`")).replace("\\<", "<")): row[1] for row in rows("StatsD")
    }
    matched = {name: [kind for pattern, kind in patterns.items() if re.fullmatch(pattern, name)] for name in sent()}
    assert {name: kinds for name, kinds in matched.items() if kinds != [sent()[name]]} == {}
    unused = [pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in sent())]
    assert unused == []


def test_the_document_lists_what_prometheus_reads_and_nothing_else() -> None:
    documented = {
        row[0].strip("`"): (row[1], set(re.findall(r"(?<!\()`(\w+)`(?=[, ]|$)", re.sub(r"\(.*?\)", "", row[2]))))
        for row in rows("Prometheus")
    }
    exposed = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            set().union(*(sample.labels for sample in family.samples)) - {"le"},
        )
        for family in families()
    }
    assert documented == exposed


def test_buckets_are_the_same_by_both_ways() -> None:
    assert mapping()["defaults"]["buckets"] == list(DURATION_BOUNDS)


@cache
def mapping() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((PLACE / "statsd" / "mapping.yaml").read_text())
    return read


def mapped(name: str) -> tuple[str, set[str]]:
    """What the exporter makes of a name: globs go by parts, the more exact one wins."""
    fitting = [
        rule
        for rule in mapping()["mappings"]
        if rule.get("match_type") != "regex" and re.fullmatch(re.escape(rule["match"]).replace(r"\*", "[^.]+"), name)
    ]
    best = min(fitting, key=lambda rule: rule["match"].count("*"))
    return best["name"], set(best.get("labels", {}))


def test_every_name_that_is_sent_has_its_own_place_in_the_mapping() -> None:
    places = {name: mapped(f"{PREFIX}.{name}") for name in sent()}
    ruled = {rule["name"] for rule in mapping()["mappings"] if rule.get("action") != "drop"}
    assert {place for place, _ in places.values()} == ruled
    kinds = {place: {kind for name, kind in sent().items() if places[name][0] == place} for place in ruled}
    assert all(len(of_one) == 1 for of_one in kinds.values()), kinds
    assert {place for place, kind in kinds.items() if kind == {"counter"}} == {n for n in ruled if n.endswith("_total")}


@cache
def known() -> Mapping[str, set[str]]:
    """Labels by name of every series that Prometheus has."""
    found: dict[str, set[str]] = {}
    for family in families():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    for name, kind in sent().items():
        place, labels = mapped(f"{PREFIX}.{name}")
        for ending in ("_bucket", "_sum", "_count") if kind == "timer" else ("",):
            found[place + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return found


def queries(file: Path) -> Iterator[str]:
    board = json.loads(file.read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_asks_for_nothing_that_there_is_not(file: Path) -> None:
    for query in queries(file):
        names = re.findall(r"\bmoonmind_\w+", query)
        assert names, query
        assert [name for name in names if name not in known()] == [], query
        asked = set(re.findall(r"[{,]\s*(\w+)(?==|!=)", query))
        asked |= {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
        assert asked <= set().union(*(known()[name] for name in names)), query


def test_every_number_is_on_some_dashboard() -> None:
    shown = {name for file in DASHBOARDS for query in queries(file) for name in re.findall(r"\bmoonmind_\w+", query)}
    stems = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in known() if not name.endswith("_created")}
    assert stems - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} <= {
        "moonmind_orchestrator_steps_started_total"
    }


def test_legends_name_labels_that_the_query_keeps() -> None:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                kept = {
                    each.strip() for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for each in group.split(",")
                }
                assert labels <= kept, target


def test_dashboards_have_ids_and_a_source_that_are_provisioned() -> None:
    source = yaml.safe_load((PLACE / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert [(each["uid"], each["url"]) for each in source] == [("prometheus", "http://prometheus:9090")]
    boards = [json.loads(file.read_text()) for file in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len(boards) == 2
    for board in boards:
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"prometheus"}
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in board["panels"])


def test_folders_that_the_profile_mounts_are_those_that_its_programs_read() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    profile = {name: one for name, one in services.items() if one.get("profiles") == ["observability"]}
    assert set(profile) == {"statsd", "prometheus", "grafana"}
    for name, service in profile.items():
        assert re.fullmatch(r"[a-z]+/[a-z-]+:v?\d+\.\d+\.\d+", service["image"]), name
        for volume in service["volumes"]:
            if (source := volume.partition(":/")[0]).startswith("$"):
                assert (ROOT / source.partition("$PWD}/")[2]).is_dir(), volume
    provider = yaml.safe_load((PLACE / "grafana/provisioning/dashboards/moonmind.yaml").read_text())["providers"][0]
    assert any(volume.endswith(f":{provider['options']['path']}:ro") for volume in profile["grafana"]["volumes"])


def test_prometheus_asks_services_of_the_stack() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    config = yaml.safe_load((PLACE / "prometheus" / "prometheus.yml").read_text())
    targets = [each for job in config["scrape_configs"] for group in job["static_configs"] for each in group["targets"]]
    assert targets == ["statsd:9102", "api:8000"]
    assert {target.partition(":")[0] for target in targets} <= set(services)
    (key,) = [job["authorization"]["credentials_file"] for job in config["scrape_configs"] if "authorization" in job]
    assert f">{key}" in services["prometheus"]["command"][0]


def test_grafana_has_no_anonymous_visitors_and_does_not_start_without_a_password() -> None:
    grafana = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]["grafana"]
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"
    assert grafana["command"][0].startswith('[ -n "$$GF_SECURITY_ADMIN_PASSWORD" ] || {')
