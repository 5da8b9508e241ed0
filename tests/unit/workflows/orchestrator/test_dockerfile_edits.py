"""Edits of Dockerfiles: what changes, what stays, and what is refused."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.schemas.workflow_models import Edit
from moonmind.workflows.orchestrator.edits import EditRefusedError, apply_edits
from moonmind.workflows.orchestrator.edits.dockerfile_text import read_dockerfile

NEW = "RUN apt-get update && apt-get install -y --no-install-recommends libgl1 && rm -rf /var/lib/apt/lists/*\n"


def added(text: str, package: str = "libgl1", *, stage: str | None = None, before: str | None = None) -> str:
    edit = Edit(kind="os_package_add", file="Dockerfile", name=package, stage=stage, before=before, reason="why")
    return apply_edits({"Dockerfile": text.encode()}, [edit]).get("Dockerfile", text.encode()).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "RUN apt-get update && apt-get install -y curl tini\n",
            "RUN apt-get update && apt-get install -y curl libgl1 tini\n",
        ),
        ("RUN apt-get install -y tini curl && x\n", "RUN apt-get install -y tini curl libgl1 && x\n"),
        ("RUN apt-get install -y zsh\n", "RUN apt-get install -y zsh libgl1\n"),
        ("RUN apt-get -y install libz tini;true\n", "RUN apt-get -y install libgl1 libz tini;true\n"),
        (
            "RUN DEBIAN_FRONTEND=x apt install -y git=1:2.* wget\n",
            "RUN DEBIAN_FRONTEND=x apt install -y git=1:2.* libgl1 wget\n",
        ),
        (
            "RUN apt-get install -y \\\n    curl \\\n    # kept\n    tini \\\n && x\n",
            "RUN apt-get install -y \\\n    curl \\\n    libgl1 \\\n    # kept\n    tini \\\n && x\n",
        ),
        (
            "RUN apt-get install -y \\\n    curl \\\n    git\n",
            "RUN apt-get install -y \\\n    curl \\\n    git \\\n    libgl1\n",
        ),
        ("RUN apt-get install -y \\\n\tnano \\\n\tzsh\n", "RUN apt-get install -y \\\n\tlibgl1 \\\n\tnano \\\n\tzsh\n"),
        (
            "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y tini\n",
            "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y tini libgl1\n",
        ),
        ("RUN apt-get install -y -o Dpkg::Use-Pty=0 tini\n", "RUN apt-get install -y -o Dpkg::Use-Pty=0 tini libgl1\n"),
        ("RUN apt-get install -y libgl1\n", "RUN apt-get install -y libgl1\n"),
        ("RUN apt-get install -y $MORE ${LESS}\n", "RUN apt-get install -y $MORE ${LESS} libgl1\n"),
        ("RUN apt-get install -y tini >/dev/null 2>&1\n", "RUN apt-get install -y tini libgl1 >/dev/null 2>&1\n"),
        ("RUN apt-get install -y tini\r\nCMD x\r\n", "RUN apt-get install -y tini libgl1\r\nCMD x\r\n"),
    ],
)
def test_a_package_joins_the_list_in_the_lists_own_style(before: str, after: str) -> None:
    assert added(f"FROM debian:12\n{before}") == f"FROM debian:12\n{after}"


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install x\n",
        "RUN apt-get install -y -t bookworm-backports tini\n",
        "RUN xargs apt-get install -y < packages.txt\n",
        "RUN apt-get install -y $(cat packages.txt)\n",
        "RUN apt-get update && apt-get install -y $(cat packages.txt)\n",
        "RUN apt-get update && apt-get install -y gcc linux-headers-$(uname -r)\n",
        "RUN apt-get install -y gcc `cat packages.txt`\n",
        "RUN apt-get install -y curl 2>/dev/null\n",
        "RUN apt-get install -y curl 10>/dev/null\n",
        "RUN apt-get install -y curl # for the health check\n",
        "RUN make # and not && apt-get install -y curl\n",
        "RUN apt-get install -y {gcc,make}\n",
        'RUN ["apt-get", "install", "-y", "tini"]\n',
        "RUN <<EOF\napt-get install -y tini\nEOF\n",
        "RUN echo 'apt-get install -y tini'\n",
    ],
)
def test_what_is_no_plain_list_gets_a_run_of_its_own_after_from(line: str) -> None:
    text = added(f"FROM debian:12\n{line}")
    assert text.startswith(f"FROM debian:12\n{NEW}")
    assert text.endswith(line)


STAGES = "FROM python:3.11 AS build\nRUN make\nFROM python:3.11-slim\nRUN apt-get install -y tini\nCMD x\n"


@pytest.mark.parametrize(
    ("stage", "before", "after"),
    [
        (None, None, STAGES.replace("tini", "tini libgl1")),
        ("build", "RUN make", STAGES.replace("RUN make", NEW + "RUN make")),
        ("0", None, STAGES.replace("RUN make", NEW + "RUN make")),
        ("stage-1", None, STAGES.replace("tini", "tini libgl1")),
    ],
)
def test_only_the_asked_stage_changes(stage: str | None, before: str | None, after: str) -> None:
    assert added(STAGES, stage=stage, before=before) == after


def test_a_list_after_the_failed_instruction_comes_too_late() -> None:
    text = "FROM debian:12\nRUN make  all\nRUN apt-get install -y tini\n"
    assert added(text, before="RUN make all") == f"FROM debian:12\n{NEW}RUN make  all\nRUN apt-get install -y tini\n"


def test_the_failed_instruction_itself_may_hold_the_list() -> None:
    text = "FROM debian:12\nRUN apt-get install -y tini \\\n && make\n"
    assert "tini libgl1 \\\n" in added(text, before="RUN apt-get install -y tini && make")


def test_a_stage_that_starts_from_one_with_a_user_installs_as_root_and_gives_the_user_back() -> None:
    text = "FROM debian:12 AS base\nUSER app\nFROM base\nCMD x\n"
    assert added(text) == f"FROM debian:12 AS base\nUSER app\nFROM base\nUSER root\n{NEW}USER app\nCMD x\n"


def test_two_packages_share_one_new_run() -> None:
    edits = [Edit(kind="os_package_add", file="Dockerfile", name=name, reason="why") for name in ("libgl1", "git")]
    after = apply_edits({"Dockerfile": b"FROM debian:12\n"}, edits)["Dockerfile"].decode()
    assert after == "FROM debian:12\n" + NEW.replace("libgl1", "libgl1 git")


@pytest.mark.parametrize(
    ("text", "package", "stage", "before", "reason"),
    [
        ("FROM debian:12\n", "lib; rm -rf /", None, None, "no name of a package"),
        ("FROM debian:12\n", "-y", None, None, "no name of a package"),
        ("# escape=`\nFROM debian:12\n", "git", None, None, "escape character"),
        ("FROM debian:12\nRUN <<EOF\nx\n", "git", None, None, "has no end"),
        ("RUN x\n", "git", None, None, "has no FROM"),
        ("FROM debian:12\n{}\n", "git", None, None, "line 2 is no instruction"),
        ("FROM debian:12\n", "git", "build", None, "no stage build"),
        ("FROM debian:12\nRUN a\n", "git", None, "RUN b", "0 times"),
        ("FROM debian:12\nRUN a\nRUN a\n", "git", None, "RUN a", "2 times"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, package: str, stage: str, before: str, reason: str) -> None:
    with pytest.raises(EditRefusedError, match=reason):
        added(text, package, stage=stage, before=before)


def based(text: str, name: str, tag: str, stage: str | None = None) -> str:
    edit = Edit(kind="base_image_set", file="Dockerfile", name=name, version=tag, stage=stage, reason="why")
    return apply_edits({"Dockerfile": text.encode()}, [edit])["Dockerfile"].decode()


@pytest.mark.parametrize(
    ("before", "stage", "after"),
    [
        ("FROM python:3.11-slm\n", None, "FROM python:3.11-slim\n"),
        ("FROM --platform=linux/amd64 python:3.9 AS a # x\nFROM scratch\n", "a", None),
        (
            "FROM --platform=linux/amd64 python:3.9 AS a\nFROM scratch\n",
            "a",
            "FROM --platform=linux/amd64 python:3.11-slim AS a\nFROM scratch\n",
        ),
        ("from python:3.9 as a\nFROM python:3.9\n", "0", "from python:3.11-slim as a\nFROM python:3.9\n"),
        ("FROM python@sha256:00\n", None, None),
        ("ARG V=3.9\nFROM python:${V}\n", None, None),
        ("FROM node:20\n", None, None),
    ],
)
def test_a_base_image_takes_another_tag_where_it_is_written_plainly(
    before: str, stage: str | None, after: str | None
) -> None:
    if after is None:
        with pytest.raises(EditRefusedError, match="is not edited"):
            based(before, "python", "3.11-slim", stage)
    else:
        assert based(before, "python", "3.11-slim", stage) == after


def test_arguments_fill_in_images_and_stages_know_where_they_start() -> None:
    text = b'ARG V="3.11"\nARG X\nFROM python:${V}-slim AS base\nFROM base AS mid\nFROM mid\n'
    text += b"FROM python:$X\nFROM python:${Y:-3.12}\n"
    read = read_dockerfile(text)
    assert [read.root_image(stage) for stage in read.stages] == ["python:3.11-slim"] * 3 + [None, "python:3.12"]
    assert [stage.base for stage in read.stages] == [None, 0, 1, None, None]


def test_a_long_hostile_file_is_read_in_no_time() -> None:
    text = "FROM a\nRUN " + "<<" * 20_000 + "\\ " * 20_000 + "'" * 20_001 + "\n"
    began = perf_counter()
    assert added(text).startswith("FROM a\nRUN apt-get update")
    assert perf_counter() - began < 3
