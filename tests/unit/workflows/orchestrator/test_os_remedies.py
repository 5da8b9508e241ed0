"""Which package goes into which stage, by what proof, and when none does."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from moonmind.schemas.workflow_models import Edit, Finding, ServiceFacts
from moonmind.workflows.orchestrator.detectors.os_executables import PROGRAM_MISSING
from moonmind.workflows.orchestrator.detectors.os_libraries import LIBRARY_MISSING
from moonmind.workflows.orchestrator.detectors.os_toolchain import (
    COMPILER_MISSING,
    HEADER_MISSING,
    LINK_LIBRARY_MISSING,
    PC_MISSING,
    RUST_MISSING,
    TOOL_MISSING,
)
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.rules import propose
from tests.fakes.knowledge import knowledge

BOOKWORM = "FROM python:3.11-slim-bookworm\nRUN pip install .\n"
TWO_STAGES = "FROM node:20-trixie AS build\nRUN make\nFROM python:3.11-slim\nCMD x\n"


def planned(
    kind: str,
    subject: str,
    dockerfile: str | Mapping[str, str] = BOOKWORM,
    *,
    system: str | None = None,
    install: str | None = None,
    **details: str,
) -> tuple[tuple[Edit, ...], str]:
    files = {"Dockerfile": dockerfile} if isinstance(dockerfile, str) else dockerfile
    project = Project({path: text.encode() for path, text in files.items()}, tuple(files), install)
    finding = Finding(kind=kind, summary=f"`{subject}` is not there", subject=subject, details=details)
    proposal = propose([finding], Planning(project, knowledge(), ServiceFacts(system=system)))
    return proposal.edits, proposal.rationale


def only(kind: str, subject: str, dockerfile: str | Mapping[str, str] = BOOKWORM, **details: str) -> Edit:
    edits, rationale = planned(kind, subject, dockerfile, system=None, install=None, **details)
    assert len(edits) == 1, rationale
    return edits[0]


@pytest.mark.parametrize(
    ("kind", "subject", "package"),
    [
        (LIBRARY_MISSING, "libGL.so.1", "libgl1"),
        (HEADER_MISSING, "sqlite3.h", "libsqlite3-dev"),
        (COMPILER_MISSING, "gcc", "build-essential"),
        (LINK_LIBRARY_MISSING, "xml2", "libxml2-dev"),
        (COMPILER_MISSING, "x86_64-linux-gnu-g++-12", "build-essential"),
        (COMPILER_MISSING, "clang", "clang"),
        (TOOL_MISSING, "pg_config", "libpq-dev"),
        (PC_MISSING, "cairo", "libcairo2-dev"),
        (PROGRAM_MISSING, "ffprobe", "ffmpeg"),
    ],
)
def test_the_package_is_named_with_its_proof(kind: str, subject: str, package: str) -> None:
    edit = only(kind, subject)
    assert (edit.kind, edit.file, edit.name, edit.version) == ("os_package_add", "Dockerfile", package, None)
    assert edit.proof is not None
    assert edit.proof.startswith("Debian bookworm's package index lists usr/")
    assert edit.proof in edit.reason


def test_the_proof_says_who_brings_what_another_package_holds() -> None:
    assert only(PROGRAM_MISSING, "psql").proof == (
        "Debian bookworm's package index lists usr/bin/psql in postgresql-client-common, which postgresql-client brings"
    )


def test_what_a_build_lacks_goes_before_the_instruction_that_failed_and_into_its_stage() -> None:
    edit = only(TOOL_MISSING, "cmake", TWO_STAGES, stage="build", before="RUN make")
    assert (edit.stage, edit.before) == ("build", "RUN make")


def test_the_instruction_alone_tells_the_stage_where_it_is_in_one() -> None:
    assert only(TOOL_MISSING, "cmake", TWO_STAGES, stage="shop", before="RUN make").stage == "build"


def test_what_the_service_lacks_when_it_runs_goes_into_the_last_stage() -> None:
    edits, _ = planned(LIBRARY_MISSING, "libpq.so.5", TWO_STAGES, system="debian bookworm")
    assert [(edit.name, edit.stage, edit.before) for edit in edits] == [("libpq5", None, None)]


def test_a_stage_from_the_services_own_image_has_its_system() -> None:
    text = "FROM python:3.11-slim AS build\nRUN make\nFROM python:3.11-slim\n"
    edits, _ = planned(LIBRARY_MISSING, "gobject-2.0-0", text, system="debian trixie", stage="build", before="RUN make")
    assert [edit.name for edit in edits] == ["libglib2.0-0t64"]


def test_the_tag_counts_before_what_an_older_image_had() -> None:
    edits, _ = planned(LIBRARY_MISSING, "magic", "FROM python:3.11-trixie\n", system="debian bookworm")
    assert [edit.name for edit in edits] == ["libmagic1t64"]


def test_of_several_names_that_would_do_the_package_with_most_of_them_is_taken() -> None:
    edit = only(PC_MISSING, "mysqlclient", BOOKWORM, **{"or": "mariadb libmariadb"})
    assert edit.name == "libmariadb-dev"


def test_a_second_compiler_joins_the_first() -> None:
    text = "FROM debian:12\nRUN apt-get install -y gcc libc6-dev\nRUN make\n"
    assert only(COMPILER_MISSING, "g++", text, before="RUN make").name == "g++"


def test_debians_own_python_has_its_headers_in_python3_dev() -> None:
    assert only(HEADER_MISSING, "Python.h", "FROM debian:bookworm-slim\nRUN x\n").name == "python3-dev"


@pytest.mark.parametrize(
    ("kind", "subject", "dockerfile", "reason"),
    [
        (LIBRARY_MISSING, "libGL.so.1", "FROM python:3.11-slim\n", "does not say which system"),
        (LIBRARY_MISSING, "libGL.so.1", "FROM python:3.11-alpine\n", "apk add"),
        (LIBRARY_MISSING, "libGL.so.1", "FROM debian:11\n", "no package index of debian bullseye is kept"),
        (LIBRARY_MISSING, "libGL.so.1", "FROM ubuntu:jammy\n", "no package index of ubuntu jammy is kept"),
        (LIBRARY_MISSING, "libssl.so.1.1", BOOKWORM, "lists no package with the library"),
        (
            LIBRARY_MISSING,
            "libGL.so.1",
            BOOKWORM + "RUN apt-get install -y libgl1\n",
            "already installs libgl1: rebuild",
        ),
        (
            HEADER_MISSING,
            "curl/curl.h",
            BOOKWORM,
            "libcurl4-gnutls-dev, libcurl4-nss-dev, libcurl4-openssl-dev. Add the right",
        ),
        (HEADER_MISSING, "config.h", BOOKWORM, "and more. Add the right one"),
        (HEADER_MISSING, "Python.h", BOOKWORM, "the image's own `python` and `pip`"),
        (PROGRAM_MISSING, "convert", BOOKWORM, "graphicsmagick-imagemagick-compat, imagemagick"),
        (PROGRAM_MISSING, "gunicorn", BOOKWORM, "is a program of python3"),
        (PROGRAM_MISSING, "run-shop", BOOKWORM, "lists no package with a program `run-shop`"),
        (RUST_MISSING, "Rust", BOOKWORM, "that has a wheel"),
        (PROGRAM_MISSING, "git", {"a/Dockerfile": BOOKWORM, "b/Dockerfile": BOOKWORM}, "2 places in Dockerfiles"),
        (PROGRAM_MISSING, "git", {"README.md": ""}, "no Dockerfile in which"),
        (PROGRAM_MISSING, "git", "FROM debian:12\n?\n", "is not edited: line 2"),
        (PROGRAM_MISSING, "git", "FROM $BASE\n", "starts from `$BASE`, which does not say"),
    ],
)
def test_what_is_not_clear_is_explained(kind: str, subject: str, dockerfile: str, reason: str) -> None:
    edits, rationale = planned(kind, subject, dockerfile)
    assert edits == ()
    assert reason in rationale


@pytest.mark.parametrize(
    ("program", "dockerfile", "package_json", "is_added"),
    [
        ("vite", "FROM node:20-trixie\n", '{"scripts": {"build": "vite build"}}', False),
        ("vite", "FROM node:20-trixie\n", '{"devDependencies": {"vite": "^5"}}', False),
        ("grunt", "FROM node:20-trixie\n", '{"scripts": {"build": "grunt"}}', False),
        ("pdftotext", "FROM node:20-trixie\n", '{"scripts": {"start": "node app.js"}}', True),
        ("worker", "FROM debian:12\n", None, False),
        ("jq", "FROM python:3.11-bookworm\n", None, True),
    ],
)
def test_a_name_that_is_the_services_own_languages_is_no_package_of_the_system(
    program: str, dockerfile: str, package_json: str | None, is_added: bool
) -> None:
    files = {"Dockerfile": dockerfile} | ({"package.json": package_json} if package_json else {})
    edits, rationale = planned(PROGRAM_MISSING, program, files)
    assert bool(edits) is is_added
    assert is_added or "the service's own dependencies" in rationale


def test_a_header_of_the_projects_own_is_not_looked_for_elsewhere() -> None:
    edits, rationale = planned(HEADER_MISSING, "mysql.h", BOOKWORM, quoted="yes")
    assert edits == ()
    assert "as a file of the project's own" in rationale


def test_an_instruction_that_no_dockerfile_has_is_explained() -> None:
    edits, rationale = planned(TOOL_MISSING, "cmake", TWO_STAGES, before="RUN cmake .")
    assert edits == ()
    assert "no places in Dockerfiles of the workspace make `RUN cmake .`" in rationale


def test_nothing_is_installed_for_a_service_without_an_image() -> None:
    edits, rationale = planned(PROGRAM_MISSING, "ffmpeg", BOOKWORM, install="requirements.txt")
    assert edits == ()
    assert "runs on this machine itself" in rationale


def test_of_several_dockerfiles_the_one_of_that_name_is_the_services() -> None:
    assert only(PROGRAM_MISSING, "git", {"Dockerfile": BOOKWORM, "Dockerfile.dev": BOOKWORM}).file == "Dockerfile"
