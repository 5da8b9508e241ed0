"""Asks this machine's pip where it looks for packages, and how it is configured. Runs no package's code.

Only the index that pip uses when none is configured is in no setting: `pip index versions` says it in its verbose
output, before anything that an index or a publisher wrote. `_LOCATIONS` reads that beginning alone; the contract test
holds its form against the locked pip.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cached_property

from moonmind.workflows.orchestrator.ports import IndexUnavailableError

LOOKUP_SECONDS = 60.0
_NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")
_ANY_NAME = "pip"
_LOCATIONS = re.compile(r"\A\d+ location\(s\) to search for versions of pip:\n\* (?P<root>\S+)/pip/\n")
_YES = ("1", "true", "t", "yes", "y", "on")


def is_name(distribution: str) -> bool:
    """Whether it could be a distribution's name at all; nothing else is put into an address."""
    return _NAME.match(distribution) is not None


class PipClient:
    """The pip of this interpreter, with its own configuration, which it is asked for once."""

    def __init__(self, *, timeout: float = LOOKUP_SECONDS) -> None:
        self._timeout = timeout

    @property
    def indexes(self) -> list[str]:
        """Addresses of the indexes, the main one first, as configured: with the accounts in them."""
        settings = self.configuration
        if settings.get("no-index", "").lower() in _YES:
            return []
        main = settings.get("index-url", "").strip() or self.default_index
        return list(dict.fromkeys(one.rstrip("/") for one in (main, *settings.get("extra-index-url", "").split())))

    @property
    def links(self) -> list[str]:
        """Folders and addresses of pages where files lie without an index."""
        return self.configuration.get("find-links", "").split()

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

    @cached_property
    def default_index(self) -> str:
        """The index that pip uses when it is not told one. Raises IndexUnavailableError."""
        done = self._run("index", "versions", "-vv", "--", _ANY_NAME)
        told = _LOCATIONS.match(done.stdout)
        if told is None:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no output"]
            raise IndexUnavailableError(f"pip does not say which index it uses: {without_addresses(last[0])}")
        return told["root"]

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


def without_addresses(text: str) -> str:
    """The reason without URLs, which may carry an account's name and are no help to a reader."""
    return re.sub(r"\b\w+://\S+", "…", text)[:300]
