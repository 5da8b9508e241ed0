"""Lock files of npm, brought up to date by npm itself on a scratch copy of the two files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moonmind.workflows.orchestrator.edits.package_json import SECTIONS, NotPackageJsonError, read
from moonmind.workflows.orchestrator.npm_registry.npm_client import NpmClient
from moonmind.workflows.orchestrator.planning_ports import LockToolError

LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
"""The first of them that a folder holds counts, as for npm."""

_OF_THIS_MACHINE = ("file:", "link:", "portal:", "workspace:", ".", "/", "~")


class NpmLocks:
    """`planning_ports.LockTools` for npm's lock files."""

    def __init__(self, npm: NpmClient | None = None) -> None:
        self._npm = npm or NpmClient()

    def handles(self, path: str) -> bool:
        """Whether the file is one of npm's lock files."""
        return path.rpartition("/")[2] in LOCKS

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """See the port. A change that leaves a folder's manifest and lock alone leaves its lock alone, too; without
        any change, every lock that does not fit its manifest is made to."""
        files = {**before, **after}
        renewed: dict[str, bytes] = {}
        for path in sorted(filter(self.handles, before)):
            manifest = _beside(path, "package.json")
            touched = not after or path in after or manifest in after
            if (
                touched
                and manifest in files
                and not _fits(files[path], files[manifest])
                and not _is_hidden(path, before)
            ):
                renewed[path] = self._renewed(path, files[path], files[manifest])
        return {path: content for path, content in renewed.items() if content != files[path]}

    def _renewed(self, path: str, lock: bytes, manifest: bytes) -> bytes:
        _refuse_what_is_elsewhere(path, manifest)
        name = path.rpartition("/")[2]
        return self._npm.lock({"package.json": manifest, name: lock}, name, *_form(_document(lock)))


def _form(document: Mapping[str, Any]) -> list[str]:
    """The options by which the lock stays as it was written, whatever this machine's npm is set up for."""
    version, packages = document.get("lockfileVersion"), document.get("packages")
    entries = [one for path, one in packages.items() if path] if isinstance(packages, dict) else []
    has_addresses = any(isinstance(one, dict) and "resolved" in one for one in entries)
    kept_version = [f"--lockfile-version={version}"] if version in (1, 2, 3) else []
    return [
        *kept_version,
        *([f"--omit-lockfile-registry-resolved={str(not has_addresses).lower()}"] if entries else []),
    ]


def _is_hidden(path: str, files: Mapping[str, bytes]) -> bool:
    """A package-lock.json beside an npm-shrinkwrap.json is not read by npm."""
    return path.endswith(LOCKS[1]) and _beside(path, LOCKS[0]) in files


def _fits(lock: bytes, manifest: bytes) -> bool:
    """Whether the lock was made for these dependencies: its own copy of them is the same, and each is locked."""
    try:
        wanted = read(manifest)
    except NotPackageJsonError:
        return True  # npm could not read it either; the manifest's own editor says so
    document = _document(lock)
    packages = document.get("packages")
    if not isinstance(packages, dict):
        locked = document.get("dependencies") or {}
        return all(name in locked for name in (wanted.get("dependencies") or {}))
    root = packages.get("") or {}
    same = all((root.get(section) or {}) == (wanted.get(section) or {}) for section in SECTIONS)
    return same and all(f"node_modules/{name}" in packages for name in (wanted.get("dependencies") or {}))


def _refuse_what_is_elsewhere(path: str, manifest: bytes) -> None:
    """A scratch copy holds neither workspaces nor folders that the manifest points to: npm would drop them."""
    document = read(manifest)
    tables = [table for section in SECTIONS if isinstance(table := document.get(section), dict)]
    elsewhere = [name for table in tables for name, wanted in table.items() if str(wanted).startswith(_OF_THIS_MACHINE)]
    if "workspaces" in document or elsewhere:
        what = "workspaces" if "workspaces" in document else f"a local package ({elsewhere[0]})"
        raise LockToolError(
            f"{path} covers {what}: change package.json, run `npm install --package-lock-only` and commit both"
        )


def _beside(path: str, name: str) -> str:
    folder = path.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name


def _document(lock: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(lock)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise LockToolError("the lock file is no JSON: delete it, run `npm install` and commit the new one")
    return document
