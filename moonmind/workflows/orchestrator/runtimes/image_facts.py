"""What an image holds, read from a container that is created and never started: nothing of the image runs.

Docker's `cp` reads the files of a stopped container. Running the image's own `python` or `cat` would be quicker, and
would run whatever the image has under these names, with what its environment preloads.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import ServiceFacts
from moonmind.workflows.orchestrator.commands import ComposeCommands
from moonmind.workflows.orchestrator.ports import CommandResult, Execute

_VERSION = re.compile(r"^(?P<version>\d+\.\d+)(?:\.|$)")
_PYVENV = re.compile(r"^version(?:_info)?\s*=\s*(?P<version>\d+\.\d+)", re.MULTILINE)
_LINK = re.compile(r"(?:^|/)python(?P<version>3\.\d+)$")
_NODE = re.compile(r"^#define NODE_MAJOR_VERSION (?P<version>\d+)", re.MULTILINE)
_OS_RELEASE = re.compile(r"^(?P<key>ID|VERSION_CODENAME)=[\"']?(?P<value>[\w.-]+)[\"']?$", re.MULTILINE)
_INSTALLED = re.compile(
    r"^(?P<name>[A-Za-z0-9][\w.]*)-(?P<version>[\w.!+]+?)(?:-py3(?:\.\d+)?)?\.(?:dist-info|egg-info)$"
)
_SYSTEM_FOLDERS = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
_OS_RELEASES = ("/etc/os-release", "/usr/lib/os-release")
_NODE_HEADERS = ("/usr/local/include/node/node_version.h", "/usr/include/node/node_version.h")
_PYTHONS = ("/usr/local/bin/python3", "/usr/bin/python3")
ENVIRONMENTS_LIMIT = 4
"""Virtual environments on the path that are looked at."""

Entries = Mapping[str, Sequence[Mapping[str, str]]]
"""What lies at each path, as `moonmind.utils.container_files` has it."""


def image_facts(commands: ComposeCommands, execute: Execute, image: str, *, own: bool) -> ServiceFacts:
    """What an image that the engine has tells. `own`: it is the service's, so that what is installed counts."""
    environment = _named(execute(commands.image_environment(image)))
    created = execute(commands.create_unstarted(image))
    container = created.output.strip()
    if not created.ok or not container:
        return ServiceFacts()
    try:
        return _facts(
            lambda paths: _entries(execute(commands.files_in(container, paths, sys.executable))), environment, own
        )
    finally:
        execute(commands.remove_container(container))


def _facts(look: Callable[[Sequence[str]], Entries], environment: Mapping[str, str], own: bool) -> ServiceFacts:
    folders = list(_environments(environment))[:ENVIRONMENTS_LIMIT]
    untold = (  # each look costs the engine a tenth of a second
        *(() if "PYTHON_VERSION" in environment else _PYTHONS),
        *(() if "NODE_VERSION" in environment else _NODE_HEADERS),
    )
    seen = look([*_OS_RELEASES, *untold, *(f"{folder}/pyvenv.cfg" for folder in folders)])
    folder, python = _python(seen, folders, environment)
    return ServiceFacts(
        python=python,
        system=next((system for path in _OS_RELEASES if (system := _system(_text(seen, path)))), None),
        node=_node(seen, environment),
        installed=_installed(look(_site_folders(folder, python))) if own and python else {},
    )


def _system(os_release: str) -> str | None:
    said = {found["key"]: found["value"] for found in _OS_RELEASE.finditer(os_release)}
    return " ".join(said[key] for key in ("ID", "VERSION_CODENAME") if key in said) or None


def _python(seen: Entries, folders: Sequence[str], environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The first virtual environment on the path with its version, else None with that of the image's Python."""
    for folder in folders:
        if found := _PYVENV.search(_text(seen, f"{folder}/pyvenv.cfg")):
            return folder, found["version"]
    if found := _VERSION.match(environment.get("PYTHON_VERSION", "")):
        return None, found["version"]
    links = (entry.get("link", "") for path in _PYTHONS for entry in seen.get(path, ()))
    return None, next((found["version"] for link in links if (found := _LINK.search(link))), None)


def _environments(environment: Mapping[str, str]) -> Iterator[str]:
    if folder := environment.get("VIRTUAL_ENV"):
        yield folder
    for path in environment.get("PATH", "").split(":"):
        if path.endswith("/bin") and path not in _SYSTEM_FOLDERS and path != f"{folder}/bin":
            yield posixpath.dirname(path)


def _node(seen: Entries, environment: Mapping[str, str]) -> str | None:
    if version := environment.get("NODE_VERSION"):
        return version.partition(".")[0]
    found = next((said for path in _NODE_HEADERS if (said := _NODE.search(_text(seen, path)))), None)
    return found["version"] if found else None


def _site_folders(folder: str | None, python: str | None) -> tuple[str, ...]:
    """Where distributions lie; of two that hold one, the last is where Python looks first."""
    if folder:
        return (f"{folder}/lib/python{python}/site-packages",)
    local = f"/usr/local/lib/python{python}"
    return ("/usr/lib/python3/dist-packages", f"{local}/dist-packages", f"{local}/site-packages")


def _installed(seen: Entries) -> dict[str, str]:
    names = (_INSTALLED.match(entry["name"]) for found in seen.values() for entry in found)
    return {canonicalize_name(one["name"]): one["version"] for one in names if one}


def _text(seen: Entries, path: str) -> str:
    """A small file, "" when it is not there."""
    return next((entry.get("text", "") for entry in seen.get(path, ())), "")


def _entries(result: CommandResult) -> Entries:
    found: dict[str, list[Mapping[str, str]]] = {}
    for line in result.output.splitlines() if result.ok else ():
        entry = json.loads(line)
        found.setdefault(entry["path"], []).append(entry)
    return found


def _named(result: CommandResult) -> Mapping[str, str]:
    pairs = (line.partition("=") for line in result.output.splitlines()) if result.ok else ()
    return {name: value for name, _, value in pairs}
