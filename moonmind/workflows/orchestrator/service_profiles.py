"""The services that this installation knows, resolved against its home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from moonmind.schemas.approvals import ApprovalGate
from moonmind.schemas.service_profile import ServiceProfile


class UnknownServiceError(Exception):
    """There is no such service; `known` lists those there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no service is called {name!r}")
        self.known = known


@dataclass(frozen=True, slots=True)
class ServiceCatalog:
    """Profiles by name; relative workspaces are below `home`."""

    home: Path
    profiles: Mapping[str, ServiceProfile]

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self.profiles))

    def get(self, name: str) -> ServiceProfile:
        """One profile. Raises UnknownServiceError."""
        if name not in self.profiles:
            raise UnknownServiceError(name, self.names())
        return self.profiles[name]

    def gate(self, name: str) -> ApprovalGate:
        """What `config.toml` asks of people for a service; nothing for one that is not known here."""
        return self.profiles[name].approval if name in self.profiles else ApprovalGate()

    def workspace(self, name: str) -> Path:
        """The absolute folder of a service's files; it need not exist."""
        return self.home / self.get(name).workspace
