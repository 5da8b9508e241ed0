"""What released programs tell their users to install: the advice beside an import that failed, and Home Assistant's
manifests. `pip download`, fixed versions. Nobody has reviewed it as a list, so hints."""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from import_sources import Pair, Source
from import_sources.wheels import downloaded

ADVISERS = (
    Source("agno", "3.1.10", "Apache-2.0", "agno/**/*.py", "collected"),
    Source("langchain-community", "0.4.2", "MIT", "langchain_community/**/*.py", "collected"),
    Source("llama-index-legacy", "0.9.48.post4", "MIT", "llama_index/**/*.py", "collected"),
    Source("mlflow", "3.18.0", "Apache-2.0", "mlflow/**/*.py", "collected"),
)
"""Programs that work with many libraries and require few of them."""

HOME_ASSISTANT = Source(
    "homeassistant", "2024.3.3", "Apache-2.0", "homeassistant/components/*/manifest.json", "collected"
)

_INSTALL = re.compile(
    r"pip3? install (?:--?[a-zA-Z-]+ )*[\"'`]?(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?![\w/:@+[])"
)


def read_advice() -> Iterator[tuple[Source, Pair]]:
    """Every pair that one source does not contradict itself about, with the source."""
    for source in ADVISERS:
        with downloaded(source) as wheel:
            yield from ((source, pair) for pair in agreed(advised(wheel, own=source.package)))
    with downloaded(HOME_ASSISTANT) as wheel:
        yield from ((HOME_ASSISTANT, pair) for pair in agreed(required(wheel)))


def agreed(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The names that all pairs give to one distribution."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, distribution in pairs:
        found[name].add(distribution)
    for name, distributions in sorted(found.items()):
        if len(distributions) == 1:
            yield name, distributions.pop()


def advised(wheel: Path, *, own: str) -> Iterator[Pair]:
    """`try: import x` with one distribution in what is said when it fails; an extra of the program itself tells
    nothing."""
    with zipfile.ZipFile(wheel) as archive:
        for file in (name for name in archive.namelist() if name.endswith(".py")):
            for node in ast.walk(ast.parse(archive.read(file))):
                if isinstance(node, ast.Try):
                    modules = _imported(node.body) - {file.partition("/")[0]}
                    advised = set(_INSTALL.findall(_texts(node.handlers))) - {own}
                    if len(modules) == len(advised) == 1:
                        yield modules.pop(), advised.pop()


def _imported(statements: Iterable[ast.stmt]) -> set[str]:
    """The top levels of what is imported absolutely and is not Python's own."""
    names: set[str] = set()
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


def _texts(nodes: Iterable[ast.AST]) -> str:
    inner = (node for top in nodes for node in ast.walk(top) if isinstance(node, ast.Constant))
    return " ".join(node.value for node in inner if isinstance(node.value, str))


def required(wheel: Path) -> Iterator[Pair]:
    """Of an integration that needs one distribution and sets the log level of one library: most likely the same."""
    with zipfile.ZipFile(wheel) as archive:
        for file in (name for name in archive.namelist() if name.endswith("/manifest.json")):
            manifest = json.loads(archive.read(file))
            loggers = {name.partition(".")[0] for name in manifest.get("loggers", ())}
            required = manifest.get("requirements", ())
            if len(loggers) == len(required) == 1:
                try:
                    yield loggers.pop(), Requirement(required[0]).name
                except InvalidRequirement:
                    continue
