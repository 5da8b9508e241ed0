"""What an import statement wanted, beyond the part that Python reported as missing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moonmind.schemas.workflow_models import Finding

_FROM = re.compile(r"^\s*(?:\S.*;\s*)?from\s+(?P<module>\w[\w.]*)\s+import\s+\(?\s*(?P<name>\w+)?")
_IMPORT = re.compile(r"^\s*(?:\S.*;\s*)?import\s+(?P<modules>\w[\w.,\s]*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`missing` is what Python named; `module` what the statement imports (the same or below it); `name` what it takes
    out of that, which may be a module too."""

    missing: str
    module: str
    name: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Dotted paths that would satisfy the statement, the most specific first, none shorter than `missing`."""
        deepest = f"{self.module}.{self.name}" if self.name else self.module
        parts = deepest.split(".")
        shortest = self.missing.count(".") + 1
        return tuple(".".join(parts[:length]) for length in range(len(parts), shortest - 1, -1))


def wanted(finding: Finding) -> Wanted:
    """From the finding's subject and the statement among its evidence, where there is one."""
    missing = finding.subject or ""
    for line in reversed(finding.evidence):
        if found := _FROM.match(line.text):
            if _within(found["module"], missing):
                return Wanted(missing, found["module"], found["name"])
        elif found := _IMPORT.match(line.text):
            for module in re.split(r"\s*,\s*", found["modules"]):
                if _within(path := module.split()[0] if module.split() else "", missing):
                    return Wanted(missing, path)
    return Wanted(missing, missing)


def _within(module: str, missing: str) -> bool:
    return module == missing or module.startswith(missing + ".")
