"""`poetry.lock`, brought up to date by a real Poetry (`scripts/install-poetry.sh`), with an index of the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import apply_edits
from moonmind.workflows.orchestrator.knowledge import make_knowledge
from moonmind.workflows.orchestrator.planning_ports import LockToolError, LockTools, UnresolvableError
from moonmind.workflows.orchestrator.ports import IndexUnavailableError
from moonmind.workflows.orchestrator.python_tools.no_builds import is_build
from tests.support.package_server import LocalIndex, code, source, use_only, wheel

POETRY = Path(__file__).parents[2] / "var" / "poetry" / "bin"
BACKEND = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
FILES = {
    **wheel("app-a", "1.0", code("app_a.py"), headers="Requires-Dist: lib-b>=1"),
    **wheel("lib-b", "1.0", code("lib_b.py")),
    **wheel("lib-b", "2.0", code("lib_b.py")),
    **wheel("new-one", "3.0", code("new_one.py")),
    **wheel("old-fashioned", "1.0", code("o.py"), headers="Requires-Dist: lib-b>9"),
    **source("opaque", "0.3", {"opaque.py": b"", "setup.cfg": b""}),
}
PROJECT = """\
[tool.poetry]
name = "shop"
version = "1"
package-mode = false

[tool.poetry.dependencies]
python = ">=3.11,<4"
app-a = "^1.0"

[[tool.poetry.source]]
name = "ours"
url = "{address}/"
priority = "primary"
"""

pytestmark = pytest.mark.poetry


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalIndex]:
    backend = f"open({str(tmp_path / 'was-run')!r}, 'w')".encode()
    index = LocalIndex({**FILES, **source("own-backend", "0.3", {"pyproject.toml": BACKEND, "backend.py": backend})})
    monkeypatch.setenv("PATH", f"{POETRY}:/usr/bin:/bin")
    monkeypatch.setenv("POETRY_CACHE_DIR", str(tmp_path / "cache"))
    with index.served() as index.address:
        use_only(monkeypatch, index.address)
        yield index


@pytest.fixture
def project(served: LocalIndex, tmp_path: Path) -> dict[str, bytes]:
    """A project that Poetry locked before lib-b 2.0 was there."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT.format(address=served.address))
    newer = {name: served.files.pop(name) for name in list(served.files) if name.startswith("lib_b-2")}
    environment = {"PATH": f"{POETRY}:/usr/bin:/bin", "POETRY_VIRTUALENVS_CREATE": "false", "NO_PROXY": "127.0.0.1"}
    home = {"HOME": str(tmp_path), "POETRY_CACHE_DIR": str(tmp_path / "first-cache")}
    subprocess.run(["poetry", "--quiet", "lock"], cwd=folder, env={**environment, **home}, check=True)
    served.files.update(newer)
    return {name: (folder / name).read_bytes() for name in ("pyproject.toml", "poetry.lock")}


@pytest.fixture
def locks(served: LocalIndex) -> LockTools:
    return make_knowledge().locks


def added(project: dict[str, bytes], name: str) -> dict[str, bytes]:
    return apply_edits(project, [Edit(kind="requirement_add", file="pyproject.toml", name=name, reason="a test")])


def test_poetry_lock_gets_what_is_new_and_keeps_the_rest(locks: LockTools, project: dict[str, bytes]) -> None:
    made = locks.refresh(project, added(project, "new-one"), python="3.11", node=None)
    lock = made["poetry.lock"].decode()
    assert 'name = "new-one"\nversion = "3.0"' in lock
    assert 'name = "lib-b"\nversion = "1.0"' in lock, "2.0 is newer, and nobody asked for it"
    assert locks.refresh(project, {"Dockerfile": b""}, python="3.11", node=None) == {}


def test_what_cannot_be_resolved_is_explained_in_poetrys_words(locks: LockTools, project: dict[str, bytes]) -> None:
    with pytest.raises(UnresolvableError, match=r"lib-b \(>9\)"):
        locks.refresh(project, added(project, "old-fashioned"), python="3.11", node=None)


@pytest.mark.parametrize("name", ["opaque", "own-backend"])
def test_poetry_runs_no_code_of_a_source_distribution(
    locks: LockTools, project: dict[str, bytes], name: str, tmp_path: Path
) -> None:
    with pytest.raises(LockToolError, match="source only, and no code is run"):
        locks.refresh(project, added(project, name), python="3.11", node=None)
    assert not (tmp_path / "was-run").exists()


def test_a_machine_without_poetry_says_what_to_do(
    locks: LockTools, project: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LockToolError, match="belongs to Poetry, which this machine does not have"):
        locks.refresh(project, added(project, "new-one"), python="3.11", node=None)


def test_a_poetry_that_cannot_be_kept_from_running_code_is_not_used(
    locks: LockTools, project: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "poetry").write_text(f"#!/bin/sh\nexec {sys.executable} -I -c 'print(\"Poetry (version 9.9.9)\")'\n")
    (tmp_path / "poetry").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(LockToolError, match="cannot be kept from running code"):
        locks.refresh(project, added(project, "new-one"), python="3.11", node=None)


def test_an_index_that_is_away_is_unavailable(locks: LockTools, project: dict[str, bytes], served: LocalIndex) -> None:
    served.status = 500
    with pytest.raises(IndexUnavailableError):
        locks.refresh(project, added(project, "new-one"), python="3.11", node=None)


@pytest.mark.parametrize(
    ("argv", "builds"),
    [
        (["python", "/x/pyproject_hooks/_in_process/_in_process.py", "build_wheel"], True),
        (["python", "setup.py", "egg_info"], True),
        ([b"python", b"-c", b"x"], False),
        (["git", "clone"], False),
    ],
)
def test_what_counts_as_a_build(argv: list[object], builds: bool) -> None:
    assert is_build(argv) is builds
