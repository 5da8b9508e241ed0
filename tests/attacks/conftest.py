"""One town for all attacks; what became of it is looked at after the last one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.tally import Tally
from tests.attacks.town import Town

LAST = "test_aftermath.py"
_TALLY = Tally()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The running system."""
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Counts this attack's cases."""
    _TALLY.attack = request.node.nodeid.partition("[")[0]
    return _TALLY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The aftermath comes last."""
    items.sort(key=lambda item: item.path.name == LAST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many attacks and cases were tried."""
    if _TALLY.cases:
        cases = sum(_TALLY.cases.values())
        terminalreporter.write_line(f"ATTACKS: {len(_TALLY.cases)} attacks, {cases} cases tried")
        for attack, number in sorted(_TALLY.cases.items()):
            terminalreporter.write_line(f"  {number:6}  {attack.rpartition('/')[2]}")
