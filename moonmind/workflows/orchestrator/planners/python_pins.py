"""A version that cannot be had: the nearest one that can, never across a major.

The rule, for the line of the manifest that asks for it: the newest release of the same series (major.minor) that this
Python can install, else the newest of the same major; pre-releases and yanked releases never. What would leave the
major is shown with its version and is a person's choice, and so are another Python (the base image belongs to whoever
owns the Dockerfile), a local build (`+cu118`), and a name that the index does not have: names are never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.detectors.python_builds import BUILD_FAILED
from moonmind.workflows.orchestrator.detectors.python_modules import BUILD_MODULE_MISSING
from moonmind.workflows.orchestrator.detectors.python_packaging import REQUIRES_PYTHON, UNAVAILABLE
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Remedy
from moonmind.workflows.orchestrator.planners.import_names import reviewed_words
from moonmind.workflows.orchestrator.planners.manifests import Listed, choose_manifest, listed_in
from moonmind.workflows.orchestrator.planners.pins import Pin, line_of, pin
from moonmind.workflows.orchestrator.planners.python_conflicts import base_of
from moonmind.workflows.orchestrator.planners.series import version_of, versions
from moonmind.workflows.orchestrator.planners.spelling import is_slip
from moonmind.workflows.orchestrator.ports import Offer


def take_existing(finding: Finding, planning: Planning) -> list[Edit]:
    """The nearest release for a line that nothing satisfies. Raises NoSafeEditError, IndexUnavailableError."""
    name = finding.subject or ""
    line = _need_line(name, planning)
    if finding.details.get("known") == "no":  # the tool has asked; a name that may be a slip is not asked for again
        raise NoSafeEditError(_explain_unknown(name))
    base = base_of(line.requirement.specifier)
    if base is not None and base.local:
        raise NoSafeEditError(
            f"`{line.requirement}` is a build of its own maker's index: give pip that index (--extra-index-url), or "
            f"take the public {base.public}"
        )
    offers = planning.knowledge.index.offers(name, python=planning.facts.python)
    if not offers:
        raise NoSafeEditError(_explain_unknown(name))
    usable = versions(offers)
    if base is None or any(line.requirement.specifier.contains(one) for one in usable):
        raise NoSafeEditError(
            f"the index has releases for `{line.requirement}`: the build looks at another one; try again"
        )
    return _nearest(line, base, offers, usable, planning)


def take_wheel(finding: Finding, planning: Planning) -> list[Edit]:
    """Of a distribution whose build fails, the newest release of its major that needs none here.

    Raises NoSafeEditError, IndexUnavailableError.
    """
    name = finding.details.get("distribution", "")
    if not name or _is_own(name, planning):
        raise NoSafeEditError(
            "the service's own build lacks it: add it to `build-system.requires` of its pyproject.toml"
        )
    base = _built(name, finding.details.get("version"), planning)
    offers = planning.knowledge.index.offers(name, python=planning.facts.python)
    wheels = versions(offers, wheels=True)
    found = next((one for one in wheels if base is None or one.major == base.major), None)
    if found is None or (base is not None and found < base):
        raise NoSafeEditError(_explain_no_wheel(name, base, wheels, planning))
    reason = (
        f"{name}{f' {base}' if base else ''} cannot be built here ({finding.details.get('error', 'its build fails')}); "
        f"{found} is the newest of its major with a wheel for this Python"
    )
    proof = f"the index has a wheel of {name} {found} for this Python"
    return pin(Pin(name, found, reason, proof), planning, {})


def explain_python(finding: Finding, planning: Planning) -> list[Edit]:
    """A distribution that wants another Python: one of the index is replaced as an unavailable version is."""
    name = finding.subject or ""
    if not _is_own(name, planning) and _listed(name, planning):
        return take_existing(finding, planning)
    wanted, python = finding.details.get("wanted", ""), finding.details.get("python", "")
    raise NoSafeEditError(
        f"`{name}` itself wants Python {wanted} and the service runs on {python}: use a newer base image, or widen "
        "`requires-python` if the code allows it"
    )


def _nearest(
    line: Listed, base: Version, offers: Sequence[Offer], usable: Sequence[Version], planning: Planning
) -> list[Edit]:
    same_series = [one for one in usable if one.release[:2] == (*base.release, 0)[:2]]
    same_major = [one for one in usable if one.major == base.major]
    found = next(iter(same_series or same_major), None)
    name = canonicalize_name(line.requirement.name)
    why = _why(line, offers)
    if found is None:
        nearest = f"; the newest that can be installed is {usable[0]}, of another major" if usable else ""
        raise NoSafeEditError(f"`{line.requirement}` cannot be installed: {why}{nearest}. Choose the version by hand")
    reach = "series" if same_series else "major"
    reason = f"`{line.requirement}` cannot be installed: {why}; {found} is the newest of the same {reach} that can"
    proof = f"the index offers {name} {found} for this Python, and it is not yanked"
    return pin(Pin(name, found, reason, proof), planning, {})


def _why(line: Listed, offers: Sequence[Offer]) -> str:
    specifier = line.requirement.specifier
    asked = [one for one in offers if (own := version_of(one)) and specifier.contains(own, prereleases=True)]
    if not asked:
        return "the index has no such release"
    if all(one.yanked is not None for one in asked):
        given = next((one.yanked for one in asked if one.yanked), "")
        return f"it was yanked{f' ({given[:120]})' if given else ''}"
    if python := next((one.requires_python for one in asked if one.requires_python and not one.installable), None):
        return f"it requires Python {python}"
    return "it has no file for this Python and platform"


def _explain_unknown(name: str) -> str:
    meant = sorted(word for word in reviewed_words() if is_slip(name.replace("-", "_"), word.replace("-", "_")))
    hint = f" It looks like a misspelling of `{meant[0]}`." if meant else ""
    return (
        f"the index has no distribution named `{name}` that could be installed here.{hint} Correct the name, or give "
        "pip the index that has it"
    )


def _explain_no_wheel(name: str, base: Version | None, wheels: Sequence[Version], planning: Planning) -> str:
    version = planning.facts.python or "this Python"
    if wheels:
        return (
            f"no release of {name} {base.major if base else ''}.x from {base} on has a wheel for Python {version}; "
            f"{wheels[0]} has one and is of another major: take it if the code allows, or use an older Python"
        )
    return (
        f"no release of {name} has a wheel for Python {version}: install what its build needs first, pin the older "
        "setuptools it was written for in the build, or replace it"
    )


def _built(name: str, version: str | None, planning: Planning) -> Version | None:
    line = line_of(name, planning)
    if line is not None and (base := base_of(line.requirement.specifier)) is not None:
        return base
    try:
        return Version(version) if version else None
    except ValueError:
        return None


def _need_line(name: str, planning: Planning) -> Listed:
    line = line_of(name, planning)
    if line is None:
        raise NoSafeEditError(
            f"`{name}` is not listed: one of the listed distributions asks for it; take another release of that one"
        )
    return line


def _listed(name: str, planning: Planning) -> bool:
    try:
        return line_of(name, planning) is not None
    except NoSafeEditError:
        return True


def _is_own(name: str, planning: Planning) -> bool:
    """Whether it is the service's own project that is built or installed."""
    text = planning.project.manifests.get("pyproject.toml", b"").decode("utf-8", "replace")
    listed = listed_in(planning.project, choose_manifest(planning.project).root)
    if any(canonicalize_name(one.requirement.name) == canonicalize_name(name) for one in listed):
        return False
    return any(_names_project(line, name) for line in text.splitlines())


def _names_project(line: str, name: str) -> bool:
    key, separator, value = line.partition("=")
    if not separator or key.strip() != "name":
        return False
    try:
        return canonicalize_name(Requirement(value.strip().strip("\"'")).name) == canonicalize_name(name)
    except InvalidRequirement:
        return False


REMEDIES: Mapping[str, Remedy] = {
    UNAVAILABLE: take_existing,
    REQUIRES_PYTHON: explain_python,
    BUILD_MODULE_MISSING: take_wheel,
    BUILD_FAILED: take_wheel,
}
