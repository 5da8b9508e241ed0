"""`moonmind mission new`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from moonmind.missions import reducer
from moonmind.missions.commands import words
from moonmind.missions.commands.session import SPECS, default_ports
from moonmind.missions.commands.writing import path_in_repository
from moonmind.missions.errors import USAGE, MissionError
from moonmind.missions.ids import make_ulid
from moonmind.missions.meta import Meta, Topology, encode_meta, parse_meta
from moonmind.missions.ports import Edit, GitOps, Ports
from moonmind.missions.snapshot import encode_snapshot
from moonmind.missions.templates import ATTRIBUTES, planning_files

_LONGEST_WORDS = 60
_BRANCHES = "missions/"
"""How coordination branches begin for which no other name is asked."""
LOG = "status.events.jsonl"
_NUMBER = re.compile(r"\d{3,5}(?=-)")


def _do_mission_new(
    *, title: str, slug: str | None, topology: Topology, coordination_branch: str | None, target_branch: str | None,
    protected_branches: Sequence[str], as_json: bool, now: str, chance: int, ports: Ports | None = None,
) -> None:  # fmt: skip
    """Raises MissionError, exit 2, for a title or branches that no mission can have."""
    if coordination_branch and topology == "single":
        raise _unusable("--coordination-branch is for --topology coordination")
    here = ports or default_ports(as_json)
    name, target = _words_of(slug or title), _target(here.git, target_branch, topology)
    with here.router.exclusive():
        folder = f"{_next_number(_numbered(here)):03}-{name}"
        meta = Meta(
            mission_id=make_ulid(_milliseconds(now), chance),
            slug=folder,
            title=words.plain(title).strip(),
            created_at=now,
            topology=topology,
            target_branch=target,
            coordination_branch=(coordination_branch or f"{_BRANCHES}{folder}") if topology == "coordination" else None,
            protected_branches=list(dict.fromkeys(protected_branches)),
        )
        _check_unused(here, _checked(meta))
        paths = _write(here, meta)
    _warn_of_missing(here, meta)
    here.render.answer(_document(meta, paths), lambda: _said(meta, paths))


def _check_unused(ports: Ports, meta: Meta) -> None:
    """A log that the branch has already would be this one's."""
    if meta.coordination_branch:
        there = ports.git.commit_of(meta.coordination_branch)
        if ports.git.has_path(there or meta.target_branch, f"{SPECS}/{meta.slug}"):
            where = meta.coordination_branch if there else meta.target_branch
            raise _unusable(
                f"the branch {where} has a mission {meta.slug} already: choose another --slug or "
                "--coordination-branch, or check out where the meta.json of that mission is"
            )


def _write(ports: Ports, meta: Meta) -> list[str]:
    """The files of the repository that are made."""
    ports.router.begin(meta)
    nothing = reducer.reduce_events([], mission_id=meta.mission_id, mission_slug=meta.slug)
    ports.router.commit_status(meta, [], encode_snapshot(nothing), policy="keep")
    message = f"Mission {meta.slug}"
    attributes = {".gitattributes": ATTRIBUTES}
    ports.router.commit_artifact(meta, _whole(attributes), message, kind="status", policy="keep")
    planning = planning_files(meta.title)
    ports.router.commit_artifact(meta, _whole(planning), message, kind="planning", policy="keep")
    itself = {"meta.json": encode_meta(meta)}
    ports.router.commit_artifact(meta, _whole(itself), message, kind="meta", policy="keep")
    return [path_in_repository(meta, path) for path in (*itself, *planning, LOG, "status.json", *attributes)]


def _whole(contents: Mapping[str, bytes]) -> dict[str, Edit]:
    return {path: partial(_become, content) for path, content in contents.items()}


def _become(content: bytes, before: bytes) -> bytes:
    return content


def _words_of(text: str) -> str:
    """Lower-case words with dashes, without accents, not too long for a folder's name."""
    letters = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    found = "-".join(re.findall(r"[a-z0-9]+", letters.replace("'", "")))
    if not found:
        raise _unusable(f"a folder's name cannot be made of `{words.plain(text)}`: give --slug WORDS in Latin letters")
    if len(found) <= _LONGEST_WORDS:
        return found
    head = found[: _LONGEST_WORDS + 1]
    return head[: head.rindex("-")] if "-" in head else head[:_LONGEST_WORDS]


def _numbered(ports: Ports) -> list[str]:
    """What may have taken a number: folders that are no missions too, and missions whose folder is elsewhere but whose
    branch is here."""
    branches = ports.git.branches()
    return [*ports.reader.folders(), *(one.removeprefix(_BRANCHES) for one in branches if one.startswith(_BRANCHES))]


def _next_number(names: Sequence[str]) -> int:
    """One more than the greatest, so that no number is there twice."""
    return max((int(found[0]) for found in map(_NUMBER.match, names) if found), default=0) + 1


def _target(git: GitOps, asked: str | None, topology: Topology) -> str:
    """What is checked out may be a branch without a commit, in a new repository; no other may."""
    checked_out = git.branch()
    branch = asked or checked_out
    if branch is None:
        raise _unusable("no branch is checked out: name the one to merge into with --target-branch")
    if git.commit_of(branch) is None and (branch != checked_out or topology == "coordination"):
        raise _unusable(f"there is no commit on a branch `{branch}`: make a first one, or name another branch")
    return branch


def _checked(meta: Meta) -> Meta:
    """What every later command would refuse is refused now."""
    try:
        return parse_meta(encode_meta(meta), meta.slug)
    except MissionError as error:
        raise _unusable(str(error)) from None


def _warn_of_missing(ports: Ports, meta: Meta) -> None:
    for branch in meta.protected_branches:
        if ports.git.commit_of(branch) is None:
            ports.render.note(f"note: {branch} is protected, and there is no branch of that name yet")


def _milliseconds(now: str) -> int:
    return round(datetime.fromisoformat(now).timestamp() * 1000)


def _document(meta: Meta, paths: Sequence[str]) -> dict[str, Any]:
    return {
        "result": "created",
        "mission_id": meta.mission_id,
        "mission_slug": meta.slug,
        "number": meta.number,
        "path": f"{SPECS}/{meta.slug}",
        "topology": meta.topology,
        "target_branch": meta.target_branch,
        "coordination_branch": meta.coordination_branch,
        "files": list(paths),
    }


def _said(meta: Meta, paths: Sequence[str]) -> str:
    where = f"; its log is on the branch {meta.coordination_branch}" if meta.coordination_branch else ""
    lines = [f"made mission {meta.slug}{where}", *(f"  {path}" for path in paths)]
    return "\n".join([*lines, "next: write spec.md and tasks.md, then `moonmind tasks finalize-tasks`"])


def _unusable(why: str) -> MissionError:
    return MissionError("InvalidMission", why, exit_code=USAGE)
