"""The one way a step runs commands: fenced before and after, logged, within the step's time, under the group's lock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moonmind.engine.group_lock import GroupLock
from moonmind.engine.lease import Heartbeat
from moonmind.workflows.orchestrator.ports import Clock, Command, CommandResult, CommandRunner, LogSink

QUESTION_SECONDS = 30.0
"""The longest that an engine or supervisor may think about a question before it counts as hung."""
LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class CommandGate:
    """`ports.Execute` of one attempt of a step; `deadline` by the clock."""

    runner: CommandRunner
    heartbeat: Heartbeat
    lock: GroupLock
    log: LogSink
    clock: Clock
    deadline: float

    def seconds_left(self) -> float:
        """Of the step's time; negative when it is over."""
        return self.deadline - self.clock.now()

    def __call__(self, command: Command) -> CommandResult:
        """Run it as the owner of the step. Raises LeaseLostError when that is over, before or after."""
        self.heartbeat.check()
        if not command.quiet:
            self.log.write("$ " + " ".join(command.argv) + "\n")
        done = self.runner.run(
            replace(command, env={**command.env, **self.lock.mark}),
            log=self.log,
            timeout=max(LEAST_SECONDS, self._timeout(command)),
            inherit_fds=(self.lock.fd,),
            should_stop=lambda: self.heartbeat.must_stop,
        )
        if not command.quiet:
            self.lock.end_children()
        if self.heartbeat.must_stop:
            self.heartbeat.check()
        return done

    def _timeout(self, command: Command) -> float:
        return min(self.seconds_left(), QUESTION_SECONDS) if command.quiet else self.seconds_left()
