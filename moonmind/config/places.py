"""Where the state of supervised services lies below home: the stack and the process runtime meet there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def supervisor_config(home: Path) -> Path:
    """What `supervisorctl -c` is given."""
    return home / "var" / "supervisor" / "supervisord.conf"


@dataclass(frozen=True, slots=True)
class ServicePlace:
    """One service's folder, `var/services/NAME`."""

    home: Path
    name: str

    @property
    def program(self) -> str:
        """The supervisor's name for it."""
        return f"svc-{self.name}"

    @property
    def folder(self) -> Path:
        """Everything of this service but its workspace."""
        return self.home / "var" / "services" / self.name

    @property
    def venvs(self) -> Path:
        """Its virtual environments, named by number. They do not relocate, so each is built where it stays."""
        return self.folder / "venvs"

    @property
    def current(self) -> Path:
        """The link to the environment that the next start takes; there only when that one is complete."""
        return self.folder / "current"

    @property
    def kept(self) -> Path:
        """Files `<run id>` that each hold the number of an environment which that run may go back to."""
        return self.folder / "kept"

    @property
    def log(self) -> Path:
        """What the service said in its current life (all starts since the last restart that somebody asked for)."""
        return self.folder / "service.log"

    @property
    def port_file(self) -> Path:
        """The port that the stack chose for it, in digits."""
        return self.folder / "port"
