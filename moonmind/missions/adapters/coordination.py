"""A branch that holds what all working trees share: read and written without being checked out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moonmind.missions.adapters.files import checked
from moonmind.missions.adapters.git_cli import HEADS, GitCli
from moonmind.missions.adapters.git_objects import (
    NEW_FILE_MODE,
    Entry,
    Update,
    content_of,
    entries_of,
    has_contents,
    make_commit,
    refuse_filtered,
    store,
)
from moonmind.missions.errors import MissionError
from moonmind.missions.meta import Meta


@dataclass(frozen=True, slots=True)
class CoordinationBranch:
    """`start`: what it is made from. Names of files are from the repository's top."""

    git: GitCli
    name: str
    start: str

    def head(self) -> str:
        """Its commit. Raises MissionError `CoordinationBranchMissing` with the command that makes it."""
        if commit := self.tip():
            return commit
        command = shlex.join(("git", "branch", self.name, self.start))
        raise MissionError(
            "CoordinationBranchMissing",
            f"the coordination branch {self.name} is not in this repository: fetch it "
            f"(git fetch origin {shlex.quote(f'{self.name}:{self.name}')}), or where there is none yet: {command}",
            details={"branch": self.name, "command": command},
        )

    def read(self, name: str) -> bytes | None:
        """A file's content; None when there is none."""
        return self.read_at(self._ref, name)

    def read_at(self, commit: str | None, name: str) -> bytes | None:
        """The same of a commit that is known already."""
        entry = self._entries(commit, checked(name)).get(name)
        return content_of(self.git.process, entry, f"{self.name}:{name}") if entry else None

    def names(self, folder: str) -> list[str]:
        """The files in a folder, sorted, without hidden ones."""
        entries = self._entries(self._ref, f"{checked(folder)}/")
        found = (path.rpartition("/")[2] for path, entry in entries.items() if entry.is_file)
        return sorted(name for name in found if not name.startswith("."))

    def tip(self) -> str | None:
        """Its commit; None where it is not made yet."""
        return self.git.commit_of(self._ref)

    def first_base(self) -> str | None:
        """What its first commit is made onto."""
        return self.git.commit_of(self.start)

    def prepare(
        self, base: str | None, contents: Mapping[str, bytes], message: str, *, old: str | None
    ) -> Update | None:
        """A commit of new contents onto `base`, which the branch does not name yet; None when it has them already.
        `old`: what the branch was seen to name, so that nobody's commit since then is lost."""
        git, before = self.git.process, entries_of(self.git.process, base, list(contents))
        entries = {path: Entry(_mode(before.get(path)), store(git, content)) for path, content in contents.items()}
        if entries == before:
            return None
        self._check_not_checked_out()
        refuse_filtered(git, list(contents))
        new = make_commit(git, base, entries, message, Path(self.git.places.git_dir, "moonmind-next"))
        return Update(self.name, new, old)

    def check(self, contents: Mapping[str, bytes]) -> None:
        """Reads back what was committed. Raises MissionError `NotCommitted`."""
        if not has_contents(self.git.process, self._ref, contents):
            raise MissionError(
                "NotCommitted", f"what was committed to {self.name} is not what can be read: see git fsck"
            )

    @property
    def _ref(self) -> str:
        return f"{HEADS}{self.name}"

    def _entries(self, commit: str | None, path: str) -> dict[str, Entry]:
        try:
            return entries_of(self.git.process, commit, [path])
        except MissionError:
            self.head()  # says it better when there is no branch
            raise

    def _check_not_checked_out(self) -> None:
        asked = ("for-each-ref", "--format=%(refname) %(worktreepath)", self._ref)
        _, _, folder = self.git.process.text(*asked).partition(" ")
        if folder:
            raise MissionError(
                "CoordinationBranchCheckedOut",
                f"{self.name} is checked out in {folder}, where its files would seem to be changed back: "
                "check out another branch there",
            )


def _mode(before: Entry | None) -> str:
    return before.mode if before else NEW_FILE_MODE


def coordination_of(git: GitCli, meta: Meta) -> CoordinationBranch:
    """Of a mission with that topology."""
    assert meta.coordination_branch
    return CoordinationBranch(git, meta.coordination_branch, meta.target_branch)
