"""A git repository with dates and identity of its own, whatever the machine's configuration says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.golden.masking import FIXED_DAY


def environment(home: Path) -> dict[str, str]:
    """Of every child: nothing of the user's settings, of git's or of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "MOONMIND_HOME": str(home / "moonmind"),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "100",
    }


class Repository:
    """A working tree. Commits that it makes have the fixed date, one minute after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._commits = 0

    def git(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """What git prints; raises when it fails."""
        full = {**environment(self.folder.parent), **(env or {})}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=full, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def make(self) -> None:
        """`git init`; Pat is who works here."""
        self.folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Pat")
        self.git("config", "user.email", "pat@example.org")
        self.git("config", "gc.auto", "0")

    def write(self, files: Mapping[str, str]) -> None:
        """Text by path."""
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)

    def commit(self, subject: str, files: Mapping[str, str] | None = None) -> str:
        """Everything in the working tree; the commit's hash."""
        self.write(files or {})
        self._commits += 1
        date = f"{FIXED_DAY}T08:{self._commits:02d}:00+00:00"
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject,
                 env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})  # fmt: skip
        return self.git("rev-parse", "HEAD").strip()

    def branch(self, name: str, start: str, files: Mapping[str, str]) -> str:
        """A branch with one commit; main is checked out again. Its head."""
        self.git("checkout", "-q", "-b", name, start)
        head = self.commit(f"Work on {name}", files)
        self.git("checkout", "-q", "main")
        return head
