"""The kept data: which distribution provides an import name (made by scripts/make_import_names.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class KnownName:
    """What the sources say of one import name. `sure`: a reviewed source has one clear answer; the rest are hints."""

    choice: str | None = None
    sure: bool = False
    by: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """Every distribution named, the first choice first."""
        return (*([self.choice] if self.choice else []), *self.others)


@cache
def known_names() -> dict[str, KnownName]:
    """All import names of the data."""
    text = (files("moonmind.workflows.orchestrator") / "data" / "import_names.json").read_text(encoding="utf-8")
    return {
        name: KnownName(
            entry.get("choice"), entry.get("sure", False), tuple(entry.get("by", ())), tuple(entry.get("others", ()))
        )
        for name, entry in json.loads(text)["names"].items()
    }


@cache
def reviewed_words() -> frozenset[str]:
    """Import names and distributions of the reviewed sources: what a look-alike would imitate."""
    reviewed = {name: known for name, known in known_names().items() if known.sure}
    distributions = {known.choice for known in reviewed.values() if known.choice}
    return frozenset(name for name in reviewed if "." not in name) | distributions


def same_named(module: str) -> str:
    """The distribution called like the module: `google.cloud.storage` → `google-cloud-storage`."""
    return canonicalize_name(module)
