"""Pinning and removing what a manifest asks for: what is said changes, and every other byte stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from moonmind.schemas.workflow_models import Edit, EditKind
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits, pyproject_toml, requirements_txt


def edited(kind: EditKind, file: str, content: bytes, name: str, version: str | None = None) -> bytes:
    """The file after one edit."""
    edit = Edit(kind=kind, file=file, name=name, version=version, reason="a test")
    return apply_edits({file: content}, [edit]).get(file, content)


PINNED = [
    (b"flask\n", "flask", "==3.0", b"flask==3.0\n"),
    (b"flask>=2,<3\n", "flask", "==3.0", b"flask==3.0\n"),
    (b"Flask >= 2 , < 3  # web\n", "flask", "==3.0", b"Flask ==3.0  # web\n"),
    (b"flask[async]~=2.0 ; python_version > '3.8'\n", "flask", ">=3", b"flask[async]>=3 ; python_version > '3.8'\n"),
    (b"flask ; python_version > '3.8'\n", "flask", ">=3", b"flask>=3 ; python_version > '3.8'\n"),
    (b"flask (>=2)\n", "flask", "==3.0", b"flask ==3.0\n"),
    (b"flask==2.0\n", "flask", "", b"flask\n"),
    (b"pydantic>=2\n", "pydantic[email]", None, b"pydantic[email]>=2\n"),
    (b"pydantic[dotenv] >=2  # x\n", "pydantic[email,dotenv]", "<2", b"pydantic[dotenv,email] <2  # x\n"),
    (b"redis \\\n  >= 5 \\\n  ; os_name > '3'\n", "redis", "<5", b"redis \\\n  <5 \\\n  ; os_name > '3'\n"),
    (b"a\r\nflask==1.0\r\nz\r\n", "flask", "==2.0", b"a\r\nflask==2.0\r\nz\r\n"),
    (b"\xef\xbb\xbfflask==1.0", "flask", "==2.0", b"\xef\xbb\xbfflask==2.0"),
    (
        b"flask<3;python_version<'4'\nflask>3;python_version>'4'\n",
        "flask",
        "==2.0",
        b"flask==2.0;python_version<'4'\nflask==2.0;python_version>'4'\n",
    ),
    (
        b"-c limits.txt\nflask==1 --config-settings x=y\n",
        "flask",
        "==2",
        b"-c limits.txt\nflask==2 --config-settings x=y\n",
    ),
    (
        b"a==1 --hash=sha256:00\nflask==1 \\\n    --hash=sha256:1 \\\n  --hash=sha256:2\n    # via a\n",
        "flask",
        "==2",
        b"a==1 --hash=sha256:00\nflask==2\n    # via a\n",
    ),
]


@pytest.mark.parametrize(("before", "name", "version", "after"), PINNED)
def test_a_line_says_another_version_and_keeps_the_rest(
    before: bytes, name: str, version: str | None, after: bytes
) -> None:
    assert edited("requirement_pin", "requirements.txt", before, name, version) == after


@pytest.mark.parametrize(
    "content",
    [
        b"redis\n",
        b"# flask==1\n",
        b"flask @ https://example.test/f.whl\n",
        b"-e git+https://x.test/f#egg=flask\n",
        b"git+https://x.test/f#egg=flask\n",
        b"dist/flask-1.0-py3-none-any.whl\n",
    ],
)
def test_what_has_no_version_of_the_index_cannot_be_pinned(content: bytes) -> None:
    with pytest.raises(EditRefusedError, match="has no line for flask"):
        edited("requirement_pin", "requirements.txt", content, "flask", "==3.0")


def test_what_says_the_version_already_stays() -> None:
    assert edited("requirement_pin", "requirements.txt", b"flask==3.0\n", "flask", "==3.0") == b"flask==3.0\n"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("flask", "3.0"),
        ("", "==1"),
        ("flask; x", None),
        ("f @ http://x", None),
        ("flask", ",,"),
        ("flask", "==1\n"),
        ("flask", "=== --pre"),
        ("flask", "=== #1"),
        ("flask", "[async]==1"),
        ("flask", "@ http://x"),
    ],
)
def test_what_is_no_requirement_is_refused(name: str, version: str | None) -> None:
    for kind in ("requirement_pin", "requirement_add"):
        with pytest.raises(EditRefusedError, match="is not edited"):
            edited(kind, "requirements.txt", b"flask\n", name, version)


REMOVED = [
    (b"a\nflask>=2  # web\nz\n", b"a\nz\n"),
    (b"a\r\nflask\r\n", b"a\r\n"),
    (
        b"flask \\\n  >= 5 \\\n  --hash=sha256:00\n    # via\n    #   a\nz==1 --hash=sha256:11\n",
        b"z==1 --hash=sha256:11\n",
    ),
    (b"-e git+https://x.test/f#egg=Flask\n# comment\n", b"# comment\n"),
    (b"a\nflask", b"a\n"),
]


@pytest.mark.parametrize(("before", "after"), REMOVED)
def test_a_removed_line_takes_its_hashes_and_annotations_along(before: bytes, after: bytes) -> None:
    assert edited("requirement_remove", "requirements.txt", before, "flask") == after


@pytest.mark.parametrize("file", ["requirements.txt", "pyproject.toml"])
def test_what_is_not_listed_cannot_be_removed(file: str) -> None:
    with pytest.raises(EditRefusedError, match="does not list flask"):
        edited("requirement_remove", file, b"", "flask")


STANDARD = b"""\
[project]
name = "shop"  # ours
dependencies = [
  "redis>=5",  # store
  # the web
  'flask[async]>=2',  # web
  "zed",
]
[project.optional-dependencies]
test = ["Flask", "pytest"]
[dependency-groups]
dev = [{include-group = "lint"}, "flask<3; python_version < '3.9'"]
lint = ["ruff"]
[tool.uv]
constraint-dependencies = ["flask!=2.5"]
"""


def test_a_standard_pyproject_is_pinned_wherever_it_names_the_distribution() -> None:
    assert edited("requirement_pin", "pyproject.toml", STANDARD, "flask", "==3.0") == (
        STANDARD.replace(b"flask[async]>=2", b"flask[async]==3.0")
        .replace(b'"Flask"', b'"Flask==3.0"')
        .replace(b"flask<3;", b"flask==3.0;")
        .replace(b"flask!=2.5", b"flask==3.0")
    )


def test_removing_from_a_standard_pyproject_keeps_the_rest() -> None:
    after = edited("requirement_remove", "pyproject.toml", STANDARD, "flask").decode()
    assert "flask" not in after.lower()
    assert '  "redis>=5",  # store\n' in after
    parsed = tomllib.loads(after)
    assert parsed["project"]["dependencies"] == ["redis>=5", "zed"]
    assert parsed["project"]["optional-dependencies"] == {"test": ["pytest"]}
    assert parsed["dependency-groups"] == {"dev": [{"include-group": "lint"}], "lint": ["ruff"]}


POETRY = b"""\
[tool.poetry]
name = "shop"

