"""The service's own modules: what is missing of them is a matter of its code or image, never of a package index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import tomlkit
from tomlkit.exceptions import TOMLKitError

from moonmind.workflows.orchestrator.planners.spelling import is_near

BY_CUSTOM = {
    *("agent", "agents", "api", "app", "application", "apps", "asgi", "base", "client", "commands", "common", "conf"),
    *("config", "configs", "configuration", "constants", "controllers", "core", "data", "database", "db", "domain"),
    *("examples", "exceptions", "extensions", "forms", "handler", "handlers", "helper", "helpers", "inference"),
    *("jobs", "lib", "libs", "local_settings", "main", "manage", "middleware", "migrations", "model", "models"),
    *("module", "modules", "pipeline", "pipelines", "plugins", "project", "repositories", "repository", "router"),
    *("routers", "routes", "runner", "scheduler", "schemas", "scripts", "serializers", "server", "service"),
    *("services", "settings", "shared", "src", "tasks", "test", "tests", "tool", "tools", "trainer", "training"),
    *("util", "utils", "views", "web", "worker", "workers", "workflow", "workflows", "wsgi"),
}
"""What programs by custom call their own modules. When such a one is missing, it was not copied into the image or the
program is started from another folder; a distribution that happens to have the name is somebody else's."""


@dataclass(frozen=True, slots=True)
class OwnModules:
    """`importable`: top-level names that some folder on the module path would give; `inner`: names further inside."""

    importable: Mapping[str, str]
    inner: Mapping[str, str]

    def where(self, module: str, *, known_elsewhere: bool) -> str | None:
        """The file or folder that makes this module the service's own. An inner name gives way to a known package."""
        top = module.partition(".")[0]
        return self.importable.get(top) or (None if known_elsewhere else self.inner.get(top))

    def meant(self, module: str) -> str | None:
        """The own module that this one looks like a misspelling of."""
        top = module.partition(".")[0]
        return next((name for name in sorted({*self.importable, *self.inner}) if is_near(top, name)), None)


def own_modules(python_files: Iterable[str], pyproject: bytes | None) -> OwnModules:
    """From the paths of all `.py` files of the workspace and its `pyproject.toml`."""
    files = set(python_files)
    packages = {path.rpartition("/")[0] for path in files if path.endswith("/__init__.py")}
    importable: dict[str, str] = {}
    inner: dict[str, str] = {}
    for path in sorted(files):
        *folders, file = path.split("/")
        for depth, name in enumerate([*folders, file.removesuffix(".py")]):
            place = "/".join(folders[:depth])
            target = importable if _is_top(place, name, folders, depth, packages) else inner
            target.setdefault(name, path if depth == len(folders) else f"{place}/{name}/".lstrip("/"))
    for name in _project_names(pyproject):
        importable.setdefault(name, "pyproject.toml")
    return OwnModules(importable, inner)


def _is_top(place: str, name: str, folders: list[str], depth: int, packages: set[str]) -> bool:
    """True when `place` can be on the module path and holds `name` as a module, package or top-level folder."""
    if place in packages:
        return False
    is_folder = depth < len(folders)
    return not is_folder or depth == 0 or place in ("src", "lib") or f"{place}/{name}" in packages


def _project_names(pyproject: bytes | None) -> list[str]:
    try:
        document = tomlkit.parse((pyproject or b"").decode("utf-8", "replace"))
    except TOMLKitError:
        return []
    project = document.get("project", {})
    name = project.get("name") if isinstance(project, Mapping) else None
    return [str(name).replace("-", "_").lower()] if name else []
