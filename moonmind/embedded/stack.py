"""The stack on one machine: PostgreSQL, migrations, API, worker and services, all under one supervisord."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import moonmind
from moonmind.config.places import ServicePlace
from moonmind.config.settings import Settings
from moonmind.embedded.files import tail
from moonmind.embedded.leftovers import end_stack
from moonmind.embedded.postgres import Postgres
from moonmind.embedded.programs import (
    MARK,
    api_program,
    postgres_program,
    process_services,
    service_programs,
    worker_program,
)
from moonmind.embedded.record import Record, answers, read_record, record_file, write_record
from moonmind.embedded.sockets import LOOPBACK, free_port, is_free
from moonmind.embedded.supervisor import Supervisor, configure, launch, socket_folder
from moonmind.utils.processes import start_time

START_SECONDS = 60.0
POLL_SECONDS = 0.03
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - asked about, not bound
Tell = Callable[[str], None]
"""Takes one line for people: what is being done now."""


class StackError(Exception):
    """The stack cannot be started; the message says why and what to do."""


class AlreadyUpError(StackError):
    """There is a healthy stack of this home."""

    def __init__(self, record: Record) -> None:
        super().__init__(f"the stack is up already at {record.url}; `moonmind down` stops it")


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """One starts or stops the stack of a home at a time; the others wait."""
    (home / "var").mkdir(parents=True, exist_ok=True)
    with (home / "var" / "stack.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def running(home: Path) -> Record | None:
    """The healthy stack of a home, if there is one."""
    record = read_record(home)
    return record if record is not None and record.is_healthy() else None


def stop(home: Path) -> bool:
    """Stop the stack of a home: worker, API, services, PostgreSQL; True when there was one. Call within `exclusive`."""
    found = end_stack(home)
    record_file(home).unlink(missing_ok=True)
    shutil.rmtree(socket_folder(home), ignore_errors=True)
    return found


@dataclass(slots=True)
class Stack:
    """One start of the stack: `start`, then `wait_ready`, both within `exclusive`.

    `env` is the caller's environment, which API and worker get. Each step may raise StackError, PostgresError,
    AccountError or SupervisorError, which say what to do.
    """

    settings: Settings
    env: Mapping[str, str]
    tell: Tell
    attached: bool
    """Whether the stack ends with this process."""
    api_port: int
    postgres: Postgres
    ports: Mapping[str, int]
    """Of the services, by name."""
    child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the API answers clients of this machine."""
        host = self.settings.api.host
        return f"http://{LOOPBACK if host in EVERYWHERE else host}:{self.api_port}"

    def start(self) -> None:
        """Database, schema, then API and worker, which may still be on their way. Services are started by whoever
        builds their environments."""
        self.tell("PostgreSQL")
        self.postgres.prepare()
        self._write_configuration()
        self.child = launch(self.settings.home, attached=self.attached)
        self._wait(self.postgres.is_ready, "PostgreSQL does not start", "postgres")
        self.tell("database schema")
        self._migrate()
        self.tell("API and worker")
        for name in ("api", "worker"):
            Supervisor(self.settings.home).start(name)

    def wait_ready(self) -> None:
        """Return when the API answers; from then on clients find it."""
        self._wait(lambda: answers(self.url), "the API does not answer", "api", "worker")
        write_record(self.settings.home, self._record())

    def _write_configuration(self) -> None:
        settings, environment = self.settings, self._environment()
        shutil.rmtree(settings.var / "broker", ignore_errors=True)  # wake-ups for nobody: the rows say what is to do
        (settings.var / "broker").mkdir(mode=0o700)
        (settings.var / "log").mkdir(mode=0o700, exist_ok=True)
        own = (
            postgres_program(self.postgres.argv, settings, environment),
            api_program(settings, environment, settings.api.host, self.api_port),
            worker_program(settings, environment),
        )
        configure(settings.home, (*own, *service_programs(settings, environment, self.ports)))

    def _environment(self) -> dict[str, str]:
        """For API, worker and migrations."""
        chosen = {
            "MOONMIND_HOME": str(self.settings.home),
            "MOONMIND_DATABASE__URL": self.postgres.url,
            "MOONMIND_BROKER__URL": f"filesystem://{self.settings.var / 'broker'}",
            "MOONMIND_API__PORT": str(self.api_port),
            MARK: str(self.settings.home),
        }
        if self.env.get("MOONMIND_CONFIG"):
            chosen["MOONMIND_CONFIG"] = str(Path(self.env["MOONMIND_CONFIG"]).resolve())
        return {**self.env, **chosen}

    def _migrate(self) -> None:
        code = Path(moonmind.__file__).parents[1]
        argv = (sys.executable, "-m", "alembic", "-c", str(code / "alembic.ini"), "upgrade", "head")
        done = subprocess.run(argv, env=self._environment(), cwd=code, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"the database schema could not be brought up to date:\n{done.stdout}{done.stderr}")

    def _wait(self, ready: Callable[[], bool], complaint: str, *names: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if (why := self._failed(names)) is not None or time.monotonic() > deadline:
                raise StackError(f"{complaint}: {why or f'not within {START_SECONDS:.0f} s'}")
            time.sleep(POLL_SECONDS)

    def _failed(self, names: tuple[str, ...]) -> str | None:
        """What ended that should run, with its last words."""
        assert self.child is not None
        supervisor = Supervisor(self.settings.home)
        if self.child.poll() is not None:
            return f"the supervisor ended\n{tail(self.settings.var / 'supervisor' / 'supervisord.out')}"
        for name in names if supervisor.answers() else ():
            if supervisor.has_ended(name):
                return f"{name} ended\n{tail(self.settings.var / 'log' / f'{name}.log')}"
        return None

    def _record(self) -> Record:
        assert self.child is not None
        born = start_time(self.child.pid)
        if born is None:
            raise StackError("the supervisor ended")
        return Record(
            url=self.url,
            pids={"supervisord": self.child.pid},
            born=born,
            ports={"postgres": self.postgres.port, **self.ports},
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def new_stack(settings: Settings, env: Mapping[str, str], tell: Tell, *, api_port: int, attached: bool) -> Stack:
    """Make way and choose ports (`api_port` 0: a free one). Call within `exclusive`.

    Raises AlreadyUpError, StackError, AccountError.
    """
    if (record := running(settings.home)) is not None:
        raise AlreadyUpError(record)
    if stop(settings.home):
        tell("ended what an earlier stack had left running")
    if api_port and not is_free(settings.api.host, api_port):
        raise StackError(
            f"port {api_port} is taken by another program: stop that one, or set `port` in [api] of config.toml "
            "or MOONMIND_API__PORT (0: a free one)"
        )
    ports = {name: _service_port(settings.home, name, p.port) for name, p in process_services(settings).items()}
    return Stack(
        settings, env, tell, attached,
        api_port=api_port or free_port(), postgres=Postgres(settings.var / "postgres"), ports=ports,
    )  # fmt: skip


def _service_port(home: Path, name: str, configured: int) -> int:
    """The profile's, else the one it had before, else a free one; the process runtime reads it from the same file."""
    place = ServicePlace(home, name)
    place.folder.mkdir(parents=True, exist_ok=True)
    before = place.port_file.read_text(encoding="ascii").strip() if place.port_file.exists() else ""
    port = configured or (int(before) if before.isdecimal() and is_free(LOOPBACK, int(before)) else free_port())
    place.port_file.write_text(f"{port}\n", encoding="ascii")
    return port