[tool.poetry.dependencies]
python = "^3.11"  # the image's
# the web
flask = "^2.0"  # web
redis = {version = "~5.1", extras = ["hiredis"]}
local = {path = "../local"}

[tool.poetry.group.dev.dependencies]
pytest = "*"
Flask = {version = ">=2,<3", markers = "python_version < '3.12'"}

[build-system]
requires = ["poetry-core"]
"""


def test_poetrys_tables_are_listed_in_the_standards_words() -> None:
    assert [str(one) for one in pyproject_toml.dependencies(POETRY)] == [
        str(Requirement("flask>=2.0,<3.0")),
        str(Requirement("redis[hiredis]>=5.1,<5.2")),
        "local @ file:///../local",
    ]


@pytest.mark.parametrize(
    ("constraint", "versions"),
    [
        ("^1.2.3", ">=1.2.3,<2.0"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1.0"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2.0"),
        ("1.*", "==1.*"),
        ("*", ""),
        ("1.2", "==1.2"),
        (">= 1.2, < 1.5", ">=1.2,<1.5"),
        ("~=1.4", "~=1.4"),
        ("!=1.3", "!=1.3"),
        ("^1 || ^2", ""),
    ],
)
def test_poetrys_constraints(constraint: str, versions: str) -> None:
    content = f'[tool.poetry.dependencies]\nx = "{constraint}"\n'.encode()
    assert pyproject_toml.dependencies(content) == [Requirement(f"x{versions}")]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("==4.9.0", b'humanize = "4.9.0"'),
        (">=4.9", b'humanize = "^4.9"'),
        (None, b'humanize = "*"'),
        ("<5", b'humanize = "<5"'),
    ],
)
def test_poetry_gets_a_line_in_its_own_words(version: str | None, line: bytes, newline: bytes) -> None:
    before = POETRY.replace(b"\n", newline)
    after = edited("requirement_add", "pyproject.toml", before, "humanize", version)
    last = b'local = {path = "../local"}' + newline
    assert after == before.replace(last, last + line + newline)


def test_poetry_gets_a_table_for_extras() -> None:
    after = edited("requirement_add", "pyproject.toml", POETRY, "uvicorn[standard]", "==0.30").decode()
    added = tomllib.loads(after)["tool"]["poetry"]["dependencies"]["uvicorn"]
    assert added == {"version": "0.30", "extras": ["standard"]}


def test_poetry_is_pinned_in_every_table_that_names_the_distribution() -> None:
    assert edited("requirement_pin", "pyproject.toml", POETRY, "flask", "==3.0") == POETRY.replace(
        b'flask = "^2.0"', b'flask = "3.0"'
    ).replace(b'version = ">=2,<3"', b'version = "3.0"')


def test_poetrys_extras_are_set() -> None:
    after = edited("requirement_pin", "pyproject.toml", POETRY, "flask[async]").decode()
    assert tomllib.loads(after)["tool"]["poetry"]["dependencies"]["flask"] == {"version": "^2.0", "extras": ["async"]}


def test_poetrys_path_has_no_version() -> None:
    with pytest.raises(EditRefusedError, match="has no line for local"):
        edited("requirement_pin", "pyproject.toml", POETRY, "local", "==1")


def test_poetry_loses_a_line() -> None:
    after = edited("requirement_remove", "pyproject.toml", POETRY, "redis")
    assert after == POETRY.replace(b'redis = {version = "~5.1", extras = ["hiredis"]}\n', b"")


NAMES = st.sampled_from(["flask", "redis", "Zope.Interface", "a_b", "pydantic", "uvicorn"])
VERSIONS = st.sampled_from(["", "==1.0", ">=2,<3", " ~= 1.4", "!=1.5", " >= 2 , < 3"])
EXTRAS = st.sampled_from(["", "[x]", " [x,y]"])
TAILS = st.sampled_from(
    ["", "  # why", " ; python_version > '3'", ";python_version<'3'  # x", " \\\n  --hash=sha256:00"]
)
ENDS = st.sampled_from(["\n", "\r\n"])
LINES = st.one_of(
    st.builds("".join, st.tuples(NAMES, EXTRAS, VERSIONS, TAILS)),
    st.sampled_from(
        ["", "# a comment", "-r base.txt", "--no-binary :none:", "./x-1.0-py3-none-any.whl", "  # indented"]
    ),
)


@given(st.lists(st.tuples(LINES, ENDS), max_size=8), NAMES)
def test_only_the_lines_of_the_pinned_distribution_change(lines: list[tuple[str, str]], name: str) -> None:
    content = "".join(line + end for line, end in lines).encode()
    before = requirements_txt.parse(content)
    named = [entry for entry in before.entries if entry.name == requirements_txt.parse(name.encode()).entries[0].name]
    if not named:
        return
    after = requirements_txt.parse(edited("requirement_pin", "r.txt", content, name, "==9.9"))
    others = [one for one in before.entries if one not in named]
    assert [one.text for one in after.entries if one.name != named[0].name] == [one.text for one in others]
    pinned = [one.requirement for one in after.entries if one.name == named[0].name]
    assert all(one is not None and str(one.specifier) == "==9.9" for one in pinned)
    assert [one and (one.extras, one.marker) for one in pinned] == [
        one.requirement and (one.requirement.extras, one.requirement.marker) for one in named
    ]
    kept = set(before.text.lines) - {line for one in named for line in before.text.lines[one.start : one.end]}
    assert kept <= set(after.text.lines)


@given(st.lists(st.tuples(LINES, ENDS), max_size=8), NAMES, st.sampled_from([None, "==9.9"]))
def test_what_is_added_can_be_removed_again(lines: list[tuple[str, str]], name: str, version: str | None) -> None:
    content = "".join(line + end for line, end in lines).encode()
    if requirements_txt.parse(content).find(name):
        return
    added = edited("requirement_add", "r.txt", content, name, version)
    removed = edited("requirement_remove", "r.txt", added, name)
    indented = [line for line in removed.splitlines() if line.startswith(b"  #")]
    assert removed == content or len(indented) < content.count(b"  # indented")
