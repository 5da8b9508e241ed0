"""The whole analysis on a workspace and an index in memory: decision, diff, hashes, and nothing written."""

from __future__ import annotations

import hashlib

import pytest

from moonmind.schemas.workflow_models import Analysis, LogSource
from moonmind.workflows.orchestrator.analysis import Subject, analyze, python_of
from moonmind.workflows.orchestrator.ports import IndexUnavailableError, PackageIndex
from tests.fakes.index import FakePackageIndex, UnavailablePackageIndex, release
from tests.fakes.knowledge import knowledge
from tests.fakes.workspace import FakeWorkspace

LOG = """\
Traceback (most recent call last):
  File "/app/app.py", line 1, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""
YAML = release("pyyaml", "6.0.2", modules=("yaml",))


def analyzed(
    files: dict[str, bytes], *, log: str = LOG, allow: tuple[str, ...] = ("*.txt",), index: PackageIndex | None = None
) -> Analysis:
    workspace = FakeWorkspace(files)
    before = dict(workspace.files)
    sources = [LogSource(name="service", text=log)]
    result = analyze(
        sources=sources,
        subject=Subject(workspace, allow),
        knowledge=knowledge(index or FakePackageIndex(YAML)),
    )
    assert workspace.files == before
    return result


def test_an_edit_comes_with_its_exact_diff_and_the_hashes_it_rests_on() -> None:
    result = analyzed({"requirements.txt": b"flask==3.0.0\n"})
    assert result.decision == "edit"
    assert [(edit.kind, edit.file, edit.name, edit.version) for edit in result.edits] == [
        ("requirement_add", "requirements.txt", "pyyaml", "==6.0.2")
    ]
    assert result.diff == (
        "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n flask==3.0.0\n+pyyaml==6.0.2\n"
    )
    (change,) = result.changes
    assert change.before_sha256 == hashlib.sha256(b"flask==3.0.0\n").hexdigest()
    assert change.after_sha256 == hashlib.sha256(b"flask==3.0.0\npyyaml==6.0.2\n").hexdigest()


@pytest.mark.parametrize(
    ("files", "allow", "reason"),
    [
        ({"requirements.txt": b"flask\n"}, ("pyproject.toml",), "not on the service's allow-list"),
        ({"requirements.txt": b"flask==3 --hash=sha256:00\n"}, ("*.txt",), "locked with hashes"),
        ({"requirements.txt": b"pyyaml\n"}, ("*.txt",), "already lists"),
        ({"requirements.txt": b"", "yaml.py": b""}, ("*.txt",), "belongs to the service itself"),
        ({}, ("*.txt",), "no requirements.txt"),
    ],
)
def test_without_a_safe_edit_the_reason_is_in_the_findings(
    files: dict[str, bytes], allow: tuple[str, ...], reason: str
) -> None:
    result = analyzed(files, allow=allow)
    assert (result.decision, result.edits, result.changes, result.diff) == ("explain", (), (), None)
    assert reason in result.findings[0].summary
    assert reason in (result.rationale or "")
    assert result.findings[0].evidence


def test_logs_without_a_known_failure_decide_nothing() -> None:
    assert analyzed({"requirements.txt": b""}, log="all is well\n") == Analysis(decision="none")


def test_an_index_that_does_not_answer_is_an_error_of_its_own() -> None:
    with pytest.raises(IndexUnavailableError):
        analyzed({"requirements.txt": b""}, index=UnavailablePackageIndex())


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"Dockerfile": b"FROM python:3.12-slim\n"}, "3.12"),
        (
            {"Dockerfile": b"FROM --platform=linux/amd64 registry.test:5000/library/python:3.9.18-alpine AS run\n"},
            "3.9",
        ),
        (
            {"Dockerfile": b"ARG PYTHON=3.10\nFROM python:${PYTHON}-slim AS base\nFROM node:20 AS ui\nFROM base\n"},
            "3.10",
        ),
        ({"Dockerfile": b"ARG V\nFROM python:${V:-3.13}\n"}, "3.13"),
        ({"Dockerfile": b"FROM python:3.12 AS build\nFROM debian:12\n"}, None),
        ({"Dockerfile": b"FROM python:3\n"}, None),
        ({"Dockerfile": b"FROM python:latest\n", ".python-version": b"3.11.7\n"}, "3.11"),
        ({"pyproject.toml": b'[project]\nrequires-python = ">=3.10,<4"\n'}, "3.10"),
        ({"pyproject.toml": b'[project]\nrequires-python = ">3.9.1"\n'}, "3.9"),
        ({"pyproject.toml": b"not toml ["}, None),
        ({}, None),
    ],
)
def test_the_services_python_is_read_from_its_files(files: dict[str, bytes], version: str | None) -> None:
    assert python_of(FakeWorkspace(files)) == version
