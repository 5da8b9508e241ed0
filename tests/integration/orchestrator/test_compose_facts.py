"""What a Compose service runs on, asked of a real engine that starts nothing for it."""

from __future__ import annotations

import pytest

from moonmind.schemas.workflow_models import ServiceFacts

from .conftest import Project

pytestmark = pytest.mark.docker

METADATA = "/usr/local/lib/python3.11/dist-packages/Shop_Tools-1.2.dist-info"
BUILT = f"""\
FROM python:3.11-slim
ENV NODE_VERSION=20.1.0 TOKEN=a-secret-of-the-image
VOLUME /data
RUN mkdir -p {METADATA} && ln -sf /bin/false /usr/local/bin/cat
ENTRYPOINT ["/bin/false"]
"""


def facts(project: Project, service: str = "shop") -> ServiceFacts:
    return project.runtime(service).facts(project.execute)


def test_the_last_built_image_tells_and_nothing_of_it_is_started(project: Project) -> None:
    project.put(Dockerfile=BUILT)
    project.compose("build", "shop")
    told = facts(project)
    assert (told.python, told.system, told.node) == ("3.11", "debian bookworm", "20")
    assert told.installed["shop-tools"] == "1.2"
    assert "pip" in told.installed
    assert "python:3.11-slim" in told.images
    assert all(image.startswith("python:") for image in told.images)
    assert project.docker("ps", "--all", "--quiet", "--filter", f"ancestor={project.name}-shop") == ""
    assert project.log == ""


def test_before_the_first_build_the_base_image_tells_what_is_not_the_services_own(project: Project) -> None:
    project.put(Dockerfile="ARG V=3.13\nFROM node:20-slim AS web\nFROM python:$V-slim\n")
    told = facts(project)
    assert (told.python, told.system, told.installed) == ("3.13", "debian trixie", {})


def test_what_cannot_be_told_fails_nothing(project: Project) -> None:
    project.put(Dockerfile="FROM no.example/such:image\n")
    assert facts(project) == ServiceFacts()
    assert facts(project, "nosuch") == ServiceFacts()
    project.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    assert facts(project) == ServiceFacts()
