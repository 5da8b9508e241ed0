"""Lock files of Python projects, brought up to date by their tools, against a small index of the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import uv

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import apply_edits, refuse_unhashed, requirements_txt
from moonmind.workflows.orchestrator.edits.compiled import UnknownCompilerError, compiled_from
from moonmind.workflows.orchestrator.knowledge import make_knowledge
from moonmind.workflows.orchestrator.planning_ports import LockToolError, LockTools, UnresolvableError
from tests.support.package_server import LocalIndex, code, source, use_only, wheel

FILES = {
    **wheel("app-a", "1.0", code("app_a.py"), headers="Requires-Dist: lib-b>=1"),
    **wheel("app-a", "1.1", code("app_a.py"), headers="Requires-Dist: lib-b>=1"),
    **wheel("lib-b", "1.0", code("lib_b.py")),
    **wheel("lib-b", "2.0", code("lib_b.py")),
    **wheel("new-one", "3.0", code("new_one.py"), headers="Requires-Dist: its-own"),
    **wheel("its-own", "0.1", code("its_own.py")),
    **wheel("old-fashioned", "1.0", code("o.py"), headers="Requires-Dist: lib-b>9"),
    **source("opaque", "0.3", {"opaque.py": b"", "setup.cfg": b""}),
}
PROJECT = (
    b'[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["app-a==1.0", "lib-b"]\n'
)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with LocalIndex(FILES).served() as address:
        use_only(monkeypatch, address)
        yield address


@pytest.fixture
def locks(served: str) -> LockTools:
    return make_knowledge().locks


def refreshed(locks: LockTools, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return locks.refresh(before, after, python="3.11", node=None)


def run_uv(folder: Path, *arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), "--quiet", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL)


def changed(file: str, content: bytes, kind: str, name: str, version: str | None = None) -> dict[str, bytes]:
    edit = Edit.model_validate({"kind": kind, "file": file, "name": name, "version": version, "reason": "a test"})
    return apply_edits({file: content}, [edit])


@pytest.fixture
def uv_project(tmp_path: Path, served: str) -> dict[str, bytes]:
    """A project that was locked when lib-b 1.0 was the newest."""
    (tmp_path / "pyproject.toml").write_bytes(PROJECT.replace(b'"lib-b"', b'"lib-b<2"'))
    run_uv(tmp_path, "lock", "--default-index", served, "--python", sys.executable)
    (tmp_path / "pyproject.toml").write_bytes(PROJECT)
    run_uv(tmp_path, "lock", "--default-index", served, "--python", sys.executable)
    return {name: (tmp_path / name).read_bytes() for name in ("pyproject.toml", "uv.lock")}


def test_uv_lock_gets_what_is_new_and_keeps_the_rest(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    after = changed("pyproject.toml", uv_project["pyproject.toml"], "requirement_add", "new-one")
    lock = refreshed(locks, uv_project, after)["uv.lock"].decode()
    assert 'name = "new-one"\nversion = "3.0"' in lock
    assert 'name = "its-own"\nversion = "0.1"' in lock
    assert 'name = "lib-b"\nversion = "1.0"' in lock, "2.0 is newer, and nobody asked for it"


def test_uv_lock_takes_a_pin(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    after = changed("pyproject.toml", uv_project["pyproject.toml"], "requirement_pin", "app-a", "==1.1")
    lock = refreshed(locks, uv_project, after)["uv.lock"].decode()
    assert 'name = "app-a"\nversion = "1.1"' in lock
    assert 'name = "lib-b"\nversion = "1.0"' in lock


def test_a_lock_whose_manifest_did_not_change_stays(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    assert refreshed(locks, uv_project, {}) == {}
    assert refreshed(locks, uv_project, {"Dockerfile": b"FROM scratch\n"}) == {}


def test_uv_lock_names_the_index_that_it_named(
    uv_project: dict[str, bytes], served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_only(monkeypatch, "http://127.0.0.1:9/simple")
    after = changed("pyproject.toml", uv_project["pyproject.toml"], "requirement_add", "new-one")
    lock = refreshed(make_knowledge().locks, uv_project, after)["uv.lock"].decode()
    assert lock.count(f'registry = "{served}"') == 4


def test_what_cannot_be_resolved_leaves_no_lock(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    after = changed("pyproject.toml", uv_project["pyproject.toml"], "requirement_add", "old-fashioned")
    with pytest.raises(UnresolvableError, match="lib-b>9"):
        refreshed(locks, uv_project, after)


def test_no_code_runs_for_uv_lock(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    after = changed("pyproject.toml", uv_project["pyproject.toml"], "requirement_add", "opaque")
    with pytest.raises(LockToolError, match="opaque is there as source only"):
        refreshed(locks, uv_project, after)
    dynamic = PROJECT.replace(b'version = "1"', b'dynamic = ["version"]')
    with pytest.raises(LockToolError, match="only its build system knows"):
        refreshed(locks, uv_project, {"pyproject.toml": dynamic})


def test_a_project_for_another_python_is_locked_or_says_so(locks: LockTools, uv_project: dict[str, bytes]) -> None:
    other = PROJECT.replace(b">=3.11", b">=3.99")
    with pytest.raises(LockToolError, match="needs another Python"):
        refreshed(locks, uv_project, {"pyproject.toml": other})


@pytest.fixture
def compiled(tmp_path: Path, served: str) -> dict[str, bytes]:
    """requirements.txt from requirements.in with hashes, of a time when lib-b 1.0 was the newest."""
    (tmp_path / "requirements.in").write_text("app-a==1.0\n")
    (tmp_path / "requirements.txt").write_text("lib-b==1.0\n")
    index = ("--default-index", served)
    options = ("--generate-hashes", "-o", "requirements.txt")
    run_uv(tmp_path, "pip", "compile", "requirements.in", *options, *index, "--python", sys.executable)
    header = b"# This file was autogenerated by uv via the following command:\n#    uv pip compile requirements.in"
    content = (tmp_path / "requirements.txt").read_bytes()
    body = content[content.index(b"app-a==") :]
    return {
        "requirements.in": b"app-a==1.0\n",
        "requirements.txt": header + b" --generate-hashes -o requirements.txt\n--no-binary :none:\n" + body,
    }


def test_a_compiled_file_is_compiled_again_from_its_source(locks: LockTools, compiled: dict[str, bytes]) -> None:
    after = changed("requirements.in", compiled["requirements.in"], "requirement_add", "new-one")
    made = refreshed(locks, compiled, after)["requirements.txt"]
    refuse_unhashed({"requirements.txt": made})
    pins = [str(one.requirement) for one in requirements_txt.parse(made).requirements]
    assert pins == ["app-a==1.0", "its-own==0.1", "lib-b==1.0", "new-one==3.0"]
    head = compiled["requirements.txt"][: compiled["requirements.txt"].index(b"app-a==")]
    assert made.startswith(head + b"app-a==1.0 \\\n    --hash=sha256:")


def test_a_change_of_the_compiled_file_itself_would_be_lost(locks: LockTools, compiled: dict[str, bytes]) -> None:
    after = changed("requirements.txt", compiled["requirements.txt"], "requirement_add", "new-one")
    with pytest.raises(LockToolError, match=r"compiled from requirements\.in"):
        refreshed(locks, compiled, after)


def test_a_file_that_something_else_made_is_left_to_it(locks: LockTools, compiled: dict[str, bytes]) -> None:
    made = compiled["requirements.txt"].replace(b"uv pip compile requirements.in", b"make lock #")
    after = changed("requirements.txt", made, "requirement_add", "new-one")
    with pytest.raises(LockToolError, match="is made by `make lock"):
        refreshed(locks, {"requirements.txt": made}, after)


@pytest.mark.parametrize("version", [None, "==3.0"])
def test_a_hashed_file_without_a_source_gets_the_new_lines_and_keeps_the_old(
    locks: LockTools, compiled: dict[str, bytes], version: str | None
) -> None:
    content = compiled["requirements.txt"]
    hashed = b"# by hand\n" + content[content.index(b"app-a==") :]
    after = changed("requirements.txt", hashed, "requirement_add", "new-one", version)
    made = refreshed(locks, {"requirements.txt": hashed}, after)["requirements.txt"]
    refuse_unhashed({"requirements.txt": made})
    old = hashed.splitlines(keepends=True)
    assert [line for line in made.splitlines(keepends=True) if line in old] == old
    pins = [str(one.requirement) for one in requirements_txt.parse(made).requirements]
    assert pins == ["app-a==1.0", "its-own==0.1", "lib-b==1.0", "new-one==3.0"]


def test_a_hashed_line_that_is_pinned_anew_gets_the_hashes_of_its_new_files(
    locks: LockTools, compiled: dict[str, bytes]
) -> None:
    content = compiled["requirements.txt"]
    hashed = content[content.index(b"app-a==") :]
    after = changed("requirements.txt", hashed, "requirement_pin", "app-a", "==1.1")
    made = refreshed(locks, {"requirements.txt": hashed}, after)["requirements.txt"]
    entry = requirements_txt.parse(made).find("app-a")
    assert entry is not None
    assert str(entry.requirement) == "app-a==1.1"
    assert entry.is_hashed
    assert made.partition(b"lib-b")[2] == hashed.partition(b"lib-b")[2]


PIP_TOOLS = b"""\
#
# This file is autogenerated by pip-compile with Python 3.11
# by the following command:
#
#    pip-compile --extra=web --generate-hashes --output-file=requirements.txt pyproject.toml
#
flask==1
"""


def test_the_headers_of_both_compilers_are_understood() -> None:
    unsafe = ("--no-emit-package", "distribute", "--no-emit-package", "pip", "--no-emit-package", "setuptools")
    made = compiled_from(PIP_TOOLS)
    assert made is not None
    assert made.sources == ("pyproject.toml",)
    assert made.options == ("--extra", "web", "--generate-hashes", "--no-strip-extras", *unsafe)
    said = (
        b"# This file was autogenerated by uv via the following command:\n#    uv pip compile -p 3.12 a.in -c b.txt\n"
    )
    made = compiled_from(said)
    assert made is not None
    assert (made.sources, made.options) == (("a.in",), ("--python-version", "3.12", "--constraints", "b.txt"))
    assert compiled_from(b"# by hand\nflask==1\n") is None


@pytest.mark.parametrize("command", [b"make lock", b"pip-compile --pip-args=--pre x.in", b"uv pip compile 'x"])
def test_a_command_that_cannot_be_repeated_is_told(command: bytes) -> None:
    with pytest.raises(UnknownCompilerError) as caught:
        compiled_from(b"# autogenerated by a tool with:\n# " + command + b"\n")
    assert str(caught.value) == command.decode()
