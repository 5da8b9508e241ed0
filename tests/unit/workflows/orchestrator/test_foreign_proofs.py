"""What proves a package that a model or an agent adds: never less than the rules want of their own proposals."""

from __future__ import annotations

import pytest

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.foreign import Added
from moonmind.workflows.orchestrator.planners.foreign.proofs import prove
from moonmind.workflows.orchestrator.planning_ports import NpmRelease
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import FakeNpmRegistry, knowledge

OLD = 3000
"""Days."""
MANY = tuple(f"{major}.0.0" for major in range(1, 21))


def planning(files: dict[str, bytes], index: FakePackageIndex | None = None, *npm: NpmRelease) -> Planning:
    manifests = {path: content for path, content in files.items() if path.endswith((".txt", ".toml", "package.json"))}
    project = Project(manifests, tuple(files), None, files.get)
    return Planning(project, knowledge(index, npm=FakeNpmRegistry(*npm)))


def npm(name: str, *, days: int | None = OLD, versions: tuple[str, ...] = MANY) -> NpmRelease:
    return NpmRelease(name, versions[-1], versions, age_days=days)


def proof_of_npm(package: NpmRelease, files: dict[str, bytes], *findings: Finding) -> str | None:
    files = {"package.json": b'{"dependencies": {"express": "^5.0.0"}}', **files}
    return prove(Added("npm", package.name, "package.json"), findings, planning(files, None, package))


def proof_of_python(distribution: str, files: dict[str, bytes], *findings: Finding) -> str | None:
    index = FakePackageIndex(release(distribution))
    return prove(Added("python", distribution, "requirements.txt"), findings, planning(files, index))


def test_an_npm_package_that_a_source_loads_is_proven() -> None:
    assert proof_of_npm(npm("got"), {"server.mjs": b"import got from 'got';\n"})
    assert proof_of_npm(npm("some-quiet-name"), {"server.js": b"const quiet = require('some-quiet-name/inner')\n"})


def test_an_npm_package_that_is_missing_is_proven() -> None:
    missing = Finding(kind="node_subpath_missing", subject="got", summary="got")
    assert proof_of_npm(npm("got"), {}, missing)


@pytest.mark.parametrize(
    ("package", "files"),
    [
        (npm("fs"), {"server.js": b"const fs = require('fs')\n"}),
        (npm("expresss"), {"server.js": b"const express = require('expresss')\n"}),
        (npm("my-libary"), {"a.js": b"require('my-libary')", "package.json": b'{"dependencies": {"my-library": "1"}}'}),
        (npm("billing"), {"server.mjs": b"import x from 'billing/x'\n", "src/billing/x.js": b""}),
        (npm("utils"), {"server.mjs": b"import x from 'utils'\n"}),
        (npm("shop"), {"a.ts": b"import x from 'shop/x'\n", "tsconfig.json": b'{"paths": {"shop/*": ["./src/*"]}}'}),
        (npm("got", days=None), {"server.mjs": b"import got from 'got'\n"}),
        (npm("some-quiet-name", days=300), {"server.mjs": b"import q from 'some-quiet-name'\n"}),
        (npm("some-quiet-name", versions=MANY[:9]), {"server.mjs": b"import q from 'some-quiet-name'\n"}),
    ],
    ids=lambda value: value.name if isinstance(value, NpmRelease) else "",
)  # fmt: skip
def test_an_npm_package_that_the_rules_would_refuse_is_not_proven(package: NpmRelease, files: dict[str, bytes]) -> None:
    assert proof_of_npm(package, files) is None


def test_what_an_installed_package_asks_for_is_not_proven_by_its_name() -> None:
    importer = {"importer": "/app/node_modules/other/index.js"}
    missing = Finding(kind="node_package_missing", subject="got", summary="got", details=importer)
    assert proof_of_npm(npm("got"), {}, missing) is None


def test_an_npm_package_that_an_image_installs_is_compared_with_the_services_list() -> None:
    files = {"package.json": b'{"dependencies": {"express": "^5.0.0"}}', "server.js": b"require('expresss')\n"}
    assert prove(Added("npm", "expresss", "Dockerfile"), [], planning(files, None, npm("expresss"))) is None


def test_a_distribution_that_a_source_imports_is_proven() -> None:
    files = {"requirements.txt": b"acme-billing==1\n", "app.py": b"import helperx\n"}
    assert proof_of_python("helperx", files)


@pytest.mark.parametrize(
    ("distribution", "files"),
    [
        ("acme-biling", {"requirements.txt": b"acme-billing==1\n", "app.py": b"import acme_biling\n"}),
        ("helperx", {"requirements.txt": b"flask\n", "app.py": b"import helperx\n", "helperz.py": b""}),
        ("jsonn", {"requirements.txt": b"flask\n", "app.py": b"import jsonn\n"}),
    ],
)
def test_a_slip_for_a_listed_an_own_or_a_standard_module_is_not_proven(
    distribution: str, files: dict[str, bytes]
) -> None:
    missing = Finding(kind="python_module_missing", subject=distribution.replace("-", "_"), summary="missing")
    assert proof_of_python(distribution, files) is None
    assert proof_of_python(distribution, files, missing) is None


def test_a_slip_for_what_the_service_installs_from_is_seen_in_another_file_too() -> None:
    files = {"requirements.txt": b"acme-billing==1\n", "requirements-more.txt": b"", "app.py": b"import acme_biling\n"}
    index = FakePackageIndex(release("acme-biling"))
    for file in ("requirements-more.txt", "Dockerfile"):
        assert prove(Added("python", "acme-biling", file), [], planning(files, index)) is None
