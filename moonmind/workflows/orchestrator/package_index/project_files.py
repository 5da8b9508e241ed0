"""Every file that the configured indexes and link folders have of a project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.package_index.project_page import ACCEPT, ProjectFile, read_page
from moonmind.workflows.orchestrator.package_index.remote_file import FileSource
from moonmind.workflows.orchestrator.ports import IndexUnavailableError


def project_files(pip: PipClient, project: str) -> list[ProjectFile]:
    """The files of all places together, as pip sees them.

    Raises IndexUnavailableError when an index did not answer and no other has the project.
    """
    source = FileSource(pip.configuration)
    found = [file for place in pip.links for file in _linked(source, place)]
    missed: IndexUnavailableError | None = None
    for index in pip.indexes:
        try:
            found += _page(source, f"{index}/{canonicalize_name(project)}/")
        except IndexUnavailableError as error:
            missed = error
    if missed is not None and not found:
        raise missed
    return found


def _page(source: FileSource, address: str) -> list[ProjectFile]:
    page = source.page(address, ACCEPT)
    return read_page(page.address, page.content_type, page.content) if page is not None else []


def _linked(source: FileSource, place: str) -> Iterator[ProjectFile]:
    """What a `find-links` entry holds: a folder of files, or a page of links."""
    is_address = "://" in place
    if is_address and not place.startswith("file:"):
        yield from _page(source, place)
        return
    path = Path(url2pathname(urlsplit(place).path)) if is_address else Path(place).expanduser()
    if path.is_dir():
        yield from (ProjectFile(file.absolute().as_uri()) for file in sorted(path.iterdir()) if file.is_file())
    elif path.is_file():
        yield from _page(source, path.absolute().as_uri())
