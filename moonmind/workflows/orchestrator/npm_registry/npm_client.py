"""This machine's npm, run to ask and to lock, never to install. It runs no package's code (`--ignore-scripts`)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moonmind.utils.environment import PLAIN_ENVIRONMENT
from moonmind.workflows.orchestrator.planning_ports import LockToolError, UnresolvableError
from moonmind.workflows.orchestrator.ports import IndexUnavailableError

LOOKUP_SECONDS = 60.0
LOCK_SECONDS = 300.0
LARGEST_LOCK = 32 * 1024 * 1024
"""Bytes of a lock file that is read back."""

_PASSED_PREFIX = "npm_config_"
_PASSED = PLAIN_ENVIRONMENT | {"NODE_EXTRA_CA_CERTS"}
_ERROR = re.compile(r"^npm (?:ERR!|error) ?(?P<said>.*)$", re.MULTILINE)
_CODE = re.compile(r"^npm (?:ERR!|error) code (?P<code>\w+)$", re.MULTILINE)
_UNSATISFIABLE = frozenset(
    {"ERESOLVE", "ETARGET", "E404", "EBADENGINE", "EBADPLATFORM", "EINVALIDTAGNAME", "EINVALIDPACKAGENAME"}
)
_NO_ANSWER = re.compile(
    r"^(?:E5\d\d|E429|E401|E403|ENEEDAUTH|ECONN\w+|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ERR_\w+|EIDLETIMEOUT|FETCH_ERROR|.*CERT.*)$"
)
_ADDRESS = re.compile(r"\b\w+://\S+")


class NpmMissingError(Exception):
    """There is no npm on this machine."""


@dataclass(frozen=True, slots=True)
class NpmClient:
    """`settings`: npm's configuration by name (`{"registry": "…"}`), over what the machine is set up with."""

    settings: Mapping[str, str] | None = None
    program: str = "npm"

    def view(self, spec: str, *fields: str) -> Any:
        """What `npm view` answers about a package, as JSON; None when there is no such package or version.

        Raises IndexUnavailableError.
        """
        with tempfile.TemporaryDirectory(prefix="moonmind-npm-") as folder:
            done = self._ask(("view", spec, *fields, "--json", "--loglevel=silent"), Path(folder))
        try:
            answer = json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            raise IndexUnavailableError("npm's answer is no JSON") from None
        error = answer.get("error") if isinstance(answer, dict) and done.returncode else None
        if isinstance(error, dict) and error.get("code") == "E404":
            return None
        if done.returncode:
            said = error.get("summary") if isinstance(error, dict) else None
            raise IndexUnavailableError(f"the npm registry did not answer: {_cut(str(said or 'no reason given'))}")
        return answer

    def lock(self, files: Mapping[str, bytes], lock: str, *form: str) -> bytes:
        """The lock file that npm makes for the files (by their base names) of one folder; `form`: npm's options for it.

        Raises LockToolError, UnresolvableError, IndexUnavailableError.
        """
        command = ("install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund", *form)
        with tempfile.TemporaryDirectory(prefix="moonmind-npm-") as folder:
            scratch = Path(folder)
            for name, content in files.items():
                (scratch / name).write_bytes(content)
            try:
                done = self._run(command, scratch, LOCK_SECONDS)
            except NpmMissingError:
                raise LockToolError(
                    f"{lock} has to be locked anew, and there is no npm here: install Node.js with npm on the worker"
                ) from None
            if done.returncode:
                _raise_lock_failure(done.stdout + done.stderr, lock)
            return _read_lock(scratch / lock, lock)

    def _ask(self, arguments: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
        try:
            return self._run(arguments, folder, LOOKUP_SECONDS)
        except NpmMissingError:
            raise IndexUnavailableError(
                "the npm registry was not asked, as there is no npm here: install Node.js with npm on the worker"
            ) from None

    def _run(self, arguments: tuple[str, ...], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        """In an empty folder: a workspace's own `.npmrc` could name programs to run."""
        program = shutil.which(self.program)
        if program is None:
            raise NpmMissingError
        try:
            return subprocess.run(
                [program, *arguments],
                cwd=folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise IndexUnavailableError(f"npm did not end within {seconds:.0f} s") from None

    def _environment(self) -> dict[str, str]:
        passed = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED or name.lower().startswith(_PASSED_PREFIX)
        }
        own = {"update_notifier": "false", "progress": "false", "color": "false", "yes": "false"}
        settings = own | dict(self.settings or {})
        return passed | {f"{_PASSED_PREFIX}{name}": value for name, value in settings.items()}


def _raise_lock_failure(output: str, lock: str) -> None:
    code = next((found["code"] for found in _CODE.finditer(output)), "")
    said = _cut(
        " ".join(found["said"].strip() for found in _ERROR.finditer(output) if not found["said"].startswith("code "))
    )
    if code in _UNSATISFIABLE:
        raise UnresolvableError(f"npm finds no versions that fit together ({code}): {said}")
    if _NO_ANSWER.match(code):
        raise IndexUnavailableError(f"the npm registry did not answer ({code})")
    raise LockToolError(f"npm could not bring {lock} up to date{f' ({code})' if code else ''}: {said}")


def _read_lock(path: Path, lock: str) -> bytes:
    if not path.is_file() or path.stat().st_size > LARGEST_LOCK:
        raise LockToolError(f"npm made no {lock}, or one that is too large: run `npm install` and commit the lock file")
    return path.read_bytes()


def _cut(text: str) -> str:
    """Without addresses, which may carry an account's name, and short."""
    return _ADDRESS.sub("…", re.sub(r"\s+", " ", text[:4000]))[:500]
