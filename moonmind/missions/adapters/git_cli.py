"""What the local repository knows, asked of git, or read where git is not needed for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from moonmind.missions.adapters.places import find_root, places_of, read_line
from moonmind.missions.errors import MissionError

if TYPE_CHECKING:
    from moonmind.missions.adapters.git_process import GitProcess

HEADS = "refs/heads/"


def open_repository(start: str | os.PathLike[str]) -> GitCli:
    """The repository whose working tree `start` lies in. Raises MissionError `NotARepository`, exit 2."""
    return GitCli(find_root(start))


class GitCli:
    """`ports.GitOps` over one working tree."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.places = places_of(root)

    @cached_property
    def process(self) -> GitProcess:
        """Imported when it is needed: commands that read a `single` mission start no git."""
        from moonmind.missions.adapters.git_process import GitProcess

        return GitProcess(self.places.root)

    def root(self) -> str:
        """Absolute, without links."""
        return self.places.root

    def branch(self) -> str | None:
        """From `HEAD` itself."""
        target = read_line(os.path.join(self.places.git_dir, "HEAD"))
        if target == "ref: refs/heads/.invalid":  # the reftable format keeps it elsewhere
            asked = self.process.run("symbolic-ref", "--quiet", "HEAD", codes=(0, 1))
            target = f"ref: {asked.stdout.decode(errors='surrogateescape').strip()}"
        prefix = f"ref: {HEADS}"
        return target.removeprefix(prefix) if target.startswith(prefix) else None

    def commit_of(self, name: str) -> str | None:
        """A branch comes before a tag of the same name."""
        return self._commits([name])[0]

    def branches(self) -> Sequence[str]:
        """As they were at the first question about branches."""
        return tuple(self._times)

    def has_path(self, commit: str, path: str) -> bool:
        """Raises MissionError `UnknownRevision`."""
        (known,) = self._known(commit)
        return bool(self.process.run("ls-tree", "--full-tree", known, "--", path).stdout)

    def uncommitted(self, patterns: Sequence[str], *, branch: str | None = None) -> Sequence[str]:
        """Ignored files are none. Raises MissionError `GitFailed` for a pattern that git does not take."""
        if not patterns:
            return ()
        options = ("--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none")
        process = self.process if branch is None else self._process_at(branch)
        asked = process.run("status", *options, "--", *(f":(glob){one}" for one in patterns), glob=True)
        return sorted(line[3:] for line in split_names(asked.stdout))

    def changed_between(self, old: str, new: str) -> Sequence[str]:
        """Raises MissionError `UnknownRevision`, or `GitFailed` when the two have nothing in common."""
        span = "...".join(self._known(old, new))
        options = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
        return sorted(split_names(self.process.run("diff", *options, span, "--").stdout))

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Raises MissionError `UnknownRevision`."""
        asked = self.process.run("merge-base", "--is-ancestor", *self._known(commit, of), codes=(0, 1))
        return asked.returncode == 0

    def last_commit_at(self, branch: str) -> str | None:
        """As it was at the first such question: one answer of git serves for all branches."""
        return self._times.get(branch)

    def user_name(self) -> str | None:
        """None too when it is set to nothing."""
        asked = self.process.run("config", "--get", "user.name", codes=(0, 1))
        return asked.stdout.decode(errors="replace").strip() or None

    def _process_at(self, branch: str) -> GitProcess:
        """In the working tree where the branch is checked out; one that was deleted is still listed, and is none."""
        folder = self.process.text("for-each-ref", "--format=%(worktreepath)", f"{HEADS}{branch}")
        if os.path.isdir(folder) and not os.path.samefile(folder, self.places.root):
            return type(self)(folder).process
        return self.process

    @cached_property
    def _times(self) -> Mapping[str, str]:
        listing = self.process.run("for-each-ref", "--format=%(committerdate:unix) %(refname)", HEADS).stdout
        pairs = (line.partition(" ") for line in listing.decode(errors="surrogateescape").splitlines())
        return {name.removeprefix(HEADS): _moment(int(seconds)) for seconds, _, name in pairs}

    def _known(self, *names: str) -> list[str]:
        found = dict(zip(names, self._commits(names), strict=True))
        for name, commit in found.items():
            if commit is None:
                raise MissionError(
                    "UnknownRevision", f"git knows no branch or commit `{name}`: fetch it, or correct it"
                )
        return [commit for name in names if (commit := found[name])]

    def _commits(self, names: Sequence[str]) -> list[str | None]:
        """One process for all. Each is asked for as a branch and as a revision."""
        if any(not name.isprintable() or not name for name in names):
            raise MissionError("UnknownRevision", f"{names!r}: not the name of a branch or commit: correct it")
        asked = "".join(f"{HEADS}{name}^{{commit}}\n{name}^{{commit}}\n" for name in names)
        answers = self.process.text("cat-file", "--batch-check", stdin=asked.encode(errors="surrogateescape"))
        found = [_commit(line) for line in answers.split("\n")]
        return [branch or revision for branch, revision in zip(found[::2], found[1::2], strict=True)]


def _commit(answer: str) -> str | None:
    """`oid commit size`, or what was asked and why there is none."""
    oid, _, rest = answer.partition(" ")
    return oid if rest.startswith("commit ") and answer.count(" ") == 2 else None


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def split_names(output: bytes) -> list[str]:
    """What stands between NULs."""
    return [field for field in output.decode(errors="surrogateescape").split("\0") if field]
