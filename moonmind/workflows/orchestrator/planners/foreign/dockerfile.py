"""What became of a Dockerfile: other tags of the same images, other packages of the known installers, files copied.

Everything else decides what a container may do and stays as it is, in its order: USER, CMD, ENTRYPOINT, ENV, ARG,
EXPOSE, VOLUME, HEALTHCHECK, mounts, here-documents, and every command that is none of the known installers'.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set

from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.copies import check_copy
from moonmind.workflows.orchestrator.planners.foreign.dockerfile_parts import Key, Part, Parts, take_apart
from moonmind.workflows.orchestrator.planners.foreign.installers import installed

_TAG = re.compile(r":[\w][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?")

Placed = tuple[int, Part]
"""A command with how much of what stays is before it."""


def added_to_dockerfile(path: str, before: bytes | None, after: bytes) -> list[Added]:
    """The packages that came to its installers' lines. Raises RefusedChangeError."""
    if before is None:
        raise RefusedChangeError(f"{path} would be new: an image is not proposed")
    old, new = take_apart(path, before), take_apart(path, after)
    changed = _changed(path, old, new)
    (stays, went), (stayed, came) = _split(old, changed), _split(new, changed)
    if old.directives != new.directives:
        raise RefusedChangeError(f"{path}: directives of the builder are not changed")
    if stays != stayed:
        raise _unfit(path, "the order of its instructions")
    _check_tags(path, old, new)
    return _added(path, old, went, came)


def _changed(path: str, old: Parts, new: Parts) -> set[Key]:
    """Parts that are there more or less often, all of a kind that may be changed."""
    before, after = Counter(one.key for one in old.parts), Counter(one.key for one in new.parts)
    changed = {one.key: one for one in (*new.parts, *old.parts) if before[one.key] != after[one.key]}
    for key, part in changed.items():
        if part.kind == "COPY" and not before[key] and after[key] == 1:
            check_copy(path, part, old, new)
        elif part.kind != "RUN":
            raise _unfit(path, f"`{part.shown}`")
        else:
            _packages(path, part)
    return set(changed)


def _split(file: Parts, changed: Set[Key]) -> tuple[list[Key], list[Placed]]:
    """What stays, in order, with the beginning of each RUN that something stays of; and the changed commands."""
    stays: list[Key] = []
    others: list[Placed] = []
    begun = -1
    for part in file.parts:
        if part.key in changed:
            others += [(len(stays), part)] if part.kind == "RUN" else []
            continue
        if part.kind == "RUN" and part.line != begun:
            stays.append((part.stage, "RUN", part.flags, ""))
        begun = part.line
        stays.append(part.key)
    return stays, others


def _check_tags(path: str, old: Parts, new: Parts) -> None:
    bases = [[one for one in file.parts if one.kind == "FROM"] for file in (old, new)]
    for before, after in zip(*bases, strict=True):
        if before.tag == after.tag:
            continue
        image = next(word for word in after.text.split()[1:] if not word.startswith("--"))
        stages = {(one.name or "").casefold() for one in old.dockerfile.stages[: after.stage] if not before.tag}
        if not _TAG.fullmatch(after.tag):
            raise RefusedChangeError(f"{path}: `{after.tag[:100]}` is no tag of an image")
        if "$" in image or image.casefold() in {"scratch", *stages}:
            raise RefusedChangeError(f"{path}: `{image[:100]}` is no image by its own name, and gets no tag")


def _added(path: str, old: Parts, went: list[Placed], came: list[Placed]) -> list[Added]:
    """One that another version or list of the same place had before is none. Raises RefusedChangeError for a package
    that moved: settings of its installer may come between."""
    gone = {(place, one.ecosystem, one.name) for place, part in went for one in _packages(path, part)}
    listed = {
        (part.stage, ecosystem, name)
        for part in old.parts
        if part.kind == "RUN"
        for ecosystem, name, _ in installed(part.text) or ()
    }
    found = []
    for place, part in came:
        for one in _packages(path, part):
            if (place, one.ecosystem, one.name) in gone:
                continue
            if (part.stage, one.ecosystem, one.name) in listed:
                raise RefusedChangeError(f"{path}: {one.name} is installed in another place already")
            found.append(one)
    return found


def _packages(path: str, part: Part) -> list[Added]:
    packages = None if part.flags else installed(part.text)
    if packages is None:
        raise RefusedChangeError(f"{path}: only packages of apt, apk, pip and npm may be changed, not `{part.shown}`")
    return [Added(ecosystem, name, path, version) for ecosystem, name, version in packages]


def _unfit(path: str, what: str) -> RefusedChangeError:
    return RefusedChangeError(f"{path}: only installed packages, tags and copied files may be changed, not {what}")
