"""What to do about a log that is broken or gone: commands that work wherever in the repository one stands."""

from __future__ import annotations

from moonmind.missions.errors import MissionError

_TREE = '"$(git rev-parse --show-toplevel)-log"'
"""Beside the working tree: a coordination branch is usually checked out nowhere."""


def remedy_of_broken(name: str, branch: str | None) -> str:
    """Of a log that cannot be read. `name`: from the repository's top. `branch`: where it lies; None: in the working
    tree."""
    if branch is None:
        return f"mend the line by hand, or take the file of the last commit (git checkout HEAD -- :/{name})"
    add = f"git worktree add {_TREE} {_quoted(branch)}"
    return f"mend the line by hand on the branch {branch} and commit it there ({add}; then git worktree remove {_TREE})"


def missing_log(name: str, branch: str | None) -> MissionError:
    """`BrokenEventLog`: to take none for an empty one would lose what it told. `command` brings it back."""
    words, command = _missing_in_tree(name) if branch is None else _missing_on(branch, name)
    return MissionError(
        "BrokenEventLog",
        f"{words}. Every mission has one, empty at first; nothing is guessed",
        details={"command": command},
    )


def _missing_in_tree(name: str) -> tuple[str, str]:
    command = f"git checkout {_last_commit(name)} -- :/{name}"
    return (
        f"{name} is not there. Take it from the last commit that had it: {command}; where git never had it, from who "
        "has it; or for a mission that never had one, make an empty file"
    ), command


def _missing_on(branch: str, name: str) -> tuple[str, str]:
    steps = (
        f"tree={_TREE}",
        f'git worktree add "$tree" {_quoted(branch)}',
        f'git -C "$tree" checkout {_last_commit(name, _quoted(branch))} -- {name}',
        "git -C \"$tree\" commit -m 'Bring back the log'",
        'git worktree remove "$tree"',
    )
    command = " && ".join(steps)
    return (
        f"{name} is not on the branch {branch}. Take it from the last commit that had it: {command}; where the branch "
        "was made anew, delete it and fetch the one that has the log; or for a mission that never had one, commit an "
        "empty file there"
    ), command


def _last_commit(name: str, branch: str = "HEAD") -> str:
    """Of the mainline, which has united logs; the branches that were merged have only their part."""
    return f"$(git log -1 --first-parent --diff-filter=AM --format=%H {branch} -- :/{name})"


def _quoted(branch: str) -> str:
    import shlex  # who reads a whole log does not wait for it

    return shlex.quote(branch)
