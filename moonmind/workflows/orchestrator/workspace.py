"""A service's files on this machine, reached folder by folder from an open directory and never through a symlink.

Every component is opened with O_NOFOLLOW relative to the one before, so that exchanging a folder for a symlink between
check and write changes nothing: what was opened stays what is written to.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from moonmind.workflows.orchestrator.policies import matches
from moonmind.workflows.orchestrator.ports import ChangedByOthersError, PathRefusedError, PreImage, StepFailedError

READ_LIMIT = 2 * 1024 * 1024
"""Bytes of one file; manifests and Dockerfiles are far below, and a log or a database is no manifest."""

GLOB_DEPTH = 12
GLOB_ENTRIES = 50_000
"""Entries looked at in one search: enough for a large service, and a bound on a workspace that is a whole disk."""

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages"})
NEW_FILE_MODE = 0o644

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # non-blocking: a named pipe must not hang us
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalWorkspace:
    """`ports.Workspace` on a folder; the folder itself may be reached through a symlink, nothing below it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def is_here(self) -> bool:
        """Whether there is such a folder."""
        return self._root.is_dir()

    def read(self, path: str) -> bytes | None:
        """The file's bytes, None when there is no such file."""
        image = self.pre_image(path)
        return None if image is None else image.content

    def pre_image(self, path: str) -> PreImage | None:
        """Bytes, mode and owner from one open file."""
        try:
            with self._folder(path) as (folder, name):
                return _read_image(folder, name, path)
        except FileNotFoundError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Regular files that match, sorted. The search is bounded: GLOB_DEPTH and GLOB_ENTRIES."""
        root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            budget = iter(range(GLOB_ENTRIES))
            return sorted(path for path in _walk(root, "", GLOB_DEPTH, budget) if matches(path, pattern))
        finally:
            os.close(root)

    def write(self, path: str, content: bytes, *, expect_sha256: str | None) -> None:
        """Create or replace the file by rename; mode and owner stay as they were."""
        with self._folder(path) as (folder, name):
            before = _expected_image(folder, name, path, expect_sha256)
            mode = NEW_FILE_MODE if before is None else before.mode
            owner = _new_owner(folder) if before is None else (before.uid, before.gid)
            _replace(folder, name, path, PreImage(content, mode, *owner), expect_sha256)

    def restore(self, path: str, image: PreImage | None, *, expect_sha256: str | None) -> None:
        """Make the file what it was; nothing happens when it already is."""
        try:
            with self._folder(path) as (folder, name):
                current = _read_image(folder, name, path)
                if current == image:
                    return
                if current is None or image is None or current.content != image.content:
                    _expected_image(folder, name, path, expect_sha256)
                if image is None:
                    os.unlink(name, dir_fd=folder)
                    os.fsync(folder)
                else:
                    _replace(folder, name, path, image, _sha256(current))
        except FileNotFoundError:
            if image is not None:
                raise PathRefusedError(f"{path}: its folder is gone") from None

    @contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """The open parent folder and the file's name; every folder on the way is a real one."""
        *parents, name = _parts(path)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for parent in parents:
                inner = _open_below(folder, parent, path)
                os.close(folder)
                folder = inner
            yield folder, name
        except PermissionError as error:
            reason = f"this worker's user may not touch {path} ({error.strerror}); give it the workspace"
            raise StepFailedError("workspace_not_accessible", reason) from None
        finally:
            os.close(folder)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PathRefusedError(f"{path!r} is not a path below the workspace")
    return parts


def _open_below(folder: int, name: str, path: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise PathRefusedError(f"{path}: {name} is not a real folder") from None
        raise


def _read_image(folder: int, name: str, path: str) -> PreImage | None:
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise PathRefusedError(f"{path} is a symlink or a device") from None
        raise
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        os.close(file)
        raise PathRefusedError(f"{path} is not a regular file")
    with os.fdopen(file, "rb") as stream:
        content = stream.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise PathRefusedError(f"{path} is larger than {READ_LIMIT} bytes")
    return PreImage(content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _sha256(image: PreImage | None) -> str | None:
    return None if image is None else hashlib.sha256(image.content).hexdigest()


def _expected_image(folder: int, name: str, path: str, expect_sha256: str | None) -> PreImage | None:
    image = _read_image(folder, name, path)
    if _sha256(image) != expect_sha256:
        raise ChangedByOthersError(path)
    return image


def _replace(folder: int, name: str, path: str, image: PreImage, expect_sha256: str | None) -> None:
    """Temporary file beside the target, fsync, one last look at the target, rename, fsync of the folder."""
    temporary = f".{name}.moonmind-new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)  # left by a crash; one run at a time works here
    try:
        with os.fdopen(os.open(temporary, _CREATE, image.mode & 0o600, dir_fd=folder), "wb") as stream:
            stream.write(image.content)
            _set_owner(stream.fileno(), image, path)
            stream.flush()
            os.fsync(stream.fileno())
        _expected_image(folder, name, path, expect_sha256)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _new_owner(folder: int) -> tuple[int, int]:
    """Who shall own a new file: for root the folder's owner, so that a user is not left with root's files."""
    status = os.fstat(folder)
    return (status.st_uid, status.st_gid) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def _set_owner(file: int, image: PreImage, path: str) -> None:
    status = os.fstat(file)
    if (image.uid, image.gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(file, image.uid, image.gid)
        except PermissionError:
            raise PathRefusedError(f"{path} belongs to another user; its owner could not be kept") from None
    os.fchmod(file, image.mode)  # after the owner: changing the owner clears set-id bits


def _walk(folder: int, prefix: str, depth: int, budget: Iterator[int]) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = [entry for entry, _ in zip(found, budget, strict=False)]
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            yield prefix + entry.name
        elif depth > 0 and entry.is_dir(follow_symlinks=False) and not _is_skipped(entry.name):
            yield from _walk_below(folder, entry.name, prefix, depth - 1, budget)


def _walk_below(folder: int, name: str, prefix: str, depth: int, budget: Iterator[int]) -> Iterator[str]:
    try:
        inner = os.open(name, _DIRECTORY, dir_fd=folder)
    except OSError:  # exchanged, removed or unreadable meanwhile: not part of the answer
        return
    try:
        if not _is_virtual_environment(inner):
            yield from _walk(inner, f"{prefix}{name}/", depth, budget)
    finally:
        os.close(inner)


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in SKIPPED_FOLDERS


def _is_virtual_environment(folder: int) -> bool:
    try:
        os.stat("pyvenv.cfg", dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True
