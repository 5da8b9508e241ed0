"""The one place where adapters are chosen."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit
from uuid import UUID

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from api_service.db.session import DEAD_PEER, make_engine
from moonmind.access.use_cases import signing_key, write_secret
from moonmind.config.errors import SettingsError
from moonmind.config.known_secrets import llm_key, make_redactor
from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.engine.notices import EventListener
from moonmind.evidence.keys import KeyFormError, SigningKey
from moonmind.schemas.service_profile import PlannerName
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.agent_planner.author import AgentAuthor, passed
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.git_delivery import BranchDelivery, CommitDelivery, NoDelivery
from moonmind.workflows.orchestrator.health import RealHealthProbe
from moonmind.workflows.orchestrator.knowledge import make_knowledge
from moonmind.workflows.orchestrator.llm_planner.author import LlmAuthor
from moonmind.workflows.orchestrator.llm_planner.clients import Endpoint, make_model
from moonmind.workflows.orchestrator.metrics import make_metrics
from moonmind.workflows.orchestrator.otlp import make_tracing
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.planners import Planner
from moonmind.workflows.orchestrator.planners.proposals import AbsentAuthor, Author, GatedPlanner
from moonmind.workflows.orchestrator.planners.rules import RULES
from moonmind.workflows.orchestrator.ports import Delivery, Runtime
from moonmind.workflows.orchestrator.python_tools.machine import MachineUv
from moonmind.workflows.orchestrator.repositories import RunStore
from moonmind.workflows.orchestrator.runtimes.compose import ComposeServiceRuntime
from moonmind.workflows.orchestrator.runtimes.process import SupervisedService
from moonmind.workflows.orchestrator.service_profiles import ServiceCatalog
from moonmind.workflows.orchestrator.storage import DiskArtifactStore
from moonmind.workflows.orchestrator.toolbox import Toolbox
from moonmind.workflows.orchestrator.workspace import LocalWorkspace

AMQP_PORT = 5672
EVIDENCE_KEY = "evidence.key"
EVIDENCE_PUB = "evidence.pub"


def make_database(settings: Settings) -> Engine:
    """The engine for the settings' database; connects at first use."""
    return make_engine(settings.database.url.get_secret_value(), pool_size=settings.database.pool_size)


def make_listener(engine: Engine, told: Callable[[str, UUID], None], missed: Callable[[], None]) -> EventListener:
    """What hears of new events in the engine's database, on a connection of its own."""
    _, arguments = engine.dialect.create_connect_args(engine.url)
    return EventListener({**arguments, "connect_timeout": 5, **DEAD_PEER}, told, missed)


def make_toolbox(settings: Settings, engine: Engine) -> Toolbox:
    """Real adapters for everything a run needs."""
    catalog = ServiceCatalog(settings.home, settings.services)
    signer = evidence_key(settings.var)
    redactor = make_redactor(settings, os.environ)
    return Toolbox(
        store=RunStore(engine, signer, redactor),
        catalog=catalog,
        artifacts=DiskArtifactStore(settings.artifact_root, settings.orchestrator.log_limit, redactor),
        runner=SubprocessRunner(os.environ),
        knowledge=make_knowledge(),
        probe=RealHealthProbe(),
        metrics=make_metrics(settings.statsd.host, settings.statsd.port),
        runtime_of=lambda name: make_runtime(catalog, name),
        workspace_of=lambda name: LocalWorkspace(catalog.workspace(name)),
        delivery_of=lambda name: make_delivery(catalog, name),
        planners_of=lambda name: make_planners(settings, catalog, redactor, name),
        locks=settings.var / "locks",
        owner=f"{socket.gethostname()}:{os.getpid()}",
        queue=settings.orchestrator.queue,
        lease=settings.orchestrator.lease_seconds,
        step_attempts=settings.orchestrator.step_attempts,
        signer=signer,
        redactor=redactor,
        tracing=make_tracing(settings.tracing.endpoint, "moonmind-orchestrator"),
    )


