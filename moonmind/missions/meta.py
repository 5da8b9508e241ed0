"""`meta.json`: what makes a folder a mission."""

from typing import Annotated, Literal

import msgspec

from moonmind.missions.errors import MissionError
from moonmind.missions.events import Moment, Ulid
from moonmind.missions.ids import BRANCH, SLUG

Topology = Literal["single", "coordination"]
"""`single`: all of a mission lies in the working tree. `coordination`: events, snapshot and review cycles lie on a
branch of their own, so that many working trees share one truth and a protected primary branch stays as it is."""

Branch = Annotated[str, msgspec.Meta(pattern=BRANCH.pattern, max_length=200)]


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`target_branch`: the primary branch, into which the work is merged. `protected_branches`: those to which no
    command commits."""

    mission_id: Ulid
    slug: Annotated[str, msgspec.Meta(pattern=SLUG.pattern, max_length=100)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    created_at: Moment
    topology: Topology
    target_branch: Branch
    coordination_branch: Branch | None
    protected_branches: list[Branch]

    @property
    def number(self) -> int:
        """The mission's number, of its folder's name."""
        return int(self.slug.partition("-")[0])


def parse_meta(content: bytes, folder: str) -> Meta:
    """Raises MissionError `BrokenMeta` that names the key. `folder`: the name of the folder that the file lies in."""
    try:
        meta = msgspec.json.decode(content, type=Meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(folder, str(error)) from None
    if meta.slug != folder:
        raise _broken(folder, f"its slug is `{meta.slug}`, and its folder is called `{folder}`")
    if (meta.topology == "coordination") != (meta.coordination_branch is not None):
        raise _broken(folder, "`coordination_branch` is named exactly where the topology is `coordination`")
    if meta.coordination_branch == meta.target_branch:
        raise _broken(folder, "`coordination_branch` and `target_branch` are two branches")
    if meta.coordination_branch in meta.protected_branches:
        raise _broken(folder, "`coordination_branch` is protected, and every command commits to it")
    return meta


def encode_meta(meta: Meta) -> bytes:
    """For people and git: indented, keys in the order of the class."""
    return msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n"


def _broken(folder: str, why: str) -> MissionError:
    return MissionError("BrokenMeta", f"specs/{folder}/meta.json: {why}: correct it")
