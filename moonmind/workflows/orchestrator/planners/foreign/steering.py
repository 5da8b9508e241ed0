"""Files that decide what is built, run or checked: no model and no agent changes them, even where the list has them."""

from __future__ import annotations

from fnmatch import fnmatchcase

_STEERING = (
    *("compose*.y*ml", "docker-compose*.y*ml", "config.toml", ".dockerignore"),
    *("jenkinsfile*", "azure-pipelines*.y*ml", "bitbucket-pipelines.y*ml", "appveyor.y*ml", "buildspec.y*ml"),
    *("cloudbuild.y*ml", ".travis.y*ml", ".drone.y*ml", ".pre-commit-config.y*ml", "makefile", "tox.ini", "noxfile.py"),
    *("setup.py", "setup.cfg", "pipfile", "environment.y*ml", "meson.build", "binding.gyp"),
    *("pip.conf", "pip.ini", "uv.toml", ".npmrc", ".yarnrc*", ".pnpmfile.*", "pnpm-workspace.yaml", "poetry.toml"),
    *("uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock"),
    *("pnpm-lock.yaml", "pylock*.toml", "sitecustomize.py", "usercustomize.py", "*.pth"),
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
