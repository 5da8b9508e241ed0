"""What the commands that write share: who acts, which package, what may be written, and how its file is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from moonmind.missions import reducer
from moonmind.missions.board import Board, Package
from moonmind.missions.documents import front_matter
from moonmind.missions.documents.packages import FrontMatter
from moonmind.missions.errors import MissionError
from moonmind.missions.events import Event
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Branches, Policy, Writer, decide_policy
from moonmind.missions.ports import Edit, FsReader, GitOps, Render
from moonmind.missions.snapshot import Snapshot

Change = Callable[[FrontMatter], Mapping[str, object]]
"""From what a package's front matter says to the fields that are set."""


def path_in_repository(meta: Meta, path: str) -> str:
    """Of a path below the mission's folder."""
    return f"specs/{meta.slug}/{path}"


def find_package(board: Board, wp_id: str) -> Package:
    """Raises MissionError `UnknownWorkPackage` that names those that there are."""
    if package := board.packages.get(wp_id):
        return package
    there = ", ".join(board.packages) or "none"
    raise MissionError(
        "UnknownWorkPackage",
        f"{board.meta.slug} has no file tasks/{wp_id}-….md. Packages with a file: {there}",
        details={"task_id": wp_id},
    )


def find_policy(writer: Writer, meta: Meta, git: GitOps, *, auto_commit: bool) -> Policy:
    """Raises MissionError `ProtectedBranch` where the command may write nothing."""
    branches = Branches(git.branch(), meta)
    policy = decide_policy(writer, branches, auto_commit=auto_commit)
    if policy != "refuse":
        return policy
    where = f"`{branches.checked_out}` is protected" if branches.checked_out else "HEAD is detached"
    hint = "" if meta.topology == "coordination" else ", or leave the files uncommitted with --no-auto-commit"
    raise MissionError(
        "ProtectedBranch", f"{where}, and {writer} would commit to it: check out a branch of your own{hint}"
    )


def note_uncommitted(meta: Meta, policy: Policy, render: Render) -> None:
    """After something was written."""
    if policy == "keep":
        render.note(f"left uncommitted, as asked: git add specs/{meta.slug} && git commit")


def find_actor(git: GitOps) -> str:
    """Who acts where a command has no `--agent`. Raises MissionError `ActorRequired`."""
    if name := git.user_name():
        return name
    raise MissionError("ActorRequired", "nobody is known to act: say who with `git config user.name NAME`")


def reduce_with(board: Board, events: list[Event]) -> Snapshot:
    """What the log will amount to."""
    everything = [*board.events, *events]
    return reducer.reduce_events(everything, mission_id=board.meta.mission_id, mission_slug=board.meta.slug)


def total_edit(content: bytes, edit: Edit) -> Edit:
    """The edit, proven on the working tree's `content`: raises MissionError, before anything is written, when it cannot
    be made there. Where another version of the file, the last commit's, is broken, the working tree's goes in whole."""
    changed = edit(content)

    def total(other: bytes) -> bytes:
        try:
            return edit(other)
        except MissionError:
            return changed

    return total


def package_edit(reader: FsReader, meta: Meta, path: str, change: Change) -> Edit:
    """How a package's file is changed; after it, it is a package's file still."""
    name = path_in_repository(meta, path)

    def edit(content: bytes) -> bytes:
        changed = front_matter.set_fields(content, change(front_matter.parse_front_matter(content, name)))
        front_matter.parse_front_matter(changed, name)
        return changed

    return total_edit(reader.read(meta, "package", path) or b"", edit)
