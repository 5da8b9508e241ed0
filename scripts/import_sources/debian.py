"""What Debian's packages hold: the names of their files tell distribution and modules at once.

A package with exactly one `*.dist-info` or `*.egg-info` is one distribution, and every module beside it is that
distribution's. What has several, or none, says nothing; nor does what Debian wrote itself (a native package): nobody
promises that the index has it under the same name. Of the release before, what the newest has no more counts too.

Packages also leave things on the module path that nobody imports from them (`docs`, `plugin`, `integration`). So of a
distribution that has a module of its own name, the modules with quite other names are hints only.

apt fetches the lists as `apt-file` would, from the mirror that this machine is set up for, into a folder of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from import_sources import Kind, Pair, Source
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM

SUITES = ("trixie", "bookworm")
"""The newest release first."""
DEEPEST = 4
"""Levels of a dotted name that are looked at; namespaces go no deeper."""

SEVERAL = 2
"""Others with parts of their own below a module that make it a namespace."""

NOBODYS = BY_CUSTOM | sys.stdlib_module_names
"""Modules that are never looked for in an index, whoever holds one of that name."""

_TARGET = "Acquire::IndexTargets::deb::Contents-deb"
_OPTIONS = {
    "Dir::Etc::sourceparts": "-",
    "Acquire::Languages": "none",
    f"{_TARGET}::MetaKey": "$(COMPONENT)/Contents-$(ARCHITECTURE)",
    f"{_TARGET}::ShortDescription": "Contents-$(ARCHITECTURE)",
    f"{_TARGET}::Description": "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents",
}
_CONTENT = re.compile(r"^usr/lib/python3(?:\.\d+)?/dist-packages/(?P<path>\S+)\s+(?P<packages>\S+)$")
_INFO = re.compile(r"^(?P<name>[^-]+)-[^/]*\.(?:dist|egg)-info$")
_MODULE = re.compile(r"^(?P<name>[^.]+)(?:\.py|(?:\.(?:cpython|abi3)[^/]*)?\.so)$")
_FIELD = re.compile(r"^(?P<key>Package|Version): (?P<value>\S+)$", re.MULTILINE)


@dataclass
class Package:
    """A binary package: the distributions that it brings information of, and its modules."""

    distributions: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def read_debian() -> Iterator[tuple[Source, Pair]]:
    """Every pair of the release, with a source that says which point release it is of and whether it is a hint."""
    provided: dict[str, set[str]] = {}
    versions: list[str] = []
    for suite in SUITES:
        version, found = _read_suite(suite)
        versions.append(f"{version} ({suite})")
        provided = with_older(provided, found)
    version = ", ".join(versions)
    seen, hint = (_source(version, kind) for kind in ("seen", "collected"))
    for module, distribution in sorted(owned(provided)):
        if is_main(module, distribution, provided[distribution]):
            yield seen, (module, distribution)
        elif "." not in module:
            yield hint, (module, distribution)


def _read_suite(suite: str) -> tuple[str, dict[str, set[str]]]:
    """The point release, and the modules of each distribution that it holds."""
    with tempfile.TemporaryDirectory() as folder:
        apt = _Apt(Path(folder), suite)
        apt.update()
        packages = read_packages(apt.lines("Contents-deb"))
        native = {name for name, version in _versions("\n".join(apt.lines("Packages"))) if "-" not in version}
        version = apt.version()
    provided: dict[str, set[str]] = defaultdict(set)
    for name, package in packages.items():
        if name not in native and len(package.distributions) == 1:
            (distribution,) = package.distributions
            provided[distribution] |= package.modules
    return version, provided


def with_older(newer: Mapping[str, Set[str]], older: Mapping[str, Set[str]]) -> dict[str, set[str]]:
    """Both, of the older what lies below no top level of the newer: who holds that now is the newer's to say."""
    tops = {module.partition(".")[0] for modules in newer.values() for module in modules}
    joined = {distribution: set(modules) for distribution, modules in newer.items()}
    for distribution, modules in older.items():
        if gone := {module for module in modules if module.partition(".")[0] not in tops}:
            joined.setdefault(distribution, set()).update(gone)
    return joined


def _source(version: str, kind: Kind) -> Source:
    return Source("debian", version, "facts about files", "main/Contents-all, main/Contents-amd64", kind)


def is_main(module: str, distribution: str, modules: Set[str]) -> bool:
    """False for what a distribution that has modules of its own name has besides."""
    tops = {one.partition(".")[0] for one in modules}
    named = {top for top in tops if _resembles(top, distribution)}
    return not named or module.partition(".")[0] in named


