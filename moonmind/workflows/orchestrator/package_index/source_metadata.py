"""What a source distribution says of its dependencies without running anything. Reads text; unpacks nothing.

Trusted are the two places that a build fills in and ships: `PKG-INFO` from metadata 2.2 on, where what is not `Dynamic`
is final, and setuptools' `*.egg-info/requires.txt`.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from email.message import Message
from email.parser import Parser
from itertools import islice
from typing import BinaryIO

from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.package_index.contents import MEMBER_LIMIT, METADATA_LIMIT

_FINAL = Version("2.2")


def read_source_metadata(stream: BinaryIO, filename: str) -> str | None:
    """The core metadata of its wheel, as far as versions are chosen by it; None when only a build tells."""
    try:
        texts = dict(_texts_of_zip(stream) if filename.endswith(".zip") else _texts_of_tar(stream))
    except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, ValueError, RuntimeError):
        return None
    said = next((Parser().parsestr(text) for path, text in texts.items() if path == "PKG-INFO"), None)
    if said is None:
        return None
    requires = said.get_all("Requires-Dist", []) if _is_final(said) else _egg_requires(texts)
    if requires is None:
        return None
    lines = [f"Requires-Python: {said['Requires-Python']}"] if said["Requires-Python"] else []
    lines += [f"Requires-Dist: {' '.join(str(one).split())}" for one in requires]
    return "\n".join(lines)


def make_wheel(name: str, version: str, metadata: str) -> tuple[str, bytes]:
    """File name and bytes of a wheel that holds metadata only: a resolver chooses by it, nobody can install it."""
    stem = f"{name.replace('-', '_')}-{version}"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", f"{head}{metadata}\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return f"{stem}-py3-none-any.whl", content.getvalue()


def _texts_of_tar(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=stream) as archive:
        for member in islice(archive, MEMBER_LIMIT):
            path = member.name.removeprefix("./").partition("/")[2]
            if member.isfile() and _is_wanted(path) and member.size <= METADATA_LIMIT:
                text = archive.extractfile(member)
                yield path, text.read().decode("utf-8", "replace") if text else ""


def _texts_of_zip(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist()[:MEMBER_LIMIT]:
            path = member.filename.partition("/")[2]
            if _is_wanted(path) and member.file_size <= METADATA_LIMIT:
                yield path, archive.read(member).decode("utf-8", "replace")


def _is_wanted(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    in_egg_info = folder.endswith(".egg-info") and folder.count("/") <= 1
    return path == "PKG-INFO" or (in_egg_info and name in ("PKG-INFO", "requires.txt"))


def _is_final(said: Message) -> bool:
    dynamic = {str(one).strip().lower() for one in said.get_all("Dynamic", [])}
    try:
        return Version(said["Metadata-Version"] or "1.0") >= _FINAL and "requires-dist" not in dynamic
    except InvalidVersion:
        return False


def _egg_requires(texts: Mapping[str, str]) -> list[str] | None:
    """setuptools writes the file only when there is something to require."""
    if not any(path.endswith(".egg-info/PKG-INFO") for path in texts):
        return None
    text = next((text for path, text in texts.items() if path.endswith("/requires.txt")), "")
    return list(_read_requires(text))


def _read_requires(text: str) -> Iterator[str]:
    """Sections are `[extra]`, `[extra:marker]` and `[:marker]`."""
    condition = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            parts = [f'extra == "{extra}"'] * bool(extra) + [f"({marker})"] * bool(marker)
            condition = f" ; {' and '.join(parts)}" if parts else ""
        else:
            yield f"{line}{condition}"
