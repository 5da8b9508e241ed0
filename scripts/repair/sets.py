"""Sets of imports with the distributions that are right for each: `tests/data/import-sets/*.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "import-sets"
FILES = ("programs.json", "renamed.json", "traps.json")


class SetError(Exception):
    """A file of sets is not as it must be; the message names file and set."""


@dataclass(frozen=True, slots=True)
class ImportSet:
    """One service's imports. `right`: normalised distributions by import, any of which is right; empty: none is, since
    the module is the service's own, misspelt, or gone."""

    id: str
    imports: tuple[str, ...]
    right: Mapping[str, frozenset[str]]

    @property
    def all_right(self) -> frozenset[str]:
        """Every distribution that may be added."""
        return frozenset(name for names in self.right.values() for name in names)

    @property
    def importable(self) -> tuple[str, ...]:
        """Imports that a repair must make work."""
        return tuple(name for name in self.imports if self.right[name])


def load_sets(files: Iterable[Path], limit: int | None = None) -> list[ImportSet]:
    """The sets of these files in their order, at most `limit`. Raises SetError."""
    sets = [_read(file, one) for file in files for one in _entries(file)]
    ids = [one.id for one in sets]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise SetError(f"ids that are there twice: {', '.join(twice)}")
    return sets[:limit]


def _entries(file: Path) -> list[Any]:
    try:
        entries = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SetError(f"{file}: {error}") from None
    if not isinstance(entries, list):
        raise SetError(f"{file}: not a list of sets")
    return entries


def _read(file: Path, entry: Any) -> ImportSet:
    match entry:
        case {"id": str() as number, "imports": [_, *_] as imports, "right": dict() as right, **rest} if not rest:
            _refuse_mixed_up(file, number, imports, right)
            names = {name: frozenset(map(canonicalize_name, right[name])) for name in imports}
            return ImportSet(number, tuple(imports), names)
    raise SetError(f"{file}: a set is {{id, imports, right}}, and this is not one: {str(entry)[:200]}")


def _refuse_mixed_up(file: Path, number: str, imports: list[Any], right: Mapping[str, Any]) -> None:
    if not all(isinstance(name, str) and all(part.isidentifier() for part in name.split(".")) for name in imports):
        raise SetError(f"{file}: {number} has an import that is no module name")
    if set(right) != set(imports) or len(set(imports)) != len(imports):
        raise SetError(f"{file}: {number} must say for each import once what is right")
    if not all(isinstance(names, list) and all(isinstance(one, str) for one in names) for names in right.values()):
        raise SetError(f"{file}: {number} has a `right` that is no list of names")
