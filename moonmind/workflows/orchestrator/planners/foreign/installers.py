"""Which packages a command of a RUN instruction installs; None for every command that is not read to its last word."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners.foreign import Ecosystem
from moonmind.workflows.orchestrator.planners.foreign.package_json import NPM_NAME

Package = tuple[Ecosystem, str, str | None]

_SYSTEM = re.compile(r"([a-z0-9][a-z0-9.+-]{1,99})(?:=([A-Za-z0-9.+:~-]{1,100}))?")
_PYTHON = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:\[[\w,-]{1,100}\])?(?:==([A-Za-z0-9.+!]{1,50}))?")
_NPM = re.compile(rf"({NPM_NAME.pattern})(?:@([\^~]?[0-9][0-9A-Za-z.+-]{{0,50}}))?")
_ALONE = frozenset({"apt-get update", "apt update", "apt-get clean", "apk update", "rm -rf /var/lib/apt/lists/*"})
_APT_FLAGS = frozenset({"-y", "--yes", "-q", "-qq", "--no-install-recommends"})
_APK_FLAGS = frozenset({"--no-cache", "-q"})
_PIP_FLAGS = frozenset({"--no-cache-dir", "--upgrade", "-U", "-q"})
_NPM_FLAGS = frozenset({"--omit=dev", "--no-audit", "--no-fund", "--save", "--save-exact"})


def installed(command: str) -> list[Package] | None:
    """`apt-get install -y git` → [("system", "git", None)]; a command that tidies up installs nothing, npm without
    names whatever package.json lists."""
    if command in _ALONE:
        return []
    words = command.split()
    if words[:2] in (["python", "-m"], ["python3", "-m"]):
        words = words[2:]
    if len(words) < 2:
        return None
    reader = _READERS.get((words[0], words[1]))
    found = reader(words[2:]) if reader else None
    return None if words[0] == "npm" and not found else found


def _reader(
    ecosystem: Ecosystem, flags: frozenset[str], package: re.Pattern[str]
) -> Callable[[Sequence[str]], list[Package] | None]:
    def read(words: Sequence[str]) -> list[Package] | None:
        found = [package.fullmatch(word) for word in words if word not in flags]
        if not all(found):
            return None
        named = [(one[1], one[2]) for one in found if one]
        return [(ecosystem, canonicalize_name(a) if ecosystem == "python" else a, version) for a, version in named]

    return read


_APT = _reader("system", _APT_FLAGS, _SYSTEM)
_APK = _reader("system", _APK_FLAGS, _SYSTEM)
_PIP = _reader("python", _PIP_FLAGS, _PYTHON)
_NODE = _reader("npm", _NPM_FLAGS, _NPM)
_READERS: Mapping[tuple[str, str], Callable[[Sequence[str]], list[Package] | None]] = {
    ("apt-get", "install"): _APT,
    ("apt", "install"): _APT,
    ("apk", "add"): _APK,
    ("pip", "install"): _PIP,
    ("pip3", "install"): _PIP,
    ("npm", "install"): _NODE,
    ("npm", "i"): _NODE,
}
