"""Which modules a wheel or source distribution holds, told from its list of members. Nothing is unpacked or run."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from itertools import islice
from typing import BinaryIO

METADATA_LIMIT = 2 * 1024 * 1024
MODULE_LIMIT = 2 * 1024 * 1024
"""Bytes of a module's source that is read; longer ones are generated."""

MEMBER_LIMIT = 200_000
"""More members than any real distribution has; a bomb ends here."""

_DATA_FOLDER = re.compile(r"^[^/]+\.data/(?:purelib|platlib)/")
_EXTENSION = re.compile(r"^(?P<name>[^.]+)(?:\.(?:cpython|pypy|cp|graalpy|abi)[^/]*)?\.(?:so|pyd|dylib)$")
_BESIDE_THE_CODE = frozenset({"setup.py", "conftest.py", "noxfile.py", "tasks.py", "versioneer.py", "fabfile.py"})


class UnreadableArchiveError(Exception):
    """The file is no wheel or source distribution that can be read."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says of itself; `modules` as in `ports.Release`, `requires` its `Requires-Dist` lines."""

    name: str | None
    requires_python: str | None
    modules: frozenset[str]
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Listing:
    """Members' names, and the text files of the metadata by their base name."""

    members: tuple[str, ...]
    texts: dict[str, bytes]


def read_module(stream: BinaryIO, filename: str, module: str) -> bytes | None:
    """The Python source of one module ("a.b"); None when there is none, or it is too long.

    Raises UnreadableArchiveError.
    """
    try:
        if filename.endswith((".whl", ".zip")):
            return _read_from_zip(stream, filename, module)
        return _read_from_tar(stream, filename, module)
    except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, ValueError, RuntimeError) as error:
        raise UnreadableArchiveError(str(error)) from None


def _read_from_zip(stream: BinaryIO, filename: str, module: str) -> bytes | None:
    with zipfile.ZipFile(stream) as archive:
        member = _find_module(archive.namelist(), filename, module)
        if member is None or archive.getinfo(member).file_size > MODULE_LIMIT:
            return None
        return archive.read(member)


def _read_from_tar(stream: BinaryIO, filename: str, module: str) -> bytes | None:
    with tarfile.open(fileobj=stream) as archive:
        members = {one.name: one for one in islice(archive, MEMBER_LIMIT) if one.isfile()}
        found = _find_module(members, filename, module)
        if found is None or members[found].size > MODULE_LIMIT:
            return None
        text = archive.extractfile(members[found])
        return text.read() if text else None


def _find_module(members: Iterable[str], filename: str, module: str) -> str | None:
    """The member with a module's source; in a source distribution the one below `src` or `lib`, if there is one."""
    sources = [path for path in members if path.endswith(".py")]
    if filename.endswith(".whl"):
        return next((path for path in sources if _module(_DATA_FOLDER.sub("", path)) == module), None)
    inside = {path: path.partition("/")[2] for path in sources}
    return next(
        (path for root in ("src/", "lib/", "") for path in sources if _lies_at(inside[path], root, module)), None
    )


def _lies_at(path: str, root: str, module: str) -> bool:
    return path.startswith(root) and _module(path.removeprefix(root)) == module


def read_contents(stream: BinaryIO, filename: str) -> Contents:
    """Read a `.whl`, `.zip` or tar archive. Raises UnreadableArchiveError."""
    try:
        if filename.endswith(".whl"):
            return _wheel(_list_zip(stream))
        return _source(_list_zip(stream) if filename.endswith(".zip") else _list_tar(stream))
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError, NotImplementedError) as error:
        raise UnreadableArchiveError(str(error)) from None


def _list_zip(stream: BinaryIO) -> _Listing:
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()[:MEMBER_LIMIT]
        wanted = [info for info in infos if _is_metadata(info.filename) and info.file_size <= METADATA_LIMIT]
        texts = {_text_key(info.filename): archive.read(info) for info in wanted}
        return _Listing(tuple(info.filename for info in infos if not info.is_dir()), texts)


def _list_tar(stream: BinaryIO) -> _Listing:
    members: list[str] = []
    texts: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for member in archive:
            if not member.isfile() or len(members) >= MEMBER_LIMIT:
                continue
            members.append(member.name.removeprefix("./"))
            if _is_metadata(member.name) and member.size <= METADATA_LIMIT:
                text = archive.extractfile(member)
                texts[_text_key(member.name)] = text.read() if text else b""
    return _Listing(tuple(members), texts)


def _is_metadata(path: str) -> bool:
    """True for the distribution's own metadata; what it carries of others (vendored) lies deeper."""
    folder, _, name = path.rpartition("/")
    if name == "METADATA":
        return folder.endswith(".dist-info") and "/" not in folder
    if name == "PKG-INFO":
        return "/" not in folder.removeprefix("./")
    return name in ("top_level.txt", "namespace_packages.txt") and folder.endswith((".dist-info", ".egg-info"))


def _text_key(path: str) -> str:
    name = path.rpartition("/")[2]
    return "METADATA" if name == "PKG-INFO" else name


def _wheel(listing: _Listing) -> Contents:
    inner = (_DATA_FOLDER.sub("", member) for member in listing.members)
    importable = [path for path in inner if not path.partition("/")[0].endswith((".dist-info", ".data"))]
    return _contents(listing, _modules(importable))


def _source(listing: _Listing) -> Contents:
    """A source tree is not an installation: only what its own `top_level.txt` names counts, when it has one."""
    inside = [path.partition("/")[2] for path in listing.members]
    declared = set(listing.texts.get("top_level.txt", b"").decode("utf-8", "replace").split())
    found: set[str] = set()
    for root in ("src/", "lib/", ""):
        here = [path.removeprefix(root) for path in inside if path.startswith(root)]
        modules = _modules(path for path in here if path not in _BESIDE_THE_CODE)
        found |= {name for name in modules if name.partition(".")[0] in declared} if declared else modules
    if not declared:
        found = {name for name in found if name.partition(".")[0] not in ("src", "lib", "tests", "test", "docs")}
    tops = {name.partition(".")[0] for name in found}
    return _contents(listing, found | (declared - tops))  # e.g. an extension in C, or a folder that setup.py renames


def _contents(listing: _Listing, modules: set[str]) -> Contents:
    headers = BytesHeaderParser().parsebytes(listing.texts.get("METADATA", b""))
    namespaces = set(listing.texts.get("namespace_packages.txt", b"").decode("utf-8", "replace").split())
    name, requires = headers["Name"], headers["Requires-Python"]
    return Contents(
        name=str(name) if name else None,
        requires_python=str(requires) if requires else None,
        modules=frozenset(modules - namespaces),
        requires=tuple(str(line) for line in headers.get_all("Requires-Dist", ())),
    )


def _modules(paths: Iterable[str]) -> set[str]:
    return {name for path in paths if (name := _module(path))}


def _module(path: str) -> str | None:
    """`a/b/__init__.py` → `a.b`, `a/c.cpython-311-x86_64-linux-gnu.so` → `a.c`; None for what cannot be imported."""
    folder, _, file = path.rpartition("/")
    extension = _EXTENSION.match(file)
    stem = extension["name"] if extension else file.removesuffix(".py") if file.endswith(".py") else ""
    parts = [*folder.split("/")] * bool(folder) + ([] if stem == "__init__" else [stem])
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None
