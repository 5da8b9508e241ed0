"""Logs as HTML: a terminal's colours, and none of its tricks."""

from __future__ import annotations

import time

import pytest

from api_service.ui.views.ansi import LONGEST_LINE, MOST_LINES, render_log


@pytest.mark.parametrize(
    ("log", "html"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m then", '<span class="fg1">red</span> then'),
        ("\x1b[1;92mbold\x1b[22m not", '<span class="fg10 b">bold</span><span class="fg10"> not</span>'),
        ("\x1b[44mon blue\x1b[49m off", '<span class="bg4">on blue</span> off'),
        ("\x1b[38;5;196mred", '<span class="fg9">red</span>'),
        ("\x1b[38;5;240mgrey", '<span class="fg0">grey</span>'),
        ("\x1b[38;2;0;250;0mgreen", '<span class="fg10">green</span>'),
        ("\x1b[48;5mbroken", "broken"),
        ("\x1b[m\x1b[2Kcleared", "cleared"),
        ("\x1b[3;4mboth\x1b[23;24m none", '<span class="i u">both</span> none'),
        ("\x1b[999mknows no such", "knows no such"),
        ("10%\r50%\r100%", "100%"),
        ("windows\r\nline", "windows\nline"),
    ],
)
def test_colours_become_classes(log: str, html: str) -> None:
    assert render_log(log) == html


@pytest.mark.parametrize(
    ("log", "html"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\x1b[31m<b>\x1b[0m", '<span class="fg1">&lt;b&gt;</span>'),
        ("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "click"),
        ("\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1bP1$r0m\x1b\\text", "text"),
        (
            "never ends: \x1b]0;the rest is seen",
            'never ends: <span class="hidden-char">U+001B</span>]0;the rest is seen',
        ),
        ("a\u202eb", 'a<span class="hidden-char">U+202E</span>b'),
        (
            "bell\x07 back\x08",
            'bell<span class="hidden-char">U+0007</span> back<span class="hidden-char">U+0008</span>',
        ),
        ("\x9b31mC1", '<span class="hidden-char">U+009B</span>31mC1'),
        ('"><img src=x onerror=alert(1)>', "&#34;&gt;&lt;img src=x onerror=alert(1)&gt;"),
    ],
)
def test_nothing_else_is_obeyed_and_nothing_is_hidden(log: str, html: str) -> None:
    assert render_log(log) == html


def test_a_colour_goes_on_in_the_next_line() -> None:
    assert render_log("\x1b[31mone\ntwo") == '<span class="fg1">one</span>\n<span class="fg1">two</span>'


def test_a_long_line_and_a_long_log_are_cut_and_say_so() -> None:
    line = render_log("x" * 10_000_000)
    assert len(line) < LONGEST_LINE + 200
    assert f"{10_000_000 - LONGEST_LINE:,} more characters" in line
    log = render_log("\n".join(str(number) for number in range(MOST_LINES + 7)))
    assert log.startswith('<span class="log-note">7 earlier lines are not shown</span>\n7\n')


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x1b[1;", "\x1b[38;5;", "\x1bP" + "a" * 50, "\x1b[31m"])
def test_hostile_logs_take_no_time(piece: str) -> None:
    began = time.process_time()
    render_log("\n".join(piece * 800 for _ in range(60)))
    assert time.process_time() - began < 5
