"""The npm registry as this machine's npm sees it: its configuration, credentials, proxies and certificates count."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moonmind.workflows.orchestrator.npm_registry.npm_client import NpmClient
from moonmind.workflows.orchestrator.planners.npm_versions import parse_version, runs_on
from moonmind.workflows.orchestrator.planning_ports import LockToolError, NpmOffer, NpmRelease, UnresolvableError

LOCK = "package-lock.json"
_NAME = re.compile(r"^(?:@[a-z0-9][a-z0-9._~-]*/)?[A-Za-z0-9][\w.~-]*$")
_NAME_LIMIT = 214
"""Characters of a package's name (npm's documentation of package.json)."""
_HOLDING = "-security"
"""How the registry ends the version that it puts in the place of a package that was taken down."""


def _now() -> datetime:
    return datetime.now(UTC)


class NpmCliRegistry:
    """`planning_ports.NpmRegistry` through npm; every question is asked anew."""

    def __init__(self, npm: NpmClient | None = None, now: Callable[[], datetime] = _now) -> None:
        self._npm = npm or NpmClient()
        self._now = now

    def newest(self, package: str, *, node: str | None) -> NpmRelease | None:
        """The version tagged `latest` if this Node can run it, else the newest stable one that it can."""
        if not _is_name(package):
            return None
        about = self._npm.view(package, "name", "version", "engines", "deprecated", "exports", "versions", "time")
        if not isinstance(about, dict) or about.get("name") != package:
            return None
        version = str(about.get("version", ""))
        if version.endswith(_HOLDING) or (parse_version(version) and runs_on(_engines(about), node)):
            return self._release(about, version, _text(about.get("deprecated")), _exports(about.get("exports")))
        fitting = (one for one in self.offers(package) if runs_on(one.engines, node))
        chosen = next(fitting, None)
        return self._release(about, chosen.version, chosen.deprecated, ()) if chosen else None

    def offers(self, package: str) -> tuple[NpmOffer, ...]:
        """See the port."""
        if not _is_name(package):
            return ()
        fields = ("name", "version", "engines", "type", "main", "exports", "peerDependencies", "deprecated")
        answer = self._npm.view(f"{package}@>=0.0.0", *fields)
        found = answer if isinstance(answer, list) else [answer]
        offers = [_offer(one) for one in found if isinstance(one, dict) and one.get("name") == package]
        stable = [(parsed, one) for one in offers if (parsed := parse_version(one.version)) is not None]
        return tuple(one for _, one in sorted(stable, key=lambda pair: pair[0], reverse=True))

    def resolve(self, manifest: bytes) -> Mapping[str, str]:
        """See the port."""
        try:
            lock = self._npm.lock({"package.json": manifest}, LOCK)
            packages = json.loads(lock).get("packages", {})
        except (LockToolError, ValueError, AttributeError) as error:
            raise UnresolvableError(f"npm could not resolve package.json: {error}") from None
        tops = {path.removeprefix("node_modules/"): entry for path, entry in packages.items() if path}
        return {name: str(entry.get("version")) for name, entry in tops.items() if "node_modules/" not in name}

    def _release(
        self, about: Mapping[str, Any], version: str, deprecated: str | None, exports: tuple[str, ...]
    ) -> NpmRelease:
        listed = about.get("versions")
        versions = listed if isinstance(listed, list) else [listed]
        stable = [(parsed, one) for one in versions if isinstance(one, str) and (parsed := parse_version(one))]
        published = _published(about.get("time"))
        return NpmRelease(
            name=str(about["name"]),
            version=version,
            versions=tuple(one for _, one in sorted(stable)),
            published=published.isoformat() if published else None,
            deprecated=deprecated,
            exports=exports,
            age_days=(self._now() - published).days if published else None,
        )


def _is_name(package: str) -> bool:
    return len(package) <= _NAME_LIMIT and _NAME.match(package) is not None


def _offer(entry: Mapping[str, Any]) -> NpmOffer:
    peers = entry.get("peerDependencies")
    return NpmOffer(
        version=str(entry.get("version", "")),
        engines=_engines(entry),
        peers={str(k): str(v) for k, v in peers.items()} if isinstance(peers, dict) else {},
        deprecated=_text(entry.get("deprecated")),
        is_requirable=_is_requirable(entry),
        exports=_exports(entry.get("exports")),
    )


def _is_requirable(entry: Mapping[str, Any]) -> bool:
    """Node's rule: `exports` decides, by its `require` condition; else `main`, with its ending and `type`."""
    exports = entry.get("exports")
    written = json.dumps(exports) if isinstance(exports, dict | list | str) else ""
    if '"require"' in written or ".cjs" in written:
        return True
    main = str(entry.get("main") or "")
    return main.endswith(".cjs") or (entry.get("type") != "module" and not main.endswith(".mjs"))


def _engines(entry: Mapping[str, Any]) -> str | None:
    engines = entry.get("engines")
    return _text(engines.get("node")) if isinstance(engines, dict) else None


def _exports(exports: Any) -> tuple[str, ...]:
    paths = exports if isinstance(exports, dict) else {}
    return tuple(str(path) for path in paths if str(path).startswith("."))


def _published(times: Any) -> datetime | None:
    if not isinstance(times, dict):
        return None
    found = [moment for one in times.values() if isinstance(one, str) and (moment := _moment(one))]
    return min(found, default=None)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    return value[:500] if isinstance(value, str) and value else None
