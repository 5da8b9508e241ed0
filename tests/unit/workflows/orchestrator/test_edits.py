"""Edits of manifests: the added line, and every other byte as it was."""

from __future__ import annotations

import tomllib

import pytest

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import (
    EditRefusedError,
    apply_edits,
    changed_lines,
    refuse_unhashed,
    requirements_txt,
    unified_diff,
)


def add(file: str, content: bytes, name: str = "humanize", version: str | None = None) -> bytes | None:
    """The file after adding a requirement; None when it did not change."""
    edit = Edit(kind="requirement_add", file=file, name=name, version=version, reason="a test")
    return apply_edits({file: content}, [edit]).get(file)


REQUIREMENTS = [
    ("empty", b"", b"humanize\n"),
    ("unsorted: at the end", b"redis\nflask\n", b"redis\nflask\nhumanize\n"),
    ("sorted: in its place", b"flask\nredis\n", b"flask\nhumanize\nredis\n"),
    ("sorted: first", b"# web\nredis\nuvicorn\n", b"# web\nhumanize\nredis\nuvicorn\n"),
    ("no newline at the end", b"redis\nflask", b"redis\nflask\nhumanize\n"),
    ("CRLF", b"redis\r\nflask\r\n", b"redis\r\nflask\r\nhumanize\r\n"),
    ("CRLF, no newline at the end", b"flask\r\nredis", b"flask\r\nhumanize\r\nredis"),
    ("byte order mark", b"\xef\xbb\xbfredis\nflask\n", b"\xef\xbb\xbfredis\nflask\nhumanize\n"),
    (
        "UTF-16, as PowerShell writes it",
        "\ufeffredis\r\nflask\r\n".encode("utf-16-le"),
        "\ufeffredis\r\nflask\r\nhumanize\r\n".encode("utf-16-le"),
    ),
    ("no UTF-8", b"redis  # caf\xe9\nflask\n", b"redis  # caf\xe9\nflask\nhumanize\n"),
    ("before closing comments", b"redis\nflask\n\n# end\n", b"redis\nflask\nhumanize\n\n# end\n"),
    ("only comments", b"# nothing yet\n", b"# nothing yet\nhumanize\n"),
    (
        "includes, options, markers, extras, URLs",
        b"--extra-index-url https://example.test/simple\n-r base.txt\n-c limits.txt\n-e ./shop\n"
        b'uvicorn[standard] >= 0.20 ; python_version > "3.8"  # server\n'
        b"git+https://example.test/x.git#egg=x\n./wheels/y-1.0-py3-none-any.whl\n",
        b"--extra-index-url https://example.test/simple\n-r base.txt\n-c limits.txt\n-e ./shop\n"
        b'uvicorn[standard] >= 0.20 ; python_version > "3.8"  # server\nhumanize\n'
        b"git+https://example.test/x.git#egg=x\n./wheels/y-1.0-py3-none-any.whl\n",
    ),
    ("after a continued line", b"redis \\\n  >= 5 \\\n  ; python_version > '3'\n", None),
]


@pytest.mark.parametrize(("before", "after"), [one[1:] for one in REQUIREMENTS], ids=[one[0] for one in REQUIREMENTS])
def test_requirements_get_one_line_and_keep_the_rest(before: bytes, after: bytes | None) -> None:
    assert add("requirements.txt", before) == (before + b"humanize\n" if after is None else after)


def test_a_version_is_written_with_its_operator() -> None:
    assert add("requirements.txt", b"flask==3.0.0\n", version="==4.9.0") == b"flask==3.0.0\nhumanize==4.9.0\n"


@pytest.mark.parametrize(
    "line",
    [
        b"humanize\n",
        b"Humanize==4.0\n",
        b"humanize[x]>=1;python_version<'3'\n",
        b"humanize @ https://example.test/h.whl\n",
        b"git+https://example.test/h.git#egg=humanize\n",
        b"-e git+https://example.test/h.git@main#egg=Humanize\n",
        b"./wheels/humanize-4.9.0-py3-none-any.whl\n",
    ],
)
def test_what_is_listed_already_is_not_added_again(line: bytes) -> None:
    assert add("requirements.txt", b"flask\n" + line) is None


