"""Front matter of `tasks/WPxx-name.md`: what its keys are. Reading and changing the text: `front_matter`."""

from typing import Annotated

import msgspec

from moonmind.missions.events import ExecutionMode, WorkPackageId

Line = Annotated[str, msgspec.Meta(max_length=500)]


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that somebody wants to be read later."""

    at: str
    note: Annotated[str, msgspec.Meta(max_length=4000)]
    agent: Line | None = None
    shell_pid: str | None = None


class FrontMatter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a work package; all but the first two may be left out, any other is an error that names it.

    `dependencies` and `subtasks` stand in `tasks.md`, which is their one source; here they are a view of it that
    `finalize-tasks` writes, and None means that it was not written yet.
    """

    work_package_id: WorkPackageId
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    dependencies: list[WorkPackageId] | None = None
    requirement_refs: list[Line] = []
    tracker_refs: list[Line] = []
    subtasks: list[Line] | None = None
    execution_mode: ExecutionMode = "code_change"
    owned_files: list[Line] = []
    agent: Line | None = None
    assignee: Line | None = None
    shell_pid: str | None = None
    history: list[HistoryEntry] = []

    def __post_init__(self) -> None:
        """git refuses to look there, and nobody else would see that. Raises ValueError, with the key as msgspec has
        it."""
        for pattern in self.owned_files:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise ValueError(
                    f"`{pattern}` may lie outside of the repository: write it as seen from its top folder, without a "
                    "leading `/` and without `..` - at `$.owned_files`"
                )
