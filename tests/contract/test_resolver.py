"""Choosing versions with uv against a small index of the test's own: what pip is configured for is what uv sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moonmind.workflows.orchestrator.knowledge import make_knowledge
from moonmind.workflows.orchestrator.planning_ports import Resolver, UnresolvableError
from moonmind.workflows.orchestrator.ports import IndexUnavailableError
from tests.support.package_server import LocalIndex, code, source, use_only, wheel

FILES = {
    **wheel("app-a", "1.0", code("app_a.py"), headers="Requires-Dist: lib-b>=1"),
    **wheel("app-a", "2.0", code("app_a.py"), headers="Requires-Dist: lib-b>=2"),
    **wheel("lib-b", "1.0", code("lib_b.py")),
    **wheel("lib-b", "2.0", code("lib_b.py")),
    **wheel("lib-b", "3.0", code("lib_b.py")),
    **wheel("lib-b", "4.0", code("lib_b.py"), headers="Requires-Python: >=3.11"),
    **wheel("old-fashioned", "1.0", code("o.py"), headers="Requires-Dist: lib-b<2"),
    **wheel(
        "extra-ordinary", "1.0", code("e.py"), headers="Provides-Extra: more\nRequires-Dist: lib-b; extra == 'more'"
    ),
    **source("opaque", "0.3", {"opaque.py": b"", "setup.cfg": b""}),
    **source("frank", "1.0", {"frank.egg-info/PKG-INFO": b"", "frank.egg-info/requires.txt": b"deep\n\n[x]\nopaque\n"}),
    **source("frank", "0.9", {"frank.egg-info/PKG-INFO": b""}),
    **source("deep", "1.0", {"PKG-INFO": b"Metadata-Version: 2.2\nName: deep\nVersion: 1.0\nRequires-Dist: lib-b<2\n"}),
}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    index = LocalIndex(FILES)
    with index.served() as address:
        use_only(monkeypatch, address)
        yield index


@pytest.fixture
def resolver(served: LocalIndex) -> Resolver:
    return make_knowledge().resolver


def test_everything_that_an_installation_would_bring(resolver: Resolver) -> None:
    assert resolver.resolve({"requirements.txt": b"App_A\n"}, "requirements.txt", python="3.11") == {
        "app-a": "2.0",
        "lib-b": "4.0",
    }


def test_the_services_python_counts_not_ours(resolver: Resolver) -> None:
    assert resolver.resolve({"r.txt": b"lib-b\n"}, "r.txt", python="3.10") == {"lib-b": "3.0"}
    assert resolver.resolve({"r.txt": b"lib-b\n"}, "r.txt", python=None) == {"lib-b": "4.0"}


def test_included_files_constraints_and_extras_count(resolver: Resolver) -> None:
    files = {
        "requirements/prod.txt": b"-r base.txt\n-c ../limits.txt\n",
        "requirements/base.txt": b"extra-ordinary[more]\n",
        "limits.txt": b"lib-b<2\n",
    }
    assert resolver.resolve(files, "requirements/prod.txt", python="3.11") == {"extra-ordinary": "1.0", "lib-b": "1.0"}


def test_a_pyproject_is_resolved_without_building_it(resolver: Resolver) -> None:
    files = {"pyproject.toml": b'[project]\nname = "shop"\nversion = "1"\ndependencies = ["app-a<2"]\n'}
    assert resolver.resolve(files, "pyproject.toml", python="3.10") == {"app-a": "1.0", "lib-b": "3.0"}


def test_what_is_installed_stays_where_it_still_fits(resolver: Resolver) -> None:
    installed = {"app-a": "1.0", "lib-b": "1.0", "elsewhere": "9"}
    kept = resolver.resolve({"r.txt": b"app-a\n"}, "r.txt", python="3.11", prefer=installed)
    assert kept == {"app-a": "1.0", "lib-b": "1.0"}
    moved = resolver.resolve({"r.txt": b"app-a>=2\n"}, "r.txt", python="3.11", prefer=installed)
    assert moved == {"app-a": "2.0", "lib-b": "4.0"}


def test_a_conflict_is_explained_in_the_resolvers_words(resolver: Resolver) -> None:
    with pytest.raises(UnresolvableError) as caught:
        resolver.resolve({"r.txt": b"app-a>=2\nold-fashioned\n"}, "r.txt", python="3.11")
    assert "old-fashioned depend on lib-b<2" in str(caught.value)
    assert "your requirements are unsatisfiable" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"nowhere-at-all\n", "nowhere-at-all was not found"),
        (b"lib-b==99\n", "no version of lib-b==99"),
        (b"no requirement ==\n", "Couldn't parse requirement"),
        (b"-r other.txt\n", "failed to read from file `other.txt`"),
    ],
)
def test_what_cannot_be_had_or_read_is_said(resolver: Resolver, line: bytes, words: str) -> None:
    with pytest.raises(UnresolvableError) as caught:
        resolver.resolve({"r.txt": line}, "r.txt", python="3.11")
    assert words in str(caught.value)


def test_no_code_of_a_source_distribution_runs(resolver: Resolver) -> None:
    with pytest.raises(UnresolvableError, match="opaque") as caught:
        resolver.resolve({"r.txt": b"opaque\n"}, "r.txt", python="3.11")
    assert "was run" not in str(caught.value)


def test_a_source_distribution_is_judged_by_the_metadata_in_it(resolver: Resolver) -> None:
    newest = resolver.resolve({"r.txt": b"frank\n"}, "r.txt", python="3.11")
    assert newest == {"frank": "1.0", "deep": "1.0", "lib-b": "1.0"}
    assert resolver.resolve({"r.txt": b"frank==0.9\n"}, "r.txt", python="3.11") == {"frank": "0.9"}


def test_poetrys_table_and_dynamic_metadata_are_resolved_too(resolver: Resolver) -> None:
    poetry = b'[tool.poetry.dependencies]\npython = "^3.11"\napp-a = "^1.0"\n'
    assert resolver.resolve({"pyproject.toml": poetry}, "pyproject.toml", python="3.11")["app-a"] == "1.0"
    dynamic = b'[project]\nname = "x"\ndynamic = ["version"]\ndependencies = ["lib-b<3"]\n'
    assert resolver.resolve({"pyproject.toml": dynamic}, "pyproject.toml", python="3.11") == {"lib-b": "2.0"}
    with pytest.raises(UnresolvableError, match="dynamic"):
        resolver.resolve(
            {"p/pyproject.toml": b'[project]\ndynamic = ["dependencies"]\n'}, "p/pyproject.toml", python=None
        )


@pytest.mark.parametrize("status", [500, 403])
def test_an_index_that_answers_with_an_error_is_unavailable(
    resolver: Resolver, served: LocalIndex, status: int
) -> None:
    served.status = status
    with pytest.raises(IndexUnavailableError):
        resolver.resolve({"r.txt": b"lib-b\n"}, "r.txt", python="3.11")


def test_an_index_that_cannot_be_reached_is_unavailable_and_its_address_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_only(monkeypatch, "http://somebody:password@127.0.0.1:9/simple")
    with pytest.raises(IndexUnavailableError) as caught:
        make_knowledge().resolver.resolve({"r.txt": b"lib-b\n"}, "r.txt", python="3.11")
    assert "somebody" not in caught.value.reason
    assert "127.0.0.1:9" not in caught.value.reason
