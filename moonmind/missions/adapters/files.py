"""Files of the working tree: read with care, written so that they are on the disk when it is said."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from moonmind.missions.errors import MissionError
from moonmind.missions.events import MAX_LOG_BYTES

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_SUFFIX = ".moonmind-new"
"""Of a file's next content, hidden beside it. One that a killed process left is overwritten by the next writer."""


def checked(name: str) -> str:
    """A path below some folder, as it is. Raises MissionError `UnsafePath` for one that leads anywhere else."""
    if {"", ".", ".."} & set(name.split("/")) or not name.isprintable():
        raise MissionError("UnsafePath", f"{name!r} is no path below the mission's folder: name a file in it")
    return name


class Files:
    """Files below `root`, an absolute path without links; names have `/`."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.fspath(root)
        self._inside: set[str] = set()

    def read(self, name: str) -> bytes | None:
        """The content, None when there is no file. Raises MissionError `UnsafePath`, `NotAFile` or `TooLarge`."""
        try:
            fd = os.open(self._found(name), _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _cannot("read", name, error) from None
        try:
            _check_file(name, os.fstat(fd))
            with open(fd, "rb", buffering=0, closefd=False) as file:
                return file.read()
        finally:
            os.close(fd)

    def names(self, folder: str) -> list[str]:
        """The files in a folder, sorted, without hidden ones; none when there is no folder."""
        return self._entries(folder, _is_file)

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder that can be named in a path, likewise; links out of the root are none."""
        return [name for name in self._entries(folder, self._is_folder) if name.isprintable()]

    def check_target(self, name: str) -> None:
        """Raises MissionError where a file could not be written, as far as that can be told without writing."""
        folder = os.path.dirname(self._writable(name))
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        with _words("written", name):
            if not os.path.isdir(folder):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(folder, os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def append(self, name: str, lines: bytes) -> None:
        """Add whole lines, on the disk and read back, or leave the file as it was."""
        path = self._target(name)
        with _words("written", name):
            fd = os.open(path, _APPEND, 0o666)
            try:
                _append(fd, name, lines)
            finally:
                os.close(fd)
            _sync_folder(os.path.dirname(path))

    @contextmanager
    def replacing(self, contents: Mapping[str, bytes]) -> Iterator[None]:
        """New contents, which are on the disk as the block begins and take their places as it ends well."""
        targets = [self._target(name) for name in contents]
        news = [f"{os.path.dirname(target)}/.{os.path.basename(target)}{_NEW_SUFFIX}" for target in targets]
        try:
            for name, new, target in zip(contents, news, targets, strict=True):
                with _words("written", name):
                    _write_new(new, contents[name], _mode(target))
            yield
            for name, new, target in zip(contents, news, targets, strict=True):
                with _words("written", name):
                    os.replace(new, target)
                    _sync_folder(os.path.dirname(target))
        finally:
            for new in news:
                with suppress(FileNotFoundError):
                    os.unlink(new)

    def _entries(self, folder: str, is_wanted: Callable[[os.DirEntry[str]], bool]) -> list[str]:
        try:
            with os.scandir(self._found(folder)) as entries:
                found = [one.name for one in entries if is_wanted(one)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _cannot("read", folder, error) from None
        return sorted(name for name in found if not name.startswith("."))

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        with suppress(OSError):  # a link in a circle
            return entry.is_dir() and (not entry.is_symlink() or self._is_inside(os.path.realpath(entry.path)))
        return False

    def _found(self, name: str) -> str:
        """Where to read. Links are followed as long as they stay below the root."""
        path = f"{self._root}/{checked(name)}"
        folder = os.path.dirname(path)
        if folder not in self._inside:
            self._check_inside(os.path.realpath(folder), name)
            self._inside.add(folder)
        if os.path.islink(path):
            path = os.path.realpath(path)
            self._check_inside(path, name)
        return path

    def _target(self, name: str) -> str:
        """Where to write; its folder is made."""
        path = self._writable(name)
        _make_folders(os.path.dirname(path), name)
        return path

    def _writable(self, name: str) -> str:
        """No link is written through: git could not commit what is behind it."""
        path = f"{self._root}/{checked(name)}"
        folder = os.path.dirname(path)
        if os.path.realpath(folder) != folder or os.path.islink(path):
            raise MissionError("UnsafePath", f"{name} is a link, or lies behind one: put the file itself there")
        if os.path.lexists(path) and not os.path.isfile(path):
            raise MissionError("NotAFile", f"{name} is no file: a file of that name is needed")
        self._check_ours(name)
        return path

    def _check_ours(self, name: str) -> None:
        """git would take all of another repository out to put our file in."""
        folder = os.path.dirname(name)
        while folder:
            if os.path.lexists(f"{self._root}/{folder}/.git"):
                raise MissionError(
                    "UnsafePath", f"{folder} is a repository of its own: a mission's folder lies in this one"
                )
            folder = os.path.dirname(folder)

    def _is_inside(self, path: str) -> bool:
        return path == self._root or path.startswith(f"{self._root}/")

    def _check_inside(self, path: str, name: str) -> None:
        if not self._is_inside(path):
            raise MissionError("UnsafePath", f"{name} is a link out of the repository: put the file itself there")


def _is_file(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link in a circle
        return entry.is_file()
    return False


def _check_file(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise MissionError("NotAFile", f"{name} is no file: a file of that name is needed")
    if status.st_size > MAX_LOG_BYTES:
        raise MissionError("TooLarge", f"{name} has {status.st_size} bytes, more than {MAX_LOG_BYTES}: make it smaller")


def check_ended(name: str, last: bytes) -> None:
    """A line that is not ended would swallow the next one. `last`: the end of the file, empty for an empty one."""
    if last and not last.endswith(b"\n"):
        raise MissionError(
            "BrokenEventLog", f"{name}: the last line is not ended, so nothing is added: mend or remove that line"
        )


def _append(fd: int, name: str, lines: bytes) -> None:
    status = os.fstat(fd)
    _check_file(name, status)
    size = status.st_size
    check_ended(name, os.pread(fd, 1, size - 1) if size else b"")
    try:
        os.write(fd, lines)
        os.fsync(fd)
        if os.pread(fd, len(lines) + 1, size) != lines:
            raise OSError(errno.EIO, "what was written is not what can be read")
    except OSError:
        os.ftruncate(fd, size)
        raise


def _write_new(path: str, content: bytes, mode: int | None) -> None:
    with os.fdopen(os.open(path, _NEW, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _mode(path: str) -> int | None:
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(path).st_mode)
    return None


def _make_folders(folder: str, name: str) -> None:
    with _words("written", name):
        if not os.path.isdir(folder):
            _make_folders(os.path.dirname(folder), name)
            os.mkdir(folder)
            _sync_folder(os.path.dirname(folder))


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _words(what: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot(what, name, error) from None


def _cannot(what: str, name: str, error: OSError) -> MissionError:
    return MissionError("FileRefused", f"{name} cannot be {what}: {error.strerror}")
