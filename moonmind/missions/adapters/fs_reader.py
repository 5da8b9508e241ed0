"""Reads each artifact from where the placement says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moonmind.missions.adapters.files import Files, checked
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.errors import MissionError
from moonmind.missions.meta import Meta
from moonmind.missions.placement import Kind, place_of

if TYPE_CHECKING:
    from moonmind.missions.adapters.coordination import CoordinationBranch

MISSIONS = "specs"


class TreeReader:
    """`ports.FsReader`: from the working tree without any git process, or from the coordination branch."""

    def __init__(self, git: GitCli) -> None:
        self._git = git
        self._files = Files(git.places.root)

    def folders(self) -> Sequence[str]:
        """Empty when there is no `specs`."""
        return self._files.folders(MISSIONS)

    def read(self, meta: Meta, kind: Kind, path: str) -> bytes | None:
        """Raises MissionError `CoordinationBranchMissing`, and as `Files.read`."""
        name = f"{MISSIONS}/{meta.slug}/{checked(path)}"
        if place_of(kind, meta.topology) == "coordination":
            return self._coordination(meta).read(name)
        return self._files.read(name)

    def names(self, meta: Meta, kind: Kind, folder: str) -> Sequence[str]:
        """Likewise."""
        name = f"{MISSIONS}/{meta.slug}/{checked(folder)}"
        if place_of(kind, meta.topology) == "coordination":
            return self._coordination(meta).names(name)
        return self._files.names(name)

    def read_meta(self, folder: str) -> bytes | None:
        """From the working tree, whatever the topology: it says so itself. What is no file, such as a folder of that
        name, makes no mission."""
        try:
            return self._files.read(f"{MISSIONS}/{checked(folder)}/meta.json")
        except MissionError as error:
            if error.code == "NotAFile":
                return None
            raise

    def _coordination(self, meta: Meta) -> CoordinationBranch:
        from moonmind.missions.adapters.coordination import coordination_of  # talks to git, which most reads do not

        return coordination_of(self._git, meta)
