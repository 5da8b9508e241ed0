"""What waits for what. Works through lists, not by recursion: a thousand packages in a row are no problem.

`dependencies`: by package, those it waits for. One that is no key of it waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def find_cycle(dependencies: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """The first circle, each waiting for the next, the last being the first again; None when there is none."""
    finished: set[str] = set()
    for wp_id in dependencies:
        cycle = _cycle_from(wp_id, dependencies, finished)
        if cycle:
            return cycle
    return None


def dependents_of(dependencies: Mapping[str, Sequence[str]], wp_id: str) -> tuple[str, ...]:
    """Those that name it, in the order of the mapping."""
    return tuple(other for other, waits_for in dependencies.items() if wp_id in waits_for)


def everything_before(dependencies: Mapping[str, Sequence[str]], wp_id: str) -> frozenset[str]:
    """What must be done before it, by whatever way; itself too when it is part of a circle."""
    before: set[str] = set()
    ahead = list(dependencies.get(wp_id, ()))
    while ahead:
        one = ahead.pop()
        if one not in before:
            before.add(one)
            ahead.extend(dependencies.get(one, ()))
    return frozenset(before)


def _cycle_from(start: str, dependencies: Mapping[str, Sequence[str]], finished: set[str]) -> tuple[str, ...] | None:
    """Depth first. `finished`: packages behind which there is no circle; it grows."""
    way: dict[str, Iterator[str]] = {} if start in finished else {start: iter(dependencies[start])}
    while way:
        here = next(reversed(way))
        following = next(way[here], None)
        if following is None:
            way.popitem()
            finished.add(here)
        elif following in way:
            names = list(way)
            return (*names[names.index(following) :], following)
        elif following not in finished:
            way[following] = iter(dependencies.get(following, ()))
    return None
