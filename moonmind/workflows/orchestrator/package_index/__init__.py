"""The package index as this machine's pip sees it: which release would be installed, and which modules it holds.

pip itself is asked (its configuration, credentials, proxies and certificates count), but only to *find* files: letting
pip look into a source distribution would run that package's code, and nothing of an unproven package may run. What a
file holds is read here, from its list of members alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from moonmind.workflows.orchestrator.package_index.contents import Contents, UnreadableArchiveError, read_contents
from moonmind.workflows.orchestrator.package_index.pip_client import FileLink, PipClient
from moonmind.workflows.orchestrator.package_index.remote_file import FileSource
from moonmind.workflows.orchestrator.ports import Offer, Release

TRIED_RELEASES = 8
"""Releases whose files are opened before giving up; an index without Requires-Python offers too new ones first."""


class PipPackageIndex:
    """`ports.PackageIndex` through pip; every question is asked anew, so that a worker sees what was uploaded."""

    def __init__(self, pip: PipClient | None = None) -> None:
        self._pip = pip or PipClient()

    def newest(self, distribution: str, *, python: str | None) -> Release | None:
        """The newest stable release that this Python can install, None when there is none or it cannot be read."""
        links = self._pip.find(distribution, python=python)
        releases = len({link.version for link in links})
        for link in islice(_best_of_each_release(links), TRIED_RELEASES):
            contents = self._read(link)
            if contents is not None and _allows(contents.requires_python, python or self._pip.python_version):
                name = contents.name or distribution
                return Release(name.lower(), str(link.version), contents.modules, releases)
        return None

    def offers(self, distribution: str, *, python: str | None) -> tuple[Offer, ...]:
        """Not yet."""
        raise NotImplementedError

    def at(self, distribution: str, version: str, *, python: str | None) -> Release | None:
        """Not yet."""
        raise NotImplementedError

    def names(self, distribution: str, version: str, module: str, *, python: str | None) -> frozenset[str] | None:
        """Not yet."""
        raise NotImplementedError

    def _read(self, link: FileLink) -> Contents | None:
        try:
            with FileSource(self._pip.configuration).open(link.url) as stream:
                return read_contents(stream, link.filename)
        except UnreadableArchiveError:
            return None


def _best_of_each_release(links: list[FileLink]) -> Iterator[FileLink]:
    """Newest release first; a wheel rather than a source distribution, as pip chooses."""
    ordered = sorted(links, key=lambda link: (link.version, link.is_wheel), reverse=True)
    for _, files in groupby(ordered, key=lambda link: link.version):
        yield next(files)


def _allows(requires_python: str | None, python: str) -> bool:
    try:
        return requires_python is None or SpecifierSet(requires_python).contains(f"{python}.99", prereleases=True)
    except InvalidSpecifier:
        return True  # pip ignores what it cannot read as well
