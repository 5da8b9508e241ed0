"""The kept data of scripts/make_os_packages.py: which Debian package holds a library, header, program, pkg-config file.

Among several packages that hold a file, Debian's own rules for names choose (Policy 8.1: a library's package is called
after its soname; 8.4: headers are in the `-dev` package). What they leave open is shown, and nothing is added.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

RELEASES = ("bookworm", "trixie")

_ON_LINKERS_PATH = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib", "lib")
_PROGRAMS = ("usr/bin", "bin", "usr/sbin", "sbin")
_PKG_CONFIG = ("usr/lib/x86_64-linux-gnu/pkgconfig", "usr/share/pkgconfig", "usr/lib/pkgconfig")
_INCLUDE = ("usr/include/x86_64-linux-gnu", "usr/include")
_SONAME = re.compile(r"^lib(?P<stem>.+?)\.so(?:\.(?P<version>\d+(?:\.\d+)*))?$")
_SUFFIXED = re.compile(r"^(?:lib)?(?P<stem>.+)-(?P<version>\d+)$")


@dataclass(frozen=True, slots=True)
class Held:
    """A file of the index and the packages that hold it; one: it is clear which."""

    path: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """One release of Debian. `runs_on`: the language that a program's package is written in, for those with their own
    installers; `compilers`: the package that brings the compilers, and all that it brings."""

    name: str
    files: Mapping[str, Mapping[str, str]]
    fronts: Mapping[str, str]
    namesakes: Mapping[str, str]
    stands_in: Mapping[str, str]
    runs_on: Mapping[str, str]
    compilers: tuple[str, frozenset[str]]

    def library(self, name: str) -> Held | None:
        """By file name (`libGL.so.1`), or by what programs call it (`magic`, `gobject-2.0-0`)."""
        soname = _SONAME.match(name)
        if soname is None:
            return self._called(name)
        held = next(self._in(_ON_LINKERS_PATH, name), None) or self._beside(name)
        return held and Held(held.path, _of_soname(held.packages, soname["stem"], soname["version"] or ""))

    def header(self, name: str) -> Held | None:
        """By the path in `#include`; else below one folder that a build adds to its path (`postgresql/libpq-fe.h`)."""
        folder, _, file = name.rpartition("/")
        exact = [f"{place}/{folder}".rstrip("/") for place in _INCLUDE]
        if found := next(self._in(exact, file), None):
            return Held(found.path, _developing(found.packages))
        ending = f"/{folder}" if folder else ""
        deeper = [one for one in self.files if _one_below_include(one, ending)]
        return _joined(self._in(deeper, file))

    def program(self, name: str) -> Held | None:
        """The package that a person would ask for: the program's namesake, or by `fronts` and `stands_in`."""
        held = next(self._in(_PROGRAMS, name), None)
        if held is None:
            return None
        if name in held.packages or self.namesakes.get(name) in held.packages:
            return Held(held.path, (name,))
        if name.endswith(("-config", "_config")):
            return Held(held.path, _developing(held.packages))
        fronts = [self.fronts.get(one, one) for one in held.packages]
        imitated = [real for one in held.packages for real in self.stands_in.get(one, "").split()]
        return Held(held.path, tuple(dict.fromkeys([*fronts, *imitated])))

    def pkg_config(self, name: str) -> Held | None:
        """By the name that pkg-config is asked for (`libpq`)."""
        held = next(self._in(_PKG_CONFIG, f"{name}.pc"), None)
        return held and Held(held.path, _developing(held.packages))

    def packages_of(self, path: str) -> tuple[str, ...]:
        """What the index lists for a path."""
        folder, _, name = path.rpartition("/")
        return tuple(self.files.get(folder, {}).get(name, "").split())

    def has_package(self, name: str) -> bool:
        """Whether a package of this name holds any of the files that are kept."""
        return name in _owners(self.name)

    def _in(self, folders: Iterable[str], name: str) -> Iterator[Held]:
        for folder in folders:
            if found := self.files.get(folder, {}).get(name):
                yield Held(f"{folder}/{name}", tuple(found.split()))

    def _beside(self, name: str) -> Held | None:
        """In folders beside the linker's, of which Debian's alternatives make one the default (`libblas.so.3`)."""
        found = list(self._in([one for one in self.files if one.startswith(f"{_ON_LINKERS_PATH[0]}/")], name))
        soname = _SONAME.match(name)
        assert soname is not None
        held = _joined(iter(found))
        if held is None:
            return None
        by_policy = _of_soname(held.packages, soname["stem"], soname["version"] or "")
        path = next((one.path for one in found if by_policy[0] in one.packages), held.path)
        return Held(path, by_policy)

    def _called(self, name: str) -> Held | None:
        """Every library file of that name, whatever its version; `x-N` also as version N of `x`."""
        stems: list[tuple[str, str | None]] = [(name.removeprefix("lib"), None)]
        if suffixed := _SUFFIXED.match(name):
            stems.append((suffixed["stem"], suffixed["version"]))
        for stem, version in stems:
            pattern = re.compile(rf"^lib{re.escape(stem)}\.so\.{version or '[0-9]+'}$")
            names = [one for one in self.files[_ON_LINKERS_PATH[0]] if pattern.match(one)]
            held = [found for one in names if (found := self.library(one))]
            if held:
                return _joined(iter(held))
        return None


def release(system: str | None) -> Release | None:
    """The data of `ServiceFacts.system`, None for a system that is not kept."""
    kind, _, codename = (system or "").partition(" ")
    return _release(codename) if kind == "debian" and codename in RELEASES else None


@cache
def _release(codename: str) -> Release:
    path = files("moonmind.workflows.orchestrator") / "data" / f"os_packages_{codename}.json.gz"
    data = json.loads(gzip.decompress(path.read_bytes()))
    compilers = data["compilers"]
    return Release(
        name=codename,
        files=data["files"],
        fronts=data["fronts"],
        namesakes=data["namesakes"],
        stands_in=data["stands_in"],
        runs_on=data["runs_on"],
        compilers=(compilers["package"], frozenset(compilers["brings"].split())),
    )


@cache
def _owners(codename: str) -> frozenset[str]:
    held = (some for names in _release(codename).files.values() for some in names.values())
    return frozenset(one for some in held for one in some.split())


def _of_soname(packages: tuple[str, ...], stem: str, version: str) -> tuple[str, ...]:
    """The package that is called after the soname, if one is; without a version the `-dev` ones."""
    if len(packages) == 1:
        return packages
    if not version:
        return _developing(packages)
    name = f"lib{stem}{'-' if stem[-1:].isdigit() else ''}{version}".lower().replace("_", "-")
    named = [one for one in packages if one in (name, f"{name}t64")]
    return tuple(named) or packages


def _developing(packages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in packages if one.endswith("-dev")) or packages


def _one_below_include(folder: str, ending: str) -> bool:
    """Whether it is `usr/include/<one folder>` with that ending below."""
    if not folder.startswith("usr/include/") or not folder.endswith(ending):
        return False
    inner = folder.removesuffix(ending) if ending else folder
    inner = inner.removeprefix("usr/include/").removeprefix("x86_64-linux-gnu/")
    return bool(inner) and "/" not in inner


def _joined(found: Iterator[Held]) -> Held | None:
    """One answer of several files: the first's path, everybody's packages."""
    all_found = list(found)
    if not all_found:
        return None
    packages = dict.fromkeys(one for held in all_found for one in held.packages)
    return Held(all_found[0].path, _developing(tuple(packages)) if "include" in all_found[0].path else tuple(packages))
