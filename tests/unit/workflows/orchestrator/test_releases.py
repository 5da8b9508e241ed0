"""The release that provides a module: the newest, else the last one before it was taken out."""

from __future__ import annotations

import pytest

from moonmind.workflows.orchestrator.planners.releases import Provided, find_release
from moonmind.workflows.orchestrator.ports import Offer, Release
from tests.fakes.index import FakePackageIndex, release


def history(count: int, last_with: int | None) -> list[Release]:
    """Versions count.0 … 1.0, the newest first; up to `last_with` they hold the module `old`."""
    return [
        release("tool", f"{number}.0", modules=("tool", "old") if last_with and number <= last_with else ("tool",))
        for number in range(count, 0, -1)
    ]


def found(index: FakePackageIndex) -> Provided | None:
    return find_release("tool", lambda one: "old" in one.modules, index, python="3.11")


@pytest.mark.parametrize(
    ("count", "back"),
    [(count, back) for count in (1, 2, 5, 6, 30, 400) for back in (0, 1, 3, 4, 5, 6, 9, 29, 100, 399) if back < count],
)
def test_the_newest_release_that_has_it_is_found_however_far_back(count: int, back: int) -> None:
    last = count - back
    provided = found(FakePackageIndex(*history(count, last)))
    assert provided is not None
    assert provided.release.version == f"{last}.0"
    assert provided.lost_in == (f"{last + 1}.0" if back else None)


def test_few_releases_are_looked_at() -> None:
    index = FakePackageIndex(*history(1000, 3))
    assert found(index)
    assert len(index.asked) < 30


def test_none_has_it() -> None:
    assert found(FakePackageIndex(*history(40, None))) is None
    assert found(FakePackageIndex()) is None


def test_what_cannot_be_installed_was_withdrawn_or_is_a_preview_is_no_older_release() -> None:
    releases = history(5, 4)
    offers = {
        "tool": [
            Offer("6.0rc1"),
            Offer("5.0"),
            Offer("4.0", yanked="broken"),
            Offer("3.0", installable=False),
            Offer("3.0rc1"),
            Offer("2.0"),
            Offer("odd"),
        ]
    }
    provided = found(FakePackageIndex(*releases, offers=offers))
    assert provided is not None
    assert (provided.release.version, provided.lost_in) == ("2.0", "5.0")
