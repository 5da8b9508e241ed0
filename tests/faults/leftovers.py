"""What a suite that was killed could not take away: its containers and folders, which carry its processes' ids."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

NAME = re.compile(r"^mmfaults-(?P<pid>\d+)-")


def remove() -> None:
    """Everything whose process is gone; its processes have ended with it."""
    for name in filter(_is_left, _docker("ps", "--all", "--format", "{{.Names}}")):
        _docker("rm", "--force", "--volumes", name)
    for name in filter(_is_left, _docker("network", "ls", "--format", "{{.Name}}")):
        _docker("network", "rm", name)
    for name in filter(_is_left, _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")):
        _docker("image", "rm", "--force", name)
    for folder in Path(tempfile.gettempdir()).iterdir():
        if _is_left(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(name: str) -> bool:
    found = NAME.match(name)
    return found is not None and not psutil.pid_exists(int(found["pid"]))


def _docker(*args: str) -> list[str]:
    return subprocess.run(["docker", *args], capture_output=True, text=True, check=True).stdout.split()
