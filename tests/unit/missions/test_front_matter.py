"""Front matter of work packages: what is read, what is refused, and that a change touches its keys alone."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moonmind.missions.documents.front_matter import parse_front_matter, set_fields
from moonmind.missions.documents.packages import FrontMatter, HistoryEntry
from moonmind.missions.errors import MissionError

HEAD = b"---\nwork_package_id: WP01\ntitle: Parser\n"
PLAIN = HEAD + b"---\n# Parser\n"
FULL = b"""---
# who reads this: whoever does the package
work_package_id: WP01
title: "Parser: the first"   # short
dependencies:   # tasks.md says so
  - WP02  # because
  - WP03
requirement_refs: [FR-1,
  FR-2]

# people
agent: claude # since Monday
shell_pid: 4711
history:
- at: 2026-11-21T09:30:00Z
  note: |
    begun
    again

# the end
---
body: [not yaml
---
"""


def parse(content: bytes) -> FrontMatter:
    return parse_front_matter(content, "tasks/WP01-parser.md")


def refusal(content: bytes) -> MissionError:
    with pytest.raises(MissionError) as caught:
        parse(content)
    assert caught.value.code == "BrokenFrontMatter"
    return caught.value


def test_two_keys_are_enough() -> None:
    assert parse(PLAIN) == FrontMatter(work_package_id="WP01", title="Parser")


def test_every_kind_of_value_is_read() -> None:
    assert parse(FULL) == FrontMatter(
        work_package_id="WP01",
        title="Parser: the first",
        dependencies=["WP02", "WP03"],
        requirement_refs=["FR-1", "FR-2"],
        agent="claude",
        shell_pid="4711",
        history=[HistoryEntry(at="2026-11-21T09:30:00Z", note="begun\nagain\n")],
    )


def test_the_shell_pid_of_a_history_entry_may_be_a_number_too() -> None:
    read = parse(HEAD + b'history: [{at: "x", note: n, shell_pid: 17}]\n---\n')
    assert read.history[0].shell_pid == "17"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(before: bytes, newline: bytes) -> None:
    assert parse(before + FULL.replace(b"\n", newline)) == parse(FULL)


@pytest.mark.parametrize("pattern", ["src/a..b.py", "...", ".", "**/*.py", "src/ü/"])
def test_dots_in_names_of_owned_files_are_no_way_out(pattern: str) -> None:
    assert parse_front_matter(HEAD + f"owned_files: ['{pattern}']\n---\n".encode(), "x").owned_files == [pattern]


def test_a_key_without_a_value_counts_as_left_out() -> None:
    assert parse(HEAD + b"tracker_refs:\nagent: ~\n---\n") == parse(PLAIN)


@pytest.mark.parametrize(
    ("keys", "line", "said"),
    [
        (b"priority: high\n", 4, "`priority`"),
        (b"agent: claude\ntitle: Again\n", 5, "`title` stands there twice"),
        (b"history:\n- {at: x, note: n, note: m}\n", 5, "`note` stands there twice"),
        (b"history:\n- {at: x, why: n}\n", 4, "`why`"),
        (b"execution_mode: magic\n", 4, "execution_mode"),
        (b"owned_files: src\n", 4, "Expected `array`, got `str` - at `$.owned_files`"),
        (b"agent: a\nowned_files: [src/a, ../x]\n", 5, "`../x` may lie outside of the repository"),
        (b"owned_files: [src/../../x]\n", 4, "without `..` - at `$.owned_files`"),
        (b"owned_files: [/etc/hosts]\n", 4, "`/etc/hosts` may lie outside of the repository"),
        (b"agent: 5\n", 4, "`5` is no text (int): quote it"),
        (b"agent: yes\n", 4, "`yes` is no text (bool): quote it"),
        (b"agent: &who claude\nassignee: *who\n", 5, "an alias"),
        (b"owned_files: !!python/tuple [a]\n", 4, "means nothing here"),
        (b"agent: !!binary aGVsbG8=\n", 4, "is no text (binary)"),
        (b"owned_files: [a\n", 5, "expected"),
        (b"[a]: b\n", 4, "a key is a word"),
        (b"agent: " + b"[" * 20_000 + b"]" * 20_000 + b"\n", 4, "nested too deeply"),
        (b"agent: x\n--- more\n", 5, "one document"),
        (b"agent: \xff\n", 4, "not UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(keys: bytes, line: int, said: str) -> None:
    refused = refusal(HEAD + keys + b"---\n")
    assert str(refused).startswith(f"tasks/WP01-parser.md, line {line}: ")
    assert said in str(refused)
    assert refused.details == {"file": "tasks/WP01-parser.md", "line": line}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# Parser\n", "two lines of `---`"),
        (b"---\ntitle: x\n", "two lines of `---`"),
        (b"", "two lines of `---`"),
        (b"---\n---\n", "no keys"),
        (b"---\n{title: x}\n---\n", "lines of their own"),
        (b"---\n- title\n---\n", "lines of their own"),
        (b"---\ntitle: x\n---\n", "work_package_id"),
        (b"---\nagent: \x01\n---\n", "not allowed"),
        (HEAD + b"agent: " + b"x" * 70_000 + b"\n---\n", "64 KiB"),
    ],
)
def test_what_is_no_front_matter_is_refused_with_the_file(content: bytes, said: str) -> None:
    refused = refusal(content)
    assert "tasks/WP01-parser.md" in str(refused)
    assert said in str(refused)


def test_a_change_leaves_every_byte_outside_of_its_keys() -> None:
    changed = set_fields(FULL, {"agent": "codex", "dependencies": ["WP04"], "assignee": "ann"})
    assert changed == (
        FULL.replace(b"agent: claude #", b"agent: codex #")
        .replace(
            b"dependencies:   # tasks.md says so\n  - WP02  # because\n  - WP03\n",
            b"dependencies: [WP04]   # tasks.md says so\n",
        )
        .replace(b"# the end\n", b"# the end\nassignee: ann\n")
    )


def test_a_value_over_several_lines_is_replaced_as_a_whole() -> None:
    entry = HistoryEntry(at="2026-11-21T10:00:00.000000Z", note="begun\nagain: now", agent="ann")
    changed = set_fields(FULL, {"requirement_refs": [], "history": [entry]})
    assert b"\nrequirement_refs: []\n\n# people\n" in changed
    assert (
        b"\nhistory:\n- {at: '2026-11-21T10:00:00.000000Z', note: \"begun\\nagain: now\", agent: ann}\n\n# the end\n"
    ) in changed


def test_a_value_that_is_there_already_keeps_its_shape() -> None:
    assert set_fields(FULL, {"dependencies": ["WP02", "WP03"], "shell_pid": "4711"}) == FULL


def test_line_ends_stay_those_of_the_file() -> None:
    crlf = FULL.replace(b"\n", b"\r\n")
    fields = {"agent": "codex", "assignee": "ann", "history": [HistoryEntry(at="x", note="a\nb")]}
    assert set_fields(crlf, fields) == set_fields(FULL, fields).replace(b"\n", b"\r\n")


def test_keys_that_are_indented_stay_so() -> None:
    content = b"---\n  work_package_id: WP01\n  title: x\n---\n"
    changed = set_fields(content, {"title": "y", "agent": "ann"})
    assert changed == b"---\n  work_package_id: WP01\n  title: y\n  agent: ann\n---\n"


@pytest.mark.parametrize(
    "keys", [b"? agent\n: claude\n", b"agent: claude\n...\n", b"agent: claude\xc2\x85shell_pid: 1\n"]
)
def test_a_layout_that_cannot_be_changed_safely_is_refused(keys: bytes) -> None:
    with pytest.raises(MissionError, match="too unusual"):
        set_fields(HEAD + keys + b"---\n", {"agent": "ann", "assignee": "bob"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"agent": "x" * 501}, "length <= 500"),
        ({"title": None}, "title"),
        ({"colour": "red"}, "colour"),
        ({"owned_files": [f"{number:0500}" for number in range(200)]}, "64 KiB"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(fields: dict[str, object], said: str) -> None:
    with pytest.raises(MissionError, match=f"the changed front matter.*{said}"):
        set_fields(PLAIN, fields)


def test_characters_that_are_no_text_are_refused() -> None:
    with pytest.raises(MissionError, match="no text"):
        set_fields(PLAIN, {"agent": "\udcff"})


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ids = st.lists(st.integers(1, 99).map(lambda number: f"WP{number:02}"), max_size=4)
entries = st.lists(st.builds(HistoryEntry, at=texts, note=texts, agent=st.none() | texts), max_size=3)
changes = st.fixed_dictionaries(
    {},
    optional={
        "title": texts,
        "dependencies": ids,
        "agent": st.none() | texts,
        "owned_files": st.lists(texts.map("src/{}".format).filter(lambda one: ".." not in one), max_size=4),
        "shell_pid": st.integers(0, 99999).map(str),
        "history": entries,
    },
)
rows = st.sampled_from(
    [
        b"# a comment\n",
        b"\n",
        b"  # indented\n",
        b"agent: claude # who\n",
        b"agent:\n  claude\n",
        b"'agent': |+ # said\n  claude\n  and others\n\n",
        b"dependencies:\n",
        b"dependencies:\n- WP02\n# between\n- WP03\n",
        b"dependencies: [WP02, # first\n  WP03]\n",
        b"owned_files: ['a # b', \"c\\n\"]\n",
        b"shell_pid: 17\n",
        b"history:\n  -\n    at: x\n    note: >\n      long\n      one\n",
        b"history: []\n",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Valid files: the two keys, and any others once each, between comments, with either line end."""
    lines, seen = [b"work_package_id: WP07\n", b"title: x\n"], set()
    for row in draw(st.lists(rows, max_size=8)):
        key = row.strip(b"'").partition(b":")[0].strip(b"'")
        if key not in seen or not row.strip() or row.strip().startswith(b"#"):
            lines.insert(draw(st.integers(0, len(lines))), row)
            seen.add(key)
    content = b"---\n" + b"".join(lines) + b"---\n" + draw(st.sampled_from([b"", b"# Body\n---\nx: y", b"\xff\x00"]))
    return content.replace(b"\n", b"\r\n") if draw(st.booleans()) else content


def body(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").partition(b"\n---\n")[2]


def as_keys(front: FrontMatter) -> dict[str, object]:
    return {key: getattr(front, key) for key in front.__struct_fields__}


@given(documents(), changes)
@example(b"---\nwork_package_id: WP07\ntitle: |\n  x\n\n# c\n---\n", {"title": "y", "agent": "no"})
def test_what_is_set_is_read_and_all_else_is_as_before(content: bytes, fields: dict[str, object]) -> None:
    before, changed = parse(content), set_fields(content, fields)
    absent = as_keys(FrontMatter(work_package_id="WP01", title="x"))
    set_ones = {key: absent[key] if value is None else value for key, value in fields.items()}
    assert as_keys(parse(changed)) == as_keys(before) | set_ones
    assert body(changed) == body(content)
    assert changed.count(b"\n# a comment") == content.count(b"\n# a comment")


@given(documents(), changes)
def test_setting_the_same_again_changes_nothing(content: bytes, fields: dict[str, object]) -> None:
    once = set_fields(content, fields)
    assert set_fields(once, fields) == once
