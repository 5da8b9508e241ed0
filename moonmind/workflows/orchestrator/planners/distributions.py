"""Which distribution to add for a missing import: named by the kept data or by the import itself, proven by the index.

The rule, from the surest to the weakest:

1. A reviewed source names one distribution: it is taken when its newest release provides the module.
2. A collected hint (pipreqs) names one: it is taken when it provides the whole dotted path, its name resembles the
   import, and no distribution of the import's own name provides it as well.
3. Nothing is known: the distribution of the import's own name is taken when it provides the whole path and has at least
   FEWEST_RELEASES releases (ESTABLISHED when its name looks like a slip for a known one). Names that programs give
   their own modules (`utils`) are not asked for.

Of a dotted path the top is asked for first: who owns `celery` owns `celery.schedules`, whoever else packs a copy of it.
Whatever else provides the module is shown, not added; the instruction may name one of those shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners import NoSafeEditError, Remembered
from moonmind.workflows.orchestrator.planners.import_names import KnownName, known_names, reviewed_words, same_named
from moonmind.workflows.orchestrator.planners.memory import prefer
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM
from moonmind.workflows.orchestrator.planners.spelling import is_slip
from moonmind.workflows.orchestrator.planners.statements import Wanted
from moonmind.workflows.orchestrator.ports import PackageIndex, Release

FEWEST_RELEASES = 3
"""Of a distribution that nobody has reviewed: names are squatted with one or two uploads, used projects go on."""

ESTABLISHED = 10
"""Releases after which a name that is one letter off a known one is a project of its own (`pymssql`, `pymysql`)."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A proven distribution and the sentence that says what the proof is."""

    release: Release
    proof: str


def candidates(wanted: Wanted) -> list[str]:
    """Every distribution that may be asked about, in the order in which they are; none twice."""
    return list(dict.fromkeys(name for path in reversed(wanted.paths) for name in _named_for(path, wanted)))


def choose(
    wanted: Wanted,
    index: PackageIndex,
    *,
    python: str | None,
    instruction: str = "",
    remembered: Sequence[Remembered] = (),
) -> Chosen:
    """The distribution to add; of several, the one that repaired the same failure before. Raises NoSafeEditError with
    the candidates, or what else a person would look at."""
    if sure := _reviewed_choice(wanted):
        path, known = sure
        release = index.newest(known.choice, python=python) if known.choice else None
        if release is not None and _provides(release, wanted.paths):
            return Chosen(release, _proof(release, path, f"named in the lists of {', '.join(known.by)}"))
    _refuse_unlikely(wanted)
    proven = _first_proven(wanted, index, python)
    named = [release for release in proven if _is_named(release, wanted, instruction)]
    if len(named) == 1:
        return Chosen(named[0], _proof(named[0], wanted.module, "named by the instruction"))
    return _only(proven, wanted, remembered)


def _named_for(path: str, wanted: Wanted) -> list[str]:
    """What to ask for at one level of the dotted path. Above the module itself, a long list without a choice is the
    membership of a namespace (`azure`), of which the deeper levels know more."""
    known = known_names().get(path, KnownName())
    names = known.candidates if path == wanted.module else ([known.choice] if known.choice else [])
    return list(dict.fromkeys([*names, same_named(path)]))


def _first_proven(wanted: Wanted, index: PackageIndex, python: str | None) -> list[Release]:
    """The releases of the first level, from the top down, at which any provides the whole path."""
    for path in reversed(wanted.paths):
        found = _releases(_named_for(path, wanted), index, python)
        if proven := [release for release in found if _provides_whole(release, wanted)]:
            return proven
    return []


def _reviewed_choice(wanted: Wanted) -> tuple[str, KnownName] | None:
    known = known_names()
    return next(((path, known[path]) for path in wanted.paths if path in known and known[path].sure), None)


def _refuse_unlikely(wanted: Wanted) -> None:
    top = wanted.missing.partition(".")[0]
    if top in BY_CUSTOM:
        raise NoSafeEditError(
            f"`{top}` is what programs call a module of their own: it is missing from the image or the program starts "
            "in another folder; no package is looked up for it"
        )


def _only(proven: list[Release], wanted: Wanted, remembered: Sequence[Remembered]) -> Chosen:
    if not proven:
        if meant := _known_name_meant(wanted):
            raise NoSafeEditError(f"`{wanted.missing}` looks like a misspelling of `{meant}`: correct the import")
        names = ", ".join(candidates(wanted))
        raise NoSafeEditError(f"no distribution was found that provides `{wanted.module}` (asked for: {names})")
    proven = [release for release in proven if release.releases >= FEWEST_RELEASES] or proven
    preferred = prefer(proven, remembered, lambda release: release.name) if len(proven) > 1 else None
    proven = [preferred] if preferred else proven
    if len(proven) > 1:
        shown = ", ".join(f"{release.name} {release.version}" for release in proven)
        raise NoSafeEditError(f"several distributions provide `{wanted.module}`: {shown}. Name the right one")
    (release,) = proven
    if (reason := _doubt(release, wanted)) is not None:
        raise NoSafeEditError(
            f"{release.name} {release.version} provides `{wanted.module}`, but {reason}: add it yourself if it is meant"
        )
    source = "of several, the one that repaired this before" if preferred else "the only one found"
    return Chosen(release, _proof(release, wanted.module, source))


def _doubt(release: Release, wanted: Wanted) -> str | None:
    if not _resembles(release.name, wanted.module):
        return "nobody has reviewed it and its name is quite another"
    if release.releases < FEWEST_RELEASES:
        return f"nobody has reviewed it and the index has only {release.releases} of its releases"
    if release.releases < ESTABLISHED and (meant := _known_name_meant(wanted)):
        return f"the name looks like a misspelling of `{meant}`"
    return None


def _known_name_meant(wanted: Wanted) -> str | None:
    top = wanted.missing.partition(".")[0]
    if top in known_names():
        return None
    return next((one for one in sorted(reviewed_words()) if is_slip(top, one)), None)


def _resembles(distribution: str, module: str) -> bool:
    name, path = (re.sub(r"[^a-z0-9]", "", text.lower()) for text in (distribution, module))
    return path in name or name in path


def _is_named(release: Release, wanted: Wanted, instruction: str) -> bool:
    """True when the instruction names the distribution, and not merely the import that has the same name."""
    words = {canonicalize_name(word.strip(".-_")) for word in re.findall(r"[A-Za-z0-9._-]+", instruction)}
    name = canonicalize_name(release.name)
    return name in words and name not in {
        same_named(path) for path in (*wanted.paths, wanted.missing.partition(".")[0])
    }


def _releases(names: Iterable[str], index: PackageIndex, python: str | None) -> list[Release]:
    found = (index.newest(name, python=python) for name in names)
    return [release for release in found if release is not None]


def _provides(release: Release, paths: tuple[str, ...]) -> bool:
    """True when the release holds what is missing, or a part of it that the statement names; what lies inside a
    regular module may be made at run time (`six.moves`)."""
    return any(path in release.modules for path in paths)


def _provides_whole(release: Release, wanted: Wanted) -> bool:
    return wanted.module in release.modules or (wanted.name is not None and wanted.paths[0] in release.modules)


def _proof(release: Release, path: str, source: str) -> str:
    return f"{release.name} {release.version} provides `{path}` (seen in the index's list of its files; {source})"