def owned(provided: Mapping[str, Set[str]]) -> Iterator[Pair]:
    """Each module with the distribution that holds it, as far down as it takes to tell them apart.

    A folder without code is nobody's, unless one distribution alone fills it and has its name, and so is a folder below
    which several others have parts of their own, whoever brings the code in it; below a module that one distribution
    holds only what others add to it is told.
    """
    inside: dict[str, set[str]] = defaultdict(set)
    holders: dict[str, set[str]] = defaultdict(set)
    for distribution, modules in provided.items():
        for module in modules:
            for path in _levels(module):
                inside[path].add(distribution)
            holders[module].add(distribution)
    for path in [path for path, few in inside.items() if few == {canonicalize_name(path)}]:
        holders[path] |= inside[path]
    for path in _namespaces(inside, holders):
        del holders[path]
    for path in inside:
        above = [holders.get(parent, set()) for parent in _levels(path)[:-1]]
        owners = {one for few in above if len(few) == 1 for one in few}
        for distribution in holders.get(path, set()) - owners:
            yield path, distribution


def _namespaces(inside: Mapping[str, Set[str]], holders: Mapping[str, Set[str]]) -> list[str]:
    """Modules not called like their distribution with SEVERAL others' parts right below."""
    parts: dict[str, set[str]] = defaultdict(set)
    for path, few in inside.items():
        if len(few) == 1:
            parts[path.rpartition(".")[0]] |= few
    return [
        path
        for path, few in holders.items()
        if canonicalize_name(path) not in few and len(parts.get(path, set()) - few) >= SEVERAL
    ]


def _levels(module: str) -> list[str]:
    """`a.b.c` → `a`, `a.b`, `a.b.c`; none deeper than DEEPEST."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, min(len(parts), DEEPEST) + 1)]


def _resembles(module: str, distribution: str) -> bool:
    one, other = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (module, distribution))
    return one in other or other in one


def read_packages(lines: Iterable[str]) -> dict[str, Package]:
    """By name, what the lines of a Contents file say of each package."""
    packages: dict[str, Package] = defaultdict(Package)
    for line in lines:
        if not (found := _CONTENT.match(line)):
            continue
        info = _INFO.match(found["path"].partition("/")[0])
        for qualified in found["packages"].split(","):
            package = packages[qualified.rpartition("/")[2]]
            if info:
                package.distributions.add(canonicalize_name(info["name"]))
            elif module := _module(found["path"]):
                package.modules.add(module)
    return packages


def _module(path: str) -> str | None:
    *folders, file = path.split("/")
    if not (found := _MODULE.match(file)):
        return None
    parts = [*folders, *([] if found["name"] == "__init__" else [found["name"]])]
    importable = parts and all(part.isidentifier() for part in parts) and not parts[0].startswith("_")
    return ".".join(parts) if importable and parts[0] not in NOBODYS else None


def _versions(text: str) -> Iterator[Pair]:
    for paragraph in text.split("\n\n"):
        fields = {found["key"]: found["value"] for found in _FIELD.finditer(paragraph)}
        if len(fields) == len(("Package", "Version")):
            yield fields["Package"], fields["Version"]


class _Apt:
    """apt with lists of its own, below `folder`; the machine's are not touched."""

    def __init__(self, folder: Path, suite: str) -> None:
        self._folder = folder
        self._suite = suite
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True)
        self._sources = folder / "debian.sources"

    def update(self) -> None:
        """Fetch the release's lists."""
        entry = {"Types": "deb", "URIs": self._mirror(), "Suites": self._suite, "Components": "main"}
        entry["Signed-By"] = "/usr/share/keyrings/debian-archive-keyring.gpg"
        self._sources.write_text("".join(f"{key}: {value}\n" for key, value in entry.items()), encoding="utf-8")
        self._run("update", "--quiet")

    def lines(self, target: str) -> Iterator[str]:
        """The lines of every list of one target."""
        for name in self._run("indextargets", "--format", "$(FILENAME)", f"Created-By: {target}").split():
            command = ["/usr/lib/apt/apt-helper", "cat-file", name]
            with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace") as reading:
                assert reading.stdout is not None
                yield from (line.rstrip("\n") for line in reading.stdout)

    def version(self) -> str:
        """Of the release: "13.7"."""
        return self._run("indextargets", "--format", "$(VERSION)", "Created-By: Packages").split()[0]

    def _mirror(self) -> str:
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages"]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split()[0]

    def _run(self, *arguments: str) -> str:
        own = {
            "Dir::State::lists": str(self._folder / "lists"),
            "Dir::Cache": str(self._folder / "cache"),
            "Dir::Etc::sourcelist": str(self._sources),
            "APT::Sandbox::User": "root",
            **_OPTIONS,
        }
        options = [part for key, value in own.items() for part in ("-o", f"{key}={value}")]
        command = ["apt-get", *options, *arguments]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
