"""`list-dependents`."""

from __future__ import annotations

import pytest

from moonmind.missions import graph
from moonmind.missions.commands.list_dependents import _do_list_dependents
from moonmind.missions.errors import REFUSED, MissionError
from tests.unit.missions.commands.desk import Desk


def test_both_ways_are_shown() -> None:
    desk = Desk()
    _do_list_dependents(wp_id="WP01", mission=None, as_json=True, ports=desk.ports)
    assert desk.document == {"wp_id": "WP01", "depends_on": [], "dependents": ["WP02"]}
    assert desk.render.words == ["WP01 waits for: nothing\nwaiting for WP01: WP02"]


def test_what_it_waits_for_is_shown() -> None:
    desk = Desk()
    _do_list_dependents(wp_id="WP02", mission=None, as_json=True, ports=desk.ports)
    assert desk.document == {"wp_id": "WP02", "depends_on": ["WP01"], "dependents": []}


def test_an_unknown_package_is_refused_with_those_that_there_are() -> None:
    desk = Desk()
    with pytest.raises(MissionError, match=r"tasks\.md has no WP09\. It has: WP01, WP02") as caught:
        _do_list_dependents(wp_id="WP09", mission=None, as_json=True, ports=desk.ports)
    assert (caught.value.code, caught.value.exit_code) == ("UnknownWorkPackage", REFUSED)
    assert desk.is_untouched


def test_what_is_shown_is_what_the_core_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "dependents_of", lambda dependencies, wp_id: ("WP99",))
    desk = Desk()
    _do_list_dependents(wp_id="WP02", mission=None, as_json=True, ports=desk.ports)
    assert desk.document["dependents"] == ["WP99"]
