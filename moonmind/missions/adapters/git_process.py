"""Runs git: argv only, without hooks, monitors, questions, or the network, and in a language that can be read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from moonmind.missions.errors import MissionError

TIMEOUT_SECONDS = 60.0

OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    "-c",
    "core.quotepath=off",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "i18n.commitEncoding=UTF-8",
    "-c",
    "core.fsync=committed,reference",
)
"""`core.splitIndex`: an index of ours leaves no half behind. `core.fsync`: no branch shall stand for a commit that a
power cut has undone."""

_KEPT = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_")
"""Of the caller's environment. The rest may name another repository: in a hook, git sets it."""
_SET = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


class GitProcess:
    """git in one working tree. `held`: the descriptor of a lock that children hold too, so that it is not free before
    the last child of a killed writer has ended."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.held: int | None = None

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0,),
        glob: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        """Raises MissionError `GitFailed`, with git's words, for an exit code that is not one of `codes`. `glob`:
        pathspecs may begin with `:(glob)`."""
        argv = ("git", *(option for option in OPTIONS if not (glob and option == "--literal-pathspecs")), *args)
        try:
            done = subprocess.run(
                argv,
                cwd=self._root,
                env=_environment(env or {}),
                input=stdin,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
                pass_fds=self._passed,
            )
        except FileNotFoundError:
            raise MissionError("GitMissing", "git is not installed, or not on the PATH: install it") from None
        except subprocess.TimeoutExpired:
            raise MissionError("GitFailed", f"git {args[0]} did not end in {TIMEOUT_SECONDS:.0f} seconds") from None
        if done.returncode not in codes:
            raise failed(args[0], done.stderr)
        return done

    def text(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """The output of a command that must succeed, without the last line end."""
        return self.run(*args, stdin=stdin, env=env).stdout.decode(errors="surrogateescape").removesuffix("\n")

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """A command that is talked to."""
        argv = ("git", *OPTIONS, *args)
        return subprocess.Popen(
            argv,
            cwd=self._root,
            env=_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=self._passed,
        )

    @property
    def _passed(self) -> tuple[int, ...]:
        return () if self.held is None else (self.held,)


def failed(command: str, stderr: bytes) -> MissionError:
    """What git said, in one line."""
    said = " ".join(stderr.decode(errors="replace").split()) or "it failed without a word"
    return MissionError("GitFailed", f"git {command}: {said}")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key.startswith(_KEPT)}
    return {**kept, **_SET, **more}
