"""What is masked, what is not, and that the way a stream is cut changes nothing.

The secrets are made here from pieces, so that no scanner of repositories takes them for real ones.
"""

from __future__ import annotations

import base64
import json
import string
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonmind.utils.redaction import Redactor, scan
from moonmind.utils.redaction.spans import REACH

REAL_LOGS = Path(__file__).parents[2] / "data" / "redaction"
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
LONG = MIXED * 4
DIGITS = "1234567890123"
HEX = "0123456789abcdef" * 4
UPPER = "ABCDEFGHIJKLMNOP"
KEY = "\n".join(
    ["-----BEGIN RSA " + "PRIVATE KEY-----", *[LONG[:64]] * 3, "aB3=", "-----END RSA " + "PRIVATE KEY-----"]
)

plain = Redactor()
knowing = Redactor([("shop-password", "p@ss/w0rd&more"), ("signing-key", "kT9-xY_77qLmZ"), ("pem", KEY)])

TOKENS = [
    ("github-token", "gh" + "p_" + LONG[:36]),
    ("github-token", "github" + "_pat_" + LONG[:22] + "_" + LONG[:59]),
    ("gitlab-token", "gl" + "pat-" + MIXED[:20]),
    ("slack-token", "xox" + f"b-{DIGITS}-{DIGITS}-{MIXED[:24]}"),
    ("slack-token", "xap" + f"p-1-A0123456789-{DIGITS}-{HEX}"),
    ("stripe-key", "sk" + "_live_" + MIXED[:24]),
    ("stripe-key", "wh" + "sec_" + MIXED),
    ("npm-token", "npm" + "_" + LONG[:36]),
    ("pypi-token", "pypi" + "-AgEIcHlwaS5vcmc" + LONG),
    ("anthropic-key", "sk" + "-ant-api03-" + LONG[:95]),
    ("openai-key", "sk" + "-proj-" + LONG[:74]),
    ("openai-key", "sk" + "-" + LONG[:48]),
    ("google-key", "AI" + "za" + LONG[:35]),
    ("google-token", "ya" + "29." + LONG),
    ("aws-key-id", "AK" + "IA" + UPPER),
    ("jwt", "eyJ" + f"hbGciOiJIUzI1NiJ9.{LONG[:40]}.{LONG[:43]}"),
    ("moonmind-key", "mm" + "_" + LONG[:43]),
    ("signed-token", "Im" + f"FiYzEyMzQ1Njc4OTAxMjM0NSI.{MIXED[:6]}.{MIXED[:27]}"),
    ("plane-key", "plane" + "_api_" + HEX[:32]),
    ("sendgrid-key", "S" + f"G.{MIXED[:22]}.{LONG[:43]}"),
    ("huggingface-token", "h" + "f_" + (string.ascii_letters)[:34]),
    ("telegram-token", f"{DIGITS[:10]}:A" + "A" + LONG[:33]),
]

AROUND = [
    "{}",
    "at {} end",
    "key={}",
    '{{"a": "{}"}}',
    "['{}']",
    "x\\n{}\\n",
    "?q={}&r=1",
    "%3D{}%26",
    "({})",
    "`{}`",
    "{},{}",
]


@pytest.mark.parametrize(("kind", "secret"), TOKENS, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(TOKENS)])
@pytest.mark.parametrize("around", AROUND)
def test_a_token_is_masked_wherever_it_stands(kind: str, secret: str, around: str) -> None:
    if kind == "signed-token" and around in ("x\\n{}\\n", "%3D{}%26"):
        return  # its beginning is no sign of its own: it must stand at the beginning of a word
    masked = plain.text(around.format(secret, secret))
    assert secret not in masked
    assert secret[8:20] not in masked
    assert f"[redacted:{kind}]" in masked


