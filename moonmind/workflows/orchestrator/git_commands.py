"""Argv builders for git: each method returns a Command and runs nothing.

A repository is hostile: whoever could write the workspace could write `.git/config` and `.gitattributes`. So git is
kept from every program that these can name (hooks, monitors, filters, drivers, signers, remote helpers), reads no other
configuration, and has an empty folder for a work tree, so that it never opens one of the workspace's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from moonmind.utils.text import printable
from moonmind.workflows.orchestrator.ports import Command, DeliveredChange

NAME: Final = "MoonMind Orchestrator"
EMAIL: Final = "moonmind@localhost"
"""Who commits: not the user whose configuration is found, so that the history tells who did it."""

LONGEST_SUBJECT: Final = 100
LONGEST_LINE: Final = 500
RUN_TRAILER: Final = "MoonMind-Run"
DIGEST_TRAILER: Final = "MoonMind-Plan-Digest"

ENVIRONMENT: Final = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",  # with the next: nothing is fetched, whatever remote a partial clone names
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}
CONFIG: Final = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.fsync": "committed,reference",  # no branch shall stand for a commit that a power cut has undone
    "core.splitIndex": "false",  # an index of ours leaves no half of it in the repository
    "i18n.commitEncoding": "UTF-8",
}
"""Given in the environment, which outranks the repository's own configuration."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose workspace it is. root works as the owner: what it adds to the repository must not be root's."""

    uid: int
    gid: int

    @property
    def prefix(self) -> tuple[str, ...]:
        """In front of an argv, when the worker is root."""
        return ("setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--")


@dataclass(frozen=True, slots=True)
class GitSearch:
    """Finds the repository that a workspace lies in, the way git does; which refuses those of other users."""

    workspace: Path
    owner: Owner | None

    def locate(self) -> Command:
        """Four lines: the work tree, its git folder, the folder shared by work trees, the workspace's path below."""
        asked = ("--show-toplevel", "--absolute-git-dir", "--git-common-dir", "--show-prefix")
        return self._git("rev-parse", "--path-format=absolute", *asked)

    def work_tree_setting(self) -> Command:
        """`core.worktree` of the repository; fails when it has none."""
        return self._git("config", "--local", "--get", "core.worktree")

    def hook_settings(self) -> Command:
        """Names of all settings `hook.<name>.…`, each ended by NUL: hooks by configuration, which git 2.54 brought."""
        return self._git("config", "--name-only", "-z", "--get-regexp", r"^hook\..*\.")

    def is_ignored(self, path: str) -> Command:
        """Ends with 0 when the workspace's ignore files name the path, with 1 when not."""
        return self._git("check-ignore", "--quiet", "--no-index", "--", f"./{path}")

    def _git(self, *args: str) -> Command:
        return _command(self.owner, args, cwd=self.workspace, env=_environment(CONFIG))


@dataclass(frozen=True, slots=True)
class GitCommands:
    """One repository. Paths of files are relative to its top; `empty` is our work tree of it, for git to write in."""

    git_dir: Path
    empty: Path
    owner: Owner | None = None
    hooks: tuple[str, ...] = ()

    def commit_of(self, ref: str) -> Command:
        """The commit that a full ref name stands for; fails when there is none."""
        return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")

    def branch(self) -> Command:
        """The full name of the checked-out branch; fails when HEAD is detached."""
        return self._git("symbolic-ref", "--quiet", "HEAD")

    def commit_of_run(self, run_id: UUID, ref: str, since: datetime) -> Command:
        """The newest commit of `ref` with the run's trailer; nothing when there is none."""
        newest = ("--max-count=1", f"--max-age={int(since.timestamp())}")
        pattern = ("--basic-regexp", f"--grep=^{RUN_TRAILER}: {run_id}$")
        return self._git("rev-list", *newest, *pattern, "--end-of-options", ref, "--")

    def tree_entries(self, commit: str, paths: Sequence[str]) -> Command:
        """`mode type id TAB path NUL` for each path that the commit has."""
        return self._git("ls-tree", "-z", "--full-tree", commit, "--", *paths)

    def index_entries(self, index: Path, paths: Sequence[str]) -> Command:
        """`tag mode id stage TAB path NUL` for each path in the index; tag H: nothing special about it."""
        return self._git("ls-files", "-z", "-v", "--stage", "--full-name", "--", *paths, index=index)

    def unpack(self, blob: str) -> Command:
        """Writes a blob's bytes, unconverted, into a new file in `empty` and says its name."""
        return self._git("unpack-file", blob)

    def store(self, file: Path) -> Command:
        """Adds the bytes of a file, unconverted, to the repository's objects and says their id."""
        return self._git("hash-object", "-w", "--no-filters", "--", str(file))

    def read_tree(self, commit: str, index: Path) -> Command:
        """A new index of ours that holds what the commit holds."""
        return self._git("read-tree", commit, index=index)

    def set_entry(self, mode: str, blob: str, path: str, index: Path) -> Command:
        """Put a blob at a path of an index, whether it was there or not."""
        return self._git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}", index=index)

    def write_tree(self, index: Path) -> Command:
        """The tree of an index of ours. Objects that a partial clone has left out are none that we changed."""
        return self._git("write-tree", "--missing-ok", index=index)

    def tree_of(self, commit: str) -> Command:
        """The tree of a commit."""
        return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{tree}}")

    def commit_tree(self, tree: str, parent: str, message: Path, at: datetime) -> Command:
        """A commit that no ref names yet. The same again gives the same commit."""
        date = f"@{int(at.timestamp())} +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return self._git("commit-tree", "--no-gpg-sign", "-p", parent, "-F", str(message), tree, env=dates)

    def move(self, ref: str, new: str, old: str | None, why: str) -> Command:
        """Let a full ref name (or HEAD's branch) stand for `new`, if it still stands for `old` (None: for nothing)."""
        argv = ("update-ref", "-m", why, ref, new, old or "0" * len(new))
        return self._git(*argv, quiet=False)

    def _git(
        self,
        *args: str,
        index: Path | None = None,
        env: Mapping[str, str] | None = None,
        quiet: bool = True,
    ) -> Command:
        places = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.empty), "GIT_LITERAL_PATHSPECS": "1"}
        chosen = {"GIT_INDEX_FILE": str(index)} if index else {}
        settings = CONFIG | dict.fromkeys((f"hook.{name}.enabled" for name in self.hooks), "false")
        environment = _environment(settings) | places | chosen | dict(env or {})
        return _command(self.owner, args, cwd=self.empty, env=environment, quiet=quiet)


def commit_message(change: DeliveredChange) -> str:
    """The message with its trailers, which no line of somebody else's text can pass for."""
    lines = (printable(line, LONGEST_LINE).rstrip() for line in change.rationale.splitlines())
    body = "\n".join(f"> {line}" if line.startswith("MoonMind-") else line for line in lines)
    trailers = f"{RUN_TRAILER}: {change.run_id}\n{DIGEST_TRAILER}: {change.digest}\n"
    return "\n\n".join(
        part for part in (printable(change.subject, LONGEST_SUBJECT), body.strip("\n"), trailers) if part
    )


def _environment(config: Mapping[str, str]) -> dict[str, str]:
    pairs = {f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(config)}
    pairs |= {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(config.values())}
    return ENVIRONMENT | {"GIT_CONFIG_COUNT": str(len(config))} | pairs


def _command(
    owner: Owner | None, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], quiet: bool = True
) -> Command:
    prefix = owner.prefix if owner else ()
    return Command((*prefix, "git", "--no-pager", *args), cwd=cwd, env=env, quiet=quiet)
