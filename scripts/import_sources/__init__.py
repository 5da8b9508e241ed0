"""Where `make_import_names.py` has its facts from, one module for each way in which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pair = tuple[str, str]
"""(import name, distribution)"""

Kind = Literal["used", "seen", "reviewed", "collected"]
"""`seen`: read off the files of packages; `used`: off those that are downloaded most, under the index's own names;
`reviewed`: written by people; `collected`: by a program, so a hint only."""


@dataclass(frozen=True)
class Source:
    """What a fact rests on, as the data file names it; `file` is where in the package the facts stand."""

    package: str
    version: str
    licence: str
    file: str
    kind: Kind
