"""Edits of package.json: the dependency at its place, and every other byte as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonmind.schemas.workflow_models import Edit, EditKind
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits
from moonmind.workflows.orchestrator.edits.package_json import sorts_before


def edited(kind: EditKind, content: bytes, name: str, version: str | None) -> bytes:
    edit = Edit(kind=kind, file="package.json", name=name, version=version, reason="a test")
    return apply_edits({"package.json": content}, [edit]).get("package.json", content)


def add(content: bytes, name: str = "koa", version: str = "^2.0.0") -> bytes:
    return edited("npm_add", content, name, version)


def pin(content: bytes, name: str = "koa", version: str = "^2.0.0") -> bytes:
    return edited("npm_pin", content, name, version)


ADDED = [
    (
        "in its sorted place",
        b'{\n  "dependencies": {\n    "joi": "^1",\n    "pg": "^8"\n  }\n}\n',
        b'{\n  "dependencies": {\n    "joi": "^1",\n    "koa": "^2.0.0",\n    "pg": "^8"\n  }\n}\n',
    ),
    (
        "first",
        b'{\n  "dependencies": {\n    "pg": "^8"\n  }\n}\n',
        b'{\n  "dependencies": {\n    "koa": "^2.0.0",\n    "pg": "^8"\n  }\n}\n',
    ),
    (
        "last",
        b'{\n  "dependencies": {\n    "@hapi/joi": "^1"\n  }\n}\n',
        b'{\n  "dependencies": {\n    "@hapi/joi": "^1",\n    "koa": "^2.0.0"\n  }\n}\n',
    ),
    (
        "behind those that are not sorted",
        b'{\n  "dependencies": {\n    "pg": "^8",\n    "a": "^1"\n  }\n}\n',
        b'{\n  "dependencies": {\n    "pg": "^8",\n    "a": "^1",\n    "koa": "^2.0.0"\n  }\n}\n',
    ),
    ("tabs, no newline at the end", b'{\n\t"dependencies": {\n\t\t"pg": "^8"\n\t}\n}', None),
    ("Windows line ends", b'{\r\n  "dependencies": {\r\n    "pg": "^8"\r\n  }\r\n}\r\n', None),
    ("a byte order mark", b'\xef\xbb\xbf{\n  "dependencies": {\n    "pg": "^8"\n  }\n}\n', None),
    ("on one line", b'{"dependencies":{"a":"1","pg":"^8"}}', b'{"dependencies":{"a":"1","koa":"^2.0.0","pg":"^8"}}'),
    (
        "on one line with blanks",
        b'{ "dependencies": { "a": "1", "b": "2" } }',
        b'{ "dependencies": { "a": "1", "b": "2", "koa": "^2.0.0" } }',
    ),
    (
        "an empty table",
        b'{\n    "dependencies": {},\n    "private": true\n}\n',
        b'{\n    "dependencies": {\n        "koa": "^2.0.0"\n    },\n    "private": true\n}\n',
    ),
    (
        "no table yet",
        b'{\n  "name": "shop"\n}\n',
        b'{\n  "name": "shop",\n  "dependencies": {\n    "koa": "^2.0.0"\n  }\n}\n',
    ),
    ("no member at all", b"{}", b'{\n  "dependencies": {\n    "koa": "^2.0.0"\n  }\n}'),
    ("letters outside ASCII stay", '{"name": "Bär\\u00e4", "dependencies": {}}'.encode(), None),
    (
        "listed already: nothing",
        b'{"dependencies": {"koa": "~1.0.0"}}',
        b'{"dependencies": {"koa": "~1.0.0"}}',
    ),
    (
        "a development dependency moves, with its range",
        b'{\n  "dependencies": {\n    "a": "1"\n  },\n  "devDependencies": {\n    "b": "2",\n    "koa": "^1"\n  }\n}\n',
        b'{\n  "dependencies": {\n    "a": "1",\n    "koa": "^1"\n  },\n  "devDependencies": {\n    "b": "2"\n  }\n}\n',
    ),
    (
        "the first of several moves",
        b'{\n  "devDependencies": {\n    "koa": "^1",\n    "mocha": "2"\n  },\n  "dependencies": {}\n}\n',
        b'{\n  "devDependencies": {\n    "mocha": "2"\n  },\n  "dependencies": {\n    "koa": "^1"\n  }\n}\n',
    ),
    (
        "the only one moves",
        b'{"devDependencies": {"koa": "^1"}, "dependencies": {"a": "1"}}',
        b'{"devDependencies": {}, "dependencies": {"a": "1","koa": "^1"}}',
    ),
]


@pytest.mark.parametrize(("before", "after"), [row[1:] for row in ADDED], ids=[row[0] for row in ADDED])
def test_a_dependency_is_added(before: bytes, after: bytes | None) -> None:
    result = add(before)
    assert after is None or result == after
    assert json.loads(result.decode("utf-8-sig"))["dependencies"]["koa"] in ("^2.0.0", "~1.0.0", "^1")
    assert (result[:3] == b"\xef\xbb\xbf") == (before[:3] == b"\xef\xbb\xbf")
    assert result.count(b"\r\n") == (result.count(b"\n") if b"\r\n" in before else 0)
    assert result.endswith(b"\n") == before.endswith(b"\n")


def test_a_pin_changes_the_range_wherever_the_package_is_listed() -> None:
    before = b'{"dependencies": {"koa" : "^1.0.0"}, "peerDependencies": {"koa": "*", "b": "1"}}'
    assert pin(before) == b'{"dependencies": {"koa" : "^2.0.0"}, "peerDependencies": {"koa": "^2.0.0", "b": "1"}}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"dependencies": {"a": "1",}}', "no JSON"),
        (b"", "no JSON"),
        (b"[]", "no JSON"),
        (b'{"dependencies": []}', "no table"),
        (b'{"dependencies": {"a": 1}}', "no table"),
        (b'{"dependencies": {}} extra', "something follows"),
        (b'{"dependencies": {}, "dependencies": {}}', "twice"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"a": ' * 100_000, "no"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_manifest_that_is_not_sound_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(EditRefusedError, match=reason):
        add(content)


def test_a_package_that_is_not_listed_cannot_be_pinned() -> None:
    with pytest.raises(EditRefusedError, match="does not list koa"):
        pin(b'{"dependencies": {}}')


@pytest.mark.parametrize(("name", "version"), [("", "^1"), ("koa", None)])
def test_an_edit_needs_a_name_and_a_range(name: str, version: str | None) -> None:
    with pytest.raises(EditRefusedError, match="needs a name and a range"):
        edited("npm_add", b"{}", name, version)


def test_the_order_is_npms() -> None:
    """As `names.sort((a, b) => a.localeCompare(b, 'en'))` in Node 20 gives it."""
    ordered = ["@a-b/c", "@a/b", "a", "A", "a_b", "a-b", "a.b", "a1", "aa", "lodash", "lodash-es", "lodash.get", "Zed"]
    assert all(sorts_before(one, other) for one, other in pairwise(ordered))


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
TABLES = st.dictionaries(NAMES, st.sampled_from(["^1.0.0", "~2.1.0", "3.0.0", "*"]), max_size=6)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=8),
        "dependencies": TABLES,
        "scripts": st.dictionaries(st.text(max_size=5), st.text(max_size=8), max_size=3),
        "devDependencies": TABLES,
        "nested": st.recursive(st.none() | st.booleans() | st.text(max_size=4), st.lists, max_leaves=5),
    },
)
INDENTS = st.sampled_from([None, 2, 4, "\t"])


@given(document=DOCUMENTS, indent=INDENTS, newline=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), name=NAMES)
def test_adding_changes_one_entry_and_no_other_byte(
    document: Mapping[str, object], indent: int | str | None, newline: str, mark: bool, name: str
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=False).replace("\n", newline) + newline
    before = (b"\xef\xbb\xbf" if mark else b"") + text.encode("utf-8", "surrogatepass")
    after = add(before, name)
    expected = json.loads(json.dumps(document))
    moved = (
        expected.get("devDependencies", {}).pop(name, None) if name not in expected.get("dependencies", {}) else None
    )
    expected.setdefault("dependencies", {}).setdefault(name, moved or "^2.0.0")
    assert json.loads(after.decode("utf-8-sig")) == expected
    if moved is None:
        assert is_subsequence(before, after)


def is_subsequence(part: bytes, whole: bytes) -> bool:
    rest = iter(whole)
    return all(byte in rest for byte in part)


@given(document=DOCUMENTS.filter(lambda one: one.get("dependencies")), indent=INDENTS)
def test_pinning_and_pinning_back_gives_the_same_bytes(document: dict[str, dict[str, str]], indent: int | None) -> None:
    before = json.dumps({"dependencies": document["dependencies"]}, indent=indent).encode()
    name, wanted = next(iter(document["dependencies"].items()))
    assert pin(pin(before, name, "9.9.9"), name, wanted) == before