NAMED = [
    ("password=hunter2", "password=[redacted:password]"),
    ("DB_PASSWORD=correcthorse", "DB_PASSWORD=[redacted:password]"),
    ("export PGPASSWORD='a b c'", "export PGPASSWORD='[redacted:password]'"),
    ("POSTGRES_PASSWORD: letters", "POSTGRES_PASSWORD: [redacted:password]"),
    ("  password: hunter2x", "  password: [redacted:password]"),
    ('{"token": "abc1", "n": 1}', '{"token": "[redacted:token]", "n": 1}'),
    ('{\\"client_secret\\":\\"abc123\\"}', '{\\"client_secret\\":\\"[redacted:secret]\\"}'),
    ("'apiKey': 'abcdef'", "'apiKey': '[redacted:secret]'"),
    (r'"password": "a\"b\\"', '"password": "[redacted:password]"'),
    ('os.environ["API_KEY"] = "abc123"', 'os.environ["API_KEY"] = "[redacted:secret]"'),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "aws_secret_access_key = [redacted:secret]"),
    ("AccountKey=abc+def/123==;Endpoint=x", "AccountKey=[redacted:secret];Endpoint=x"),
    ("//registry.example/:_authToken=abc-123", "//registry.example/:_authToken=[redacted:token]"),
    ("GET /x?access_token=abc123&page=2", "GET /x?access_token=[redacted:token]&page=2"),
    ("token%3Dabc123x%26", "token%3D[redacted:token]"),
    ("mysqldump --password hunter2x db", "mysqldump --password [redacted:password] db"),
    ("deploy --api-token=abc1234 --dry", "deploy --api-token=[redacted:token] --dry"),
    ("host=db password=hunter user=kim", "host=db password=[redacted:password] user=kim"),
    ("postgres://kim:hunter2@db/shop", "postgres://kim:[redacted:url-password]@db/shop"),
    ("amqp://kim:p@ss:w@rd@mq:5672//", "amqp://kim:[redacted:url-password]@mq:5672//"),
    ("redis://:hunter@cache", "redis://:[redacted:url-password]@cache"),
    ("postgres%3A%2F%2Fkim%3Ahunter2%40db", "postgres%3A%2F%2Fkim%3A[redacted:url-password]%40db"),
    (f"https://{HEX[:32]}@o1.ingest.sentry.io/2", "https://[redacted:url-password]@o1.ingest.sentry.io/2"),
    ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [redacted:authorization]"),
    ("-H 'Authorization: Bearer abcdef' http", "-H 'Authorization: Bearer [redacted:authorization]' http"),
    ('"authorization": "token abcdef0"', '"authorization": "token [redacted:authorization]"'),
    (f"sent Bearer {MIXED} twice", "sent Bearer [redacted:bearer-token] twice"),
    ("X-Api-Key: abc12345", "X-Api-Key: [redacted:secret]"),
    ("Cookie: session=abc; theme=dark", "Cookie: [redacted:cookie]"),
    ("Set-Cookie: sid=abc; HttpOnly", "Set-Cookie: [redacted:cookie]"),
    ("/x?X-Amz-Signature=" + HEX, "/x?X-Amz-Signature=[redacted:signature]"),
    ("https://hooks.slack.com/services/T0/B0/" + MIXED, "https://hooks.slack.com/services/[redacted:slack-webhook]"),
]


@pytest.mark.parametrize(("text", "masked"), NAMED)
def test_a_value_beside_a_secret_name_or_in_a_secret_place_is_masked(text: str, masked: str) -> None:
    assert plain.text(text) == masked


