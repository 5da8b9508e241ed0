"""One typed object for every setting: environment over `config.toml` over the defaults here.

`MOONMIND_DATABASE__URL` is `url` in the table `[database]`. Unknown keys are refused, in file and environment;
an empty value in the environment means "not set", so that a template's blank lines change nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from moonmind.config.errors import SettingsError
from moonmind.config.planners import Planners, refuse_profiles
from moonmind.schemas.service_profile import ServiceName, ServiceProfile, Table

PREFIX = "MOONMIND_"
READ_ELSEWHERE = frozenset(
    {"HOME", "CONFIG", "API_KEY", "API_URL", "REQUIRE", "EXAMPLES", "TEST_DATABASE_URL", "STACK"}
    | {"FAILPOINT", "FAILPOINT_TRACE"}
)
"""`MOONMIND_…` names of one part: home and its file, client, tests, the embedded stack's mark, failpoints."""

ALIASES = {
    "STATSD_HOST": "MOONMIND_STATSD__HOST",
    "STATSD_PORT": "MOONMIND_STATSD__PORT",
    "ORCHESTRATOR_STATSD_HOST": "MOONMIND_STATSD__HOST",
    "ORCHESTRATOR_STATSD_PORT": "MOONMIND_STATSD__PORT",
}
"""Names that other StatsD users of a machine share; the later of two wins, the MOONMIND name over both."""

QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]

PublicUrl = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]
"""Scheme, host and port, without a path."""


def _split(value: Any) -> Any:
    """A list in config.toml, with commas in the environment."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Listed = BeforeValidator(_split)
Names = Annotated[tuple[str, ...], Listed]
Network = Annotated[str, AfterValidator(lambda value: str(ip_network(value)))]
Rate = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}/(second|minute|hour)$")]
Issuer = Annotated[
    str, StringConstraints(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$))[^\s?#]*$")
]
"""With TLS, but for a provider on this machine."""
RoleGrant = Annotated[str, StringConstraints(pattern=r"^.+=(viewer|operator|approver|admin)$")]
"""`value=role`"""
OTLP_URL = r"^https?://[^\s/@?#]+(/[^\s?#@]*)?$"


def traces_url(url: str) -> str:
    """The whole address: a host alone means the path that OTLP/HTTP has for traces."""
    return url if "/" in url.partition("://")[2].rstrip("/") else f"{url.rstrip('/')}/v1/traces"


def needs_tracing(url: str) -> str:
    """Raises ValueError where what sends traces is not installed: said at the start, not at the first run."""
    try:
        found = find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:  # not even what it is a part of
        found = None
    if found is None:
        raise ValueError("needs OpenTelemetry: pip install 'moonmind-orchestrator[tracing]', or set no endpoint")
    return url


class Database(Table):
    """PostgreSQL."""

    url: SecretStr = SecretStr("postgresql+psycopg://moonmind@127.0.0.1:5432/moonmind")
    pool_size: int = Field(10, ge=1, le=200)


class Broker(Table):
    """RabbitMQ, or kombu's file-system transport for one machine."""

    url: SecretStr = SecretStr("amqp://moonmind@127.0.0.1:5672//")
    publish_timeout: float = Field(2.0, gt=0, le=30)


