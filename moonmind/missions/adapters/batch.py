"""All that one writer asks for, done as one: a commit a branch, and everything that can be refused before the first."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

from moonmind.missions.adapters.coordination import CoordinationBranch
from moonmind.missions.adapters.files import Files
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.adapters.git_objects import Update, moving, refuse_filtered
from moonmind.missions.adapters.tree_commit import Wanted, committing
from moonmind.missions.errors import MissionError
from moonmind.missions.placement import Policy
from moonmind.missions.ports import Edit


@dataclass(slots=True)
class TreeChanges:
    """Of the working tree. `wanted`: by path, what is committed; `written` and `appended`: what the files get."""

    files: Files
    policy: Policy
    message: str
    wanted: dict[str, Wanted] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    appended: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """The file as it stands."""
        return self.files.read(path)

    def append(self, path: str, before: bytes, lines: bytes) -> None:
        """All of the file is committed."""
        self._want({path: Wanted(before + lines)})
        self.appended[path] = lines

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """Whatever was there."""
        self._want({path: Wanted(content) for path, content in contents.items()})
        self.written |= contents

    def edit(self, edits: Mapping[str, Edit]) -> None:
        """What an edit leaves as it is, is not written."""
        before = {path: self.read(path) for path in edits}
        changed = _changed(before, edits)
        self._want({path: Wanted(changed.get(path, before[path] or b""), edit) for path, edit in edits.items()})
        self.written |= changed

    def _want(self, wanted: Mapping[str, Wanted]) -> None:
        _refuse_twice(self.wanted, wanted)
        self.wanted |= wanted


@dataclass(slots=True)
class BranchChanges:
    """Of a coordination branch. `base`: what is committed onto; `old`: what the branch names, None for nothing yet."""

    branch: CoordinationBranch
    old: str | None
    base: str | None
    message: str
    contents: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """The file of the branch's commit."""
        return self.branch.read_at(self.base, path)

    def append(self, path: str, before: bytes, lines: bytes) -> None:
        """A commit has whole files."""
        self.replace({path: before + lines})

    def replace(self, contents: Mapping[str, bytes]) -> None:
        """Whatever was there."""
        _refuse_twice(self.contents, contents)
        self.contents |= contents

    def edit(self, edits: Mapping[str, Edit]) -> None:
        """What an edit leaves as it is, is not committed."""
        self.replace(_changed({path: self.read(path) for path in edits}, edits))


class Batch:
    """Collects, and writes once. The first message of a place is its commit's."""

    def __init__(self, git: GitCli, files: Files) -> None:
        self._git, self._files = git, files
        self._tree: TreeChanges | None = None
        self._branches: dict[str, BranchChanges] = {}

    def in_tree(self, policy: Policy, message: str) -> TreeChanges:
        """Where changes of the working tree are collected; one policy for all."""
        if self._tree is None:
            self._tree = TreeChanges(self._files, policy, message)
        if self._tree.policy != policy:
            raise RuntimeError(f"what is written at once is written one way: {self._tree.policy} or {policy}")
        return self._tree

    def on_branch(self, branch: CoordinationBranch, message: str, *, begins: bool = False) -> BranchChanges:
        """Where changes of that branch are collected; one that `begins` need not be there."""
        if branch.name not in self._branches:
            old = branch.tip() if begins else branch.head()
            self._branches[branch.name] = BranchChanges(branch, old, old or branch.first_base(), message)
        return self._branches[branch.name]

    def write(self) -> None:
        """Files in between: a killed process leaves at worst some that are written and not committed."""
        for path in (*self._tree.written, *self._tree.appended) if self._tree else ():
            self._files.check_target(path)
        on_branches = [one for one in self._branches.values() if one.contents]
        prepared = [one.branch.prepare(one.base, one.contents, one.message, old=one.old) for one in on_branches]
        updates = [update for update in prepared if update]
        with ExitStack() as stack:
            stack.enter_context(self._committing(updates))
            if self._tree is not None:
                stack.enter_context(self._files.replacing(self._tree.written))
                for path, lines in self._tree.appended.items():
                    self._files.append(path, lines)
        for one in on_branches:
            one.branch.check(one.contents)

    def _committing(self, updates: list[Update]) -> AbstractContextManager[object]:
        tree = self._tree
        if tree is None or tree.policy != "commit" or not tree.wanted:
            return moving(self._git.process, updates)
        refuse_filtered(self._git.process, list(tree.wanted))
        return committing(self._git, self._checked_out(), tree.wanted, tree.message, updates)

    def _checked_out(self) -> str:
        if branch := self._git.branch():
            return branch
        raise MissionError(
            "DetachedHead",
            "no branch is checked out, so a commit would be lost: check one out, or use --no-auto-commit",
        )


def _changed(before: Mapping[str, bytes | None], edits: Mapping[str, Edit]) -> dict[str, bytes]:
    """What the edits make of it, of those files that they change. One that is not there yet is made, even if empty."""
    after = {path: edit(before[path] or b"") for path, edit in edits.items()}
    return {path: content for path, content in after.items() if content != before[path]}


def _refuse_twice(there: Mapping[str, object], more: Mapping[str, object]) -> None:
    if both := there.keys() & more.keys():
        raise RuntimeError(f"written twice at once: {', '.join(sorted(both))}")
