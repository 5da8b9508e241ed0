"""What became of a requirements file: packages that came, and everything else only if it stayed."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.edits.requirements_txt import Entry
from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.texts import check_encoding

_OPTION = re.compile(r"\s-|\\")


def added_requirements(path: str, before: bytes | None, after: bytes) -> list[Added]:
    """The distributions that came. Raises RefusedChangeError for any other line that came, went or moved.

    An option that goes is as bad as one that comes: without `--index-url` pip asks the public index.
    """
    check_encoding(path, after)
    old, new = requirements_txt.parse(before or b"").entries, requirements_txt.parse(after).entries
    if (came := _steering(new)) != (went := _steering(old)):
        odd = next((text for text in (*came, *went) if text not in went or text not in came), came[0] if came else "")
        raise RefusedChangeError(f"{path}: only plain requirements may be changed, not `{odd[:100]}`")
    kept, known = {entry.text for entry in old}, {entry.name for entry in old if is_of_the_index(entry)}
    for entry in new:
        if entry.text not in kept and _OPTION.search(entry.text):
            raise RefusedChangeError(f"{path}: options of a requirement are not changed: `{entry.text[:100]}`")
    plain = [entry.requirement for entry in new if entry.requirement and entry.name not in known]
    return [added_distribution(one, path) for one in plain if not one.url]


def is_of_the_index(entry: Entry) -> bool:
    """Whether pip takes the line's distribution from an index."""
    return entry.requirement is not None and entry.requirement.url is None


def added_distribution(requirement: Requirement, file: str) -> Added:
    """Raises RefusedChangeError for one that comes from elsewhere than the index."""
    if requirement.url:
        raise RefusedChangeError(f"{file}: {requirement.name} comes from a URL, not from the index")
    pins = [one.version for one in requirement.specifier if one.operator == "==" and not one.version.endswith("*")]
    return Added("python", canonicalize_name(requirement.name), file, pins[0] if len(pins) == 1 else None)


def _steering(entries: tuple[Entry, ...]) -> list[str]:
    """Every line that is no requirement of the index: includes, constraints, options, links."""
    return [entry.text for entry in entries if not is_of_the_index(entry)]
