"""What the use cases of a fix run need from the world, as protocols. Adapters implement them; tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from moonmind.schemas.service_profile import HealthCheck
from moonmind.schemas.workflow_models import (
    ArtifactInfo,
    ArtifactType,
    FileChange,
    ServiceFacts,
    ServiceState,
    StepName,
)

# --- commands ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """An argv to run (never a shell), made by `commands.py`. `env` is added to the allow-listed environment."""

    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    """True: a question whose answer is data; its output is kept for the caller and stays out of the log."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended; `output` is the end of stdout and stderr together (stdout alone for quiet ones)."""

    exit_code: int
    output: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with 0."""
        return self.exit_code == 0 and not self.timed_out


Execute = Callable[[Command], CommandResult]
"""Runs one command within the current step: fencing token checked before, log streamed, deadline and group kill."""


class LogSink(Protocol):
    """A step's log, open from its first byte."""

    def write(self, text: str) -> None: ...


class CommandRunner(Protocol):
    """Runs a command in its own session with stdin closed, kills its whole group at the time-out, and reaps it."""

    def run(
        self,
        command: Command,
        *,
        log: LogSink,
        timeout: float,
        inherit_fds: tuple[int, ...] = (),
        should_stop: Callable[[], bool] = lambda: False,
    ) -> CommandResult: ...


# --- the service ------------------------------------------------------------------------------------------


