"""Argv builders for uv and Poetry, and pip's settings in their words: all of them shall see the same index. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from moonmind.workflows.orchestrator.ports import Command

OWN_SETTINGS: Final = frozenset(
    {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"}
    | {"UV_INDEX_STRATEGY", "UV_KEYRING_PROVIDER", "UV_INSECURE_HOST", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_OFFLINE"}
    | {"UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_CACHE_DIR", "UV_NO_CACHE", "UV_LINK_MODE", "UV_CONFIG_FILE"}
    | {"UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS", "UV_CONCURRENT_INSTALLS", "SSL_CLIENT_CERT", "ALL_PROXY"}
)
"""What of uv's own environment is passed on to it; it outdoes pip's settings. Never what publishes (`UV_PUBLISH_…`)."""

_INDEX_ACCOUNT = re.compile(r"^UV_INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)$")
INDEX_SETTINGS: Final = frozenset(
    {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"}
    | {"UV_INDEX_STRATEGY"}
)
_POETRYS = ("POETRY_HTTP_BASIC_", "POETRY_CERTIFICATES_")
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")
_YES = ("1", "true", "t", "yes", "y", "on")


def uv_environment(pip: Mapping[str, str], machine: Mapping[str, str]) -> dict[str, str]:
    """What to add to uv's environment so that it works as pip does. `pip`: its settings by name (`index-url`, …).

    All indexes count alike, as they do for pip (`unsafe-best-match`); uv would else take a project from the first that
    has it. Python itself is never downloaded. A machine that configures uv's indexes means those.
    """
    own = {name: value for name, value in machine.items() if name in OWN_SETTINGS or _INDEX_ACCOUNT.match(name)}
    given = {} if INDEX_SETTINGS & own.keys() else _indexes(pip)
    fixed = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    return {"UV_HTTP_RETRIES": "1", **fixed, **given, **_connection(pip, machine), **own}


def _indexes(pip: Mapping[str, str]) -> dict[str, str]:
    settings = {
        "UV_DEFAULT_INDEX": pip.get("index-url", "").strip(),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in _YES else "",
    }
    return {name: value for name, value in settings.items() if value}


def _connection(pip: Mapping[str, str], machine: Mapping[str, str]) -> dict[str, str]:
    """pip trusts the system's certificates, unless it is given others."""
    settings = {
        "SSL_CLIENT_CERT": pip.get("client-cert", ""),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_HTTP_TIMEOUT": pip.get("timeout", pip.get("default-timeout", "")),
        "UV_HTTP_RETRIES": pip.get("retries", ""),
        "UV_NO_CACHE": "1" if pip.get("no-cache-dir", "").lower() in _YES else "",
        **dict.fromkeys(_PROXIES, pip.get("proxy", "")),
    }
    if "SSL_CERT_FILE" not in machine:
        settings |= {"SSL_CERT_FILE": pip["cert"]} if pip.get("cert") else {"UV_SYSTEM_CERTS": "1"}
    return {name: value for name, value in settings.items() if value}


def poetry_environment(pip: Mapping[str, str], machine: Mapping[str, str]) -> dict[str, str]:
    """pip's certificates and proxy, and the accounts that this machine has for a project's sources."""
    own = {name: value for name, value in machine.items() if name.startswith(_POETRYS) or name == "POETRY_CACHE_DIR"}
    proxies = {name: pip["proxy"] for name in ("HTTP_PROXY", "HTTPS_PROXY") if pip.get("proxy") and name not in machine}
    trusted = {"REQUESTS_CA_BUNDLE": pip["cert"]} if pip.get("cert") and "REQUESTS_CA_BUNDLE" not in machine else {}
    return {"POETRY_VIRTUALENVS_CREATE": "false", **proxies, **trusted, **own}