class Api(Table):
    """The HTTP side. `body_limit` in bytes; what lasts in seconds, where its name does not say otherwise.

    `public_url`: where browsers find this API, when that is not what it sees of a request itself (behind a proxy).
    `allowed_hosts`: more names than that one and loopback's. `trusted_proxies`: addresses or networks whose
    X-Forwarded-For counts. Rates are of one key or session, of one address without one, and of signing in.
    `event_streams`: open at once in one process.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    body_limit: int = Field(65536, ge=1024, le=16 * 1024 * 1024)
    download_ttl: int = Field(900, ge=10, le=86400)
    approval_token_ttl: int = Field(900, ge=10, le=86400)
    public_url: PublicUrl | None = None
    session_hours: int = Field(12, ge=1, le=720)
    session_idle_minutes: int = Field(60, ge=5, le=43200)
    allowed_hosts: Names = ()
    trusted_proxies: Annotated[tuple[Network, ...], Listed] = ()
    rate_limit: Rate = "3000/minute"
    rate_limit_anonymous: Rate = "300/minute"
    sign_in_limit: Rate = "10/minute"
    event_streams: int = Field(64, ge=1, le=10_000)


class Oidc(Table):
    """Signing in to the pages by OpenID Connect; no issuer, no such sign-in.

    `roles`: what gives which role, as `value=role`, a value of `roles_claim`. `owner_claim` should be one that people
    cannot change themselves at the provider: it says whose approvals and runs are whose.
    """

    issuer: Issuer | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    scopes: str = "openid profile email"
    owner_claim: str = "preferred_username"
    roles_claim: str = "groups"
    roles: Annotated[tuple[RoleGrant, ...], Listed] = ()
    email_domains: Annotated[Names, AfterValidator(lambda names: tuple(name.lower() for name in names))] = ()

    @model_validator(mode="after")
    def _is_complete(self) -> Oidc:
        if self.issuer and not (self.client_id and self.roles):
            raise ValueError("with `issuer`, `client_id` and `roles` are needed too")
        return self


class Orchestrator(Table):
    """Fix runs. Times in seconds, sizes in bytes."""

    queue: QueueName = "orchestrator.run"
    light_queue: QueueName = "orchestrator.light"
    artifact_root: Path = Path("var/artifacts")
    lease_seconds: int = Field(30, ge=2, le=3600)
    reaper_seconds: float = Field(5.0, ge=0.1, le=600)
    step_attempts: int = Field(3, ge=1, le=20)
    log_limit: int = Field(64 * 1024 * 1024, ge=4096)
    concurrency: int = Field(4, ge=1, le=64)


class Statsd(Table):
    """Where metrics go by UDP; no host, no metrics. Queues and leases are told every `gauge_seconds`."""

    host: str | None = None
    port: int = Field(8125, ge=1, le=65535)
    gauge_seconds: float = Field(5.0, ge=0.5, le=3600)


class Metrics(Table):
    """What `/metrics` shows, and to whom. `access`: programs of this machine need no key, or everybody does."""

    access: Literal["loopback", "key"] = "loopback"
    cache_seconds: float = Field(15.0, ge=0, le=3600)


class Tracing(Table):
    """Where traces go by OTLP over HTTP; no endpoint, no traces. Headers: OTEL_EXPORTER_OTLP_HEADERS."""

    endpoint: (
        Annotated[
            str,
            StringConstraints(pattern=OTLP_URL, max_length=500),
            AfterValidator(traces_url),
            AfterValidator(needs_tracing),
        ]
        | None
    ) = None


class Settings(Table):
    """Everything that can be set. Relative paths are below `home`."""

    home: Path
    database: Database = Database()
    broker: Broker = Broker()
    api: Api = Api()
    oidc: Oidc = Oidc()
    orchestrator: Orchestrator = Orchestrator()
    statsd: Statsd = Statsd()
    metrics: Metrics = Metrics()
    tracing: Tracing = Tracing()
    planners: Planners = Planners()
    services: dict[ServiceName, ServiceProfile] = Field(default_factory=dict)

    @field_validator("services")
    @classmethod
    def _has_its_planners(
        cls, services: dict[ServiceName, ServiceProfile], info: ValidationInfo
    ) -> dict[ServiceName, ServiceProfile]:
        if "planners" in info.data and (reason := refuse_profiles(info.data["planners"], services)):
            raise ValueError(reason)
        return services

    @property
    def artifact_root(self) -> Path:
        """Absolute folder of all artifacts."""
        return self.home / self.orchestrator.artifact_root

    @property
    def queues(self) -> tuple[str, ...]:
        """Every queue that work may be in: for runs, for what needs no engine, and one for each host of a service."""
        own = self.orchestrator
        hosts = sorted({profile.host for profile in self.services.values() if profile.host})
        return (own.queue, own.light_queue, *(f"{own.queue}.{host}" for host in hosts))

    @property
    def var(self) -> Path:
        """Absolute folder of this installation's state."""
        return self.home / "var"


def load_settings(home: Path, env: Mapping[str, str]) -> Settings:
    """Read `home/config.toml` (or `MOONMIND_CONFIG`), lay the environment over it, check all of it.

    Raises SettingsError naming each wrong key.
    """
    file = Path(env["MOONMIND_CONFIG"]) if env.get("MOONMIND_CONFIG") else home / "config.toml"
    tree: dict[str, Any] = _read_toml(file) if file.is_file() or "MOONMIND_CONFIG" in env else {}
    for path, value in _from_environment(env).items():
        _put(tree, path, value)
    try:
        return Settings.model_validate({**tree, "home": home})
    except ValidationError as error:
        raise SettingsError(_explain(error, file, frozenset(_from_environment(env)))) from None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from None


def _from_environment(env: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Key paths that the environment sets, aliases resolved; blank values are left out."""
    named = {ALIASES[name]: value for name, value in env.items() if name in ALIASES and value}
    named |= {name: value for name, value in env.items() if name.startswith(PREFIX) and value}
    paths = {tuple(name.removeprefix(PREFIX).lower().split("__")): value for name, value in named.items()}
    return {path: value for path, value in paths.items() if not (len(path) == 1 and path[0].upper() in READ_ELSEWHERE)}


def _put(tree: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{PREFIX}{'__'.join(path).upper()}: `{part}` is a value in config.toml, not a table")
    tree[path[-1]] = value


def _explain(error: ValidationError, file: Path, from_environment: frozenset[tuple[str, ...]]) -> str:
    lines = [f"settings ({file} and the environment) are not usable:"]
    for item in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in item["loc"])
        key = PREFIX + "__".join(path).upper() if path in from_environment else ".".join(path)
        hint = (
            "unknown key; see .env-template and config.toml for the known ones"
            if item["type"] == "extra_forbidden"
            else item["msg"]
        )
        lines.append(f"  {key}: {hint}")
    return "\n".join(lines)
