"""The kept data: which distribution provides an import name (made by scripts/make_import_names.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners.spelling import is_slip

COLLECTIONS = frozenset({"debian", "conda-pypi", "pyimport2pkg"})
"""Sources that hold whatever somebody packed, where a list holds what people meant. Debian's names are mostly, not
always, those of the index; the others have many a project of which a service calls a module of its own alike."""


@dataclass(frozen=True, slots=True)
class KnownName:
    """What the sources say of one import name. `sure`: what was seen or reviewed gives one clear answer; the rest are
    hints. `also`: other distributions that several sources name, which may stand in for the choice; `variants`: those
    that several name together with it, so that a person has to choose.
    """

    choice: str | None = None
    sure: bool = False
    by: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()

    @property
    def is_widely_known(self) -> bool:
        """True when several sources name the choice, one of them a list: most people who use the name mean that
        distribution."""
        return self.sure and len(self.by) > 1 and not COLLECTIONS.issuperset(self.by)

    @property
    def is_one_collections(self) -> bool:
        """True when nothing but one collection of packages says so."""
        return self.sure and len(self.by) == 1 and COLLECTIONS.issuperset(self.by)

    @property
    def was_seen(self) -> bool:
        """True when the module's file was seen in a package."""
        return bool({"debian", "pyodide", "pyimport2pkg"} & set(self.by))

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
            entry.get("choice"),
            entry.get("sure", False),
            tuple(entry.get("by", ())),
            tuple(entry.get("others", ())),
            tuple(entry.get("also", ())),
            tuple(entry.get("variants", ())),
        )
        for name, entry in json.loads(text)["names"].items()
    }


@cache
def reviewed_words() -> Mapping[str, int]:
    """Import names and distributions that were seen or reviewed, which a look-alike would imitate, each with how many
    sources name it."""
    words: dict[str, int] = {}
    for name, known in known_names().items():
        if known.sure and known.choice:
            for word in (known.choice, *([name] if "." not in name else [])):
                words[word] = max(words.get(word, 0), len(known.by))
    return words


def meant_by(module: str) -> str | None:
    """The known name that the module's top level looks like a slip of, the most widely known one; None when it is known
    itself or looks like none."""
    top = module.partition(".")[0]
    words = reviewed_words()
    if top in known_names() or top in words:
        return None
    return min((word for word in words if is_slip(top, word)), key=lambda word: (-words[word], word), default=None)


def same_named(module: str) -> str:
    """The distribution called like the module: `google.cloud.storage` → `google-cloud-storage`."""
    return canonicalize_name(module)