def evidence_key(var: Path) -> SigningKey:
    """The key under this installation's records, in `evidence.key`, made by whoever starts first; its public half lies
    beside it. Raises SettingsError."""
    file, public = var / EVIDENCE_KEY, var / EVIDENCE_PUB
    try:
        key = SigningKey.from_text(signing_key(file))
    except (KeyFormError, UnicodeDecodeError):
        raise SettingsError(f"{file} is not the key that was made there: restore it from a backup") from None
    if not public.is_file() or public.read_text(encoding="ascii", errors="replace") != key.public.pem:
        write_secret(public, key.public.pem)
    return key


def make_runtime(catalog: ServiceCatalog, name: str) -> Runtime:
    """The runtime that the service's profile names."""
    profile = catalog.get(name)
    match profile.runtime:
        case "compose":
            assert profile.compose is not None  # held by the profile's validator
            return ComposeServiceRuntime(profile.compose, catalog.workspace(name))
        case "process":
            assert profile.process is not None
            return SupervisedService(
                ServicePlace(catalog.home, name),
                catalog.workspace(name),
                profile.process,
                lambda: machine_uv().commands,
            )


def make_planners(settings: Settings, catalog: ServiceCatalog, redactor: Redactor, name: str) -> tuple[Planner, ...]:
    """The planners of the service's profile, in the order in which they are asked."""
    profile = catalog.get(name)
    return tuple(_planner(settings, profile.allow, redactor, planner) for planner in profile.planners)


def _planner(settings: Settings, allow: Sequence[str], redactor: Redactor, name: PlannerName) -> Planner:
    """Everyone but the rules goes through the gate of `planners.proposals`."""
    match name:
        case "rules":
            return RULES
        case "llm":
            return GatedPlanner(_llm_author(settings, allow, redactor), allow, redactor.text)
        case "agent":
            return GatedPlanner(_agent_author(settings, allow, redactor), allow, redactor.text)
        case _:
            assert_never(name)


def _llm_author(settings: Settings, allow: Sequence[str], redactor: Redactor) -> Author:
    llm, key = settings.planners.llm, llm_key(settings)
    assert llm.url is not None  # held by the settings' validators
    assert llm.model is not None
    if llm.key_file is not None and key is None:
        return AbsentAuthor("llm", f"planners.llm.key_file: there is no key to read in {llm.key_file}")
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        return AbsentAuthor("llm", "planners.llm.key: it holds characters that no key has")
    endpoint = Endpoint(llm.style, llm.url, llm.model, key, llm.max_output)
    return LlmAuthor(make_model(endpoint), allow, redactor.text, llm.timeout)


def _agent_author(settings: Settings, allow: Sequence[str], redactor: Redactor) -> Author:
    agent = settings.planners.agent
    return AgentAuthor(
        SubprocessRunner(os.environ),
        agent.command,
        settings.var / "scratch",
        allow,
        redactor.text,
        agent.timeout,
        agent.max_diff,
        passed(agent.environment, os.environ),
    )


def make_delivery(catalog: ServiceCatalog, name: str) -> Delivery:
    """What the service's profile says to do with a verified change."""
    match catalog.get(name).delivery:
        case "leave":
            return NoDelivery()
        case "commit":
            return CommitDelivery(catalog.workspace(name))
        case "branch":
            return BranchDelivery(catalog.workspace(name))


@cache
def machine_uv() -> MachineUv:
    """uv for the builds of this process; pip is asked for its settings once."""
    return MachineUv(PipClient())


@cache
def expected_schema() -> str | None:
    """The newest migration that this code knows."""
    config = Config()
    config.set_main_option("script_location", "api_service:migrations")
    return ScriptDirectory.from_config(config).get_current_head()


def found_schema(engine: Engine) -> str | None:
    """The migration that the database is at. Raises SQLAlchemyError when the database is away."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
            return None
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return str(version) if version is not None else None


def broker_answers(settings: Settings) -> bool:
    """Whether the broker takes a connection within a second."""
    url = urlsplit(settings.broker.url.get_secret_value())
    if url.hostname is None:  # a folder of this machine
        return Path(url.path).is_dir()
    try:
        with socket.create_connection((url.hostname, url.port or AMQP_PORT), timeout=1):
            return True
    except OSError:
        return False
