"""What planners may ask besides the package index (`ports.PackageIndex`), as protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from moonmind.workflows.orchestrator.ports import StepFailedError


class UnresolvableError(Exception):
    """No set of releases satisfies the manifest; the message is the resolver's own explanation, cut."""


class Resolver(Protocol):
    """Chooses versions for a whole Python manifest, as an installation would. Runs no package's code."""

    def resolve(
        self, files: Mapping[str, bytes], root: str, *, python: str | None, prefer: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Every distribution that installing `root` (a path among `files`) brings, by normalised name, with its
        version. `prefer`: versions to keep where they still fit (what is installed now).

        Raises UnresolvableError, IndexUnavailableError.
        """
        ...


@dataclass(frozen=True, slots=True)
class NpmRelease:
    """A package's newest release that this Node can run. `versions`: every stable version that the registry has, oldest
    first; `published`: when the first was, as ISO 8601, and `age_days`: how many days ago that was when it was asked,
    None when the registry does not say. `exports`: the sub-paths that it gives to others ("./sub"), empty: all."""

    name: str
    version: str
    versions: tuple[str, ...] = ()
    published: str | None = None
    deprecated: str | None = None
    exports: tuple[str, ...] = field(default=())
    age_days: int | None = None


@dataclass(frozen=True, slots=True)
class NpmOffer:
    """A stable version of a package. `engines`: the range of Nodes it asks for, None: any; `peers`: package → range of
    what it wants beside it; `is_requirable`: `require()` takes it on every Node, so it is no ES module only; `exports`
    as in `NpmRelease`."""

    version: str
    engines: str | None = None
    peers: Mapping[str, str] = field(default_factory=dict)
    deprecated: str | None = None
    is_requirable: bool = True
    exports: tuple[str, ...] = ()


class NpmRegistry(Protocol):
    """The npm registry that the machine is set up for (as npm sees it)."""

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        """The release that installing by name would take; None when there is no such package.

        Raises IndexUnavailableError.
        """
        ...

    def offers(self, package: str) -> tuple[NpmOffer, ...]:
        """Every stable version, the newest first; empty when there is no such package.

        Raises IndexUnavailableError.
        """
        ...

    def resolve(self, manifest: bytes) -> Mapping[str, str]:
        """What installing this package.json would put at the top: package → version, as npm resolves it.

        Raises UnresolvableError, IndexUnavailableError.
        """
        ...


class LockToolError(StepFailedError):
    """A lock file cannot be brought up to date: its tool is missing or refuses; the reason says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__("lock_not_updated", reason)


class LockTools(Protocol):
    """Brings lock files up to date by the tools that own them, on a scratch copy. Runs no package's code."""

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """New bytes of every lock file among `before` that no longer fits the manifests of `after`; what is locked and
        still fits keeps its version. `after` holds the changed files only.

        Raises LockToolError, UnresolvableError, IndexUnavailableError.
        """
        ...
