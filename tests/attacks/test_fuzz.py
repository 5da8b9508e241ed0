"""Pure code against whatever Hypothesis thinks of: it may refuse, but not break, not lie and not be slow."""

from __future__ import annotations

import codecs
import json
import os
import unicodedata
import uuid
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_service.api.cursors import decode_cursor, encode_cursor
from api_service.api.problems import Problem
from api_service.api.ranges import Part, UnsatisfiableError, is_known, part_of
from api_service.api.signing import Signer
from api_service.api.strict_json import parse
from moonmind.cli.output import one_line
from moonmind.cli.run_view import print_run, print_runs
from moonmind.schemas.workflow_models import Edit
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits, changed_lines, is_listed, unified_diff
from moonmind.workflows.orchestrator.policies import matches, refuse_path
from tests.attacks.tally import Tally

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
"""Of each property; `make test-attacks` asks for 2,000."""
fuzzed = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip

MANIFEST = st.lists(
    st.sampled_from(
        [
            *(
                "flask>=3\n",
                "flask\r\n",
                "# note\n",
                "-r other.txt\n",
                "a @ https://x/y ; python_version<'4'\n",
                "\\\n",
                "\t\n",
            ),
            *(
                "--hash=sha256:00\n",
                "[project]\n",
                'dependencies = ["a"]\n',
                "name = 1\n",
                "\ufeff",
                "\x0c",
                "\u2028",
                "a==1 \\\n",
            ),
        ]
    )
    | st.text(max_size=12).map(lambda text: text + "\n"),
    max_size=8,
).map(lambda lines: "".join(lines).encode("utf-8", "surrogatepass"))
CONTENT = MANIFEST | st.binary(max_size=200)
NAME = st.sampled_from(["python-dateutil", "Flask", "a", "a-b.c_d"])
SEGMENT = st.sampled_from(
    [
        *(
            "a",
            "A",
            "b",
            "*",
            "**",
            "?",
            ".",
            "..",
            ".git",
            ".GIT",
            "git~1",
            ".env",
            "id_rsa",
            "",
            "é",
            "e\u0301",
            "requirements.txt",
        ),
        *(
            "requ\u0456rements.txt",
            "\uff41",
            "ﬁ",
            "ſ",
            "K",
            "a*",
            "*.txt",
            "venv",
            "node_modules",
            "a.",
            " a",
            "x\u202ey",
            "[a]",
        ),
    ]
) | st.text(max_size=6)
PATH = st.lists(SEGMENT, min_size=1, max_size=5).map("/".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)

LIKE_JSON = st.text(alphabet='[]{}",:0123456789.eE+-\\untrfals \ud800\0', max_size=80).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)
RANGE = st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}(,[0-9]{0,3}-[0-9]{0,3})*", fullmatch=True)
RUN = {
    "run_id": str(uuid.UUID(int=7)),
    "status": "failed",
    "target_service": "shop",
    "queued_at": "2026-01-01T00:00:00Z",
    **dict.fromkeys(("dry_run", "approval_required"), False),
    **dict.fromkeys(("artifacts", "approvals"), ()),
    **dict.fromkeys(
        ("started_at", "completed_at", "current_step", "retried_from", "rollback_verified", "awaiting"), None
    ),
}
STEP = {"name": "analyze", "status": "failed", "attempt": 1, "started_at": None, "completed_at": None}


@fuzzed
@given(content=CONTENT, name=NAME, file=st.sampled_from(["requirements.txt", "pyproject.toml"]))
def test_an_edit_is_refused_or_adds_one_requirement_and_changes_no_other_line(
    tally: Tally, content: bytes, name: str, file: str
) -> None:
    tally.add()
    edit = Edit(kind="requirement_add", file=file, name=name, version=">=1", reason="fuzz")
    try:
        after = apply_edits({file: content}, [edit]).get(file, content)
    except EditRefusedError:
        return
    assert is_listed(file, after, name)
    if file == "requirements.txt" and not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        kept = lines_of(after)
        assert [line for line in lines_of(content) if line not in kept] == []
    assert apply_edits({file: after}, [edit]) == {}


def lines_of(content: bytes) -> list[bytes]:
    """Without their ends: the last one may get one."""
    plain = content.removeprefix(codecs.BOM_UTF8)
    return [line.rstrip(b"\r") for line in plain.split(b"\n") if line.rstrip(b"\r")]


@fuzzed
@given(before=CONTENT, after=CONTENT)
def test_a_diff_says_what_is_removed_and_added_and_nothing_else(tally: Tally, before: bytes, after: bytes) -> None:
    tally.add()
    diff = unified_diff({"f": before}, {"f": after})
    removed, added = changed_lines(diff)
    assert (diff == "") == (before == after)
    for said, whole in ((removed, before), (added, after)):
        if whole.isascii():
            assert set(said.split("\n")) <= {*whole.decode().split("\n"), ""}


@fuzzed
@given(path=PATH, allow=st.lists(PATH, min_size=1, max_size=3))
def test_no_list_opens_what_is_never_written(tally: Tally, path: str, allow: list[str]) -> None:
    tally.add()
    if refuse_path(path, allow) is not None:
        return
    parts = unicodedata.normalize("NFKC", path).casefold().split("/")
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(parts)
    assert not any(part.startswith((".git", ".env", "git~")) for part in parts)
    assert path.isprintable()
    assert path in allow or path.isascii()


