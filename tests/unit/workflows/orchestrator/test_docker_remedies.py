"""What is corrected in a Dockerfile that cannot be built or started, and what is left to its owner."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from moonmind.schemas.workflow_models import Finding, ServiceFacts
from moonmind.workflows.orchestrator.detectors import dockerfiles as docker
from moonmind.workflows.orchestrator.detectors.node_modules import FILE_MISSING
from moonmind.workflows.orchestrator.edits import apply_edits
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.dockerignore import is_ignored
from moonmind.workflows.orchestrator.planners.rules import propose
from tests.fakes.knowledge import knowledge

FACTS = ServiceFacts(system="debian bookworm", images=("python:3.11-slim", "python:3.13-slim", "python:3.13"))


def repaired(
    kind: str, subject: str, dockerfile: str, files: Mapping[str, str] | None = None, **details: str
) -> tuple[str | None, str]:
    """The Dockerfile after the repair, None for none, and the rationale."""
    contents = {"Dockerfile": dockerfile.encode(), **{path: text.encode() for path, text in (files or {}).items()}}
    manifests = {path: text for path, text in contents.items() if path.endswith(("Dockerfile", ".txt", ".toml"))}
    shown = tuple(path for path in contents if not path.startswith("."))
    project = Project(manifests, shown, None, contents.get)
    finding = Finding(kind=kind, summary=f"`{subject}` fails", subject=subject, details=details)
    proposal = propose([finding], Planning(project, knowledge(), FACTS))
    after = apply_edits(contents, proposal.edits) if proposal.edits else {}
    return (after["Dockerfile"].decode() if after else None), proposal.rationale


PIP = "RUN pip install -r requirements.txt"
APP = "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nUSER app\nCMD {}\n"


@pytest.mark.parametrize(
    ("kind", "subject", "before", "files", "old", "new"),
    [
        (docker.IMAGE_TAG_MISSING, "python:3.11-slm", "FROM python:3.11-slm\n", {}, "slm", "slim"),
        (docker.IMAGE_TAG_MISSING, "docker.io/library/python:3.13-silm", "FROM python:3.13-silm\n", {}, "silm", "slim"),
        (
            docker.IMAGE_TAG_MISSING,
            "biulder",
            "FROM a AS builder\nFROM b\nCOPY --from=biulder /x /x\n",
            {},
            "biulder",
            "builder",
        ),
        (
            docker.STAGE_UNKNOWN,
            "biulder",
            "FROM a AS builder\nFROM b\nCOPY --from=biulder /x /x\n",
            {},
            "biulder",
            "builder",
        ),
        (
            docker.COPY_SOURCE_MISSING,
            "requirments.txt",
            "FROM a\nCOPY requirments.txt r.txt\n",
            {"requirements.txt": ""},
            "requirments",
            "requirements",
        ),
        (
            docker.COPY_SOURCE_MISSING,
            "app.py",
            'FROM a\nCOPY ["app.py", "/srv/app.py"]\n',
            {"src/app.py": ""},
            '"app.py"',
            '"src/app.py"',
        ),
        (docker.COMMAND_MISSING, "pyhton", APP.format('["pyhton", "x"]'), {}, "pyhton", "python"),
        (docker.SCRIPT_MISSING, "/app/mian.py", APP.format('["python", "mian.py"]'), {"main.py": ""}, "mian", "main"),
        (
            docker.SCRIPT_MISSING,
            "/app/web/mian.py",
            APP.format("python web/mian.py"),
            {"web/main.py": ""},
            "mian",
            "main",
        ),
        (FILE_MISSING, "/app/sever.js", APP.format('["node", "sever.js"]'), {"server.js": ""}, "sever", "server"),
        (docker.INSTRUCTION_UNKNOWN, "WROKDIR", "FROM a\nWROKDIR /app\n", {}, "WROKDIR", "WORKDIR"),
    ],
)
def test_a_slip_with_one_meaning_is_corrected(
    kind: str, subject: str, before: str, files: Mapping[str, str], old: str, new: str
) -> None:
    after, rationale = repaired(kind, subject, before, files)
    assert after == before.replace(old, new), rationale


@pytest.mark.parametrize(
    ("before", "files", "subject", "after"),
    [
        (f"FROM a\n{PIP}\n", {"requirements.txt": ""}, "requirements.txt", f"FROM a\nCOPY requirements.txt .\n{PIP}\n"),
        (
            f"FROM a\n{PIP}\n",
            {"requirements.txt": "-r base.txt\n", "base.txt": "flask\n"},
            "requirements.txt",
            f"FROM a\nCOPY requirements.txt .\nCOPY base.txt .\n{PIP}\n",
        ),
        (
            f"FROM a\n{PIP}\n",
            {"api/requirements.txt": ""},
            "requirements.txt",
            f"FROM a\nCOPY api/requirements.txt .\n{PIP}\n",
        ),
        (
            "FROM a\nWORKDIR /app\nRUN pip install -r /app/req/prod.txt\n",
            {"req/prod.txt": ""},
            "/app/req/prod.txt",
            "FROM a\nWORKDIR /app\nCOPY req/prod.txt /app/req/\nRUN pip install -r /app/req/prod.txt\n",
        ),
        (
            "FROM a\nCOPY . .\nRUN pip install -r requirments.txt\n",
            {"requirements.txt": ""},
            "requirments.txt",
            "FROM a\nCOPY . .\nRUN pip install -r requirements.txt\n",
        ),
    ],
)
def test_a_requirements_file_comes_into_the_image_before_pip_reads_it(
    before: str, files: Mapping[str, str], subject: str, after: str
) -> None:
    run = next(line for line in before.splitlines() if line.startswith("RUN"))
    assert repaired(docker.MANIFEST_NOT_COPIED, subject, before, files, before=run)[0] == after


def test_a_script_becomes_executable_as_root_after_it_was_copied() -> None:
    before = 'FROM a\nWORKDIR /app\nUSER app\nCOPY scripts/ ./bin/\nENTRYPOINT ["bin/start.sh"]\n'
    after, rationale = repaired(docker.NOT_EXECUTABLE, "bin/start.sh", before, {"scripts/start.sh": "#!/bin/sh\n"})
    assert after == before.replace("ENTRY", "USER root\nRUN chmod +x /app/bin/start.sh\nUSER app\nENTRY"), rationale


def test_apt_fetches_its_lists_before_it_installs() -> None:
    before = "FROM debian:12\nRUN set -e; \\\n  apt-get install -y jq\n"
    after, _ = repaired(docker.OS_PACKAGE_UNKNOWN, "jq", before, before="RUN set -e; apt-get install -y jq")
    assert after == before.replace("apt-get install", "apt-get update && apt-get install")


PROJECT = {"pyproject.toml": '[project]\nname = "my-shop"\n'}


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ("FROM python:3.11-slim\n", ">=3.12", "FROM python:3.13-slim\n"),
        ("FROM python:3.11.4-slim\n", ">=3.12,<4", "FROM python:3.13-slim\n"),
        ("FROM python:3.11 AS a\nFROM python:3.11-slim\n", ">=3.12", "FROM python:3.13 AS a\nFROM python:3.13-slim\n"),
        ("FROM python:3.11-alpine\n", ">=3.12", None),
        ("FROM python:3.11-slim\n", ">=3.14", None),
        ("FROM python:3.11-slim\nCOPY --from=x /usr/lib/python3.11 /y\n", ">=3.12", None),
    ],
)
def test_the_services_own_project_gets_the_lowest_python_that_the_engine_has(
    before: str, wanted: str, after: str
) -> None:
    found, _ = repaired(docker.PYTHON_TOO_OLD, "my-shop", before, PROJECT, python="3.11", wanted=wanted)
    assert found == after


@pytest.mark.parametrize(
    ("kind", "subject", "dockerfile", "files", "reason"),
    [
        (
            docker.IMAGE_TAG_MISSING,
            "python:3.12-slim",
            "FROM python:3.12-slim\n",
            {},
            "nothing shows which tag is meant",
        ),
        (docker.IMAGE_TAG_MISSING, "node:20-slm", "FROM node:20-slm\n", {}, "nothing shows which tag is meant"),
        (
            docker.COPY_SOURCE_MISSING,
            "a.txt",
            "FROM a\nCOPY a.txt .\n",
            {"x/a.txt": "", "y/a.txt": ""},
            "nor just one file",
        ),
        (
            docker.COPY_SOURCE_MISSING,
            "a.txt",
            "FROM a\nCOPY a.txt .\n",
            {"a.txt": "", ".dockerignore": "*.txt\n"},
            "keeps it out",
        ),
        (docker.COPY_SOURCE_MISSING, "a.txt", "FROM a\nCOPY a.txt .\n", {"a.txt": ""}, "context is another folder"),
        (docker.COMMAND_MISSING, "gunicorn", APP.format('["gunicorn"]'), {}, "service's own dependencies"),
        (docker.COMMAND_MISSING, "python", APP.format('["python"]'), {}, "what the image's PATH is"),
        (docker.SCRIPT_MISSING, "/app/app.py", APP.format('["python", "app.py"]'), {"app.py": ""}, "copy it to where"),
        (docker.SCRIPT_MISSING, "/app/x.py", APP.format('["python", "x.py"]'), {"main.py": ""}, "nor just one file"),
        (docker.NOT_EXECUTABLE, "/usr/bin/x", APP.format('["/usr/bin/x"]'), {}, "no COPY of Dockerfile brings"),
        (docker.NOT_EXECUTABLE, "./a.sh", APP.format('["./a.sh"]'), {"a.sh": "echo\n"}, "has no `#!` line"),
        (docker.EXEC_FORMAT, "./a.sh", APP.format('["./a.sh"]'), {}, "a first line `#!`"),
        (docker.INTERPRETER_MISSING, "./a.sh", APP.format('["./a.sh"]'), {}, "Windows line ends"),
        (docker.DOCKERFILE_MISSING, "Dockerfile", "", {}, "add a Dockerfile there"),
        (docker.INSTRUCTION_UNKNOWN, "FOO", "FROM a\nFOO bar\n", {}, "write the instruction that is meant"),
        (docker.PYTHON_TOO_OLD, "other", "FROM python:3.11-slim\n", PROJECT, "no project of the workspace"),
    ],
)
def test_what_is_not_certain_is_explained(
    kind: str, subject: str, dockerfile: str, files: Mapping[str, str], reason: str
) -> None:
    after, rationale = repaired(kind, subject, dockerfile, files)
    assert after is None
    assert reason in rationale


def test_a_package_that_the_release_has_not_is_explained() -> None:
    text = "FROM debian:13\nRUN apt-get install -y libgl1-mesa-glx\n"
    after, rationale = repaired(docker.OS_PACKAGE_UNKNOWN, "libgl1-mesa-glx", text, before=text.splitlines()[1])
    assert after is None
    assert "Debian trixie's package index has no libgl1-mesa-glx" in rationale


def test_a_command_of_the_system_is_installed() -> None:
    after, _ = repaired(docker.COMMAND_MISSING, "tini", APP.format('["tini", "--", "python"]'))
    assert after is not None
    assert "apt-get install -y --no-install-recommends tini &&" in after


@pytest.mark.parametrize(
    ("path", "text", "ignored"),
    [
        ("a.txt", "*.txt\n", True),
        ("x/a.txt", "*.txt\n", False),
        ("x/a.txt", "**/*.txt\n", True),
        ("a.txt", "**/*.txt\n", True),
        ("x/a.txt", "x\n", True),
        ("x/a.txt", "/x/\n", True),
        ("a.txt", "*\n!a.txt\n", False),
        ("a.txt", "!a.txt\n*\n", True),
        ("a.txt", "# a.txt\n\n", False),
        ("abc", "a?c", True),
    ],
)
def test_the_last_line_of_dockerignore_that_fits_counts(path: str, text: str, ignored: bool) -> None:
    assert is_ignored(path, text.encode()) is ignored
