"""Asks this machine's pip which files an index offers for a name, and how pip is configured. Runs no package's code.

`pip index versions` finds and filters files exactly as an installation would (tags, Requires-Python, yanked files) and
opens none. The files themselves it names only in its verbose output, in the form that `_FOUND` reads; the contract test
holds that form against the locked pip.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from packaging.version import InvalidVersion, Version

from moonmind.workflows.orchestrator.ports import IndexUnavailableError

LOOKUP_SECONDS = 60.0
_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")
_PYTHON = re.compile(r"^3\.\d{1,2}$")
_FOUND = re.compile(r"^\s*Found link (?P<url>\S+)(?: \(from .*\))?, version: (?P<version>\S+)$", re.MULTILINE)
_NOT_FETCHED = re.compile(r"^\s*Could not fetch URL (?P<url>\S+): (?P<why>.*?)(?: - skipping)?$", re.MULTILINE)
_NO_SUCH_PROJECT = re.compile(r"^(404|410) ")
_NOTHING_FOUND = "No matching distribution found"


@dataclass(frozen=True, slots=True)
class FileLink:
    """One installable file of a release; the URL has no fragment."""

    url: str
    version: Version

    @property
    def filename(self) -> str:
        """The last part of the URL's path."""
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    @property
    def is_wheel(self) -> bool:
        """True for a wheel, false for a source distribution."""
        return self.filename.endswith(".whl")


class PipClient:
    """The pip of this interpreter, with its own configuration."""

    def __init__(self, *, timeout: float = LOOKUP_SECONDS) -> None:
        self._timeout = timeout

    @property
    def python_version(self) -> str:
        """The interpreter's own version, "3.11"."""
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    def find(self, distribution: str, *, python: str | None) -> list[FileLink]:
        """Every stable, installable file; empty when the index has none.

        Raises IndexUnavailableError when an index that was asked did not answer and no other had the project.
        """
        if not _NAME.match(distribution):
            return []
        target = ("--python-version", python) if python is not None and _PYTHON.match(python) else ()
        done = self._run("index", "versions", "-vv", *target, "--", distribution)
        if done.returncode == 0:
            return _stable(done.stdout)
        _raise_unless_absent(done.stdout + done.stderr)
        return []

    @cached_property
    def configuration(self) -> dict[str, str]:
        """pip's settings by name (`cert`, `index-url`, …), the environment over the files, as pip weighs them."""
        done = self._run("config", "list")
        settings: dict[str, str] = {}
        for line in done.stdout.splitlines():
            key, separator, value = line.partition("=")
            section, _, name = key.rpartition(".")
            if separator and section in ("global", "index", "install", ":env:"):
                settings[name] = str(ast.literal_eval(value))
        return settings

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # -I keeps the current folder (a workspace, perhaps) and PYTHONPATH off the module path
        command = [sys.executable, "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"]
        try:
            return subprocess.run(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._timeout,
                check=False,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "PYTHONUTF8": "1", "PIP_QUIET": "0"},
            )
        except subprocess.TimeoutExpired:
            raise IndexUnavailableError(f"the package index did not answer within {self._timeout:.0f} s") from None


def _stable(output: str) -> list[FileLink]:
    links = [FileLink(found["url"].partition("#")[0], version) for found, version in _versions(output)]
    return [link for link in dict.fromkeys(links) if not link.version.is_prerelease]


def _versions(output: str) -> list[tuple[re.Match[str], Version]]:
    pairs = []
    for found in _FOUND.finditer(output):
        try:
            pairs.append((found, Version(found["version"])))
        except InvalidVersion:
            continue  # legacy versions: pip does not install them either
    return pairs


def _raise_unless_absent(output: str) -> None:
    for missed in _NOT_FETCHED.finditer(output):
        if not _NO_SUCH_PROJECT.match(missed["why"]):
            raise IndexUnavailableError(f"the package index did not answer: {_without_address(missed['why'])}")
    if _NOTHING_FOUND not in output:
        last = output.strip().splitlines()[-1:] or ["no output"]
        raise IndexUnavailableError(f"pip could not ask the package index: {_without_address(last[0])}")


def _without_address(text: str) -> str:
    """The reason without URLs, which may carry an account's name and are no help to a reader."""
    return re.sub(r"\b\w+://\S+", "…", text)[:300]
