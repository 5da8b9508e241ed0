"""Programs that no package of the system may stand for, although one has the name: those of the service's own language.

Debian's `vite` is a viewer of traces, its `worker` a file manager, its `gunicorn` one for Debian's own Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.planners import Project
from moonmind.workflows.orchestrator.planners.build_sites import Site
from moonmind.workflows.orchestrator.planners.npm_names import established
from moonmind.workflows.orchestrator.planners.os_packages import Release
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM

PACKAGE_JSON = "package.json"


def other_owner(name: str, package: str, site: Site, debian: Release, project: Project) -> str | None:
    """Whose the program is instead of the system's, as the end of "it is …"; None: nobody else's."""
    if name in BY_CUSTOM:
        return "what services call a program of their own"
    if language := debian.runs_on.get(package):
        return f"a program of {language}, and Debian's {package} would run beside what the service runs on"
    image = (site.dockerfile.root_image(site.stage) or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    if _is_of_node(name, image, project):
        return "called by a script of package.json, or the name of an npm package"
    if any(
        path.endswith(".txt") and requirements_txt.parse(text).find(name) for path, text in project.manifests.items()
    ):
        return "the name of a distribution that the service's requirements list"
    return None


def _is_of_node(name: str, image: str, project: Project) -> bool:
    content = project.manifests.get(PACKAGE_JSON)
    if content is None:
        return image == "node" and name in established()
    listed, scripts = _package_json(content)
    return name in listed or name in established() or any(name in script.split() for script in scripts)


def _package_json(content: bytes) -> tuple[frozenset[str], list[str]]:
    """The packages that it lists, and its scripts."""
    try:
        document = json.loads(content)
    except ValueError:
        return frozenset(), []
    tables = document if isinstance(document, Mapping) else {}
    listed = [tables.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies")]
    scripts = tables.get("scripts")
    names = frozenset(name for table in listed if isinstance(table, Mapping) for name in table)
    return names, [str(one) for one in scripts.values()] if isinstance(scripts, Mapping) else []
