"""Which of a project's files an installation by this Python would consider. Pure but for what this platform is.

The rules are pip's: tags of wheels, Requires-Python, no yanked file unless its version is asked for by name.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from packaging import tags
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.package_index.project_page import ProjectFile

_SOURCE_ENDINGS = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of one release. `installable`: this Python takes it, whether or not it is yanked."""

    file: ProjectFile
    version: Version
    installable: bool

    @property
    def is_wheel(self) -> bool:
        """True for a wheel, false for a source distribution."""
        return self.file.filename.endswith(".whl")


def find_candidates(project: str, files: Iterable[ProjectFile], python: str | None) -> list[Candidate]:
    """The project's files with a version in their name, the best of the newest release first."""
    found = {one.url: candidate for one in files if (candidate := _candidate(project, one, python))}
    return sorted(found.values(), key=lambda one: (one.version, one.installable, one.is_wheel), reverse=True)


def allows(requires_python: str | None, python: str | None) -> bool:
    """Whether a Requires-Python admits "3.11" (its newest patch), None: ours."""
    version = f"{python}.99" if python else platform.python_version()
    try:
        return requires_python is None or SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True  # pip ignores what it cannot read as well


def _candidate(project: str, file: ProjectFile, python: str | None) -> Candidate | None:
    name = file.filename
    if name.endswith(".whl"):
        try:
            owner, version, _, wheel_tags = parse_wheel_filename(name)
        except (InvalidWheelFilename, InvalidVersion):
            return None
        takes = owner == canonicalize_name(project) and not wheel_tags.isdisjoint(_tags(python))
        is_ours = owner == canonicalize_name(project)
    else:
        found = _source_version(project, name)
        takes = is_ours = found is not None
        version = found or Version("0")
    return Candidate(file, version, takes and allows(file.requires_python, python)) if is_ours else None


def _source_version(project: str, filename: str) -> Version | None:
    """Older sources have dashes in their names and versions, so that only the project's name tells them apart."""
    ending = next((one for one in _SOURCE_ENDINGS if filename.endswith(one)), None)
    stem = filename.removesuffix(ending) if ending else ""
    for index, character in enumerate(stem):
        if character == "-" and canonicalize_name(stem[:index]) == canonicalize_name(project):
            try:
                return Version(stem[index + 1 :])
            except InvalidVersion:
                continue
    return None


@lru_cache(maxsize=16)
def _tags(python: str | None) -> frozenset[tags.Tag]:
    if python is None:
        return frozenset(tags.sys_tags())
    major, _, minor = python.partition(".")
    version, platforms = (int(major), int(minor)), list(tags.platform_tags())
    own = tags.cpython_tags(version, platforms=platforms)
    return frozenset([*own, *tags.compatible_tags(version, f"cp{major}{minor}", platforms)])
