"""What Docker says of a Dockerfile that cannot be built or started: lines of both builders and of real starts."""

from __future__ import annotations

import pytest

from moonmind.schemas.workflow_models import LogSource
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.detectors import dockerfiles as docker

START = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    ("line", "kind", "subject"),
    [
        (
            "manifest for python:3.11-slm not found: manifest unknown: manifest unknown",
            docker.IMAGE_TAG_MISSING,
            "python:3.11-slm",
        ),
        (
            "ERROR: failed to solve: python:3.11-slm: failed to resolve source metadata for "
            "docker.example/library/python:3.11-slm: "
            "docker.example/library/python:3.11-slm: not found",
            docker.IMAGE_TAG_MISSING,
            "python:3.11-slm",
        ),
        (
            "ERROR: failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: "
            "failed to create LLB definition: index.example/python:3.11-slm: not found",
            docker.IMAGE_TAG_MISSING,
            "index.example/python:3.11-slm",
        ),
        (
            "pull access denied for pyhton, repository does not exist or may require 'docker login': denied",
            docker.IMAGE_TAG_MISSING,
            "pyhton",
        ),
        (
            "invalid from flag value biulder: pull access denied for biulder, repository",
            docker.STAGE_UNKNOWN,
            "biulder",
        ),
        (
            "COPY failed: file not found in build context or excluded by .dockerignore: stat "
            "requirments.txt: file does not exist",
            docker.COPY_SOURCE_MISSING,
            "requirments.txt",
        ),
        (
            'ERROR: failed to solve: failed to compute cache key: "/requirments.txt" not found: not found',
            docker.COPY_SOURCE_MISSING,
            "requirments.txt",
        ),
        (
            "ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref 0a-1b::x: "
            '"/src/app.py": not found',
            docker.COPY_SOURCE_MISSING,
            "src/app.py",
        ),
        (
            "ERROR: failed to solve: dockerfile parse error line 2: unknown instruction: WROKDIR",
            docker.INSTRUCTION_UNKNOWN,
            "WROKDIR",
        ),
        (
            "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: WROKDIR (did "
            "you mean WORKDIR?)",
            docker.INSTRUCTION_UNKNOWN,
            "WROKDIR",
        ),
        (
            "ERROR: failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
            docker.DOCKERFILE_MISSING,
            "Dockerfile",
        ),
        (f'{START}exec: "pyhton": executable file not found in $PATH: unknown', docker.COMMAND_MISSING, "pyhton"),
        (f'{START}exec: "./entrypoint.sh": permission denied: unknown', docker.NOT_EXECUTABLE, "./entrypoint.sh"),
        ("exec /entrypoint.sh: exec format error", docker.EXEC_FORMAT, "/entrypoint.sh"),
        ("exec /entrypoint.sh: no such file or directory", docker.INTERPRETER_MISSING, "/entrypoint.sh"),
        (
            "/bin/bash: /entrypoint.sh: /bin/sh^M: bad interpreter: No such file or directory",
            docker.INTERPRETER_MISSING,
            "/entrypoint.sh",
        ),
        (
            "/bin/bash: line 1: /entrypoint.sh: cannot execute: required file not found",
            docker.INTERPRETER_MISSING,
            "/entrypoint.sh",
        ),
        (
            "python: can't open file '/app/mian.py': [Errno 2] No such file or directory",
            docker.SCRIPT_MISSING,
            "/app/mian.py",
        ),
        (
            f'{START}exec: "/start.sh": stat /start.sh: no such file or directory: unknown',
            docker.SCRIPT_MISSING,
            "/start.sh",
        ),
    ],
)
def test_what_docker_says(line: str, kind: str, subject: str) -> None:
    (finding,) = detect([LogSource(name="log", text=f"before\n{line}\n")])
    assert (finding.kind, finding.subject) == (kind, subject)
    assert finding.evidence[-1].line == 2


@pytest.mark.parametrize(
    ("line", "kind", "subject"),
    [
        (
            "ERROR: Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'",
            docker.MANIFEST_NOT_COPIED,
            "requirements.txt",
        ),
        ("ERROR: Package 'shop' requires a different Python: 3.11.2 not in '>=3.13'", docker.PYTHON_TOO_OLD, "shop"),
        ("E: Unable to locate package libgl1-mesa-glx", docker.OS_PACKAGE_UNKNOWN, "libgl1-mesa-glx"),
        ("E: Package 'libgl1-mesa-glx' has no installation candidate", docker.OS_PACKAGE_UNKNOWN, "libgl1-mesa-glx"),
    ],
)
def test_what_a_failed_step_says_of_its_dockerfile(line: str, kind: str, subject: str) -> None:
    log = f"Step 1/2 : FROM x\nStep 2/2 : RUN act\n{line}\nThe command '/bin/sh -c act' returned a non-zero code: 1\n"
    (finding,) = detect([LogSource(name="log", text=log)])
    assert (finding.kind, finding.subject, finding.details["before"]) == (kind, subject, "RUN act")
    unfinished = detect([LogSource(name="log", text=log.replace("The command", "A command"))])
    assert all(one.kind != kind for one in unfinished)


def test_apt_that_could_not_fetch_its_lists_says_nothing_of_a_package() -> None:
    fetched = "W: Failed to fetch http://mirror.example/debian  Temporary failure resolving 'mirror.example'"
    log = f"Step 1/1 : RUN act\n{fetched}\nE: Unable to locate package jq\n"
    log += "The command 'act' returned a non-zero code: 1\n"
    assert all(one.kind != docker.OS_PACKAGE_UNKNOWN for one in detect([LogSource(name="log", text=log)]))


@pytest.mark.parametrize(
    "line",
    [
        'ERROR: failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
        "GET /favicon.ico: not found",
        "executor failed running [/bin/sh -c false]: exit code: 1",
        "PermissionError: [Errno 13] Permission denied: '/data'",
    ],
)
def test_other_lines_are_nothing_of_the_kind(line: str) -> None:
    kinds = {value for name, value in vars(docker).items() if name.isupper() and isinstance(value, str)}
    assert all(one.kind not in kinds for one in detect([LogSource(name="log", text=f"{line}\n")]))
