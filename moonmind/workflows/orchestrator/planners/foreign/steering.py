"""Files that decide what is built, run or checked: no model and no agent changes them, even where the list has them."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

_STEERING = (
    *("compose*.y*ml", "docker-compose*.y*ml", "config.toml", ".dockerignore"),
    *("jenkinsfile*", "azure-pipelines*.y*ml", "bitbucket-pipelines.y*ml", "appveyor.y*ml", "buildspec.y*ml"),
    *("cloudbuild.y*ml", ".travis.y*ml", ".drone.y*ml", ".pre-commit-config.y*ml", "makefile", "tox.ini", "noxfile.py"),
    *("setup.py", "setup.cfg", "pipfile", "environment.y*ml", "meson.build", "binding.gyp"),
    *("pip.conf", "pip.ini", "uv.toml", ".npmrc", ".yarnrc*", ".pnpmfile.*", "pnpm-workspace.yaml", "poetry.toml"),
    *("uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock"),
    *("pnpm-lock.yaml", "pylock*.toml", "sitecustomize.py", "usercustomize.py", "*.pth"),
    *("gnumakefile", "*.mk", "justfile", ".justfile", "taskfile*.y*ml", "docker-bake.*", "hatch_build.py"),
    *("bunfig.toml", "tox.toml"),
)
"""Compose and our own settings; the files of CI systems and hooks; manifests whose packages are not compared; where
installers fetch from; locks, which their own tools make; what Python runs by itself (documentation of `site`)."""

_FOLDERS = frozenset({".github", ".gitlab", ".circleci", ".buildkite", ".woodpecker", ".husky", ".cargo"})


def refuse_steering(path: str) -> str | None:
    """Why a model or an agent may not change `path`, None when it may."""
    *folders, name = path.casefold().split("/")
    if _FOLDERS.intersection(folders) or any(fnmatchcase(name, pattern) for pattern in _STEERING):
        return f"{path} decides what is built, run or checked: it is changed by people and by its own tools"
    return None


def refuse_backend(path: str, pyprojects: Mapping[str, bytes]) -> str | None:
    """Why `path` may not be changed when it belongs to a build backend that a project keeps in its own tree (PEP 517).

    A `backend-path` that is the project's own folder stands for the backend's module alone.
    """
    for manifest, content in pyprojects.items():
        if any(path == one or path.startswith((f"{one}/", f"{one}.py")) for one in _backends(manifest, content)):
            return f"{path} belongs to the build backend that {manifest} names: it is changed by people"
    return None


def _backends(manifest: str, content: bytes) -> Iterator[str]:
    try:
        system = tomllib.loads(content.decode("utf-8")).get("build-system")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return
    folder = posixpath.dirname(manifest)
    if not isinstance(system, Mapping) or not isinstance(system.get("backend-path"), list):
        return
    module = re.split(r"[.:]", str(system.get("build-backend")))[0]
    for one in system["backend-path"]:
        inside = posixpath.normpath(posixpath.join(folder, str(one)))
        own = inside == (folder or ".")
        yield posixpath.normpath(posixpath.join(inside, module)) if own else inside
