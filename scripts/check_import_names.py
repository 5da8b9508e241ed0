"""How far the sources of `import_names.json` bear each other out: each is left out, and the rest is asked what it says.

    .venv/bin/python scripts/check_import_names.py

One row a source: of the imports for which it names one distribution, how many the others decide the same way, how many
differently (listed below the table), how many they only hint at, and how many they do not know. "By its name" are those
of the last two that the import's own name would lead to: the planner asks the index for that.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from make_import_names import Fact, read_facts, weigh_all
from packaging.utils import canonicalize_name

COLUMNS = ("imports", "the same", "differently", "hinted", "unknown", "by its name")


def main() -> None:
    """Read the sources once, print the table, then where the others disagree."""
    facts = read_facts()
    packages = list(dict.fromkeys(source.package for source, _ in facts if source.kind != "collected"))
    print(f"| {'source left out':20} | " + " | ".join(COLUMNS) + " |")
    print(f"|{'-' * 22}|" + "|".join("-" * (len(column) + 2) for column in COLUMNS) + "|")
    differing: list[str] = []
    for package in packages:
        counts, others = _without(package, facts)
        print(f"| {package:20} | " + " | ".join(f"{counts[column]:{len(column)}}" for column in COLUMNS) + " |")
        differing += others
    print("\n" + "\n".join(differing))


def _without(package: str, facts: list[Fact]) -> tuple[Counter[str], list[str]]:
    said: dict[str, set[str]] = defaultdict(set)
    for source, (name, distribution) in facts:
        if source.package == package and source.kind != "collected":
            said[name].add(distribution)
    rest = weigh_all(fact for fact in facts if fact[0].package != package)
    counts: Counter[str] = Counter()
    differing: list[str] = []
    for name, (distribution, *several) in said.items():
        if several:
            continue
        entry = rest.get(name, {})
        verdict = _verdict(entry, distribution)
        counts["imports"] += 1
        counts[verdict] += 1
        counts["by its name"] += verdict in ("hinted", "unknown") and canonicalize_name(name) == distribution
        if verdict == "differently":
            differing.append(f"{name}: {package} says {distribution}, {entry['by']} say {entry['choice']}")
    return counts, differing


def _verdict(entry: dict[str, object], distribution: str) -> str:
    if not entry:
        return "unknown"
    if not entry.get("sure"):
        return "hinted"
    return "the same" if entry["choice"] == distribution else "differently"


if __name__ == "__main__":
    main()
