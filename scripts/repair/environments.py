"""Environments in which is checked what a tool added, made by uv with one cache for all, and the index in the words of
each tool."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.python_commands import uv_environment

IMPORT_SECONDS = 90.0
INSTALL_SECONDS = 600.0
STEERING = ("PIP_", "UV_", "VIRTUAL_ENV", "PYTHON")
"""Names that would lead a tool elsewhere."""


@dataclass(frozen=True, slots=True)
class Index:
    """Where packages come from. `environment`: pip's and uv's settings for it; `simple` and `projects` are URLs with a
    slash at the end, None where a tool shall take its own."""

    environment: Mapping[str, str]
    simple: str | None = None
    projects: str | None = None


def mirror_index(url: str) -> Index:
    """A local index and nothing else: a name that is not there is nowhere."""
    simple = f"{url}/simple/"
    settings = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": simple,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_DEFAULT_INDEX": simple,
        "UV_NO_CONFIG": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    return Index(settings, simple, f"{url}/pypi/")


def machine_index() -> Index:
    """What pip is set up for on this machine, told to uv as the product tells it."""
    pip = PipClient()
    own = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    told = uv_environment(pip.configuration, os.environ)
    main = next(iter(pip.indexes), "").rstrip("/")
    projects = f"{main.removesuffix('simple')}pypi/" if main.endswith("/simple") else None
    return Index({**own, **told}, told.get("UV_DEFAULT_INDEX"), projects)


def plain_environment(index: Index) -> dict[str, str]:
    """The caller's environment, with this index and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    return kept | dict(index.environment)


@dataclass(frozen=True, slots=True)
class Environments:
    """Makes environments below a folder. `uv` is the program, `cache` its own folder."""

    uv: Path
    cache: Path
    index: Index

    def make(self, folder: Path) -> Path:
        """An empty environment of this Python; its interpreter."""
        self._run("venv", "--quiet", "--no-project", "--python", sys.executable, str(folder))
        return folder / "bin" / "python"

    def install(self, python: Path, requirements: Sequence[str]) -> str | None:
        """None, or why it could not be done: uv's last words."""
        if not requirements:
            return None
        done = self._run("pip", "install", "--quiet", "--python", str(python), "--", *requirements)
        return None if done.returncode == 0 else " ".join(done.stderr.split())[-300:] or "uv failed"

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**plain_environment(self.index), "UV_CACHE_DIR": str(self.cache)}
        return subprocess.run(
            (str(self.uv), *arguments), env=env, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


def importable(python: Path, modules: Iterable[str], folder: Path) -> frozenset[str]:
    """Which of these modules import in that environment, each in a process of its own, in an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return frozenset(module for module in modules if _imports(python, module, folder))


def _imports(python: Path, module: str, folder: Path) -> bool:
    env = {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}
    try:
        done = subprocess.run(
            (str(python), "-c", f"import {module}"), cwd=folder, env=env, capture_output=True, check=False,
            timeout=IMPORT_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
