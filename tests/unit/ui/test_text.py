"""Somebody else's text on a page: nothing in it is obeyed, and nothing in it is hidden."""

from __future__ import annotations

import pytest

from api_service.ui.views.text import one_line, prose, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\" onload='x", "&#34; onload=&#39;x"),
        ("a\u202eb", 'a<span class="hidden-char">U+202E</span>b'),
        ("pay\u200bpal", 'pay<span class="hidden-char">U+200B</span>pal'),
        ("\x1b[31m", '<span class="hidden-char">U+001B</span>[31m'),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\U000e0041", '<span class="hidden-char">U+E0041</span>'),
        ("ein Fluß, 日本語, ✔", "ein Fluß, 日本語, ✔"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_is_cut_where_it_is_too_long() -> None:
    assert one_line("a\n b\t c") == "a b c"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`dateutil` is missing", "<code>dateutil</code> is missing"),
        ("`<b>` and `\u202e`", '<code>&lt;b&gt;</code> and <code><span class="hidden-char">U+202E</span></code>'),
        ("a single ` stays", "a single ` stays"),
        ("``", "``"),
    ],
)
def test_names_between_backticks_are_code(text: str, shown: str) -> None:
    assert prose(text) == shown
