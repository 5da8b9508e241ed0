"""What the local index has: real wheels, stand-ins for right distributions that are not at hand, and squatters.

- Real wheels come from folders. Each gets older releases that hold the same modules without their code: an index with
  one release a project would be none that exists.
- A stand-in has the right name and a hollow module: it says whether the right name was chosen, not whether that
  distribution works.
- A squatter has the name of an import, provides that import, and is right for nobody. How many releases it has and how
  old they are differs from name to name as it does out there (SQUATTING).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from functools import cache
from pathlib import Path

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from .sets import ImportSet

SQUATTING = ((1, 20), (2, 400), (1, 2500), (4, 900), (1, 5), (8, 1600))
"""Releases, and days since the first: the forms between which a squatter's name decides."""
OLDER, OLDER_DAYS = 14, 3000
"""Releases before a right distribution's newest, and days since the first of them."""


@dataclass(frozen=True, slots=True)
class File:
    """One wheel of the index; `content` gives its bytes, unless it lies at `path`."""

    filename: str
    version: str
    uploaded: datetime
    path: Path | None = None
    content: Callable[[], bytes] | None = None

    def read(self) -> bytes:
        """All bytes of a wheel that lies nowhere."""
        assert self.content is not None
        return self.content()

    @property
    def requires_python(self) -> str | None:
        """What a real wheel says of the Pythons that it is for."""
        return _requires_python(self.path) if self.path else None


Catalogue = Mapping[str, tuple[File, ...]]
"""Files by normalised project name, the oldest first."""


def make_catalogue(folders: Iterable[Path], sets: Iterable[ImportSet], now: datetime) -> Catalogue:
    """Everything that the sets need, and what they must not take."""
    listed = list(sets)
    projects = _real(folders, now)
    for name, modules in sorted(_right_modules(listed).items()):
        if name not in projects:
            projects[name] = _history(name, modules, OLDER + 1, OLDER_DAYS, now)
    for name, modules in sorted(_squatted(listed).items()):
        if name not in projects:
            releases, days = SQUATTING[hashlib.sha256(name.encode()).digest()[0] % len(SQUATTING)]
            projects[name] = _history(name, modules, releases, days, now)
    return {name: tuple(files) for name, files in projects.items()}


def stand_ins(catalogue: Catalogue, sets: Iterable[ImportSet]) -> list[str]:
    """Right distributions without a real wheel."""
    return sorted(name for name in _right_modules(list(sets)) if all(file.path is None for file in catalogue[name]))


def hollow_wheel(name: str, version: str, modules: Iterable[str]) -> bytes:
    """A pure wheel whose modules import and hold nothing."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        **{f"{module.replace('.', '/')}/__init__.py": "" for module in modules},
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{path},,\n" for path in (*files, record))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


def _real(folders: Iterable[Path], now: datetime) -> dict[str, list[File]]:
    """The wheels of these folders that this Python takes, each project with its older releases."""
    taken = frozenset(sys_tags())
    projects: dict[str, list[File]] = {}
    for path in sorted(one for folder in folders for one in folder.glob("*.whl")):
        try:
            name, version, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename:
            continue
        if tags & taken:
            projects.setdefault(name, []).append(File(path.name, str(version), now - timedelta(days=30), path))
    for name, files in projects.items():
        files.sort(key=lambda file: Version(file.version))
        older = _history(name, _top_levels_later(files[0].path), OLDER, OLDER_DAYS, now)
        files[:0] = older
    return projects


def _history(
    name: str, modules: Iterable[str] | Callable[[], Iterable[str]], releases: int, days: int, now: datetime
) -> list[File]:
    """So many hollow releases, the first of them so many days ago; versions below those of any real wheel."""
    made = []
    for number in range(1, releases + 1):
        version = f"0.0.{number}"
        uploaded = now - timedelta(days=days * (releases - number + 1) / releases)
        filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        content = _content(name, version, modules)
        made.append(File(filename, version, uploaded, None, content))
    return made


def _content(name: str, version: str, modules: Iterable[str] | Callable[[], Iterable[str]]) -> Callable[[], bytes]:
    return lambda: hollow_wheel(name, version, modules() if callable(modules) else modules)


def _top_levels_later(wheel: Path | None) -> Callable[[], Iterable[str]]:
    def read() -> list[str]:
        assert wheel is not None
        with zipfile.ZipFile(wheel) as archive:
            tops = {path.partition("/")[0] for path in archive.namelist() if path.endswith("/__init__.py")}
        return sorted(top for top in tops if top.isidentifier())

    return read


def _right_modules(sets: Iterable[ImportSet]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in sets:
        for module, names in one.right.items():
            for name in names:
                found.setdefault(name, set()).add(module)
    return found


def _squatted(sets: list[ImportSet]) -> dict[str, set[str]]:
    """Import names as distributions, where that is not the right one."""
    right = set(_right_modules(sets))
    found: dict[str, set[str]] = {}
    for one in sets:
        for module in one.imports:
            top = module.partition(".")[0]
            if (name := canonicalize_name(top)) not in right:
                found.setdefault(name, set()).add(top)
    return found


@cache
def _requires_python(wheel: Path) -> str | None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(
            one for one in archive.namelist() if one.endswith(".dist-info/METADATA") and one.count("/") == 1
        )
        requires = BytesHeaderParser().parsebytes(archive.read(metadata))["Requires-Python"]
    return str(requires) if requires else None
