"""Which distribution to add for a missing import: named by the kept data or by the import itself, proven by the index.

The rule, from the surest to the weakest:

1. The instruction names one of those that the data knows or the import suggests: taken when it provides the import.
2. What was seen or reviewed names one: it is taken when a release of it provides the module, the newest or, when that
   has it no more, the newest that has. When pip would have to build it, and exactly one of the others that several
   sources name comes built and provides it too, that one is taken (`psycopg2-binary`). When the sources themselves name
   several together, the plain name is the project's own first choice, and its other builds (`opencv-python-headless` of
   `opencv-python`) are said with it; among names that do not extend one another a person chooses.
3. A collected hint (pipreqs, the advice of released programs) names one: it is taken when it provides the whole dotted
   path, its name resembles the import or reviewed lists know it for others, and no established one of the import's own
   name provides it as well.
4. Nothing is known: the distribution of the import's own name is taken when it provides the whole path.

Names that programs give their own modules (`utils`) are asked for only when the instruction says so. What only Debian,
only conda-forge, a hint or the name itself speaks for must have some standing in the index (`standing`), more when
nothing but the import's own name was there to find it by, or when it looks like a slip for a known one. Whatever else
provides the module is shown, not added.

Of a dotted path the top is asked for first: who owns `celery` owns `celery.schedules`, whoever else packs a copy of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.utils import canonicalize_name

from moonmind.workflows.orchestrator.planners import NoSafeEditError, Remembered
from moonmind.workflows.orchestrator.planners.import_names import (
    KnownName,
    known_names,
    meant_by,
    reviewed_words,
    same_named,
)
from moonmind.workflows.orchestrator.planners.memory import prefer
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM
from moonmind.workflows.orchestrator.planners.releases import Provided, find_release
from moonmind.workflows.orchestrator.planners.standing import doubt_about, fewest_releases, is_long_lived
from moonmind.workflows.orchestrator.planners.statements import Wanted
from moonmind.workflows.orchestrator.ports import PackageIndex, Release

_PYTHONS = re.compile(r"^(?:python|py)")
"""What distributions put before a name and imports leave out, or the other way round."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A proven distribution and the sentence that says what the proof is. `lost_in`: see `releases.Provided`."""

    release: Release
    proof: str
    lost_in: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What an answer depends on besides the import: the index, the Python ("3.11") to install for, the time, what was
    done about the same failure before, and the top levels of what the service imports `beside` it."""

    index: PackageIndex
    python: str | None
    now: datetime | None = None
    remembered: Sequence[Remembered] = ()
    beside: frozenset[str] = frozenset()


def candidates(wanted: Wanted) -> list[str]:
    """Every distribution that may be asked about, in the order in which they are; none twice."""
    return list(dict.fromkeys(name for path in reversed(wanted.paths) for name in _named_for(path, wanted)))


def expected(wanted: Wanted) -> list[str]:
    """The distributions of which one provides the import if it is there at all: the sure ones, else all candidates."""
    if owner := _owner_of(wanted):
        return [owner]
    sure = _reviewed_choice(wanted)
    return [*([sure[1].choice] if sure[1].choice else []), *sure[1].others] if sure else candidates(wanted)


def choose(wanted: Wanted, asking: Asking, instruction: str = "") -> Chosen:
    """The distribution to add. Raises NoSafeEditError with the candidates, or what else a person would look at."""
    if named := _named_choice(wanted, asking, instruction):
        return named
    _refuse_unlikely(wanted)
    if owner := _owner_of(wanted):
        return _part_of(owner, wanted, asking)
    sure = _reviewed_choice(wanted)
    if sure and (chosen := _sure_choice(wanted, *sure, asking)):
        return chosen
    return _only(_first_proven(wanted, asking), wanted, asking, sure[1] if sure else _hinted(wanted))


def _named_choice(wanted: Wanted, asking: Asking, instruction: str) -> Chosen | None:
    """What the instruction names, and not merely as the import that has the same name."""
    words = {canonicalize_name(word.strip(".-_")) for word in re.findall(r"[A-Za-z0-9._-]+", instruction)}
    imports = {same_named(path) for path in (*wanted.paths, wanted.missing.partition(".")[0])}
    names = [name for name in candidates(wanted) if name in words - imports]
    if len(names) != 1:
        return None
    release = asking.index.newest(names[0], python=asking.python)
    if release is None or not _provides_whole(release, wanted):
        return None
    return Chosen(release, _proof(release, wanted.module, "named by the instruction"))


def _sure_choice(wanted: Wanted, path: str, known: KnownName, asking: Asking) -> Chosen | None:
    choice = known.choice or ""
    _refuse_what_another_brings(wanted, known, asking)
    provided = find_provided(choice, wanted, asking)
    if provided is None:
        _refuse_elsewhere(wanted, choice, asking)
        return None
    why = f"named by {', '.join(known.by)}"
    if _must_be_built(provided.release):
        others = [other for name in known.also if (other := find_provided(name, wanted, asking))]
        built = [other for other in others if other.lost_in is None and not _must_be_built(other.release)]
        if len(built) == 1:
            source = f"named by several lists; {choice} provides it too, but would have to be built"
            return Chosen(built[0].release, _proof(built[0].release, path, source))
    why += _other_builds(provided.release, known, wanted, asking)
    if known.is_one_collections:
        offers = asking.index.offers(choice, python=asking.python)
        fewest = fewest_releases(choice, path, known)
        if reason := doubt_about(provided.release, offers, now=asking.now, fewest=fewest):
            raise NoSafeEditError(_shown(provided.release, wanted, reason))
    return Chosen(provided.release, _proof(provided.release, path, why), provided.lost_in)


def _refuse_what_another_brings(wanted: Wanted, known: KnownName, asking: Asking) -> None:
    """What few name is not taken where another one that is named for it too belongs to something imported beside it:
    then that one is meant (`atom` beside `gdata`)."""
    if known.is_widely_known:
        return
    brought = {known_names()[name].choice for name in asking.beside if name in known_names()}
    if others := [name for name in known.others if name in brought]:
        raise NoSafeEditError(
            f"`{wanted.module}` may be of {known.choice} or of {', '.join(others)}, from which the service imports "
            "something else too: name the right one in the instruction"
        )


def _owner_of(wanted: Wanted) -> str | None:
    """The distribution that surely holds what the missing module is a part of: Python names a dotted module only when
    what is above it could be imported, so the distribution is there, and nobody else's is looked for."""
    if _reviewed_choice(wanted):
        return None
    parts, known = wanted.missing.split("."), known_names()
    above = (".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1))
    return next((known[path].choice for path in above if path in known and known[path].sure), None)


def _part_of(owner: str, wanted: Wanted, asking: Asking) -> Chosen:
    whole = find_release(owner, lambda release: _provides_whole(release, wanted), asking.index, python=asking.python)
    if whole is None:
        raise NoSafeEditError(
            f"no release of {owner} that was looked at provides `{wanted.module}`: correct the import, or see what "
            f"{owner}'s change log says of it"
        )
    return Chosen(whole.release, _proof(whole.release, wanted.module, f"{owner} holds what is above it"), whole.lost_in)


def _other_builds(release: Release, known: KnownName, wanted: Wanted, asking: Asking) -> str:
    """What is said of a project's other builds that provide the import too; empty when there are none.

    Raises NoSafeEditError for one that is no build of the same project by its name.
    """
    found = [find_provided(name, wanted, asking) for name in known.variants]
    others = [one.release for one in found if one is not None and one.lost_in is None]
    if any(not canonicalize_name(one.name).startswith(f"{canonicalize_name(release.name)}-") for one in others):
        raise NoSafeEditError(_several([release, *others], wanted))
    return f"; {', '.join(one.name for one in others)} is another build of it" if others else ""


def find_provided(name: str, wanted: Wanted, asking: Asking) -> Provided | None:
    """A release that provides the whole path; else the newest, when that has at least what is missing."""
    found = find_release(name, lambda release: _provides_enough(release, wanted), asking.index, python=asking.python)
    if found is not None:
        return found
    newest = asking.index.newest(name, python=asking.python)
    return Provided(newest) if newest is not None and any(path in newest.modules for path in wanted.paths) else None


def _refuse_elsewhere(wanted: Wanted, choice: str, asking: Asking) -> None:
    """What the sure distribution provides elsewhere is not looked for under names that anybody can take."""
    offers = asking.index.offers(choice, python=asking.python)
    if offers and not any(one.installable for one in offers):
        raise NoSafeEditError(
            f"`{wanted.missing}` is a module of {choice}, of which the index has no release that this Python on this "
            "system can install: use another Python or system, or do without it"
        )


def _named_for(path: str, wanted: Wanted) -> list[str]:
    """What to ask for at one level of the dotted path. Above the module itself, a long list without a choice is the
    membership of a namespace (`azure`), of which the deeper levels know more."""
    known = known_names().get(path, KnownName())
    names = known.candidates if path == wanted.module else ([known.choice] if known.choice else [])
    return list(dict.fromkeys([*names, same_named(path)]))


def _first_proven(wanted: Wanted, asking: Asking) -> list[Release]:
    """The releases of the first level, from the top down, at which any provides the whole path."""
    for path in reversed(wanted.paths):
        found = _releases(_named_for(path, wanted), asking)
        if proven := [release for release in found if _provides_whole(release, wanted)]:
            return proven
    return []


def _reviewed_choice(wanted: Wanted) -> tuple[str, KnownName] | None:
    known = known_names()
    return next(((path, known[path]) for path in wanted.paths if path in known and known[path].sure), None)


def _hinted(wanted: Wanted) -> KnownName:
    known = known_names()
    return next((known[path] for path in wanted.paths if path in known), KnownName())


def _refuse_unlikely(wanted: Wanted) -> None:
    top = wanted.missing.partition(".")[0]
    if top in BY_CUSTOM:
        raise NoSafeEditError(
            f"`{top}` is what programs call a module of their own: it is missing from the image or the program starts "
            "in another folder; no package is looked up for it"
        )


def _only(proven: list[Release], wanted: Wanted, asking: Asking, known: KnownName) -> Chosen:
    if not proven:
        raise NoSafeEditError(_nothing_found(wanted))
    lasting = [one for one in proven if one.releases >= fewest_releases(one.name, wanted.module, known)]
    proven = lasting or proven
    preferred = prefer(proven, asking.remembered, lambda release: release.name) if len(proven) > 1 else None
    proven = [preferred] if preferred else proven
    if len(proven) > 1:
        raise NoSafeEditError(_several(proven, wanted))
    (release,) = proven
    if (reason := doubt(release, wanted, asking, known)) is not None:
        raise NoSafeEditError(_shown(release, wanted, reason))
    source = "of several, the one that repaired this before" if preferred else "the only one found"
    return Chosen(release, _proof(release, wanted.module, source))


def _nothing_found(wanted: Wanted) -> str:
    if meant := meant_by(wanted.missing):
        return f"`{wanted.missing}` looks like a misspelling of `{meant}`: correct the import"
    return f"no distribution was found that provides `{wanted.module}` (asked for: {', '.join(candidates(wanted))})"


def doubt(release: Release, wanted: Wanted, asking: Asking, known: KnownName) -> str | None:
    """Why a distribution that provides the import is only shown, when nobody has reviewed that it is the one; None when
    nothing speaks against it."""
    if known.sure and canonicalize_name(release.name) not in known.candidates:
        return f"the lists name {known.choice} for it"
    if not _resembles(release.name, wanted.module) and not _is_hinted_and_reviewed(release, known):
        return "nobody has reviewed it and its name is quite another"
    offers = asking.index.offers(release.name, python=asking.python)
    if (meant := meant_by(wanted.missing)) and not is_long_lived(offers, now=asking.now):
        return f"the name looks like a misspelling of `{meant}`"
    fewest = fewest_releases(release.name, wanted.module, known)
    reason = doubt_about(release, offers, now=asking.now, fewest=fewest)
    return f"nobody has reviewed it and {reason}" if reason else None


def _is_hinted_and_reviewed(release: Release, known: KnownName) -> bool:
    """A hint names it for this import, and reviewed lists know the distribution for others (`peewee`, of `pwiz`)."""
    name = canonicalize_name(release.name)
    return name in known.candidates and name in reviewed_words()


def _resembles(distribution: str, module: str) -> bool:
    name, path = (_PYTHONS.sub("", re.sub(r"[^a-z0-9]", "", text.lower())) for text in (distribution, module))
    return bool(name and path) and (path in name or name in path)


def _releases(names: Iterable[str], asking: Asking) -> list[Release]:
    found = (asking.index.newest(name, python=asking.python) for name in names)
    return [release for release in found if release is not None]


def _must_be_built(release: Release) -> bool:
    return release.file is not None and not release.file.endswith(".whl")


def _provides_enough(release: Release, wanted: Wanted) -> bool:
    """The whole path; or its top, when that is a single file, which makes what is below at run time (`six.moves`)."""
    top = wanted.paths[-1]
    is_file = top in release.modules and not any(one.startswith(f"{top}.") for one in release.modules)
    return is_file or _provides_whole(release, wanted)


def _provides_whole(release: Release, wanted: Wanted) -> bool:
    return wanted.module in release.modules or (wanted.name is not None and wanted.paths[0] in release.modules)


def _several(releases: Iterable[Release], wanted: Wanted) -> str:
    shown = ", ".join(f"{release.name} {release.version}" for release in releases)
    return f"several distributions provide `{wanted.module}`: {shown}. Name the right one"


def _shown(release: Release, wanted: Wanted, reason: str) -> str:
    return f"{release.name} {release.version} provides `{wanted.module}`, but {reason}: add it yourself if it is meant"


def _proof(release: Release, path: str, source: str) -> str:
    seen = f"seen in {release.file}" if release.file else "seen in the index's list of its files"
    return f"{release.name} {release.version} provides `{path}` ({seen}; {source})"
