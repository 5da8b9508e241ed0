"""Commits our changes of some files to the checked-out branch, and nothing that somebody else changed or staged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from moonmind.missions.adapters.git_cli import HEADS, GitCli
from moonmind.missions.adapters.git_objects import (
    NEW_FILE_MODE,
    Entry,
    Update,
    content_of,
    entries_of,
    make_commit,
    moving,
    store,
)
from moonmind.missions.adapters.index import UserIndex, locked_index
from moonmind.missions.errors import MissionError
from moonmind.missions.ports import Edit

UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""What git keeps in its folder while it is in the middle of something."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What becomes of a file. `content`: in the working tree. `edit`: what is done to other versions of it; None: they
    become the same, as does one that is not committed yet."""

    content: bytes
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class TreeCommit:
    """`before`: what the last commit has at the paths of `wanted`."""

    git: GitCli
    before: Mapping[str, Entry]
    wanted: Mapping[str, Wanted]

    def committed(self) -> dict[str, Entry]:
        """What the new commit has."""
        return {path: self._committed(path, wanted) for path, wanted in self.wanted.items()}

    def staged(self, index: UserIndex, committed: Mapping[str, Entry]) -> dict[str, Entry]:
        """What the user's index gets. Where the user had staged something, that with our edit; what they had staged
        as removed, and what cannot be edited, is left alone."""
        now, changes = index.entries(list(committed)), {}
        for path, entry in committed.items():
            edit = self.wanted[path].edit
            if edit is None or path not in self.before or now.get(path) == self.before[path]:
                changes[path] = entry
            elif path in now and now[path].is_file:
                with suppress(MissionError):
                    changes[path] = self._edited(path, now[path], edit)
        return {path: entry for path, entry in changes.items() if now.get(path) != entry}

    def _committed(self, path: str, wanted: Wanted) -> Entry:
        entry = self.before.get(path)
        if entry is None:
            return Entry(NEW_FILE_MODE, store(self.git.process, wanted.content))
        if wanted.edit is None:
            return Entry(entry.mode, store(self.git.process, wanted.content))
        try:
            return self._edited(path, entry, wanted.edit)
        except MissionError as error:
            reason = f"the last commit's version of {path} cannot be changed: {error}"
            advice = "commit the file, or use --no-auto-commit"
            raise MissionError(error.code, f"{reason}; {advice}", details=error.details) from None

    def _edited(self, path: str, entry: Entry, edit: Edit) -> Entry:
        content = content_of(self.git.process, entry, path)
        return Entry(entry.mode, store(self.git.process, edit(content)))


@contextmanager
def committing(
    git: GitCli, branch: str, wanted: Mapping[str, Wanted], message: str, updates: Sequence[Update]
) -> Iterator[None]:
    """A commit, which the branch names as the block ends well, if there is something to commit; `updates` of other
    branches go with it, all or none. The block writes the files: index and branches are locked around it, and all that
    can be refused is refused before."""
    _check_idle(git)
    with locked_index(git.process, Path(git.places.git_dir)) as index:
        head = git.commit_of(f"{HEADS}{branch}")
        plan = TreeCommit(git, entries_of(git.process, head, list(wanted)), wanted)
        committed = plan.committed()
        if committed == plan.before:
            with moving(git.process, updates):
                yield
            return
        staged = plan.staged(index, committed)
        new = make_commit(git.process, head, committed, message, Path(git.places.git_dir, "moonmind-next"))
        with moving(git.process, [Update(branch, new, head), *updates]):
            yield
            index.replace(staged)


def _check_idle(git: GitCli) -> None:
    for name, doing in UNDER_WAY.items():
        if Path(git.places.git_dir, name).exists():
            raise MissionError(
                "GitIsBusy", f"a {doing} is under way in this repository: end it first, or use --no-auto-commit"
            )