@fuzzed
@given(path=PATH, pattern=PATH)
def test_a_pattern_matches_the_path_itself_and_never_a_twin(tally: Tally, path: str, pattern: str) -> None:
    tally.add()
    if not set("*?") & set(pattern):
        assert path == pattern or not matches(path, pattern)
    if matches(path, pattern) and "**" not in pattern.split("/"):
        assert path.count("/") == pattern.count("/")
    twin = path.swapcase()
    if twin != path and not set("*?") & set(pattern):
        assert not (matches(path, pattern) and matches(twin, pattern))


def test_patterns_made_to_be_slow_are_not(tally: Tally) -> None:
    for pattern in ("**/" * 12 + "x", "*a" * 12 + "b", "?*" * 12 + "z"):
        for path in ("a/" * 100 + "y", "a" * 250, "a/b/" * 50 + "a" * 50):
            tally.add()
            matches(path, pattern)


@fuzzed
@given(value=JSON)
def test_the_strict_reader_reads_what_was_written_or_refuses(tally: Tally, value: object) -> None:
    tally.add()
    text = json.dumps(value)
    found, problem = read(text.encode())
    if problem is None:
        assert found == value
    else:
        odd = any(mark in text for mark in ("NaN", "Infinity", "\\u0000", "\\ud", "[[[[[[["))
        assert odd or len(text) > 4000, text


@fuzzed
@given(body=st.binary(max_size=300) | LIKE_JSON)
def test_the_strict_reader_never_breaks(tally: Tally, body: bytes) -> None:
    tally.add()
    _, problem = read(body)
    assert problem is None or (problem.status_code, problem.error) == (422, "invalid_json")


def read(body: bytes) -> tuple[object, Problem | None]:
    """What the strict reader makes of a body, or its refusal."""
    try:
        return parse(body), None
    except Problem as problem:
        return None, problem


@fuzzed
@given(at=st.datetimes(datetime(1970, 1, 2), datetime(5000, 1, 1)), number=st.uuids(), text=st.text(max_size=60))
def test_cursors_come_back_or_are_refused(tally: Tally, at: datetime, number: uuid.UUID, text: str) -> None:
    tally.add()
    moment = at.replace(tzinfo=UTC)
    assert decode_cursor(encode_cursor(moment, number)) == (moment, number)
    with suppress(Problem):
        decode_cursor(text)


@fuzzed
@given(value=st.text(max_size=80), token=st.text(max_size=120), at=st.integers(0, 200), bit=st.integers(0, 6))
def test_nothing_but_what_was_signed_here_is_unsigned(tally: Tally, value: str, token: str, at: int, bit: int) -> None:
    tally.add()
    signer = Signer("secret", "one", 900)
    signed = signer.sign(value)
    assert signer.unsign(signed) == value
    assert signer.unsign(token) is None
    assert Signer("secret", "two", 900).unsign(signed) is None
    place = at % len(signed)
    altered = signed[:place] + chr(ord(signed[place]) ^ (1 << bit)) + signed[place + 1 :]
    assert signer.unsign(altered) in (None, value)  # the last character of base64 has bits to spare


@fuzzed
@given(
    wanted=st.none() | st.text(max_size=40) | RANGE,
    if_range=st.none() | st.text(max_size=10) | st.just('"x"'),
    size=st.integers(0, 5000),
    known=st.none() | st.text(max_size=30),
)
def test_a_range_is_within_the_file(
    tally: Tally, wanted: str | None, if_range: str | None, size: int, known: str | None
) -> None:
    tally.add()
    assert is_known(known, '"x"') in (True, False)
    try:
        part = part_of(wanted, if_range, '"x"', size)
    except UnsatisfiableError:
        return
    assert part is None or (isinstance(part, Part) and 0 <= part.first <= part.last < size)


SECRET = "kT9-xY_77qLmZ/pw"
PIECE = st.sampled_from(
    [SECRET, "password=", "://", "a:b@", "token: ", "\n", "\r", '"', "\\", "Bearer ", "[redacted:x]", "eyJ", "\0"]
)


@fuzzed
@given(pieces=st.lists(PIECE | st.text(max_size=8), max_size=20), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_a_known_secret_never_comes_through_however_the_stream_is_cut(
    tally: Tally, pieces: list[str], cuts: list[int]
) -> None:
    tally.add()
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    redactor = Redactor([("x", SECRET)])
    whole = redactor.data(data)
    assert SECRET.encode() not in whole
    stream, out, last = redactor.stream(), b"", 0
    for cut in sorted(min(cut, len(data)) for cut in cuts):
        out, last = out + stream.feed(data[last:cut]), cut
    assert out + stream.feed(data[last:]) + stream.flush() == whole


ESCAPES = frozenset(
    chr(code)
    for code in (*range(9), *range(11, 32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
)
HOSTILE = st.text(
    alphabet=st.sampled_from("\x1b[]0;\x07\x9b\r\n\t\b[/red]ab\u202e\u2066\u200b{}%💥\\")
    | st.characters(exclude_categories=["Cs"])
)


@fuzzed
@given(text=HOSTILE)
def test_the_command_line_draws_hostile_text_as_text(
    tally: Tally, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tally.add()
    run = {**RUN, "instruction": text, "requested_by": text, "failure": {"code": "x", "reason": text}}
    run["steps"] = [{**STEP, "message": text}]
    print_run(run)
    print_runs([run])
    said = "".join(capsys.readouterr())
    assert not ESCAPES & set(said) - {"\t"}
    assert one_line(text).isprintable()
