"""What became of a Dockerfile: other tags of the same images, other packages of the known installers, files copied.

Everything else decides what a container may do and stays as it is: USER, CMD, ENTRYPOINT, ENV, ARG, EXPOSE, VOLUME,
HEALTHCHECK, mounts, and every command that is none of the known installers'.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from moonmind.workflows.orchestrator.planners.foreign import Added, RefusedChangeError
from moonmind.workflows.orchestrator.planners.foreign.installers import installed
from moonmind.workflows.orchestrator.policies import refuse_path

_FROM = re.compile(
    r"FROM\s+(?P<flags>(?:--\S+\s+)*)(?P<image>[^\s:@]+(?::\d+/[^\s:@]+)?)(?P<tag>[:@]\S*)?(?P<name>\s+AS\s+\S+)?",
    re.IGNORECASE,
)
_TAG = re.compile(r":[\w][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?")
_COPY = re.compile(r"COPY\s+(?P<paths>[\w./\- ]+)", re.IGNORECASE)
_FLAGS = re.compile(r"((?:--\S+\s+)*)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Image:
    """A Dockerfile taken apart. `fixed`: what must stay, by the number of its stage; `run`: commands, with the flags of
    their RUN; `copies`: whole instructions."""

    directives: tuple[str, ...]
    stages: tuple[tuple[str, str, str], ...]
    tags: tuple[str, ...]
    fixed: tuple[tuple[int, str], ...]
    run: Counter[tuple[int, str, str]]
    copies: Counter[tuple[int, str]]


def added_to_dockerfile(path: str, before: bytes | None, after: bytes) -> list[Added]:
    """The packages that came to its installers' lines. Raises RefusedChangeError."""
    if before is None:
        raise RefusedChangeError(f"{path} would be new: an image is not proposed")
    old, new = _read(path, before), _read(path, after)
    _same_but_tags(path, old, new)
    _copies(path, new.copies - old.copies, old.copies)
    came = [added for command in new.run - old.run for added in _installed(path, command)]
    went = {(one.ecosystem, one.name) for command in old.run - new.run for one in _installed(path, command)}
    return [added for added in came if (added.ecosystem, added.name) not in went]


def _read(path: str, content: bytes) -> _Image:
    lines = content.decode("utf-8", "replace").splitlines()
    directives = tuple(line.strip() for line in lines if line.lstrip().startswith("#") and "=" in line)
    stages: list[tuple[str, str, str]] = []
    tags, fixed = [], []
    run: Counter[tuple[int, str, str]] = Counter()
    copies: Counter[tuple[int, str]] = Counter()
    for text in _instructions(lines):
        stage, word = len(stages), text.partition(" ")[0].upper()
        if word == "FROM" and (found := _FROM.fullmatch(text)):
            stages.append((found["flags"], found["image"], (found["name"] or "").lower()))
            tags.append(found["tag"] or "")
        elif word == "RUN":
            flags, commands = _flags_of(text[len("RUN") :].lstrip())
            run.update((stage, flags, " ".join(one.split())) for one in commands.split("&&"))
        elif word == "COPY":
            copies[stage, text] += 1
        else:
            fixed.append((stage, text))
    return _Image(directives, tuple(stages), tuple(tags), tuple(fixed), run, copies)


def _flags_of(text: str) -> tuple[str, str]:
    """`--mount=… --network=… command` in two."""
    found = _FLAGS.fullmatch(text)
    assert found is not None  # it takes any text
    return found[1].strip(), found[2]


def _instructions(lines: list[str]) -> list[str]:
    """Logical lines, with one blank between words; comments left out, also between continued lines."""
    found: list[str] = []
    parts = ""
    for line in lines:
        if line.lstrip().startswith("#"):
            continue
        if line.rstrip().endswith("\\"):
            parts += line.rstrip()[:-1] + " "
            continue
        if text := " ".join((parts + line).split()):
            found.append(text)
        parts = ""
    return [*found, parts.strip()] if parts.strip() else found


def _same_but_tags(path: str, old: _Image, new: _Image) -> None:
    if old.directives != new.directives:
        raise RefusedChangeError(f"{path}: directives of the builder are not changed")
    if old.stages != new.stages:
        raise RefusedChangeError(f"{path}: an image may get another tag, and no other image, stage or flag")
    for before, after in zip(old.tags, new.tags, strict=True):
        if before != after and not _TAG.fullmatch(after):
            raise RefusedChangeError(f"{path}: `{after[:100]}` is no tag of an image")
    if old.fixed != new.fixed:
        odd = next(
            (text for one in (new, old) for _, text in set(one.fixed) - set((old if one is new else new).fixed)), ""
        )
        what = f"`{odd[:100]}`" if odd else "the order of its instructions"
        raise RefusedChangeError(f"{path}: only installed packages, tags and copied files may be changed, not {what}")


def _copies(path: str, came: Counter[tuple[int, str]], before: Counter[tuple[int, str]]) -> None:
    """Named files and folders of the service, to where its other files go."""
    targets = {(stage, text.split()[-1]) for stage, text in before}
    for stage, text in came:
        found = _COPY.fullmatch(text)
        *sources, target = found["paths"].split() if found else [""]
        if not sources or (target.startswith("/") and (stage, target) not in targets) or ".." in target:
            raise RefusedChangeError(f"{path}: `{text[:100]}` is not how a service's files are copied")
        if any(refuse_path(one.removeprefix("./").rstrip("/"), ("**",)) for one in sources):
            raise RefusedChangeError(f"{path}: `{text[:100]}` copies what is no named file of the service's own")


def _installed(path: str, command: tuple[int, str, str]) -> list[Added]:
    _, flags, text = command
    packages = None if flags else installed(text)
    if packages is None:
        shown = f"{flags} {text}".strip()[:100]
        raise RefusedChangeError(f"{path}: only packages of apt, apk, pip and npm may be changed, not `{shown}`")
    return [Added(ecosystem, name, path, version) for ecosystem, name, version in packages]
