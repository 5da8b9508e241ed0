"""Lists that other projects keep, out of their released packages: `pip download` and `npm pack`, fixed versions."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from import_sources import Pair, Source

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
    with tempfile.TemporaryDirectory() as folder:
        python = RUNS_ON.get(source.package, "3.11")
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", python, "--dest", folder]
        requirement = f"{source.package}=={source.version}"
        subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
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
    PYODIDE: _from_pyodide,
    PIPREQS: _from_pipreqs,
}
