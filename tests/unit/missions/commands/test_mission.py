"""`mission list` and `mission show`."""

from __future__ import annotations

from moonmind.missions.commands.mission import _do_mission_list, _do_mission_show
from moonmind.missions.lanes import LANES
from moonmind.missions.meta import encode_meta
from tests.fakes.missions import FakeRender, fake_ports
from tests.unit.missions.commands.desk import MISSION_ID, Desk, coordination, meta, walk

ROW = {
    "mission_id": MISSION_ID,
    "mission_slug": "007-night-shift",
    "number": 7,
    "title": "Night shift",
    "path": "specs/007-night-shift",
    "topology": "single",
    "target_branch": "main",
    "coordination_branch": None,
}


def test_missions_are_listed_and_other_folders_are_not() -> None:
    desk = Desk()
    desk.reader.files["003-notes"] = {"spec.md": b""}
    desk.reader.files["008-day"] = {"meta.json": encode_meta(meta(slug="008-day", title="Day"))}
    _do_mission_list(as_json=True, ports=desk.ports)
    assert desk.document == {
        "missions": [ROW, ROW | {"mission_slug": "008-day", "number": 8, "title": "Day", "path": "specs/008-day"}],
        "count": 2,
    }
    assert desk.render.words == [
        "mission          title        topology  target\n"
        "007-night-shift  Night shift  single    main\n"
        "008-day          Day          single    main"
    ]


def test_no_missions_is_an_answer_that_says_how_to_make_one() -> None:
    ports = fake_ports({})
    _do_mission_list(as_json=True, ports=ports)
    assert isinstance(ports.render, FakeRender)
    assert ports.render.documents == [{"missions": [], "count": 0}]
    assert "moonmind mission new TITLE" in ports.render.words[0]


def test_a_mission_is_shown_with_its_lanes_and_places() -> None:
    desk = Desk(*walk("planned", "claimed"))
    _do_mission_show(mission="7", as_json=True, ports=desk.ports)
    assert desk.document == {
        **ROW,
        "created_at": "2026-11-20T10:00:00.000000Z",
        "protected_branches": ["main"],
        "total_wps": 2,
        "by_lane": {**dict.fromkeys(LANES, 0), "planned": 1, "claimed": 1},
        "places": dict.fromkeys(("meta", "planning", "package", "status", "review"), "tree"),
    }
    assert desk.render.words == [
        "title          Night shift\n"
        "folder         specs/007-night-shift\n"
        f"id             {MISSION_ID}\n"
        "created        2026-11-20 10:00 UTC\n"
        "target branch  main\n"
        "protected      main\n"
        "packages       planned 1, claimed 1\n"
        "log, snapshot  working tree\n"
        "reviews        working tree\n"
        "the rest       working tree"
    ]


def test_of_coordination_it_is_told_what_lies_on_the_branch() -> None:
    desk = Desk(of=coordination())
    _do_mission_show(mission=None, as_json=True, ports=desk.ports)
    places = desk.document["places"]
    assert {kind for kind, place in places.items() if place == "coordination"} == {"status", "review"}
    assert "log, snapshot  branch coordination/007" in desk.render.words[0]


def test_looking_writes_nothing() -> None:
    desk = Desk()
    _do_mission_list(as_json=True, ports=desk.ports)
    _do_mission_show(mission=None, as_json=True, ports=desk.ports)
    assert desk.files == desk.before
    assert not desk.commits
