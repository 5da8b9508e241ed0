"""The little of a Dockerfile that planning needs: the Python it starts from and the manifests that pip is given."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STAGE = re.compile(r"^FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*$", re.IGNORECASE)
_ARG = re.compile(r"^ARG\s+(?P<name>\w+)=[\"']?(?P<value>[^\s\"']+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{?(?P<name>\w+)(?::-(?P<default>[^}]*))?\}?")
_PYTHON_IMAGE = re.compile(r"^(?:.*/)?python:(?P<version>3\.\d+)")
_COPY = re.compile(r"^(?:COPY|ADD)\s+(?P<paths>.+)$", re.IGNORECASE)
_PIP_INSTALL = re.compile(r"\bpip[\d.]*\s+install\b(?P<arguments>[^&|;]*)")
_REQUIREMENT = re.compile(r"(?:-r|--requirement)(?:\s+|=)[\"']?(?P<file>[^\s\"']+)")


def base_python(text: str) -> str | None:
    """The version in the last stage's `python:` image, also through an earlier stage and through ARG."""
    arguments: dict[str, str] = {}
    images: dict[str, str] = {}
    image = ""
    for line in _instructions(text):
        if argument := _ARG.match(line):
            arguments.setdefault(argument["name"], argument["value"])
        elif stage := _STAGE.match(line):
            image = _substitute(stage["image"], arguments)
            image = images.get(image, image)
            images[stage["name"] or ""] = image
    found = _PYTHON_IMAGE.match(image)
    return found["version"] if found else None


def installed_manifests(text: str) -> list[str]:
    """Paths in the build context that pip installs from, in order: requirement files, or `.` for the project."""
    copied = dict(_copied(text))
    found: list[str] = []
    for line in _instructions(text):
        for install in _PIP_INSTALL.finditer(line):
            arguments = install["arguments"]
            found += [copied.get(_base(one), one.removeprefix("./")) for one in _REQUIREMENT.findall(arguments)]
            if re.search(r"(?:^|\s)(?:-e\s+)?\.(?:\[[\w,]+\])?(?:\s|$)", arguments):
                found.append(".")
    return list(dict.fromkeys(found))


def _copied(text: str) -> Iterator[tuple[str, str]]:
    """(base name in the image, path in the context) of each copied requirements file."""
    for line in _instructions(text):
        if (copy := _COPY.match(line)) and "--from" not in line:
            *sources, target = re.sub(r"[\[\]\",]|--\S+", " ", copy["paths"]).split() or [""]
            for source in sources:
                if source.endswith((".txt", ".in")):
                    name = _base(target) if target.endswith(".txt") else _base(source)
                    yield name, source.removeprefix("./")


def _instructions(text: str) -> list[str]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in re.sub(r"\\\s*\n", " ", kept).splitlines()]


def _substitute(text: str, arguments: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda one: arguments.get(one["name"], one["default"] or ""), text)


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