@dataclass(frozen=True, slots=True)
class PoetryCommands:
    """Poetry on a scratch copy. `guard`: a folder whose `sitecustomize.py` keeps it from running packages' code."""

    poetry: str
    guard: Path
    env: Mapping[str, str]

    def version(self, folder: Path) -> Command:
        """Says its version, and shows whether the guard is in force."""
        return self._run(folder, "--version")

    def lock(self, folder: Path, major: int) -> Command:
        """Bring `poetry.lock` up to date; what fits stays, which the first major has to be told."""
        return self._run(folder, "lock", *(("--no-update",) if major < 2 else ()))

    def _run(self, folder: Path, *arguments: str) -> Command:
        argv = (self.poetry, "--no-ansi", "--no-interaction", "--no-plugins", *arguments)
        return Command(argv, cwd=folder, env={**self.env, "PYTHONPATH": str(self.guard)})


@dataclass(frozen=True, slots=True)
class UvCommands:
    """uv as this machine has it. `uv` and `python` are our own, so that no `.venv` nearby is taken; `env` as made by
    `uv_environment`.

    What resolves and locks builds nothing: a distribution that is there as source only is refused, and no package's
    code runs. Installing builds, as pip does.
    """

    uv: str
    python: str
    env: Mapping[str, str]

    def resolve(self, folder: Path, root: str, output: str, *, links: Path, python: str | None) -> Command:
        """Choose versions for `root` into `output`, keeping what `output` has of them. `links`: a folder of further
        wheels."""
        plain = ("--no-header", "--no-annotate", "--no-strip-extras")
        command = self._compile(folder, (root,), output, plain, python)
        places = ",".join(filter(None, (self.env.get("UV_FIND_LINKS"), str(links))))
        return replace(command, env={**self.env, "UV_FIND_LINKS": places})

    def told(self, command: Command) -> Command:
        """The same, saying also what it looked for and took."""
        return replace(command, argv=(command.argv[0], "--verbose", *command.argv[1:]))

    def compile(
        self, folder: Path, sources: Sequence[str], output: str, options: Sequence[str], *, python: str | None
    ) -> Command:
        """Make a requirements file anew from its sources, keeping what it has of versions that still fit."""
        return self._compile(folder, sources, output, ("--no-header", *options), python)

    def lock(self, folder: Path, indexes: Sequence[str]) -> Command:
        """Bring `uv.lock` up to date. `indexes`: those that the lock names, the main one first; a lock is the same
        whatever index this machine has."""
        own = {name: value for name, value in self.env.items() if name not in INDEX_SETTINGS}
        named = {"UV_DEFAULT_INDEX": indexes[0], "UV_INDEX": " ".join(indexes[1:])} if indexes else {}
        argv = (self.uv, "--color", "never", "lock", "--no-build")
        return Command(argv, cwd=folder, env={**own, **{name: value for name, value in named.items() if value}})

    def make_environment(self, base: str, environment: Path) -> Command:
        """An empty virtual environment of the interpreter `base`; no pip in it, since uv fills it."""
        return self._plain(None, "venv", "--no-project", "--python", base, str(environment))

    def install(self, what: str, environment: Path, workspace: Path, *, hashed: bool) -> Command:
        """What a profile names: a requirements file, or a project's folder (which has no suffix). `hashed`: refuse what
        has no hash, as pip does by itself when one line has any."""
        target = (f"--requirement={what}",) if PurePosixPath(what).suffix else (f"./{what}",)
        checked = ("--require-hashes",) if hashed else ()
        return self._plain(workspace, "pip", "install", "--python", str(environment), *checked, *target)

    def _plain(self, folder: Path | None, *arguments: str) -> Command:
        """Configured by this machine alone: no file of a workspace says where its packages come from."""
        return Command((self.uv, "--color", "never", "--no-config", *arguments), cwd=folder, env=self.env)

    def _compile(
        self, folder: Path, sources: Sequence[str], output: str, options: Sequence[str], python: str | None
    ) -> Command:
        target = ("--python-version", python) if python and "--python-version" not in options else ()
        argv = (self.uv, "--color", "never", "pip", "compile", "--no-build", "--python", self.python, *options, *target)
        return Command((*argv, "--output-file", output, "--", *sources), cwd=folder, env=self.env)
