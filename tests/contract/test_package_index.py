"""The package index adapter against a small index of the test's own, served from files, and the machine's real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from moonmind.workflows.orchestrator.package_index import PipPackageIndex, remote_file
from moonmind.workflows.orchestrator.package_index.pip_client import PipClient
from moonmind.workflows.orchestrator.ports import IndexUnavailableError, Offer, PackageIndex, Release
from tests.fakes.index import FakePackageIndex
from tests.support.package_server import Files, LocalIndex, code, source, use_only, wheel

FILES: Files = {
    **wheel("Plain", "1.0", code("plain/__init__.py")),
    **wheel("Plain", "1.2", code("plain/__init__.py", "plain/sub/__init__.py", "plain/sub/mod.py", "plain/data.json")),
    **wheel("Plain", "2.0b1", code("plain/__init__.py")),
    **wheel("single", "1.0", code("single.py", "single-1.0.data/scripts/run", "single-1.0.data/purelib/beside.py")),
    **wheel(
        "compiled", "1.0", code("compiled/_fast.cpython-311-x86_64-linux-gnu.so", "compiled/_abi.abi3.so", "_top.so")
    ),
    **wheel("space-name", "1.0", code("space/name/__init__.py", "space/name/part.py")),
    **wheel("new-only", "1.0", code("new_only.py")),
    **wheel("new-only", "2.0", code("new_only.py", "newer.py"), headers="Requires-Python: >=3.99"),
    **wheel(
        "vendoring", "1.0", {**code("vendoring/__init__.py"), "vendoring/_v/x.dist-info/METADATA": b"Name: other\n\n"}
    ),
    **source("from-source", "0.3", {**code("from_source/__init__.py", "tests/__init__.py", "docs/conf.py")}),
    **source("in-src", "0.3", {**code("src/in_src/__init__.py"), "src/in_src.egg-info/top_level.txt": b"in_src\n"}),
    **source("renamed", "0.3", {**code("lib/__init__.py", "lib/extras.py"), "r.egg-info/top_level.txt": b"renamed\n"}),
    "broken-1.0-py3-none-any.whl": b"this is no archive",
    **wheel("history", "1.0", {"history.py": b"def old(): ...\ndef kept(): ...\n", "history_beside.py": b""}),
    **wheel("history", "1.5", code("history.py")),
    **wheel("history", "2.0", {"history.py": b"def kept(): ...\n"}),
    **wheel("history", "2.1rc1", code("history.py")),
    **wheel("history", "3.0", code("history.py")),
    **source("from-source", "0.2", {"src/from_source/__init__.py": b"HERE = 1\n", "from_source.py": b"THERE = 1\n"}),
    **wheel("large", "1.0", {"large/__init__.py": b"", "large/weights.bin": Random(1).randbytes(1_000_000)}),
}


SAID: dict[str, dict[str, str]] = {
    "history-1.0-py3-none-any.whl": {"upload-time": "2020-01-01T00:00:00Z"},
    "history-1.5-py3-none-any.whl": {"yanked": "it <b>lost</b> files"},
    "history-2.0-py3-none-any.whl": {"requires-python": ">=3.8"},
    "history-3.0-py3-none-any.whl": {"requires-python": ">=3.99"},
}
"""What the index says of some files."""


@pytest.fixture
def served() -> LocalIndex:
    return LocalIndex(FILES, SAID)


@pytest.fixture
def only_our_index(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return partial(use_only, monkeypatch)


@pytest.fixture
def server(served: LocalIndex) -> Iterator[str]:
    with served.served() as address:
        yield address


@pytest.fixture
def serve(
    tmp_path: Path, only_our_index: Callable[[str], None], server: str, served: LocalIndex
) -> Callable[[str], PipPackageIndex]:
    """The adapter over an index of one form: HTML or JSON over HTTP, or a folder of pages."""

    def over(form: str) -> PipPackageIndex:
        served.speaks_json = form == "json"
        projects = {name.partition("-")[0].lower().replace("_", "-") for name in FILES} | {"from-source", "in-src"}
        only_our_index(served.lay_out(tmp_path, *projects) if form == "files" else server)
        return PipPackageIndex()

    return over


@pytest.fixture(params=["http", "json", "files"])
def index(request: pytest.FixtureRequest, serve: Callable[[str], PipPackageIndex]) -> PipPackageIndex:
    return serve(request.param)


FAKE = FakePackageIndex(
    Release("history", "2.0", frozenset({"history"}), 4),
    Release("history", "1.5", frozenset({"history"}), 4),
    Release("history", "1.0", frozenset({"history", "history_beside"}), 4),
    offers={
        "history": [
            Offer("3.0", requires_python=">=3.99", installable=False, wheel=False),
            Offer("2.1rc1"),
            Offer("2.0", requires_python=">=3.8"),
            Offer("1.5", yanked="it <b>lost</b> files"),
            Offer("1.0", uploaded="2020-01-01T00:00:00Z"),
        ]
    },
    names={
        ("history", "1.0", "history"): frozenset({"old", "kept"}),
        ("history", "2.0", "history"): frozenset({"kept"}),
    },
)


@pytest.fixture(params=["fake", "http", "json", "files"])
def either(request: pytest.FixtureRequest, serve: Callable[[str], PipPackageIndex]) -> PackageIndex:
    """The adapter and the fake of the unit tests, which must not differ in what planners build on."""
    return FAKE if request.param == "fake" else serve(request.param)


def test_every_version_is_offered_with_what_the_index_says_of_it(either: PackageIndex) -> None:
    assert either.offers("History", python="3.11") == (
        Offer("3.0", requires_python=">=3.99", installable=False, wheel=False),
        Offer("2.1rc1"),
        Offer("2.0", requires_python=">=3.8"),
        Offer("1.5", yanked="it <b>lost</b> files"),
        Offer("1.0", uploaded="2020-01-01T00:00:00Z"),
    )
    assert either.offers("nothing", python="3.11") == ()


def test_the_newest_is_stable_not_yanked_and_for_this_python(either: PackageIndex) -> None:
    release = either.newest("history", python="3.11")
    assert release is not None
    assert release.version == "2.0"


def test_a_certain_release_is_read_a_yanked_one_too(either: PackageIndex) -> None:
    first, yanked = either.at("history", "1.0", python="3.11"), either.at("history", "1.5", python="3.11")
    assert first is not None
    assert first.modules == {"history", "history_beside"}
    assert yanked is not None
    assert yanked.version == "1.5"


@pytest.mark.parametrize("version", ["3.0", "0.9", "no version"])
def test_a_release_that_is_not_there_or_not_for_this_python_is_none(either: PackageIndex, version: str) -> None:
    assert either.at("history", version, python="3.11") is None


def test_the_names_of_a_module_in_each_release(either: PackageIndex) -> None:
    assert either.names("history", "1.0", "history", python="3.11") == {"old", "kept"}
    assert either.names("history", "2.0", "history", python="3.11") == {"kept"}
    assert either.names("history", "2.0", "history_beside", python="3.11") is None
    assert either.names("history", "9.0", "history", python="3.11") is None
    assert either.names("nothing", "1.0", "nothing", python="3.11") is None


def test_names_are_read_from_a_source_distribution_below_src(index: PipPackageIndex) -> None:
    assert index.names("from-source", "0.2", "from_source", python=None) == {"HERE"}


def test_what_was_asked_a_moment_ago_is_not_asked_again(
    only_our_index: Callable[[str], None], server: str, served: LocalIndex
) -> None:
    only_our_index(server)
    index = PipPackageIndex()
    for _ in range(3):
        index.newest("history", python=None)
        index.offers("History", python="3.8")
        index.at("history", "1.0", python=None)
    assert served.asked == ["history"]


def test_a_folder_of_links_counts_beside_the_index(
    only_our_index: Callable[[str], None], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in wheel("history", "2.2", code("history.py")).items():
        (tmp_path / name).write_bytes(content)
    only_our_index(server)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    release = PipPackageIndex().newest("history", python=None)
    assert release is not None
    assert release.version == "2.2"


def test_an_unconfigured_pip_tells_its_own_index(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert PipClient().indexes == [PipClient().default_index]
    assert PipClient().default_index.startswith("https://")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert PipClient().indexes == []


def test_the_newest_stable_release_and_all_its_modules(index: PipPackageIndex) -> None:
    release = index.newest("plain", python=None)
    assert release is not None
    assert (release.name, release.version, release.releases) == ("plain", "1.2", 2)
    assert release.modules == {"plain", "plain.sub", "plain.sub.mod"}
    assert release.file == "Plain-1.2-py3-none-any.whl"


@pytest.mark.parametrize(
    ("distribution", "modules"),
    [
        ("single", {"single", "beside"}),
        ("compiled", {"compiled._fast", "compiled._abi", "_top"}),
        ("space-name", {"space.name", "space.name.part"}),
        ("from-source", {"from_source"}),
        ("in-src", {"in_src"}),
        ("renamed", {"renamed"}),
    ],
)
def test_modules_of_every_kind_of_distribution(index: PipPackageIndex, distribution: str, modules: set[str]) -> None:
    release = index.newest(distribution, python=None)
    assert release is not None
    assert release.modules == modules


def test_a_vendored_distributions_metadata_is_not_taken_for_its_own(index: PipPackageIndex) -> None:
    release = index.newest("vendoring", python=None)
    assert release is not None
    assert release.name == "vendoring"


def test_requires_python_counts_also_when_only_the_metadata_has_it(index: PipPackageIndex) -> None:
    release = index.newest("new-only", python="3.11")
    assert release is not None
    assert (release.version, release.modules) == ("1.0", {"new_only"})


@pytest.mark.parametrize("distribution", ["nothing", "broken", "../plain", "-r", "plain; id", "", "a" * 200])
def test_what_is_not_there_or_no_name_or_unreadable_is_none(index: PipPackageIndex, distribution: str) -> None:
    assert index.newest(distribution, python=None) is None


def test_of_a_large_remote_wheel_only_the_end_is_fetched(
    only_our_index: Callable[[str], None], server: str, served: LocalIndex
) -> None:
    only_our_index(server)
    name = "large-1.0-py3-none-any.whl"
    release = PipPackageIndex().newest("large", python=None)
    assert release is not None
    assert release.modules == {"large"}
    assert len(FILES[name]) > served.sent[name] > 0


def test_a_list_of_members_longer_than_the_first_range_is_read_on(
    only_our_index: Callable[[str], None], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_file, "TAIL", 64)
    only_our_index(server)
    release = PipPackageIndex().newest("plain", python=None)
    assert release is not None
    assert "plain.sub.mod" in release.modules


def test_a_server_without_ranges_is_read_whole_up_to_a_limit(
    only_our_index: Callable[[str], None], server: str, served: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.ranges = False
    only_our_index(server)
    release = PipPackageIndex().newest("plain", python=None)
    assert release is not None
    assert release.version == "1.2"
    monkeypatch.setattr(remote_file, "DOWNLOAD_LIMIT", 100)
    with pytest.raises(IndexUnavailableError, match="larger than 100 bytes"):
        PipPackageIndex().newest("plain", python=None)


@pytest.mark.parametrize("status", [500, 503, 403])
def test_an_index_that_answers_with_an_error_is_unavailable(
    only_our_index: Callable[[str], None], server: str, served: LocalIndex, status: int
) -> None:
    served.status = status
    only_our_index(server)
    with pytest.raises(IndexUnavailableError, match=str(status)):
        PipPackageIndex().newest("plain", python=None)


def test_an_index_that_cannot_be_reached_is_unavailable_and_its_address_is_not_told(
    only_our_index: Callable[[str], None],
) -> None:
    only_our_index("http://somebody:password@127.0.0.1:9/simple")
    with pytest.raises(IndexUnavailableError) as caught:
        PipPackageIndex().newest("plain", python=None)
    assert "somebody" not in caught.value.reason
    assert "127.0.0.1:9" not in caught.value.reason


def test_an_index_that_hangs_ends_at_the_time_out(only_our_index: Callable[[str], None], server: str) -> None:
    only_our_index(server)
    with pytest.raises(IndexUnavailableError, match="did not answer within"):
        PipPackageIndex(PipClient(timeout=0.01)).newest("plain", python=None)


def test_pip_settings_are_read_as_pip_weighs_them(only_our_index: Callable[[str], None]) -> None:
    only_our_index("http://127.0.0.1:9/simple")
    assert PipClient().configuration["index-url"] == "http://127.0.0.1:9/simple"


@pytest.mark.parametrize(
    ("distribution", "module"),
    [("flask", "flask.cli"), ("python-dateutil", "dateutil.parser"), ("PyYAML", "yaml"), ("docopt", "docopt")],
)
def test_the_machines_own_index_knows_well_known_distributions(distribution: str, module: str) -> None:
    release = PipPackageIndex().newest(distribution, python=None)
    assert release is not None
    assert module in release.modules
    assert release.releases > 5
