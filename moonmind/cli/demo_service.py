"""The demo's copy of a service below `var/demo/`: making it, breaking it, asking it. The clone stays as it is."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import moonmind

NAME = "shop"
MANIFEST = "requirements.txt"
WORKSPACE = f"var/demo/{NAME}"
"""The only folder that the demo writes to, below home; it is replaced as a whole."""
REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


def source_folder(home: Path) -> Path | None:
    """The service as it comes with the project: below home, else beside the code; None when neither has it."""
    for root in (home, Path(moonmind.__file__).parents[1]):
        if (root / "services" / NAME / MANIFEST).is_file():
            return root / "services" / NAME
    return None


@dataclass(frozen=True, slots=True)
class DemoService:
    """The service `shop` of the demo: copied from `source` to `copy`."""

    source: Path
    copy: Path

    def copy_afresh(self) -> None:
        """Replace the copy, whatever became of it."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.source, self.copy, ignore=shutil.ignore_patterns("__pycache__"))

    def packages(self) -> list[str]:
        """The names in the source's manifest, as written there."""
        lines = (self.source / MANIFEST).read_text(encoding="utf-8").splitlines()
        return [found[1] for line in lines if (found := REQUIREMENT.match(line))]

    def remove(self, package: str) -> str:
        """Take one package's line out of the copy's manifest; what it said."""
        file = self.copy / MANIFEST
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        gone = next(line for line in lines if (found := REQUIREMENT.match(line)) and found[1] == package)
        file.write_text("".join(line for line in lines if line is not gone), encoding="utf-8")
        return gone.partition("#")[0].strip()


def same_package(one: str, other: str) -> bool:
    """Whether two spellings mean one distribution: `python_dateutil`, `Python-Dateutil`."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()