class StepFailedError(Exception):
    """A step cannot reach its goal; `code` is stable, the reason is for people. `news` as in `run_state.StepFailed`."""

    def __init__(self, code: str, reason: str, *, news: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.news = news


class EngineUnavailableError(StepFailedError):
    """The container engine or the supervisor does not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__("engine_unavailable", reason)


RestorePoint = Mapping[str, str | None]
"""What a runtime needs to put its build back; opaque to everyone else, stored with the run before the build."""


class Runtime(Protocol):
    """One target service under its engine. Every effect goes through `execute`; each method may be run again
    after a crash with the same result.

    Raises EngineUnavailableError when the engine does not answer, StepFailedError otherwise.
    """

    def check(self, execute: Execute) -> None:
        """Refuse, before anything is touched, what no run may build or start; raises StepFailedError."""
        ...

    def observe(self, execute: Execute) -> ServiceState:
        """The service now. `service_unknown` when the project has no such service."""
        ...

    def recent_logs(self, execute: Execute) -> str:
        """The end of the service's own log since its last start, at most 256 KiB."""
        ...

    def facts(self, execute: Execute) -> ServiceFacts:
        """What the service's last build runs on. Starts nothing of the service's; what cannot be told is left out."""
        ...

    def restore_point(self, execute: Execute, run_id: UUID) -> RestorePoint:
        """Keep what runs now (an image under a rollback tag, the current environment) and say how to find it."""
        ...

    def build(self, execute: Execute) -> None:
        """Build the target service only. `build_failed`."""
        ...

    def restart(self, execute: Execute) -> None:
        """Restart the target service only, without building. `restart_failed`, `peer_restarted`."""
        ...

    def restore(self, execute: Execute, point: RestorePoint) -> bool:
        """Put the kept build back as the current one; starts nothing. False when there was none before the run, so
        that there is nothing to start either. `restore_failed`."""
        ...

    def discard(self, execute: Execute, point: RestorePoint) -> None:
        """Forget what was kept; for a run that has ended. Never raises for what is already gone."""
        ...

    def probe_values(self) -> Mapping[str, str]:
        """What a health check's placeholders stand for, e.g. `{"port": "8123"}`."""
        ...


class HealthProbe(Protocol):
    """Asks one health check once."""

    def __call__(self, check: HealthCheck, values: Mapping[str, str], state: ServiceState) -> str | None:
        """None when healthy, else a short reason; never raises for an unhealthy service."""
        ...


# --- the workspace ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreImage:
    """A file as it was before a run touched it; a file that did not exist is None."""

    content: bytes
    mode: int
    uid: int
    gid: int


class Workspace(Protocol):
    """The files of one service, below one folder; paths are relative, with `/`.

    Nothing is followed through a symlink and nothing leaves the folder: PathRefusedError. Hashes are SHA-256 in
    hexadecimal; None stands for "no such file".
    """

    def is_here(self) -> bool:
        """Whether this process can see the workspace at all."""
        ...

    def read(self, path: str) -> bytes | None:
        """The file's bytes, None when there is no such file."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Files that match, sorted; hidden folders, virtual environments and `node_modules` left out."""
        ...

    def pre_image(self, path: str) -> PreImage | None:
        """The file with its mode and owner, all of one moment; None when there is no such file."""
        ...

    def write(self, path: str, content: bytes, *, expect_sha256: str | None) -> None:
        """Create or replace the file atomically, keeping mode and owner, if its bytes still have that hash.

        Raises ChangedByOthersError when they do not.
        """
        ...

    def restore(self, path: str, image: PreImage | None, *, expect_sha256: str | None) -> None:
        """Put the file back as the pre-image (None: remove it), if its bytes still have that hash or are already back.

        Raises ChangedByOthersError otherwise. May be repeated.
        """
        ...


class PathRefusedError(StepFailedError):
    """A path that no run may touch."""

    def __init__(self, reason: str) -> None:
        super().__init__("path_refused", reason)


class ChangedByOthersError(StepFailedError):
    """A file has other bytes than the plan or the rollback rests on; it is left as it is."""

    def __init__(self, path: str) -> None:
        super().__init__("changed_by_others", f"{path} was changed by somebody else while the run was on")
        self.path = path


# --- the package index ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """A distribution's release as the index serves it.

    `modules` are the dotted names of all modules and regular packages that its files hold. A namespace package (a
    folder without code of its own) is not in it: nobody provides it, only what lies below. `releases` counts the
    versions that the index has of the distribution. `file`: the name of the file that was read, which pip would take.
    """

    name: str
    version: str
    modules: frozenset[str]
    releases: int
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A version of a distribution that the index has, whether or not this Python can install it.

    `requires_python`: a PEP 440 specifier, None when it says nothing. `yanked`: the reason, "" when none is given;
    None: it is not yanked. `uploaded`: its first file's time as ISO 8601, None when the index does not say.
    `installable`: there is a file that this Python on this platform takes; `wheel`: one of those needs no build.
    """

    version: str
    requires_python: str | None = None
    yanked: str | None = None
    uploaded: str | None = None
    installable: bool = True
    wheel: bool = True


class PackageIndex(Protocol):
    """The package index that the machine is set up for (as pip sees it)."""

    def offers(self, distribution: str, *, python: str | None) -> tuple[Offer, ...]:
        """Every version, the newest first, pre-releases and yanked ones too; empty when there is no such distribution.

        Raises IndexUnavailableError.
        """
        ...

    def at(self, distribution: str, version: str, *, python: str | None) -> Release | None:
        """That very release; None when this Python cannot install it or it cannot be read.

        Raises IndexUnavailableError.
        """
        ...

    def names(self, distribution: str, version: str, module: str, *, python: str | None) -> frozenset[str] | None:
        """The names at the top level of one module's source in that release (assigned, defined, imported), and "*" when
        it makes others at run time (`__getattr__`, a star import).

        None when the module is not there or is no Python source.

        Raises IndexUnavailableError.
        """
        ...

    def requires(self, distribution: str, version: str, *, python: str | None) -> tuple[str, ...] | None:
        """What that release says that it needs: the `Requires-Dist` lines of its metadata, those of extras too.

        None when this Python cannot install it or it cannot be read; untrusted text of the release's maker.

        Raises IndexUnavailableError.
        """
        ...

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        """The newest stable release that this Python ("3.11"; None: ours) can install; None when there is none.

        Raises IndexUnavailableError when the index does not answer.
        """
        ...


class IndexUnavailableError(StepFailedError):
    """The package index does not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__("index_unavailable", reason)


# --- artifacts --------------------------------------------------------------------------------------------


class OpenLog(LogSink, Protocol):
    """A log being written; `finish` says what was written: nothing when the disk did not take it."""

    path: str

    def finish(self) -> tuple[ArtifactInfo, ...]: ...


class Clock(Protocol):
    """The time that a step has, and in which it waits for its service."""

    def now(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def pause(self, wait: Callable[[float], None], seconds: float) -> None:
        """Let so much time pass by `wait`, which may raise before it is over."""
        ...


class ArtifactStore(Protocol):
    """Files of runs, addressed by run id and relative path; the API never sees where they lie."""

    def open_log(self, run_id: UUID, kind: ArtifactType, name: str, step: StepName) -> AbstractContextManager[OpenLog]:
        """Open (append) a log; it exists from now on, whatever happens next. Never fails a step: see `OpenLog`."""
        ...

    def put(self, run_id: UUID, kind: ArtifactType, path: str, content: bytes, step: StepName) -> ArtifactInfo:
        """Write a whole file: temporary file, fsync, rename. An existing one is kept when its bytes are the same."""
        ...

    def describe(self, run_id: UUID, kind: ArtifactType, path: str, step: StepName) -> ArtifactInfo | None:
        """What a file holds now, None when there is none."""
        ...

    def get(self, run_id: UUID, path: str) -> bytes | None:
        """A whole file, None when there is none."""
        ...

    def size(self, run_id: UUID, path: str) -> int | None:
        """How many bytes a file has now, None when there is none that can be read. Raises PathRefusedError."""
        ...

    def read_from(self, run_id: UUID, path: str, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset`; empty at the end."""
        ...

    def chunks(self, run_id: UUID, path: str) -> Iterator[bytes]:
        """The file in pieces, for sending."""
        ...


# --- delivery ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A file that a run changed: its bytes as the run found them (None: no such file) and as it left them."""

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class DeliveredChange:
    """A verified change as the history shall show it. `at` has a time zone and is the same at each try of a run."""

    run_id: UUID
    digest: str
    subject: str
    rationale: str
    at: datetime
    files: tuple[DeliveredFile, ...]


class Delivery(Protocol):
    """Where a verified change goes. Neither the workspace's files nor what the user has staged are lost by it."""

    def check(self, execute: Execute, changes: Sequence[FileChange]) -> None:
        """Refuse, before anything is touched, a change that could not be delivered; `delivery_not_possible`."""
        ...

    def deliver(self, execute: Execute, change: DeliveredChange) -> str:
        """Deliver the change once, however often it is called, and say where it is.

        `delivery_not_possible`, `delivery_conflict`, `delivery_failed`: then it is only in the workspace.
        """
        ...
