"""The package index as this machine's pip sees it: which releases there are, and what they hold.

pip says where it looks and with which settings (decision 4); the pages and files there are read here. Nothing is
unpacked or run: nothing of an unproven package may run, and letting pip look into a source distribution would.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.package_index.candidates import Candidate, allows, find_candidates
from moonmind.workflows.orchestrator.package_index.contents import (
    Contents,
    UnreadableArchiveError,
    read_contents,
    read_module,
)
from moonmind.workflows.orchestrator.package_index.module_names import top_level_names
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient, is_name
from moonmind.workflows.orchestrator.package_index.project_files import project_files
from moonmind.workflows.orchestrator.package_index.project_page import ProjectFile
from moonmind.workflows.orchestrator.package_index.recent import Recent
from moonmind.workflows.orchestrator.package_index.remote_file import FileSource
from moonmind.workflows.orchestrator.package_index.source_metadata import make_wheel, read_source_metadata
from moonmind.workflows.orchestrator.ports import Offer, Release

TRIED_RELEASES = 8
"""Releases whose files are opened before giving up; an index without Requires-Python offers too new ones first."""

READ_SOURCES = 3
"""Source distributions of one project that are read to choose among them; each has to be fetched whole."""


class PipPackageIndex:
    """`ports.PackageIndex` through pip's configuration. Answers are kept for two minutes (`recent`)."""

    def __init__(self, pip: PipClient | None = None) -> None:
        self._pip = pip or PipClient()
        self._files: Recent[list[ProjectFile]] = Recent()
        self._contents: Recent[Contents | None] = Recent()
        self._names: Recent[frozenset[str] | None] = Recent()

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        """The newest stable release that this Python can install, None when there is none or it cannot be read."""
        best = [one for one in self._best(distribution, python) if not one.version.is_prerelease]
        current = [one for one in best if one.file.yanked is None]
        read = (self._release(distribution, one, python, len(current)) for one in current[:TRIED_RELEASES])
        return next((release for release in read if release is not None), None)

    def offers(self, distribution: str, *, python: str | None) -> tuple[Offer, ...]:
        """Every version with what its files' page says of it."""
        releases = groupby(self._candidates(distribution, python), key=lambda one: one.version)
        return tuple(_offer(version, list(files)) for version, files in releases)

    def at(self, distribution: str, version: str, *, python: str | None) -> Release | None:
        """That very release, a yanked one too: pip installs it when it is asked for by its version."""
        best = self._best(distribution, python)
        found = _of_version(best, version)
        return self._release(distribution, found, python, len(best)) if found is not None else None

    def names(self, distribution: str, version: str, module: str, *, python: str | None) -> frozenset[str] | None:
        """Read from the module's source, without any other part of the file."""
        found = _of_version(self._best(distribution, python), version)
        if found is None:
            return None
        file = found.file
        return self._names.get((file.url, module), lambda: self._read_names(file, module))

    def source_wheels(
        self, distribution: str, versions: Collection[str], *, python: str | None
    ) -> list[tuple[str, bytes]]:
        """File names and bytes of wheels with the metadata of releases that are there as source only: the newest ones
        and those of the given versions, as far as they tell their dependencies without being built."""
        found = [one for one in self._best(distribution, python) if not one.is_wheel]
        named = [one for one in found if str(one.version) in versions]
        newest = [one for one in found if one.file.yanked is None and not one.version.is_prerelease][:READ_SOURCES]
        wheels = []
        for one in dict.fromkeys((*named, *newest)):
            with FileSource(self._pip.configuration).open(one.file.url) as stream:
                metadata = read_source_metadata(stream, one.file.filename)
            if metadata is not None:
                wheels.append(make_wheel(canonicalize_name(distribution), str(one.version), metadata))
        return wheels

    def requires(self, distribution: str, version: str, *, python: str | None) -> tuple[str, ...] | None:
        """Read from the release's metadata."""
        found = _of_version(self._best(distribution, python), version)
        if found is None:
            return None
        contents = self._contents.get(found.file.url, lambda: self._read(found.file))
        return contents.requires if contents is not None else None

    def _candidates(self, distribution: str, python: str | None) -> list[Candidate]:
        if not is_name(distribution):
            return []
        project = canonicalize_name(distribution)
        return find_candidates(project, self._files.get(project, lambda: project_files(self._pip, project)), python)

    def _best(self, distribution: str, python: str | None) -> list[Candidate]:
        """Of each release the file that pip would take, the newest release first."""
        takes = [one for one in self._candidates(distribution, python) if one.installable]
        return [next(files) for _, files in groupby(takes, key=lambda one: one.version)]

    def _release(self, distribution: str, found: Candidate, python: str | None, releases: int) -> Release | None:
        contents = self._contents.get(found.file.url, lambda: self._read(found.file))
        if contents is None or not allows(contents.requires_python, python):
            return None
        name = contents.name or distribution
        return Release(name.lower(), str(found.version), contents.modules, releases, found.file.filename)

    def _read(self, file: ProjectFile) -> Contents | None:
        try:
            with FileSource(self._pip.configuration).open(file.url) as stream:
                return read_contents(stream, file.filename)
        except UnreadableArchiveError:
            return None

    def _read_names(self, file: ProjectFile, module: str) -> frozenset[str] | None:
        try:
            with FileSource(self._pip.configuration).open(file.url) as stream:
                source = read_module(stream, file.filename, module)
        except UnreadableArchiveError:
            return None
        return top_level_names(source) if source is not None else None


def _of_version(candidates: list[Candidate], version: str) -> Candidate | None:
    try:
        wanted = Version(version)
    except InvalidVersion:
        return None
    return next((one for one in candidates if one.version == wanted), None)


def _offer(version: Version, candidates: list[Candidate]) -> Offer:
    """A release is yanked when all its files are; the best file says which Python it requires."""
    files = [one.file for one in candidates]
    is_yanked = all(file.yanked is not None for file in files)
    return Offer(
        version=str(version),
        requires_python=files[0].requires_python,
        yanked=max(file.yanked or "" for file in files) if is_yanked else None,
        uploaded=min((file.uploaded for file in files if file.uploaded), default=None),
        installable=any(one.installable for one in candidates),
        wheel=any(one.installable and one.is_wheel for one in candidates),
    )