def test_a_commented_out_line_does_not_count_as_listed() -> None:
    assert add("requirements.txt", b"flask\n# humanize\n") == b"flask\nhumanize\n# humanize\n"


@pytest.mark.parametrize(
    "content",
    [b"flask==3.0.0 --hash=sha256:00\n", b"flask==3.0.0 \\\n    --hash=sha256:00\n", b"--require-hashes\nflask==3.0\n"],
)
@pytest.mark.parametrize("file", ["requirements.txt", "requirements.lock", "deploy/requirements-dev.lock"])
def test_a_file_locked_with_hashes_that_its_tool_did_not_complete_is_refused_with_what_to_do(
    content: bytes, file: str
) -> None:
    after = add(file, content)
    assert after is not None
    with pytest.raises(EditRefusedError, match="is locked with hashes: add "):
        refuse_unhashed({file: after})


def test_a_file_is_complete_when_every_line_or_none_has_hashes() -> None:
    refuse_unhashed({"a.txt": b"flask\nredis\n", "b.txt": b"flask==3 --hash=sha256:00\n"})
    refuse_unhashed({"uv.lock": b"flask\nredis --hash=sha256:00\n", "Dockerfile": b"pip\ninstall --hash=sha256:00\n"})


def test_a_hash_behind_a_comment_line_is_of_no_requirement() -> None:
    """As pip reads it: a comment ends a line that goes on, and what follows stands alone."""
    refuse_unhashed({"requirements.txt": b"flask==2.0 \\\n    # why\n    --hash=sha256:00\nredis\n"})


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("-e git+https://x.test/f#egg=Acme_shop", "acme-shop"),
        ("git+https://x.test/f#egg=acme[x]&subdirectory=y", "acme"),
        ("-e git+https://x.test/f#egg=_acme", "acme"),
        ("-e git+https://x.test/f#egg=acme-", "acme"),
        ("-e git+https://x.test/f#egg=__", None),
        ("./acme-1.0-py3-none-any.whl", "acme"),
        ("./\u00e9-1.0-py3-none-any.whl", None),
    ],
)
def test_a_link_has_the_name_that_it_says_when_it_is_one(link: str, name: str | None) -> None:
    (entry,) = requirements_txt.parse(f"{link}\n".encode()).entries
    assert (entry.kind, entry.name) == ("link", name)


def test_entries_know_their_kind_and_the_files_they_name() -> None:
    parsed = requirements_txt.parse(b"-r base.txt\n--constraint=../limits.txt\n-rother.txt\n--no-binary x\n")
    assert [(entry.kind, entry.target) for entry in parsed.entries] == [
        ("include", "base.txt"),
        ("constraint", "../limits.txt"),
        ("include", "other.txt"),
        ("option", None),
    ]


@pytest.mark.parametrize(
    ("file", "target", "path"),
    [
        ("requirements/prod.txt", "base.txt", "requirements/base.txt"),
        ("requirements/prod.txt", "../limits.txt", "limits.txt"),
        ("requirements.txt", "../other.txt", None),
        ("requirements.txt", "/etc/passwd", None),
        ("requirements.txt", "https://example.test/r.txt", None),
    ],
)
def test_an_include_is_resolved_beside_its_file_and_never_outside(file: str, target: str, path: str | None) -> None:
    assert requirements_txt.resolve(file, target) == path


