"""An agent as an author of drafts: its program runs in a copy of the files; what it changed there is the draft.

The program has this user's rights and the machine's network: the copy keeps the workspace from it, not the machine.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.utils.text import printable
from moonmind.workflows.orchestrator.agent_planner.scratch import changed_files, fill
from moonmind.workflows.orchestrator.agent_planner.task import TASK, given_files, task_text
from moonmind.workflows.orchestrator.commands import build_agent
from moonmind.workflows.orchestrator.edits.text_replace import NotReplaceableError, replacements
from moonmind.workflows.orchestrator.planners import Planning
from moonmind.workflows.orchestrator.planners.foreign import RefusedChangeError
from moonmind.workflows.orchestrator.planners.proposals import Draft, PlannerFailedError
from moonmind.workflows.orchestrator.policies import refuse_path
from moonmind.workflows.orchestrator.ports import CommandResult, CommandRunner, StepFailedError

ATTEMPTS = 2
"""The first change, and one after hearing why that was refused."""

SAID = 300
"""Characters of the agent's last words that a rationale shows."""


@dataclass(frozen=True, slots=True)
class AgentAuthor:
    """`proposals.Author`. `command`: words with `{task}` and `{folder}`; `seconds` for all attempts; `most`: characters
    of the whole change; `environment`: what it is given besides the plain variables."""

    runner: CommandRunner
    command: tuple[str, ...]
    scratch: Path
    allow: Sequence[str]
    masked: Callable[[str], str]
    seconds: float
    most: int
    environment: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    name: str = "agent"

    def drafts(self, findings: Sequence[Finding], planning: Planning) -> Generator[Draft, str, None]:
        """One draft for each time that the program runs. Raises PlannerFailedError."""
        given, refused = given_files(planning.project, self.masked), ""
        deadline = self.clock() + self.seconds
        for _ in range(ATTEMPTS):
            task = task_text(findings, planning, self.allow, refused=refused, masked=self.masked)
            try:
                draft = self._draft(given, task, deadline - self.clock())
            except (RefusedChangeError, NotReplaceableError) as error:
                refused = str(error)
                continue
            refused = yield draft
        raise PlannerFailedError(f"refused: {refused}")

    def _draft(self, given: Mapping[str, bytes], task: str, seconds: float) -> Draft:
        self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix="agent-", dir=self.scratch, ignore_cleanup_errors=True) as made:
            folder = Path(made)
            fill(folder, given, task)
            said = self._run(folder, seconds)
            edits = self._edits(given, changed_files(folder, given))
        return Draft(tuple(edits), f"it said: {said}" if said else "it said nothing")

    def _run(self, folder: Path, seconds: float) -> str:
        command = build_agent(self.command, task=folder / TASK, folder=folder, env=self.environment)
        try:
            done = self.runner.run(command, log=_Nowhere(), timeout=max(0.0, seconds))
        except StepFailedError as error:
            raise PlannerFailedError(error.reason) from None
        said = self._said(done)
        if done.timed_out:
            raise PlannerFailedError(f"the program did not end within {self.seconds:g} s")
        if done.exit_code != 0:
            raise PlannerFailedError(f"the program ended with {done.exit_code}: {said}")
        return said

    def _said(self, done: CommandResult) -> str:
        return printable(self.masked(done.output).strip()[-SAID:])

    def _edits(self, given: Mapping[str, bytes], changed: Mapping[str, bytes]) -> list[Edit]:
        """Line by line what it did. Compared with the masked copy, so that a changed line with a secret in it is found
        in no file."""
        if refused := [reason for path in sorted(changed) if (reason := refuse_path(path, self.allow))]:
            raise RefusedChangeError(refused[0])
        edits = [
            edit
            for path, content in sorted(changed.items())
            for edit in replacements(path, given.get(path), content, "changed by the agent")
        ]
        size = sum(len(edit.old or "") + len(edit.new or "") for edit in edits)
        if size > self.most:
            raise RefusedChangeError(f"the change is {size} characters long, over {self.most}")
        return edits


class _Nowhere:
    def write(self, text: str) -> None:
        """Its last words are in the rationale; the rest is its own affair."""


def passed(names: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The named variables of this process, those that are set."""
    return {name: environment[name] for name in names if environment.get(name)}
