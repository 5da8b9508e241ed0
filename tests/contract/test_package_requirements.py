"""What a release says that it needs, and whether it has a wheel: one suite over the fake and the adapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from moonmind.workflows.orchestrator.package_index import PipPackageIndex
from moonmind.workflows.orchestrator.ports import Offer, PackageIndex
from tests.fakes.index import FakePackageIndex
from tests.support.package_server import LocalIndex, code, source, use_only, wheel

NEEDS = ('lib-b>=2; extra == "more"', "lib-c")
FILES = {
    **wheel("app-a", "2.0", code("app_a.py"), headers="".join(f"Requires-Dist: {line}\n" for line in NEEDS).rstrip()),
    **wheel("app-a", "1.0", code("app_a.py")),
    **source("opaque", "0.3", code("opaque.py")),
}
FAKE = FakePackageIndex(
    offers={"opaque": [Offer("0.3", wheel=False)], "app-a": [Offer("2.0"), Offer("1.0")]},
    requires={("app-a", "2.0"): NEEDS, ("app-a", "1.0"): (), ("opaque", "0.3"): ()},
)


@pytest.fixture(params=["fake", "http"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    if request.param == "fake":
        yield FAKE
        return
    with LocalIndex(FILES).served() as address:
        use_only(monkeypatch, address)
        yield PipPackageIndex()


def test_the_lines_of_extras_are_among_them(index: PackageIndex) -> None:
    assert index.requires("App_A", "2.0", python=None) == NEEDS
    assert index.requires("app-a", "1.0", python=None) == ()


def test_a_release_that_is_not_there_says_nothing(index: PackageIndex) -> None:
    assert index.requires("app-a", "9.0", python=None) is None
    assert index.requires("nobody", "1.0", python=None) is None


def test_a_release_without_a_wheel_has_to_be_built(index: PackageIndex) -> None:
    assert [one.wheel for one in index.offers("opaque", python=None)] == [False]
    assert [one.wheel for one in index.offers("app-a", python=None)] == [True, True]
