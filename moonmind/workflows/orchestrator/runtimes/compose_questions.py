"""Asking and commanding Docker for one service; failures told apart: the engine's, the files', the command's."""

from __future__ import annotations

from dataclasses import dataclass

from moonmind.workflows.orchestrator.commands import ComposeCommands
from moonmind.workflows.orchestrator.ports import (
    Command,
    CommandResult,
    EngineUnavailableError,
    Execute,
    StepFailedError,
)
from moonmind.workflows.orchestrator.runtimes.compose_failures import (
    ENGINE_TEXTS,
    PLUGIN_TEXTS,
    known_reason,
    last_line,
)
from moonmind.workflows.orchestrator.runtimes.compose_state import Container, parse_containers


@dataclass(frozen=True, slots=True)
class ComposeQuestions:
    """The builders together with what runs them."""

    commands: ComposeCommands
    execute: Execute

    def target(self) -> tuple[Container, ...]:
        """The service's containers; `service_unknown` when the project has no such service."""
        return self._inspect(self.answer(self.commands.containers()))

    def project(self) -> tuple[Container, ...]:
        """All containers of the project."""
        return self._inspect(self.answer(self.commands.project_containers()))

    def image_id(self, name: str) -> str | None:
        """The id that the name stands for, None for nothing."""
        result = self._run(self.commands.image_id(name))
        if not result.ok:
            self._require_engine()
        return result.output.strip() if result.ok else None

    def answer(self, question: Command) -> str:
        """What a quiet command prints. Its complaints are in the log alone, so the causes are asked for one by one."""
        result = self._run(question)
        if result.timed_out:
            raise EngineUnavailableError("the engine did not answer in time")
        if not result.ok:
            self._require_valid_files()
            self._require_engine()
            raise StepFailedError("engine_error", f"`{' '.join(question.argv[:2])}` failed with {result.exit_code}")
        return result.output

    def act(self, command: Command, code: str) -> None:
        """Run a command that changes something; the error has this code, unless the engine is what failed."""
        result = self._run(command)
        if result.ok:
            return
        self._require_engine()
        if result.timed_out:
            raise StepFailedError(code, "it did not end in time")
        raise StepFailedError(code, known_reason(result.output) or last_line(result.output))

    def _inspect(self, ids: str) -> tuple[Container, ...]:
        """Containers that are gone by now are left out: `inspect` fails for them and prints the others."""
        if not (wanted := ids.split()):
            return ()
        result = self._run(self.commands.inspect(wanted))
        if not result.ok:
            self._require_engine()
        return parse_containers(result.output)

    def _require_valid_files(self) -> None:
        result = self._run(self.commands.validate())
        if result.ok:
            return
        if missing := known_reason(result.output, PLUGIN_TEXTS):
            raise EngineUnavailableError(missing)
        if f"no such service: {self.commands.service}" in result.output:
            reason = f"the Compose project {self.commands.project} has no service {self.commands.service}"
            raise StepFailedError("service_unknown", reason)
        raise StepFailedError("compose_invalid", known_reason(result.output) or last_line(result.output))

    def _require_engine(self) -> None:
        result = self._run(self.commands.engine_version())
        if not result.ok:
            reason = known_reason(result.output, ENGINE_TEXTS) or "the engine does not answer"
            raise EngineUnavailableError(reason)

    def _run(self, command: Command) -> CommandResult:
        try:
            return self.execute(command)
        except StepFailedError as error:
            if error.code == "command_not_found":
                raise EngineUnavailableError(error.reason) from None
            raise
