"""What git keeps: entries of trees, contents, commits, and the branches that name them. Nothing is checked out."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from moonmind.missions.adapters.git_cli import HEADS, split_names
from moonmind.missions.adapters.git_process import TIMEOUT_SECONDS, GitProcess, failed
from moonmind.missions.errors import MissionError
from moonmind.missions.events import MAX_LOG_BYTES

NEW_FILE_MODE = "100644"
_FILES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Entry:
    """A path's place in a tree or an index: mode, object, and of a committed file its bytes' number."""

    mode: str
    oid: str
    size: int = field(default=0, compare=False)

    @property
    def is_file(self) -> bool:
        """Not a link, a folder or a submodule."""
        return self.mode in _FILES


@dataclass(frozen=True, slots=True)
class Update:
    """Of a branch: the commit that it is going to name, and the one that it names (None: it is not there)."""

    branch: str
    new: str
    old: str | None


def entries_of(git: GitProcess, commit: str | None, paths: Sequence[str]) -> dict[str, Entry]:
    """What a commit has at these paths; of a path that ends with `/`, what is in that folder. None has nothing."""
    if commit is None or not paths:
        return {}
    listing = git.run("ls-tree", "-z", "--long", "--full-tree", commit, "--", *paths).stdout
    entries = {}
    for line in split_names(listing):
        fields, _, path = line.partition("\t")
        mode, _, oid, size = fields.split()
        entries[path] = Entry(mode, oid, 0 if size == "-" else int(size))
    return entries


def content_of(git: GitProcess, entry: Entry, name: str) -> bytes:
    """A file's bytes. Raises MissionError `NotAFile` or `TooLarge`; `name` is for its words."""
    if not entry.is_file:
        raise MissionError("NotAFile", f"{name} is committed as something other than a file: commit a file there")
    if entry.size > MAX_LOG_BYTES:
        raise MissionError("TooLarge", f"{name} has {entry.size} bytes, more than {MAX_LOG_BYTES}: make it smaller")
    return git.run("cat-file", "blob", entry.oid).stdout


def has_contents(git: GitProcess, revision: str, contents: Mapping[str, bytes]) -> bool:
    """Whether these, and no others, are what can be read at their paths."""
    asked = "".join(f"{revision}:{path}\n" for path in contents)
    found = git.run("cat-file", "--batch=%(objecttype)", stdin=asked.encode(errors="surrogateescape")).stdout
    return found == b"".join(b"blob\n" + content + b"\n" for content in contents.values())


def store(git: GitProcess, content: bytes) -> str:
    """The object of these very bytes."""
    return git.text("hash-object", "-w", "--stdin", stdin=content)


def make_commit(git: GitProcess, base: str | None, entries: Mapping[str, Entry], message: str, index: Path) -> str:
    """A commit that no branch names yet: the one before with these entries. `index`: a file to work in."""
    index.unlink(missing_ok=True)
    index.with_name(f"{index.name}.lock").unlink(missing_ok=True)
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        git.run("read-tree", base or "--empty", env=env)
        set_entries(git, entries, index)
        tree = git.text("write-tree", "--missing-ok", env=env)
    finally:
        index.unlink(missing_ok=True)
    parents = ("-p", base) if base else ()
    return git.text("commit-tree", "--no-gpg-sign", *parents, tree, stdin=message.encode(errors="replace"))


def set_entries(git: GitProcess, entries: Mapping[str, Entry], index: Path) -> None:
    """Put entries into an index, whether it has their paths or not."""
    lines = "".join(f"{entry.mode} {entry.oid}\t{path}\0" for path, entry in entries.items())
    stdin = lines.encode(errors="surrogateescape")
    git.run("update-index", "-z", "--index-info", stdin=stdin, env={"GIT_INDEX_FILE": str(index)})


def refuse_filtered(git: GitProcess, paths: Sequence[str]) -> None:
    """Files are stored byte by byte. Raises MissionError `FilteredFile` where git would store something else, such as
    an encrypted text."""
    said = split_names(git.run("check-attr", "-z", "filter", "working-tree-encoding", "--", *paths).stdout)
    for path, attribute, value in zip(said[::3], said[1::3], said[2::3], strict=True):
        if value not in ("unspecified", "unset"):
            raise MissionError(
                "FilteredFile",
                f"{path} has `{attribute}={value}` in .gitattributes, which cannot be kept: end the file at the top "
                f"with the line `specs/** -{attribute}`, then git add --renormalize . && git commit",
            )


@contextmanager
def moving(git: GitProcess, updates: Sequence[Update]) -> Iterator[None]:
    """Locks the branches while the block runs, and moves all of them as the block ends well. Raises MissionError
    `BranchMoved` before the block when one no longer names its old commit; git undoes its locks when this process
    dies."""
    if not updates:
        yield
        return
    branches = ", ".join(update.branch for update in updates)
    with git.start("update-ref", "-m", "moonmind", "--stdin") as process:
        try:
            lines = [f"update {HEADS}{one.branch} {one.new} {one.old or '0' * len(one.new)}\n" for one in updates]
            if not _tell(process, "".join(["start\n", *lines, "prepare\n"]), "prepare: ok"):
                raise MissionError("BranchMoved", f"{_reason(process, branches)}; nothing was changed: try again")
            yield
            if not _tell(process, "commit\n", "commit: ok"):
                raise MissionError("NotCommitted", f"{_reason(process, branches)}; what is written stays: commit it")
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """git gives its locks back and ends when nothing more can be said to it."""
    assert process.stdin
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _tell(process: subprocess.Popen[bytes], words: str, answer: str) -> bool:
    """Whether git answers so, in time."""
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):
        process.stdin.write(words.encode(errors="surrogateescape"))
    while select.select([process.stdout], [], [], TIMEOUT_SECONDS)[0]:
        line = process.stdout.readline().decode().strip()
        if line == answer or not line:
            return line == answer
    return False


def _reason(process: subprocess.Popen[bytes], branches: str) -> str:
    _end(process)
    assert process.stderr
    return f"{branches} could not be moved ({failed('update-ref', process.stderr.read())})"
