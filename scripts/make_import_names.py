"""Make `moonmind/workflows/orchestrator/data/import_names.json`: which distribution provides which import name.

    .venv/bin/python scripts/make_import_names.py

It needs pip, npm and, on Debian or what is made from it, apt: each fetches what it is for, from where this machine is
set up to look. The sources:

- What the wheels of the 15,000 most downloaded distributions hold (`import_sources/most_used.py`).
- What the packages of a Debian release hold (`import_sources/debian.py`), and those built for Pyodide: seen in files.
- mypy's list of stub packages (from typeshed), Pants' default module mapping, the list of flake8-requirements, that of
  grayskull, what conda-forge's recipes build and import: reviewed.
- pipreqs' mapping, collected by program from many projects, and what released programs tell their users to install
  (`import_sources/advice.py`): hints rather than answers.

What was seen in files weighs more than a reviewed list, and a hint nothing. The heaviest distribution is `sure`; of
equally heavy ones that which is called like the import, when all others merely extend its name (`docopt-ng`) or were
seen nowhere, and none of them is used more: the lists tell where a name is another one, and are silent where it is the
same. `also` are those that two sources name besides, `variants` those that two name together with the choice. Nothing
is written by hand: to take newer lists, change the versions and read the difference.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from import_sources import Pair, Source
from import_sources.advice import read_advice
from import_sources.debian import read_debian
from import_sources.lists import read_lists
from import_sources.most_used import read_most_used
from packaging.utils import canonicalize_name

TARGET = Path(__file__).parents[1] / "moonmind/workflows/orchestrator/data/import_names.json"

WEIGHTS = {"used": 2, "seen": 2, "reviewed": 1, "collected": 0}

ENOUGH_TO_NAME = 2
"""Sources, hints apart, that name a distribution which may stand in for the choice."""

MANY = 4
"""Distributions of one source under one name, from which on it is a namespace rather than a choice."""

Fact = tuple[Source, Pair]

Votes = Mapping[str, frozenset[Source]]
"""By distribution, who names it for one import."""


def main() -> None:
    """Fetch the sources, weigh them, write the file."""
    facts = read_facts()
    sources = {source.package: source for source, _ in reversed(facts)}
    entries = weigh_all(facts)
    TARGET.write_text(_document(entries, list(reversed(sources.values()))), encoding="utf-8")
    print(f"{TARGET.name}: {len(entries)} names, {sum(bool(entry.get('sure')) for entry in entries.values())} sure")


def read_facts() -> list[Fact]:
    """What every source says, of names that can be imported and are not Python's own."""
    return [
        (source, (name, canonicalize_name(distribution)))
        for source, (name, distribution) in (*read_debian(), *read_most_used(), *read_lists(), *read_advice())
        if all(part.isidentifier() for part in name.split(".")) and name not in sys.stdlib_module_names
    ]


def weigh_all(facts: Iterable[Fact]) -> dict[str, dict[str, object]]:
    """The entries of all names."""
    votes: dict[str, dict[str, frozenset[Source]]] = {}
    for source, (name, distribution) in facts:
        named = votes.setdefault(name, {})
        named[distribution] = named.get(distribution, frozenset()) | {source}
    namespaces = _namespaces(votes)
    return {name: weigh(name, named) for name, named in votes.items() if name not in namespaces}


def _namespaces(votes: Mapping[str, Votes]) -> set[str]:
    """The names that several distributions fill (`google`): who fills a part of one does not provide it. Either one
    source gives it to many, or several are named for what lies below; not where Debian saw code, or where several
    sources agree who provides it (`airflow`)."""
    below: dict[str, set[str]] = {}
    for path, named in votes.items():
        for end in (at for at, character in enumerate(path) if character == "."):
            below.setdefault(path[:end], set()).update(named)
    return {
        name
        for name, named in votes.items()
        if _is_shared(named) or (len(below.get(name, ())) > 1 and not any(map(_is_provided, named.values())))
    }


def _is_shared(named: Votes) -> bool:
    """True when a source that is more than a hint gives the name to many, and Debian does not see it in one alone."""
    claims = Counter(source.package for sources in named.values() for source in sources if source.kind != "collected")
    return claims["debian"] != 1 and max(claims.values(), default=0) >= MANY


def _is_provided(sources: frozenset[Source]) -> bool:
    telling = {source.package for source in sources if source.kind != "collected"}
    return "debian" in telling or len(telling) >= ENOUGH_TO_NAME


def weigh(name: str, named: Votes) -> dict[str, object]:
    """The entry of one name: its first choice if there is one, whether that is sure, and what else is named."""
    weights = {one: sum(WEIGHTS[source.kind] for source in sources) for one, sources in named.items()}
    heaviest = [one for one, weight in weights.items() if weight == max(weights.values())]
    choice = heaviest[0] if len(heaviest) == 1 else _original(name, heaviest, named)
    telling = {
        one: {source.package for source in sources if source.kind != "collected"} for one, sources in named.items()
    }
    fields = {
        "choice": choice,
        "sure": bool(choice and telling[choice]),
        "by": _by_weight(named[choice]) if choice else [],
        "others": sorted(set(named) - {choice}),
        "variants": _variants(choice, named) if choice else [],
        "also": sorted(one for one in named if one != choice and len(telling[one]) >= ENOUGH_TO_NAME),
    }
    return {key: value for key, value in fields.items() if value}


def _by_weight(sources: frozenset[Source]) -> list[str]:
    return list(
        dict.fromkeys(one.package for one in sorted(sources, key=lambda one: (-WEIGHTS[one.kind], one.package)))
    )


def _variants(choice: str, named: Votes) -> list[str]:
    """Those that several sources name together with the choice, and so leave open which. How much each is used leaves
    nothing open."""
    naming = {
        one: {source.package for source in sources if source.kind in ("seen", "reviewed")}
        for one, sources in named.items()
    }
    return sorted(one for one in named if one != choice and len(naming[one] & naming[choice]) >= ENOUGH_TO_NAME)


def _original(name: str, tied: list[str], named: Votes) -> str | None:
    """The one that is called like the import, when more than hints name it, unless one with quite another name was seen
    to provide it, or one is used and it is not. Debian's name for something gives way to the one that is used."""
    kinds = {one: {source.kind for source in named[one]} for one in tied}
    used = [one for one in tied if "used" in kinds[one]]
    if len(used) == 1 and all({source.package for source in named[one]} == {"debian"} for one in set(tied) - set(used)):
        return used[0]
    own = canonicalize_name(name)
    rivals = [one for one in tied if one != own and "seen" in kinds[one] and not one.startswith(own)]
    was_named = bool(kinds.get(own, {"collected"}) - {"collected"})
    return own if was_named and not rivals and (own in used or not used) else None


def _document(entries: Mapping[str, object], sources: list[Source]) -> str:
    """JSON with one entry a line, sorted, so that a newer list is a readable difference."""
    listed = [
        {"package": one.package, "version": one.version, "licence": one.licence, "file": one.file} for one in sources
    ]
    parts = [
        ' "made_by": "scripts/make_import_names.py"',
        f' "sources": [\n{_lines(json.dumps(one) for one in listed)}\n ]',
        f' "names": {{\n{_pairs(entries)}\n }}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _pairs(table: Mapping[str, object]) -> str:
    return _lines(f"{json.dumps(name)}: {json.dumps(table[name])}" for name in sorted(table))


def _lines(items: Iterable[str]) -> str:
    return ",\n".join(f"  {item}" for item in items)


if __name__ == "__main__":
    main()