PYPROJECT = [
    ("one line", 'dependencies = ["redis", "flask"]', 'dependencies = ["redis", "flask", "humanize"]'),
    ("empty", "dependencies = []", 'dependencies = ["humanize"]'),
    (
        "many lines",
        'dependencies = [\n  "redis>=5",  # store\n  "flask",\n]',
        'dependencies = [\n  "redis>=5",  # store\n  "flask",\n  "humanize",\n]',
    ),
    (
        "sorted",
        'dependencies = [\n    "flask",\n    "redis",\n]',
        'dependencies = [\n    "flask",\n    "humanize",\n    "redis",\n]',
    ),
    (
        "without a last comma",
        'dependencies = [\n  "redis",\n  "flask"\n]',
        'dependencies = [\n  "redis",\n  "flask",\n  "humanize"\n]',
    ),
]
AROUND = (
    '# our shop\n[build-system]\nrequires = ["hatchling"]  # fixed\n\n[project]\nname = "shop"\n{}\n\n[tool.x]\ny = 1\n'
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "after"), [one[1:] for one in PYPROJECT], ids=[one[0] for one in PYPROJECT])
def test_pyproject_keeps_layout_and_comments(before: str, after: str, newline: str) -> None:
    content = AROUND.format(before).replace("\n", newline).encode()
    assert add("pyproject.toml", content) == AROUND.format(after).replace("\n", newline).encode()


def test_a_project_without_dependencies_gets_the_list() -> None:
    changed = add("pyproject.toml", b'[project]\nname = "shop"\n\n[tool.x]\ny = 1\n', version=">=4.9") or b""
    assert tomllib.loads(changed.decode())["project"]["dependencies"] == ["humanize>=4.9"]
    assert changed.endswith(b"\n[tool.x]\ny = 1\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[project]\nname = "x"\ndynamic = ["version", "dependencies"]\n', "dynamic"),
        (b'[tool.poetry]\nname = "x"\n', "Poetry"),
        (b"[tool.x]\n", r"no table \[project\]"),
        (b"[project\n", "no valid TOML"),
        (b"\xff", "no valid TOML"),
        (b'[project]\ndependencies = "flask"\n', "not a list"),
    ],
)
def test_another_kind_of_pyproject_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(EditRefusedError, match=reason):
        add("pyproject.toml", content)


@pytest.mark.parametrize(
    "content",
    [
        b'[project]\nname = "x"\ndynamic = 5\n',
        b'[tool.poetry.dependencies]\nflask = {version = "1", extras = 5}\n',
        b"[tool.poetry.dependencies]\nflask = 5\n",
    ],
)
def test_what_is_of_another_kind_than_the_format_wants_is_passed_over(content: bytes) -> None:
    assert b"humanize" in (add("pyproject.toml", content) or b"")


def test_a_dependency_listed_in_pyproject_is_not_added_again() -> None:
    assert add("pyproject.toml", b'[project]\nname = "x"\ndependencies = ["Humanize[a]>=1"]\n') is None


def test_an_edit_without_what_it_needs_and_an_absent_file_are_refused() -> None:
    with pytest.raises(EditRefusedError, match="needs a name and a range"):
        apply_edits({"package.json": b"{}"}, [Edit(kind="npm_add", file="package.json", name="x", reason="")])
    with pytest.raises(EditRefusedError, match="does not exist"):
        apply_edits({}, [Edit(kind="requirement_add", file="requirements.txt", name="x", reason="")])


def test_the_diff_names_both_sides_and_sorts_files() -> None:
    diff = unified_diff({"b": b"1\n", "a": b"1\n"}, {"b": b"2\n", "a": b"2\n"})
    assert [line for line in diff.splitlines() if line[:3] in ("---", "+++")] == [
        "--- a/a",
        "+++ b/a",
        "--- a/b",
        "+++ b/b",
    ]


def test_an_added_line_is_added_to_its_end_whatever_a_form_feed_looks_like() -> None:
    diff = unified_diff({"a": b"x\n"}, {"a": b"x\ny\x0ctoken\xe2\x80\xa8z\n"})
    assert changed_lines(diff) == ("", "y\x0ctoken\u2028z\n")
