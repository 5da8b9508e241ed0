"""One answer on stdout, everything else on stderr."""

from __future__ import annotations

import json

import pytest

from moonmind.missions.adapters.render import HumanRender, JsonRender


def never() -> str:
    raise AssertionError("words are made only when they are shown")


def test_people_get_words(capsys: pytest.CaptureFixture[str]) -> None:
    HumanRender().answer({"lane": "done"}, lambda: "WP01 is done")
    assert capsys.readouterr() == ("WP01 is done\n", "")


def test_programs_get_one_document_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    document = {"title": "Größe\n\u001b[31m", "wps": ("WP01",), "agent": None}
    JsonRender().answer(document, never)
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out) == {"title": "Größe\n\u001b[31m", "wps": ["WP01"], "agent": None}
    assert err == ""


@pytest.mark.parametrize("render", [HumanRender(), JsonRender()])
def test_notes_leave_stdout_alone(render: HumanRender | JsonRender, capsys: pytest.CaptureFixture[str]) -> None:
    render.note("look here")
    assert capsys.readouterr() == ("", "look here\n")


def test_programs_get_json_whatever_bytes_a_name_holds(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    JsonRender().answer({"ä": "\udcff"}, never)
    out = capfdbinary.readouterr().out
    assert json.loads(out.decode("utf-8")) == {"ä": "\udcff"}


def test_people_get_text_whatever_bytes_a_name_holds(capsys: pytest.CaptureFixture[str]) -> None:
    HumanRender().answer({}, lambda: "ä \udcff")
    HumanRender().note("ö \udcff")
    JsonRender().note("ü \udcff")
    assert capsys.readouterr() == ("ä ?\n", "ö ?\nü ?\n")
