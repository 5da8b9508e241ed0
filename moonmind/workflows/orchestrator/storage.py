"""Artifacts on disk: `<root>/spec_workflows/<run_id>/…`. Whole files appear at once or not at all; logs grow.

Secrets are masked on the way in, but in pre-images: a rollback needs those byte for byte.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path, PurePosixPath
from uuid import UUID

from moonmind.schemas.workflow_models import ArtifactInfo, ArtifactType, StepName
from moonmind.utils.redaction import RedactionStream, Redactor
from moonmind.workflows.orchestrator.ports import OpenLog, PathRefusedError

process_log = logging.getLogger(__name__)

FOLDER = "spec_workflows"
CHUNK = 64 * 1024
NO_FILE = -1
FILE_MODE = 0o600
"""A service's files and logs may hold what is not for everybody on the machine."""
FOLDER_ONLY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class DiskArtifactStore:
    """The real store below `root`; `log_limit` is the most bytes that one log may have."""

    root: Path
    log_limit: int
    redactor: Redactor = field(default_factory=Redactor)

    def folder(self, run_id: UUID) -> Path:
        """Where a run's files lie on this machine."""
        return self.root / FOLDER / str(run_id)

    @contextmanager
    def open_log(self, run_id: UUID, kind: ArtifactType, name: str, step: StepName) -> Iterator[OpenLog]:
        """A log that exists from now on and is on disk, whatever happens next; without space there is none."""
        log = _DiskLog(self._open_log(run_id, name), name, kind, step, self.log_limit, self.redactor.stream())
        try:
            yield log
        finally:
            log.close()

    def describe(self, run_id: UUID, kind: ArtifactType, path: str, step: StepName) -> ArtifactInfo | None:
        """What a file holds now, None when there is none."""
        digest, size = hashlib.sha256(), 0
        try:
            for piece in self.chunks(run_id, path):
                digest.update(piece)
                size += len(piece)
        except OSError:
            return None
        return ArtifactInfo(type=kind, path=path, sha256=digest.hexdigest(), size_bytes=size, step=step)

    def _open_log(self, run_id: UUID, name: str) -> int:
        path = self._path(run_id, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            process_log.error("artifacts: no %s: %s", name, error.strerror)
            return NO_FILE

    def put(self, run_id: UUID, kind: ArtifactType, path: str, content: bytes, step: StepName) -> ArtifactInfo:
        """Write a whole file: temporary file, fsync, rename, fsync of the folder."""
        if kind is not ArtifactType.PRE_IMAGE:
            content = self.redactor.data(content)
        target = self._path(run_id, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with os.fdopen(os.open(temporary, NEW_FILE, FILE_MODE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return ArtifactInfo(
            type=kind, path=path, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), step=step
        )

    def get(self, run_id: UUID, path: str) -> bytes | None:
        """A whole file, None when there is none."""
        try:
            return b"".join(self.chunks(run_id, path))
        except FileNotFoundError:
            return None

    def size(self, run_id: UUID, path: str) -> int | None:
        """How many bytes a file has now, None when there is none that can be read. Raises PathRefusedError."""
        try:
            with self._open(run_id, path) as file:
                return os.fstat(file.fileno()).st_size
        except OSError:
            return None

    def read_from(self, run_id: UUID, path: str, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset`; empty at the end, and when there is no such file yet."""
        try:
            with self._open(run_id, path) as file:
                return os.pread(file.fileno(), limit, offset)
        except FileNotFoundError:
            return b""

    def chunks(self, run_id: UUID, path: str) -> Iterator[bytes]:
        """The file in pieces. Raises FileNotFoundError."""
        with self._open(run_id, path) as file:
            while piece := file.read(CHUNK):
                yield piece

    def _open(self, run_id: UUID, path: str) -> FileIO:
        """Folder by folder below the root: no symlink leads out of a run's own."""
        *folders, name = self._path(run_id, path).relative_to(self.root).parts
        at = os.open(self.root, FOLDER_ONLY)
        try:
            for folder in folders:
                inner = os.open(folder, FOLDER_ONLY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = inner
            return FileIO(os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at), "rb")
        finally:
            os.close(at)

    def _path(self, run_id: UUID, path: str) -> Path:
        parts = PurePosixPath(path)
        if parts.is_absolute() or not parts.parts or ".." in parts.parts or "\0" in path:
            raise PathRefusedError(f"{path!r} is no path of an artifact")
        return self.folder(run_id) / parts


@dataclass(slots=True)
class _DiskLog:
    """Never the reason for a step to fail: what the disk does not take is dropped, and our own log says so.

    Lines are on disk when they are finished; one without an end waits, since a secret may go on in it.
    """

    fd: int
    path: str
    kind: ArtifactType
    step: StepName
    limit: int
    masked: RedactionStream
    size: int = field(default=0)
    closed: bool = field(default=False)

    def __post_init__(self) -> None:
        self.closed = self.fd == NO_FILE
        self.size = 0 if self.closed else os.fstat(self.fd).st_size

    def write(self, text: str) -> None:
        """Append; what is written of finished lines is on its way to the disk when it returns, so that a killed step
        has its log."""
        if not self.closed:
            self._append(self.masked.feed(text.encode("utf-8", errors="replace")))

    def _append(self, data: bytes) -> None:
        if self.size + len(data) > self.limit:
            data = data[: max(0, self.limit - self.size)] + b"\n[log limit reached: the rest was dropped]\n"
            self.closed = True
        try:
            while data:
                written = os.write(self.fd, data)
                self.size += written
                data = data[written:]
        except OSError as error:
            process_log.error("artifacts: the rest of %s was dropped: %s", self.path, error.strerror)
            self.closed = True

    def finish(self) -> tuple[ArtifactInfo, ...]:
        """What was written, hashed from the disk; nothing when there is no file."""
        self._write_rest()
        if self.fd == NO_FILE:
            return ()
        digest, size = hashlib.sha256(), 0
        try:
            os.fsync(self.fd)
            while piece := os.pread(self.fd, CHUNK, size):
                digest.update(piece)
                size += len(piece)
        except OSError as error:
            process_log.error("artifacts: %s is not recorded: %s", self.path, error.strerror)
            return ()
        info = ArtifactInfo(type=self.kind, path=self.path, sha256=digest.hexdigest(), size_bytes=size, step=self.step)
        return (info,)

    def _write_rest(self) -> None:
        rest = self.masked.flush()
        if not self.closed:
            self._append(rest)

    def close(self) -> None:
        self._write_rest()
        if self.fd != NO_FILE:
            os.close(self.fd)
            self.fd = NO_FILE
            self.closed = True


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
