"""The Compose runtime: one service of a Docker Compose project, built, restarted and put back on its own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from uuid import UUID

from moonmind.schemas.service_profile import ComposeRuntime
from moonmind.schemas.workflow_models import ServiceFacts, ServiceState
from moonmind.workflows.orchestrator.commands import ComposeCommands
from moonmind.workflows.orchestrator.compose_model import (
    Ground,
    Model,
    Refusal,
    dockerfile_of,
    dockerfile_refusals,
    image_name,
    refusals,
    steering_names,
)
from moonmind.workflows.orchestrator.ports import Execute, RestorePoint, StepFailedError
from moonmind.workflows.orchestrator.runtimes.compose_facts import service_facts
from moonmind.workflows.orchestrator.runtimes.compose_questions import ComposeQuestions
from moonmind.workflows.orchestrator.runtimes.compose_state import Container, disturbed, service_state

LOG_BYTES: Final = 256 * 1024
DOCKERFILE_BYTES: Final = 1024 * 1024
_ERASE_LINE: Final = "\x1b[2K"
"""Compose 2.26 puts it before each line of `logs`, also when told to use no ANSI."""


@dataclass(frozen=True, slots=True)
class ComposeServiceRuntime:
    """`ports.Runtime` over Docker Compose v2; `workspace` is absolute, and the same path on the engine's host."""

    profile: ComposeRuntime
    workspace: Path

    def check(self, execute: Execute) -> None:
        """`compose_refused` for what a Compose file or Dockerfile may not ask for."""
        self._checked_model(self._ask(execute))

    def observe(self, execute: Execute) -> ServiceState:
        """State, exit code, restart count and health of the service's containers."""
        return service_state(self._ask(execute).target())

    def recent_logs(self, execute: Execute) -> str:
        """Both streams since the last start, then what the engine says about a container that it could not start.

        The last start of a crash loop may have said nothing yet: then all that this container ever said.
        """
        ask = self._ask(execute)
        containers = ask.target()
        starts = [container.started_at for container in containers if container.started_at]
        said = ask.answer(ask.commands.logs(min(starts))) if starts else ""
        if starts and not said.strip():
            said = ask.answer(ask.commands.logs(None))
        errors = "".join(f"{container.error}\n" for container in containers if container.error)
        return _tail(said.replace(_ERASE_LINE, "") + errors)

    def facts(self, execute: Execute) -> ServiceFacts:
        """Of the last built image, else of the image that the Dockerfile starts from, as far as the engine has it."""
        try:
            return service_facts(self._ask(execute), self.profile.service)
        except StepFailedError:
            return ServiceFacts()

    def restore_point(self, execute: Execute, run_id: UUID) -> RestorePoint:
        """Keep the service's image under the run's rollback tag. The tag's image stays the first one, whatever was
        built since; `image` is None for a service that has none yet."""
        ask = self._ask(execute)
        model = self._checked_model(ask)
        name, tag = image_name(model, self.profile.service), ask.commands.rollback_tag(run_id)
        image = ask.image_id(tag)
        if image is None and (image := _image_in_use(ask, model, name)):
            ask.act(ask.commands.tag(image, tag), "restore_point_failed")
        return {"image": image, "name": name, "tag": tag}

    def build(self, execute: Execute) -> None:
        """Build the target's image; a service that only names an image has nothing to build, and the log says so."""
        ask = self._ask(execute)
        model = self._checked_model(ask)
        if model["services"][self.profile.service].get("build"):
            ask.act(ask.commands.build(), "build_failed")
        else:
            execute(ask.commands.say_image_only(image_name(model, self.profile.service)))

    def restart(self, execute: Execute) -> None:
        """Recreate the target's containers and see that no other one of the project was started or replaced."""
        ask = self._ask(execute)
        self._checked_model(ask)
        before = ask.project()
        ask.act(ask.commands.up(), "restart_failed")
        if others := disturbed(before, ask.project(), self.profile.service):
            raise StepFailedError("peer_restarted", f"other services were restarted as well: {', '.join(others)}")

    def restore(self, execute: Execute, point: RestorePoint) -> bool:
        """Let the service's image name stand for what it stood for. Where it stood for nothing, the run's container
        and image name are removed: then there is nothing to start either."""
        ask = self._ask(execute)
        name, image = point["name"], point["image"]
        assert name is not None
        if image is not None:
            ask.act(ask.commands.tag(image, name), "restore_failed")
        else:
            ask.act(ask.commands.remove(), "restore_failed")
            execute(ask.commands.untag(name))
        if (now := ask.image_id(name)) != image:
            raise StepFailedError("restore_failed", f"{name} is {now or 'no image'} and should be {image or 'none'}")
        return image is not None

    def discard(self, execute: Execute, point: RestorePoint) -> None:
        """Remove the rollback tag. A tag that cannot be removed costs disk space and nothing else."""
        if tag := point["tag"]:
            execute(self._ask(execute).commands.untag(tag))

    def probe_values(self) -> dict[str, str]:
        """None: a Compose service's address is in its profile."""
        return {}

    def _ask(self, execute: Execute) -> ComposeQuestions:
        commands = ComposeCommands(
            project=self.profile.project,
            files=tuple(self.workspace / file for file in self.profile.files),
            service=self.profile.service,
            workspace=self.workspace,
            env_file=_env_file(self.workspace),
        )
        return ComposeQuestions(commands, execute)

    def _checked_model(self, ask: ComposeQuestions) -> Model:
        """The rendered model, once nothing in it asks more of the host than the profile permits."""
        model: Model = json.loads(ask.answer(ask.commands.model()))
        ground = Ground(PurePosixPath(self.workspace), os.path.realpath)
        service = self.profile.service
        found = (*refusals(model, service, ground), *_dockerfile(model["services"][service].get("build"), ground))
        if refused := [refusal for refusal in found if refusal.permit not in self.profile.permits]:
            listed = "; ".join(f"{refusal.detail} (permit `{refusal.permit}`)" for refusal in refused)
            raise StepFailedError("compose_refused", f"{service} asks for more than its profile permits: {listed}")
        return model


def _env_file(workspace: Path) -> Path | None:
    """The `.env` beside the Compose files, if there is one. Raises StepFailedError when it would choose the engine."""
    path = workspace / ".env"
    if not path.is_file():
        return None
    if names := steering_names(path.read_text(encoding="utf-8", errors="replace")):
        reason = f".env sets {', '.join(names)}: the engine is chosen by the worker's environment alone"
        raise StepFailedError("compose_refused", reason)
    return path


def _dockerfile(build: Model | None, ground: Ground) -> tuple[Refusal, ...]:
    """What the Dockerfile asks for; one that is missing or elsewhere is the build's or the model's matter."""
    if not build:
        return ()
    source = dockerfile_of(build)
    if isinstance(source, str):
        return dockerfile_refusals(source)
    if not ground.holds(str(source)) or not (path := Path(source)).is_file():
        return ()
    with path.open("rb") as file:
        return dockerfile_refusals(file.read(DOCKERFILE_BYTES).decode("utf-8", errors="replace"))


def _image_in_use(ask: ComposeQuestions, model: Model, name: str) -> str | None:
    """What the service runs, else what its name stands for. A service that only names an image shares that name
    with others: what the name stands for is left alone, so it is also what is kept."""
    running: tuple[Container, ...] = ask.target() if model["services"][ask.commands.service].get("build") else ()
    return running[0].image if running else ask.image_id(name)


def _tail(text: str) -> str:
    return text.encode()[-LOG_BYTES:].decode(errors="ignore")
