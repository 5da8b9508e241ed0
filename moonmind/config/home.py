"""Where this installation lives: `MOONMIND_HOME`, else the nearest folder upward with a `config.toml`, else the user's
data folder. State lies in `var/` below it. Imports nothing heavy: every command line start passes here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def find_home(cwd: Path, env: Mapping[str, str]) -> Path:
    """The home folder for a process started in `cwd`; it need not exist yet."""
    if given := env.get("MOONMIND_HOME"):
        return Path(given).expanduser().resolve()
    for folder in (cwd, *cwd.parents):
        if (folder / "config.toml").is_file():
            return folder.resolve()
    data = env.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "moonmind"


def current_home() -> Path:
    """`find_home` for this process."""
    return find_home(Path.cwd(), os.environ)