HARMLESS = [
    "token = response.json()",
    "    password=password, token=token)",
    "    conn = connect(user=user, password=settings.database.password)",
    'password = os.environ["PASSWORD"]',
    "def login(user: str, password: str | None = None, token: Optional[str] = None) -> bool:",
    "SyntaxError: invalid token: unexpected ')' at line 3",
    "Bad password: too short",
    "Enter password: ",
    "PASSWORD_FILE=/run/secrets/db, token=/var/run/token, PWD=/work/shop",
    "password=${DB_PASSWORD} token=$TOKEN secret=<your secret> api_key={key} password=%s",
    "password=***** token=None secret: null API_KEY=",
    "--password is required; --token TOKEN",
    "max_token=4096 token_count=12345678901 tokens: 128000 tokenizer=gpt2",
    "token==1.2.3 secret-tool==2.0 passwd>=1",
    "secret: sha256:" + HEX,
    "--mount=type=secret,id=npmrc",
    "http://localhost:8080/x http://[::1]:80/ ssh://git@github.com/a/b.git https://example.org/@scope/pkg@1.2.3",
    "git@github.com:owner/repo.git mailto:kim@example.org",
    "Authorization: required by the server; authorization: none",
    "WWW-Authenticate: Bearer realm=x, bearer authentication-required-here",
    "cookie: not set",
    "task-" + LONG[:40].lower() + " flask-sk-learn sk-learn==1.5",
    "mm_page_alloc_extfrag_threshold_and_more_of_this_name",
    "data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbIndlYnBhY2s6Ly8vIl19",
    '{"type": "password", "in": "header", "name": "token"}',
    "Installing collected packages: In-memory-thing.abcdef.more",
    'elif token == "with": pass',
    '"downgrade_token": "downgrades", Token: "#ddd0c0", apiKey = "apiKey"',
    '_WILDCARD_TOKEN: _LiteralStar = "*"',
    "Send `Authorization: Bearer mm_…`, or password=…",
    "author=kim GIT_AUTHOR_NAME=kim2 monkey=banana1 keyboard: us104",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert plain.text(text) == text


@pytest.mark.parametrize("file", sorted(REAL_LOGS.glob("*.log")), ids=lambda file: file.stem)
def test_real_looking_logs_go_through_byte_for_byte(file: Path) -> None:
    content = file.read_bytes()
    assert content
    assert knowing.data(content) == content


VALUE = "p@ss/w0rd&more"


@pytest.mark.parametrize(
    "shown",
    [
        VALUE,
        quote(VALUE, safe=""),
        quote(VALUE, safe="").lower().replace("p%40", "p%40"),
        quote_plus(VALUE),
        json.dumps(VALUE)[1:-1],
        repr(VALUE)[1:-1],
    ],
)
@pytest.mark.parametrize("around", ["{}", "nothing {} special", "x{}y", "a\n{}\n"])
def test_a_known_value_is_masked_in_each_of_its_forms(shown: str, around: str) -> None:
    masked = knowing.text(around.format(shown))
    assert masked == around.format("[redacted:shop-password]")


@pytest.mark.parametrize("before", ["", "k", "ki", "kim", "kim:"])
@pytest.mark.parametrize("after", ["", ":", "\n", "@db.example"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_known_value_is_masked_inside_anything_in_base64(before: str, after: str, encode: type) -> None:
    shown = encode((before + VALUE + after).encode()).decode()
    masked = knowing.text(f"header {shown} end")
    assert "[redacted:shop-password]" in masked
    assert shown[8:16] not in masked


def test_a_known_key_of_many_lines_is_masked_however_it_is_shown() -> None:
    in_base64 = base64.b64encode(KEY.encode()).decode()
    wrapped = "\n".join(in_base64[at : at + 76] for at in range(0, len(in_base64), 76))
    for shown in (KEY, json.dumps(KEY), in_base64, wrapped, "\n".join(KEY.splitlines()[1:4])):
        masked = knowing.text(f"see {shown} end")
        assert "[redacted:" in masked
        assert not any(piece in masked for piece in (LONG[:20], in_base64[80:110]))


@pytest.mark.parametrize("value", ["moonmind", "pw", "      ", "20261121"])
def test_a_known_value_that_is_a_word_of_its_own_is_not_masked_everywhere(value: str) -> None:
    text = f"the {value} service at {value}"
    assert Redactor([("database-password", value)]).text(text) == text


@pytest.mark.parametrize("prefix", ["", "  ", "#12 0.345 ", "shop-1  | ", "2026-11-21T10:00:00Z "])
def test_a_private_key_is_masked_with_all_its_lines(prefix: str) -> None:
    log = "\n".join(["before", *[prefix + line for line in KEY.splitlines()], prefix + "after"])
    assert plain.text(log) == f"before\n{prefix}[redacted:private-key]\n{prefix}after"


def test_of_a_private_key_without_end_goes_what_looks_like_it_and_no_more() -> None:
    cut = "\n".join(KEY.splitlines()[:-1])
    assert plain.text(f"{cut}\n\nStep 4/7 : RUN make\n") == "[redacted:private-key]\n\nStep 4/7 : RUN make\n"
    mention = "grep -q '-----BEGIN " + "PRIVATE KEY-----' key.pem\n" + "a line of the build\n" * 2000
    assert plain.text(mention).endswith("' key.pem\n" + "a line of the build\n" * 2000)


def test_a_key_in_one_line_of_json_is_masked() -> None:
    assert plain.text(json.dumps({"key": KEY, "n": 1})) == '{"key": "[redacted:private-key]", "n": 1}'


def test_the_same_text_masked_twice_is_masked_once() -> None:
    text = "\n".join([secret for _, secret in TOKENS] + [text for text, _ in NAMED] + [KEY, VALUE])
    once = knowing.text(text)
    assert knowing.text(once) == once
    assert (
        knowing.text(f"password={VALUE} token: {VALUE}")
        == "password=[redacted:shop-password] token: [redacted:shop-password]"
    )


def test_a_json_value_is_masked_in_its_texts_and_nowhere_else() -> None:
    value = {"a": ["password=hunter2", 1, None, True], "b": {"c": 2.5}}
    assert plain.value(value) == {"a": ["password=[redacted:password]", 1, None, True], "b": {"c": 2.5}}


def test_it_says_what_it_found() -> None:
    assert knowing.secrets_in(f"a {VALUE} password=hunter2") == [("shop-password", VALUE), ("password", "hunter2")]
    assert plain.secrets_in("nothing") == []


def test_bytes_that_are_no_text_go_through() -> None:
    content = bytes(range(256)) * 20
    assert knowing.data(content) == content
    assert knowing.text("\udcff password=hunter2 \ud800") == "\udcff password=[redacted:password] \ud800"


# --- streams ----------------------------------------------------------------------------------------------

PIECES = [secret for _, secret in TOKENS] + [text for text, _ in NAMED] + [KEY, json.dumps(KEY), VALUE, quote(VALUE)]
PIECES += ["\n", "\r", " ", "x", "\\", '"', "'", "=", "password=", "a" * (REACH + 100), "password='" + "b\\'" * REACH]
PIECES += ["-----BEGIN " + "PRIVATE KEY-----\n", "eyJ" + "hbGciOi", "é", "a line of a log\n", "[redacted:"]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12),
    st.lists(st.integers(0, 100_000), max_size=12),
)
def test_however_a_stream_is_cut_the_same_comes_out(pieces: list[str], cuts: list[int]) -> None:
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    stream = knowing.stream()
    out = b"".join(stream.feed(piece) for piece in cut(data, cuts)) + stream.flush()
    assert out == knowing.data(data)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_stream_in_small_pieces_gives_what_the_whole_gives(size: int) -> None:
    data = "\n".join(PIECES).encode()
    stream = knowing.stream()
    out = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size)) + stream.flush()
    assert out == knowing.data(data)
    assert stream.counts == counted(data)


