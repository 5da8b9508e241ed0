"""Poetry's own dependency tables: its constraints read as PEP 440 and written its way.

The syntax is that of its documentation ("Dependency specification"): caret, tilde, wildcard, exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

_CLAUSE = re.compile(r"(?P<operator>\^|~=|~|===|==|!=|>=|<=|<|>|=)?\s*(?P<version>[A-Za-z0-9.*+!_-]+)")


def requirement(name: str, value: Any) -> Requirement | None:
    """A table's entry as a requirement; None when it cannot be read as one. Of several entries the first counts."""
    entry = value[0] if isinstance(value, list) and value else value
    if isinstance(entry, str):
        entry = {"version": entry}
    if not isinstance(entry, Mapping):
        return None
    extras = entry.get("extras")
    named = ",".join(str(one) for one in extras) if isinstance(extras, list) else ""
    where = next((f" @ {_address(entry[key])}" for key in ("git", "url", "path", "file") if key in entry), None)
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    try:
        return Requirement(f"{name}[{named}]{where or versions(str(entry.get('version', '*')))}{marker}")
    except InvalidRequirement:
        return None


def versions(constraint: str) -> str:
    """PEP 440 for Poetry's constraint; "" for any version, and for alternatives (`||`), which PEP 440 cannot say."""
    if "|" in constraint:
        return ""
    clauses = [clause for part in constraint.split(",") for clause in _clauses(part.strip())]
    return ",".join(clauses)


def constraint(specifier: str | None, *, carets: bool) -> str:
    """A PEP 440 specifier as Poetry's own commands write it: "4.9.0" for "==4.9.0", "^4.9" where that is the style."""
    if not specifier:
        return "*"
    single = "," not in specifier
    if single and specifier.startswith("==") and not specifier.startswith("==="):
        return specifier.removeprefix("==")
    if single and carets and specifier.startswith(">="):
        return "^" + specifier.removeprefix(">=")
    return specifier


def _clauses(part: str) -> Iterator[str]:
    for found in _CLAUSE.finditer(part):
        operator, version = found["operator"] or "", found["version"]
        if version == "*":
            continue
        if operator in ("^", "~"):
            yield from _range(operator, version)
        elif operator in ("", "="):
            yield f"=={version}"
        else:
            yield f"{operator}{version}"


def _range(operator: str, text: str) -> Iterator[str]:
    """`^1.2.3` admits what keeps the first part that is not 0, `~1.2.3` what keeps the second part."""
    try:
        release = Version(text.replace(".*", "")).release
    except InvalidVersion:
        return
    if operator == "~":
        kept = min(2, len(release)) - 1
    else:
        kept = next((index for index, part in enumerate(release) if part), len(release) - 1)
    upper = (*release[:kept], release[kept] + 1)
    yield f">={text}"
    yield f"<{'.'.join(str(part) for part in (*upper, *(0,) * (2 - len(upper))))}"


def _address(value: Any) -> str:
    return value if isinstance(value, str) and "://" in value else f"file:///{value}"
