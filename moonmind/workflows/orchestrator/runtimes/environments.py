"""What a virtual environment holds, told from names of its folders and its `pyvenv.cfg`. Starts nothing."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from moonmind.schemas.workflow_models import ServiceFacts

_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(?P<version>3\.\d+)", re.MULTILINE)
INSTALLED_LIMIT = 2000
"""Distributions of one environment that are told; real ones have some hundreds."""


def read_environment(environment: Path) -> ServiceFacts:
    """Its Python and the distributions in it; nothing when there is no such environment."""
    try:
        said = _VERSION.search((environment / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ServiceFacts()
    folders = environment.glob("lib/python3*/site-packages/*.dist-info")
    names = sorted(folder.name.removesuffix(".dist-info") for folder in folders)[:INSTALLED_LIMIT]
    found = (name.rpartition("-") for name in names)
    installed = {canonicalize_name(name): version for name, _, version in found if name and _is_version(version)}
    return ServiceFacts(python=said["version"] if said else None, installed=installed)


def _is_version(text: str) -> bool:
    try:
        return bool(Version(text))
    except InvalidVersion:
        return False