def counted(data: bytes) -> Counter[str]:
    stream = knowing.stream()
    stream.feed(data)
    stream.flush()
    return stream.counts


def test_a_finished_line_goes_out_at_once() -> None:
    stream = knowing.stream()
    assert stream.feed(b"one\nt") == b"one\n"
    assert stream.feed(b"wo\rpassword=") == b"two\r"
    assert stream.feed(b"hunter2\n") == b"password=[redacted:password]\n"


def test_what_is_held_back_is_bounded() -> None:
    stream = plain.stream()
    passed = sum(len(stream.feed(b"x" * 1000)) for _ in range(100))
    assert 100_000 - 3 * REACH <= passed <= 100_000
    stream = plain.stream()
    passed = sum(len(stream.feed(b"password='" if at == 0 else b"y" * 1000)) for at in range(1000))
    assert passed < 100
    assert stream.flush() == b""


def test_of_a_line_with_too_many_places_the_rest_is_masked_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST_IN_A_LINE", 3)
    line = 'token="abc1" ' * 3 + f"and token={LONG[:36]} and more"
    text = f"{line}\nthe next line has token=abc12 again\r{line}"
    masked = 'token="[redacted:token]" ' * 3 + "and [redacted:rest-of-line]"
    assert plain.text(text) == f"{masked}\nthe next line has token=[redacted:token] again\r{masked}"
    assert LONG[:36] not in plain.text(text)
    for size in (1, 2, 7, 30):
        stream = plain.stream()
        out = b"".join(stream.feed(text.encode()[at : at + size]) for at in range(0, len(text), size)) + stream.flush()
        assert out.decode() == plain.text(text)


def test_a_private_key_in_one_line_is_masked_whatever_stands_before_it() -> None:
    key = KEY.replace("\n", "\\n")
    for before in ("Authorization: Bearer abcdef0; ", "Cookie: a=bcd; ", "token=abc12;", "password: 'x y z "):
        masked = plain.text(before + key)
        assert not [line for line in KEY.splitlines()[1:-1] if line in masked], before
