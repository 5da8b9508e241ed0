"""Where each kind of artifact is read and written, and who may write what where: both are tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from moonmind.missions.meta import Meta, Topology

Kind = Literal["meta", "planning", "package", "status", "review"]
"""`meta.json`; `spec.md`, `plan.md` and `tasks.md`; `tasks/WPxx-name.md`; the events and their snapshot; the
review-cycle files."""

Place = Literal["tree", "coordination"]
"""The working tree, or the coordination branch, which is never checked out for it."""

_PLACES: Mapping[tuple[Topology, Kind], Place] = {
    ("single", "meta"): "tree",
    ("single", "planning"): "tree",
    ("single", "package"): "tree",
    ("single", "status"): "tree",
    ("single", "review"): "tree",
    ("coordination", "meta"): "tree",
    ("coordination", "planning"): "tree",
    ("coordination", "package"): "tree",
    ("coordination", "status"): "coordination",
    ("coordination", "review"): "coordination",
}

Writer = Literal["move-task", "mark-status", "map-requirements"]
"""The commands that commit."""

Policy = Literal["commit", "keep", "skip", "refuse"]
"""Of what lies in the working tree: `commit` it to the checked-out branch; `keep` it there uncommitted
(`--no-auto-commit`); `skip` writing it; `refuse` the command."""

_ON_A_PROTECTED_BRANCH: Mapping[tuple[Topology, Writer], Policy] = {
    ("single", "move-task"): "refuse",
    ("single", "mark-status"): "refuse",
    ("single", "map-requirements"): "refuse",
    ("coordination", "move-task"): "skip",
    ("coordination", "mark-status"): "refuse",
    ("coordination", "map-requirements"): "refuse",
}
"""To have all commands alike is one line here."""


def place_of(kind: Kind, topology: Topology) -> Place:
    """Where artifacts of this kind are read and written."""
    return _PLACES[topology, kind]


class Branches(msgspec.Struct, frozen=True):
    """`checked_out`: None when HEAD is detached."""

    checked_out: str | None
    meta: Meta

    @property
    def is_protected(self) -> bool:
        """True when nothing may be committed to what is checked out: a protected branch, or none."""
        return self.checked_out is None or self.checked_out in self.meta.protected_branches


def decide_policy(writer: Writer, branches: Branches, *, auto_commit: bool) -> Policy:
    """What becomes of the files in the working tree. Without auto-commit a `single` mission's are kept; what a
    protected branch holds in coordination topology is left alone either way."""
    if branches.is_protected and (auto_commit or branches.meta.topology == "coordination"):
        return _ON_A_PROTECTED_BRANCH[branches.meta.topology, writer]
    return "commit" if auto_commit else "keep"
