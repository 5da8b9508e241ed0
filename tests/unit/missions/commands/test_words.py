"""Text as wide as it looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.missions.commands import words


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("abc", 3), ("naïve", 5), ("nai\u0308ve", 5), ("夜勤", 4), ("a\u200bb", 2), ("🚀", 2)]
)
def test_width_is_that_of_the_screen(text: str, width: int) -> None:
    assert words.width_of(text) == width


def test_what_does_not_fit_is_cut_and_says_so() -> None:
    assert words.cut("abcdef", 6) == "abcdef"
    assert words.cut("abcdefg", 6) == "abcde…"
    assert words.cut("ab cdefg", 4) == "ab…"
    assert words.cut("夜勤の話", 6) == "夜勤…"


def test_lines_break_between_words() -> None:
    assert words.fold("read the whole file", 10, lines=9) == ["read the", "whole file"]
    assert words.fold("read the whole file", 8, lines=2) == ["read the", "whole f…"]
    assert words.fold("unbreakable thing", 6, lines=9) == ["unbrea", "kable", "thing"]
    assert words.fold("  ", 6, lines=2) == []


@given(st.text(max_size=80), st.integers(4, 30), st.integers(1, 5))
def test_no_line_is_wider_than_asked(text: str, width: int, lines: int) -> None:
    folded = words.fold(words.plain(text), width, lines=lines)
    assert len(folded) <= lines
    assert all(words.width_of(line) <= width for line in folded)


@given(st.text(st.characters(categories=["L", "N"]), max_size=80), st.integers(2, 30))
def test_with_room_enough_nothing_is_lost(text: str, width: int) -> None:
    assert "".join(words.fold(text, width, lines=len(text) + 1)) == text


def test_other_peoples_text_cannot_steer_the_terminal() -> None:
    assert words.plain("a\u001b[31m\nb\t\u202ec") == "a [31m b  c"


def test_columns_of_a_table_are_as_wide_as_what_is_in_them() -> None:
    table = words.table(["id", "title"], [["WP01", "夜勤"], ["WP02", "x"]], 80)
    assert table == "id    title\nWP01  夜勤\nWP02  x"


def test_the_widest_column_of_a_table_gives_way() -> None:
    table = words.table(["id", "title", "lane"], [["WP01", "a very long title", "done"]], 20)
    assert table == "id    title     lane\nWP01  a very…   done"


def test_columns_stand_side_by_side() -> None:
    assert list(words.beside([["planned 2", "WP01", "WP02"], ["done 0"]], 9)) == [
        "planned 2  done 0",
        "WP01",
        "WP02",
    ]
    assert list(words.beside([], 9)) == []


@pytest.mark.parametrize(("columns", "width"), [("", 80), ("x", 80), ("20", 80), ("100", 100), ("500", 120)])
def test_the_screen_is_between_80_and_120_wide(monkeypatch: pytest.MonkeyPatch, columns: str, width: int) -> None:
    monkeypatch.setattr(words, "_terminal_width", lambda: 80)
    monkeypatch.setenv("COLUMNS", columns)
    assert words.screen_width() == width
