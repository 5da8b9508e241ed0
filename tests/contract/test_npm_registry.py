"""npm's registry and lock files: one suite over the fake and this machine's npm with a registry of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from moonmind.workflows.orchestrator.npm_registry import NpmCliRegistry
from moonmind.workflows.orchestrator.npm_registry.locks import NpmLocks
from moonmind.workflows.orchestrator.npm_registry.npm_client import NpmClient
from moonmind.workflows.orchestrator.planning_ports import (
    LockToolError,
    NpmOffer,
    NpmRegistry,
    NpmRelease,
    UnresolvableError,
)
from moonmind.workflows.orchestrator.ports import IndexUnavailableError
from tests.fakes.knowledge import FakeNpmRegistry
from tests.support.npm_registry import Package, Registry, npm_registry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGE = 3958
"""Days from `tests.support.npm_registry.PUBLISHED` to NOW."""
SCRIPT = {"scripts": {"postinstall": "exit 1", "prepare": "exit 1"}}

PACKAGES = [
    Package("plain", {"1.0.0": {}, "1.10.0": SCRIPT, "1.9.0": {}, "2.0.0-beta.1": {}}, latest="1.10.0"),
    Package("@scope/part", {"0.1.0": {}, "0.2.0": {"exports": {".": "./index.js", "./sub": "./sub.js"}}}),
    Package("demanding", {"1.0.0": {"engines": {"node": ">=10"}}, "2.0.0": {"engines": {"node": ">=99"}}}),
    Package("modern", {"1.0.0": {}, "2.0.0": {"type": "module"}, "3.0.0": {"main": "index.mjs"}}),
    Package("both-ways", {"1.0.0": {"type": "module", "exports": {".": {"require": "./x.cjs", "import": "./x.js"}}}}),
    Package("old-thing", {"1.0.0": {"deprecated": "use plain"}}),
    Package("taken-down", {"0.0.1-security": {}}),
    Package("host", {"1.0.0": {}, "2.0.0": {}}),
    Package("plugin", {"1.0.0": {"peerDependencies": {"host": "^1.0.0"}}}),
]

FAKE = FakeNpmRegistry(
    NpmRelease("plain", "1.10.0", ("1.0.0", "1.9.0", "1.10.0"), age_days=AGE),
    NpmRelease("@scope/part", "0.2.0", ("0.1.0", "0.2.0"), exports=(".", "./sub"), age_days=AGE),
    NpmRelease("demanding", "2.0.0", ("1.0.0", "2.0.0"), age_days=AGE),
    NpmRelease("modern", "3.0.0", ("1.0.0", "2.0.0", "3.0.0"), age_days=AGE),
    NpmRelease("old-thing", "1.0.0", ("1.0.0",), deprecated="use plain", age_days=AGE),
    NpmRelease("taken-down", "0.0.1-security", (), age_days=AGE),
    offers={
        "plain": [NpmOffer("1.10.0"), NpmOffer("1.9.0"), NpmOffer("1.0.0")],
        "demanding": [NpmOffer("2.0.0", engines=">=99"), NpmOffer("1.0.0", engines=">=10")],
        "modern": [NpmOffer("3.0.0", is_requirable=False), NpmOffer("2.0.0", is_requirable=False), NpmOffer("1.0.0")],
        "both-ways": [NpmOffer("1.0.0", exports=(".",))],
        "host": [NpmOffer("2.0.0"), NpmOffer("1.0.0")],
        "plugin": [NpmOffer("1.0.0", peers={"host": "^1.0.0"})],
    },
)


@pytest.fixture(scope="module")
def served() -> Iterator[Registry]:
    with npm_registry(PACKAGES) as registry:
        yield registry


@pytest.fixture(scope="module")
def client(served: Registry, tmp_path_factory: pytest.TempPathFactory) -> NpmClient:
    return client_of(served.url, tmp_path_factory.mktemp("npm"))


def client_of(url: str, cache: Path) -> NpmClient:
    return NpmClient({"registry": url, "cache": str(cache), "fetch_retries": "0", "userconfig": str(cache / "none")})


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.npm)])
def registry(request: pytest.FixtureRequest) -> NpmRegistry:
    if request.param == "fake":
        return FAKE
    return NpmCliRegistry(request.getfixturevalue("client"), now=lambda: NOW)


def test_the_newest_stable_version_comes_with_all_others_and_the_packages_age(registry: NpmRegistry) -> None:
    found = registry.newest("plain", node=None)
    assert found is not None
    assert (found.name, found.version) == ("plain", "1.10.0")
    assert (found.versions, found.age_days) == (("1.0.0", "1.9.0", "1.10.0"), AGE)


def test_a_scoped_package_is_asked_for_by_its_whole_name_and_says_which_subpaths_it_gives(
    registry: NpmRegistry,
) -> None:
    found = registry.newest("@scope/part", node="20")
    assert found is not None
    assert (found.name, found.version, found.exports) == ("@scope/part", "0.2.0", (".", "./sub"))


@pytest.mark.parametrize("name", ["missing", "Plain", "@scope/none", "part", "-g", "../x", "a b", "plain@1.0.0", ""])
def test_only_the_very_name_is_found(registry: NpmRegistry, name: str) -> None:
    assert registry.newest(name, node=None) is None
    assert registry.offers(name) == ()


def test_a_release_for_a_newer_node_gives_way_to_the_newest_that_runs(registry: NpmRegistry) -> None:
    versions = {node: found.version for node in ("20", "100") if (found := registry.newest("demanding", node=node))}
    assert versions == {"20": "1.0.0", "100": "2.0.0"}
    assert registry.newest("demanding", node="8") is None


def test_a_package_that_was_taken_down_shows_its_placeholder(registry: NpmRegistry) -> None:
    found = registry.newest("taken-down", node="20")
    assert found is not None
    assert (found.version, found.versions) == ("0.0.1-security", ())


def test_what_is_deprecated_says_so(registry: NpmRegistry) -> None:
    found = registry.newest("old-thing", node="20")
    assert found is not None
    assert found.deprecated == "use plain"


def test_offers_are_the_stable_versions_the_newest_first(registry: NpmRegistry) -> None:
    assert [one.version for one in registry.offers("plain")] == ["1.10.0", "1.9.0", "1.0.0"]


def test_offers_say_which_versions_can_be_required(registry: NpmRegistry) -> None:
    assert [(one.version, one.is_requirable) for one in registry.offers("modern")] == [
        ("3.0.0", False),
        ("2.0.0", False),
        ("1.0.0", True),
    ]
    assert [one.is_requirable for one in registry.offers("both-ways")] == [True]


def test_offers_say_what_they_want_beside_them(registry: NpmRegistry) -> None:
    assert [one.peers for one in registry.offers("plugin")] == [{"host": "^1.0.0"}]


def manifest(**dependencies: str) -> bytes:
    return json.dumps({"name": "shop", "version": "1.0.0", "dependencies": dependencies}).encode()


def test_a_manifest_is_resolved_to_versions(registry: NpmRegistry) -> None:
    assert registry.resolve(manifest(plain="^1.0.0", plugin="^1.0.0", host="^1.0.0")) == {
        "plain": "1.10.0",
        "plugin": "1.0.0",
        "host": "1.0.0",
    }


@pytest.mark.parametrize(
    "unfit", [{"plugin": "^1.0.0", "host": "^2.0.0"}, {"plain": "^9.0.0"}, {"missing": "^1.0.0"}], ids=str
)
def test_a_manifest_that_cannot_be_satisfied_is_unresolvable(registry: NpmRegistry, unfit: dict[str, str]) -> None:
    with pytest.raises(UnresolvableError):
        registry.resolve(manifest(**unfit))


@pytest.mark.npm
def test_a_registry_that_fails_is_no_answer_and_its_address_is_not_shown(tmp_path: Path) -> None:
    with npm_registry([], failing=True) as away:
        asking = NpmCliRegistry(client_of(away.url, tmp_path))
        questions: list[Callable[[], Any]] = [
            lambda: asking.newest("plain", node=None),
            lambda: asking.offers("plain"),
            lambda: asking.resolve(manifest(plain="^1.0.0")),
        ]
        for ask in questions:
            with pytest.raises(IndexUnavailableError) as failed:
                ask()
            assert "127.0.0.1" not in str(failed.value)


def test_without_npm_the_error_says_what_to_install() -> None:
    absent = NpmClient(program="npm-that-nobody-has")
    with pytest.raises(IndexUnavailableError, match=r"install Node\.js"):
        NpmCliRegistry(absent).newest("plain", node=None)
    with pytest.raises(LockToolError, match=r"install Node\.js"):
        NpmLocks(absent).refresh(OUTDATED, {}, python=None, node=None)


@pytest.mark.npm
def test_a_configuration_beside_the_manifest_is_not_read(client: NpmClient, tmp_path: Path) -> None:
    """npm reads `.npmrc` of the folder it is run in; the scratch copy holds only the two files that it is given."""
    (tmp_path / ".npmrc").write_text("registry=http://127.0.0.1:9/\n")
    lock = json.loads(client.lock({"package.json": manifest(plain="1.0.0")}, "package-lock.json"))
    assert lock["packages"]["node_modules/plain"]["version"] == "1.0.0"


def locked(version: int = 3, **versions: str) -> bytes:
    """A lock file whose manifest asked for just these versions."""
    entries = {f"node_modules/{name}": {"version": one} for name, one in versions.items()}
    tops = {name: f"^{one}" for name, one in versions.items()}
    document: dict[str, Any] = {"name": "shop", "version": "1.0.0", "lockfileVersion": version, "requires": True}
    if version > 1:
        document["packages"] = {"": {"name": "shop", "version": "1.0.0", "dependencies": tops}, **entries}
    if version < 3:
        document["dependencies"] = {name: {"version": one} for name, one in versions.items()}
    return (json.dumps(document, indent=2) + "\n").encode()


OUTDATED = {"package.json": manifest(plain="^1.0.0", host="^1.0.0"), "package-lock.json": locked(plain="1.0.0")}


def versions_in(lock: bytes) -> dict[str, str]:
    packages = json.loads(lock)["packages"]
    return {path.removeprefix("node_modules/"): entry["version"] for path, entry in packages.items() if path}


@pytest.mark.npm
def test_a_lock_that_lacks_a_dependency_gets_it_and_keeps_what_it_had(client: NpmClient) -> None:
    renewed = NpmLocks(client).refresh(OUTDATED, {}, python=None, node=None)
    assert list(renewed) == ["package-lock.json"]
    assert versions_in(renewed["package-lock.json"]) == {"plain": "1.0.0", "host": "1.0.0"}


@pytest.mark.npm
@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_lock_keeps_its_form(client: NpmClient, version: int) -> None:
    before = {"package.json": manifest(plain="^1.0.0"), "package-lock.json": locked(version, plain="1.0.0")}
    after = {"package.json": manifest(plain="^1.0.0", host="^1.0.0")}
    renewed = NpmLocks(client).refresh(before, after, python=None, node=None)
    assert json.loads(renewed["package-lock.json"])["lockfileVersion"] == version


@pytest.mark.npm
@pytest.mark.parametrize("with_addresses", [True, False])
@pytest.mark.parametrize("machine_omits", ["true", "false"])
def test_a_lock_keeps_its_addresses_or_goes_on_without(
    client: NpmClient, served: Registry, with_addresses: bool, machine_omits: str
) -> None:
    lock = json.loads(locked(plain="1.0.0"))
    address = f"{served.url}/plain/-/plain-1.0.0.tgz"
    lock["packages"]["node_modules/plain"] |= {"resolved": address} if with_addresses else {}
    before = {"package.json": manifest(plain="^1.0.0", host="^1.0.0"), "package-lock.json": json.dumps(lock).encode()}
    npm = NpmClient({**(client.settings or {}), "omit_lockfile_registry_resolved": machine_omits})
    renewed = NpmLocks(npm).refresh(before, {}, python=None, node=None)["package-lock.json"]
    packages = json.loads(renewed)["packages"]
    assert ["resolved" in packages[f"node_modules/{name}"] for name in ("plain", "host")] == [with_addresses] * 2


@pytest.mark.npm
def test_no_script_of_a_package_or_of_the_project_is_run(client: NpmClient, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = dict.fromkeys(("preinstall", "install", "postinstall", "prepare"), f"touch {mark}")
    own = json.dumps({"name": "shop", "dependencies": {"plain": "1.10.0"}, "scripts": script}).encode()
    NpmLocks(client).refresh({"package.json": own, "package-lock.json": locked()}, {}, python=None, node=None)
    assert not mark.exists()


@pytest.mark.npm
def test_dependencies_that_do_not_fit_together_are_unresolvable(client: NpmClient) -> None:
    before = {"package.json": manifest(host="^2.0.0"), "package-lock.json": locked(host="2.0.0")}
    after = {"package.json": manifest(host="^2.0.0", plugin="^1.0.0")}
    with pytest.raises(UnresolvableError, match="ERESOLVE"):
        NpmLocks(client).refresh(before, after, python=None, node=None)


NOBODY = NpmLocks(NpmClient(program="npm-that-must-not-be-run"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"package.json": manifest(plain="^1.0.0"), "package-lock.json": locked(plain="1.0.0")}, {}),
        (OUTDATED, {"requirements.txt": b"flask\n"}),
        ({"package-lock.json": locked(plain="1.0.0")}, {}),
        ({"package.json": b"{broken", "package-lock.json": locked()}, {"package.json": b"{still broken"}),
        ({"app/package.json": manifest(plain="^2"), "package-lock.json": locked()}, {}),
    ],
    ids=["it fits", "something else changed", "no manifest beside it", "no manifest to read", "another folder's"],
)
def test_a_lock_that_fits_or_is_not_concerned_stays(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    assert NOBODY.refresh(before, after, python=None, node=None) == {}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"workspaces": ["a"], "dependencies": {"plain": "1.0.0"}}, "workspaces"),
        ({"dependencies": {"mine": "file:../mine"}}, "a local package"),
        ({"dependencies": {"mine": "link:../mine"}}, "a local package"),
    ],
    ids=["workspaces", "file", "link"],
)
def test_what_a_scratch_copy_cannot_hold_is_left_to_a_person(document: dict[str, Any], reason: str) -> None:
    before = {"package.json": json.dumps(document).encode(), "package-lock.json": locked()}
    with pytest.raises(LockToolError, match=reason):
        NOBODY.refresh(before, {}, python=None, node=None)


def test_a_broken_lock_says_what_to_do() -> None:
    before = {"package.json": manifest(plain="1.0.0"), "package-lock.json": b"<<<<<<< HEAD\n"}
    with pytest.raises(LockToolError, match="no JSON"):
        NOBODY.refresh(before, {}, python=None, node=None)


@pytest.mark.npm
def test_a_shrinkwrap_counts_where_there_is_one(client: NpmClient) -> None:
    both = {**OUTDATED, "npm-shrinkwrap.json": OUTDATED["package-lock.json"]}
    assert list(NpmLocks(client).refresh(both, {}, python=None, node=None)) == ["npm-shrinkwrap.json"]


def test_which_files_are_npms() -> None:
    assert NOBODY.handles("package-lock.json")
    assert NOBODY.handles("web/npm-shrinkwrap.json")
    assert not NOBODY.handles("uv.lock")
    assert not NOBODY.handles("my-package-lock.json")
