"""What a service imports after the import that failed, and so would fail next, told from its own files.

The traceback says which of its files were being loaded, and where in each: what stands above that has been imported.
What stands below comes next, and of each own module that is imported there, all of it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from moonmind.workflows.orchestrator.planners import Project
from moonmind.workflows.orchestrator.planners.imports import Import, unconditional_imports

MOST_FILES = 200

_FRAME = re.compile(r"^(?P<file>.+):(?P<line>\d+)$")
_INSTALLED = re.compile(r"(?:^|/)(?:site-packages|dist-packages|lib/python3(?:\.\d+)?)/|^<")


@dataclass(frozen=True, slots=True)
class Place:
    """An import and the workspace's file in which it stands."""

    file: str
    statement: Import


def importing_file(frames: Sequence[str], project: Project) -> str | None:
    """The workspace's file whose loading failed, None when it is not known."""
    reached = _frames_within(frames[-1:], frozenset(project.python_files))
    return reached[0][0] if reached else None


def failed_import(frames: Sequence[str], missing: str, project: Project) -> Import | None:
    """The import that failed, as the workspace's own file has it; None when that file is not there or says another."""
    if not frames or not (reached := _frames_within(frames[-1:], frozenset(project.python_files))):
        return None
    ((file, line),) = reached
    statements = unconditional_imports(project.read(file) or b"")
    return next((one for one in statements if one.line == line and _is_of(one, missing)), None)


def next_imports(frames: Iterable[str], missing: str, project: Project) -> list[Place]:
    """Imports of what is not the service's own, in the order in which they come; each dotted path once.

    `frames`: "path:line" of the files that were being loaded, the outermost first, with the import of `missing` last.
    """
    files = frozenset(project.python_files)
    waiting: deque[tuple[str, int]] = deque(reversed(_frames_within(frames, files)))
    loaded = {file for file, _ in waiting}
    found: dict[tuple[str, str | None], Place] = {}
    while waiting:
        file, reached = waiting.popleft()
        for statement in _still_to_come(unconditional_imports(project.read(file) or b""), reached, missing):
            own = list(_own_files(statement, file, files))
            if not own and not statement.level:
                found.setdefault((statement.module, statement.name), Place(file, statement))
            for further in own:
                if further not in loaded and len(loaded) < MOST_FILES:
                    loaded.add(further)
                    waiting.append((further, 0))
    return list(found.values())


def workspace_file(path: str, files: frozenset[str]) -> str | None:
    """The workspace's file that a path inside a container means: the one with the longest common end.

    None for what is installed, and when several are as good.
    """
    path = path.replace("\\", "/")
    if _INSTALLED.search(path):
        return None
    ends = {file: _common_end(path, file) for file in files}
    longest = max(ends.values(), default=0)
    best = [file for file, length in ends.items() if length == longest]
    whole = [file for file in best if file.count("/") + 1 == longest]
    if not longest:
        return None
    return best[0] if len(best) == 1 else whole[0] if len(whole) == 1 else None


def _frames_within(frames: Iterable[str], files: frozenset[str]) -> list[tuple[str, int]]:
    """(file, line) of each of the workspace's files, once, with the furthest line."""
    reached: dict[str, int] = {}
    for frame in frames:
        if (found := _FRAME.match(frame)) and (file := workspace_file(found["file"], files)):
            reached[file] = max(reached.get(file, 0), int(found["line"]))
    return list(reached.items())


def _still_to_come(statements: Sequence[Import], reached: int, missing: str) -> list[Import]:
    """What stands below the line, and on it behind the import that failed."""
    on_the_line = [one for one in statements if one.line == reached]
    failed = next((place for place, one in enumerate(on_the_line) if _is_of(one, missing)), len(on_the_line))
    return [*on_the_line[failed + 1 :], *(one for one in statements if one.line > reached)]


def _is_of(statement: Import, missing: str) -> bool:
    return not statement.level and f"{statement.module}.".startswith(f"{missing}.")


def _common_end(path: str, file: str) -> int:
    """How many parts the two have in common, counted from the end."""
    length = 0
    for one, other in zip(reversed(path.split("/")), reversed(file.split("/")), strict=False):
        if one != other:
            break
        length += 1
    return length


def _own_files(statement: Import, file: str, files: frozenset[str]) -> Iterator[str]:
    """The workspace's files that the import loads: the packages on the way, the module, and what is taken out of it."""
    if statement.level:
        folder = "/".join(file.split("/")[: -statement.level])
        roots = [folder]
    else:
        roots = _roots(file, files)
    parts = [*statement.module.split(".")] * bool(statement.module)
    for root in roots:
        paths = ["/".join([*([root] if root else []), *parts[:length]]) for length in range(1, len(parts) + 1)]
        if statement.name:
            paths.append("/".join([*([root] if root else []), *parts, statement.name]))
        found = [one for path in paths for one in (f"{path}.py", f"{path}/__init__.py") if one in files]
        if found:
            yield from found
            return


def _roots(file: str, files: frozenset[str]) -> list[str]:
    """Folders that can be on the module path when this file is loaded, the likeliest first."""
    parts = file.split("/")[:-1]
    above = ["/".join(parts[:length]) for length in range(len(parts), -1, -1)]
    outside = [folder for folder in above if f"{folder}/__init__.py".lstrip("/") not in files]
    return list(dict.fromkeys([*outside, "", "src", "lib"]))
