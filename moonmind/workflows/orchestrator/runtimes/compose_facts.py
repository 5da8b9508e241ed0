"""Which image tells what a Compose service runs on, and which images of the same names the engine has."""

from __future__ import annotations

import json
from pathlib import Path

from moonmind.schemas.workflow_models import ServiceFacts
from moonmind.workflows.orchestrator.compose_model import Model, dockerfile_of, image_name
from moonmind.workflows.orchestrator.edits.dockerfile_text import Dockerfile, NotUnderstoodError, read_dockerfile
from moonmind.workflows.orchestrator.runtimes.compose_questions import ComposeQuestions
from moonmind.workflows.orchestrator.runtimes.image_facts import image_facts

DOCKERFILE_BYTES = 1024 * 1024
IMAGES_LIMIT = 200
"""Tags of one repository that are kept; an engine that builds has few."""


def service_facts(ask: ComposeQuestions, service: str) -> ServiceFacts:
    """What the service's image tells; what cannot be told is left out. Raises StepFailedError."""
    model: Model = json.loads(ask.answer(ask.commands.model()))
    dockerfile = _dockerfile(model["services"][service].get("build"))
    facts = ServiceFacts()
    if own := ask.image_id(image_name(model, service)):
        facts = image_facts(ask.commands, ask.execute, own, own=True)
    elif dockerfile and (base := _base(dockerfile, model["services"][service])) and (image := ask.image_id(base)):
        facts = image_facts(ask.commands, ask.execute, image, own=False)
    return facts.model_copy(update={"images": _images(ask, dockerfile)}) if dockerfile else facts


def _dockerfile(build: Model | None) -> Dockerfile | None:
    """The service's Dockerfile, None when it has none or none that is understood."""
    if not build:
        return None
    source = dockerfile_of(build)
    try:
        if isinstance(source, str):
            return read_dockerfile(source.encode())
        with Path(source).open("rb") as file:
            return read_dockerfile(file.read(DOCKERFILE_BYTES))
    except (OSError, NotUnderstoodError):
        return None


def _base(dockerfile: Dockerfile, asked: Model) -> str | None:
    """The image that the built stage starts from in the end."""
    stage = dockerfile.stage((asked.get("build") or {}).get("target"))
    return dockerfile.root_image(stage) if stage else None


def _images(ask: ComposeQuestions, dockerfile: Dockerfile) -> tuple[str, ...]:
    """What the engine has under the names that the Dockerfile starts from."""
    wanted = {_repository(stage.written) for stage in dockerfile.stages} - {""}
    named = (line.strip() for line in ask.answer(ask.commands.local_images()).splitlines())
    return tuple(sorted({one for one in named if _repository(one) in wanted and "<none>" not in one})[:IMAGES_LIMIT])


def _repository(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[0]
