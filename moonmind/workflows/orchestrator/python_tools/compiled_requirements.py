"""Requirements files that were compiled from others, or are locked with hashes, made anew by uv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moonmind.workflows.orchestrator.edits import requirements_txt
from moonmind.workflows.orchestrator.edits.compiled import (
    Compiled,
    UnknownCompilerError,
    compiled_from,
    complete,
    with_head,
)
from moonmind.workflows.orchestrator.planning_ports import LockToolError
from moonmind.workflows.orchestrator.ports import CommandResult
from moonmind.workflows.orchestrator.python_tools.explanations import failure, source_only
from moonmind.workflows.orchestrator.python_tools.machine import MachineUv
from moonmind.workflows.orchestrator.python_tools.scratch import Scratch, scratch

COMPILE_SECONDS = 180.0
COMPLETED = "moonmind-completed.txt"


@dataclass(frozen=True, slots=True)
class CompiledRequirements:
    """`planning_ports.LockTools` for requirements files that a header or hashes show to be locks."""

    machine: MachineUv

    def refresh(
        self, before: Mapping[str, bytes], after: Mapping[str, bytes], *, python: str | None, node: str | None
    ) -> Mapping[str, bytes]:
        """A file with a header is compiled anew when a source of it changed; one that has hashes and no header gets
        those of its new lines."""
        files = {**before, **after}
        made: dict[str, bytes] = {}
        for path in sorted(path for path in before if path.endswith(".txt")):
            content = self._refresh(path, {**files, **made}, after, python)
            if content is not None and content != files[path]:
                made[path] = content
        return made

    def _refresh(
        self, path: str, files: Mapping[str, bytes], after: Mapping[str, bytes], python: str | None
    ) -> bytes | None:
        try:
            made = compiled_from(files[path])
        except UnknownCompilerError as error:
            if path in after:
                raise LockToolError(f"{path} is made by `{error}`: change its source, and run that") from None
            return None
        if made is None:
            is_incomplete = path in after and requirements_txt.parse(files[path]).unhashed
            return self._complete(path, files, python) if is_incomplete else None
        sources = _sources(path, made, files)
        if path in after:
            raise LockToolError(f"{path} is compiled from {', '.join(made.sources)}: a change of it would be lost")
        return self._compile(path, made, files, python) if any(one in after for one in sources) else None

    def _compile(self, path: str, made: Compiled, files: Mapping[str, bytes], python: str | None) -> bytes:
        with scratch(files) as copy:
            command = self.machine.commands.compile(copy.folder, made.sources, path, made.options, python=python)
            compiled = _run(path, copy, copy.run(command, COMPILE_SECONDS), path)
        return with_head(files[path], compiled)

    def _complete(self, path: str, files: Mapping[str, bytes], python: str | None) -> bytes:
        options = ("--generate-hashes", "--no-annotate", "--no-strip-extras")
        with scratch(files) as copy:
            command = self.machine.commands.compile(copy.folder, (path,), COMPLETED, options, python=python)
            compiled = _run(path, copy, copy.run(command, COMPILE_SECONDS), COMPLETED)
        return complete(files[path], compiled)


def _sources(path: str, made: Compiled, files: Mapping[str, bytes]) -> set[str]:
    """Every file that the compiled one depends on. Raises LockToolError when one of them is not there."""
    missing = [one for one in made.sources if one not in files]
    if missing:
        raise LockToolError(f"{path} is compiled from {missing[0]}, which is not in the workspace")
    found, waiting = set(made.sources), list(made.sources)
    while waiting:
        file = waiting.pop()
        entries = requirements_txt.parse(files[file]).entries if file.endswith((".in", ".txt")) else ()
        targets = {requirements_txt.resolve(file, one.target) for one in entries if one.target}
        new = {one for one in targets if one is not None and one in files} - found
        found |= new
        waiting += new
    return found


def _run(path: str, copy: Scratch, done: CommandResult, output: str) -> bytes:
    if not done.ok:
        if sources := source_only(done.output):
            raise LockToolError(
                f"{path} is not brought up to date: {sources[0]} is there as source only, and no code of it is run"
            )
        raise failure(done)
    content = copy.read(output)
    if content is None:
        raise LockToolError(f"uv did not write {path}")
    return content
