"""pip, uv or Poetry could not choose versions: pins that contradict each other, or that no release satisfies.

The forms are those that the tools print: pip's `resolution/resolvelib/factory.py` and `operations/check.py`, uv's and
Poetry's explanations (both of the PubGrub family). `details` of the findings:

- CONFLICT: `names`, the distributions that the explanation speaks of, normalised, separated by spaces.
- UNAVAILABLE: `requirement` as the tool repeats it; `known`: "no" where the index has no such distribution at all.
- REQUIRES_PYTHON: `python` that runs, and the specifier that is `wanted`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

CONFLICT = "python_conflict"
UNAVAILABLE = "python_version_unavailable"
REQUIRES_PYTHON = "python_requires_python"

BLOCK_LIMIT = 60
"""Lines of one explanation that are read; pip's longest has a line for each of a few dozen releases."""

SHOWN = 6
"""Lines of an explanation that are shown as evidence."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,98}"
_NO_MATCH = re.compile(
    r"^\s*ERROR: No matching distribution found for (?P<requirement>[^\s(][^()]{0,200}?)(?: \(from .*)?$"
)
_FROM_NONE = re.compile(
    r"^\s*ERROR: Could not find a version that satisfies the requirement .* \(from versions: none\)"
)
_OTHER_PYTHON = re.compile(
    r"^\s*ERROR: Package '(?P<name>[^']{1,99})' requires a different Python: "
    r"(?P<python>\S{1,20}) not in '(?P<wanted>[^']{0,99})'"
)
_CAUSED_BY = re.compile(r"^\s*The conflict is caused by:")
_CAUSE = re.compile(
    rf"^\s+(?:The user requested (?:\(constraint\) )?(?P<asked>{_NAME})"
    rf"|(?P<who>{_NAME})(?:\[[^\]]*\])? \S+ depends on (?P<needs>{_NAME}))"
)
_UNMET = re.compile(
    rf"^(?:ERROR: )?(?P<who>{_NAME}) \S+ (?:has requirement|requires) (?P<needs>{_NAME})[^,]{{0,200}}, "
    r"but you(?:'ll)? have \S+ \S+"
)
_UNSOLVED = re.compile(r"No solution found when resolving|version solving failed")
_BOUND = re.compile(rf"(?<![\w.-])(?P<name>(?!\d){_NAME})(?:\[[^\]\s]{{1,80}}\])?\s?\(?(?===|>=|<=|<|>|!=|~=|\d)")
_DEPENDS = re.compile(rf"\b(?:depends on|versions? of|required? )\s*(?P<name>{_NAME})")
_NO_VERSION = re.compile(
    rf"\b(?:there (?:is|are) no versions? of|[Nn]o versions of) (?P<requirement>{_NAME}[^\s,]*(?: match [^\s,]+)?)"
)
_UV_PYTHON = re.compile(
    r"\bthe (?:current|requested) Python version \((?P<python>[\d.]+)\) does not satisfy Python(?P<wanted>[^\s,]+)"
    rf"(?: and (?P<requirement>{_NAME}[=<>!~][^\s]*) depends on)?"
)
_UNKNOWN = re.compile(rf"\b(?P<name>{_NAME}) was not found in the (?:package registry|provided package locations)")


def find(lines: Sequence[Line]) -> list[Seen]:
    """Everything that kept a tool from choosing versions, in the lines of each source and stream."""
    streams: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        streams.setdefault((line.source, line.stream), []).append(line)
    return [seen for own in streams.values() for seen in _find(own)]


def _find(lines: Sequence[Line]) -> Iterator[Seen]:
    for index, line in enumerate(lines):
        if missing := _NO_MATCH.match(line.text):
            yield _unavailable(lines[max(0, index - 2) : index + 1], missing["requirement"].strip())
        elif other := _OTHER_PYTHON.match(line.text):
            yield _requires_python(line, other["name"], other["python"], other["wanted"])
        elif _CAUSED_BY.match(line.text):
            yield _pip_conflict(lines[index : index + BLOCK_LIMIT])
        elif unmet := _UNMET.match(line.text):
            yield _conflict([line], [unmet["who"], unmet["needs"]], line)
        elif _UNSOLVED.search(line.text):
            yield _explained(lines, index)


def _unavailable(near: Sequence[Line], requirement: str) -> Seen:
    none = any(_FROM_NONE.match(line.text) and "requires a different" not in line.text for line in near)
    shown = [line for line in near if "ERROR:" in line.text]
    return _no_version(shown, requirement, known="no" if none and _found_nothing(near) else "")


def _found_nothing(near: Sequence[Line]) -> bool:
    """pip says "from versions: none" as well when every release is for another Python, and then lists those."""
    return not any("Ignored the following versions" in line.text for line in near)


def _no_version(shown: Sequence[Line], requirement: str, known: str = "") -> Seen:
    found = re.match(_NAME, requirement)
    name = canonicalize_name(found[0]) if found else None
    finding = Finding(
        kind=UNAVAILABLE,
        summary=f"no release that this Python can install satisfies `{requirement}`",
        subject=name,
        details={"requirement": requirement, **({"known": known} if known else {})},
        evidence=tuple(line.as_evidence() for line in shown),
    )
    return Seen(finding, shown[-1])


def _requires_python(line: Line, name: str, python: str, wanted: str) -> Seen:
    finding = Finding(
        kind=REQUIRES_PYTHON,
        summary=f"`{name}` wants Python {wanted}, and this is {python}",
        subject=canonicalize_name(name),
        details={"python": python, "wanted": wanted},
        evidence=(line.as_evidence(),),
    )
    return Seen(finding, line)


def _pip_conflict(block: Sequence[Line]) -> Seen:
    causes = [(line, found) for line in block[1:] if (found := _CAUSE.match(line.text))]
    names = [name for _, found in causes for name in (found["asked"], found["who"], found["needs"]) if name]
    end = next((line for line in block if "ResolutionImpossible" in line.text), block[0])
    return _conflict([line for line, _ in causes][:SHOWN] or [block[0]], names, end)


def _explained(lines: Sequence[Line], index: int) -> Seen:
    """An explanation in sentences, wrapped over lines: uv's comes below its first line, Poetry's above its last."""
    if "version solving failed" in lines[index].text:
        start = max((at for at in range(max(0, index - BLOCK_LIMIT), index) if _begins(lines[at])), default=index)
        block = list(lines[start : index + 1])
    else:
        block = list(_indented(lines[index : index + BLOCK_LIMIT]))
    text = re.sub(r"\s+", " ", " ".join(re.sub(r"[│╰─▶×]", " ", line.text) for line in block))
    return _of_sentences(block, text)


def _begins(line: Line) -> bool:
    return line.text.lstrip().startswith(("Because ", "The current project", "Resolving dependencies"))


def _indented(block: Sequence[Line]) -> Iterator[Line]:
    yield block[0]
    for line in block[1:]:
        if not line.text.startswith("  "):
            return
        yield line


def _of_sentences(block: Sequence[Line], text: str) -> Seen:
    shown = [line for line in block if line.text.strip()][: SHOWN - 1]
    shown += [block[-1]] if block[-1] not in shown else []
    if unknown := _UNKNOWN.search(text):
        return _no_version(shown, unknown["name"], known="no")
    if (wrong := _UV_PYTHON.search(text)) and wrong["requirement"]:
        return _no_version(shown, wrong["requirement"])
    if missing := _NO_VERSION.search(text):
        return _no_version(shown, re.sub(r" match ", "==", missing["requirement"]))
    names = [found["name"] for pattern in (_BOUND, _DEPENDS) for found in pattern.finditer(text)]
    return _conflict(shown, names, block[-1])


def _conflict(shown: Sequence[Line], names: Iterable[str], at: Line) -> Seen:
    involved = list(dict.fromkeys(canonicalize_name(name) for name in names))
    evidence = [*shown, at] if at not in shown else list(shown)
    finding = Finding(
        kind=CONFLICT,
        summary=f"the versions that are asked for contradict each other ({', '.join(involved[:SHOWN])})",
        subject=involved[0] if involved else None,
        details={"names": " ".join(involved)},
        evidence=tuple(line.as_evidence() for line in evidence),
    )
    return Seen(finding, at)
