"""What `finalize-tasks` would write, or why not: the one decision of both its modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moonmind.missions import graph, ownership
from moonmind.missions.board import Board
from moonmind.missions.errors import Refusal
from moonmind.missions.tasks_document import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizePlan:
    """`modified`: by package the keys of the front matter to set. `unchanged`: those that say what `tasks.md` says.
    `preserved`: those that would change and have left `planned`, which are left alone. All in the order of `tasks.md`.
    """

    modified: Mapping[str, Mapping[str, list[str]]]
    unchanged: tuple[str, ...]
    preserved: tuple[str, ...]
    dependencies: Mapping[str, tuple[str, ...]]


def decide_finalize(board: Board, known: Sequence[str]) -> FinalizePlan | Refusal:
    """`known`: the specification's requirements. The first of these that holds is why not: `NoTasks`,
    `SectionWithoutFile`, `FileWithoutSection`, `DependencyCycle`, `UnknownDependency`, `FrontMatterDisagrees`,
    `SharedFiles`, `UnknownRequirement`, `UnmappedRequirement`."""
    return (
        _refuse_unpaired(board)
        or _refuse_dependencies(board)
        or _refuse_disagreement(board)
        or _refuse_shared_files(board)
        or _refuse_requirements(board, known)
        or _plan(board)
    )


def _refuse_unpaired(board: Board) -> Refusal | None:
    """Each section has its file, and each file its section."""
    if not board.has_tasks:
        return Refusal("NoTasks", f"specs/{board.meta.slug} has no tasks.md: write the work packages into it")
    sections = board.dependencies
    if lone := [wp_id for wp_id in sections if wp_id not in board.packages]:
        message = (
            f"tasks.md has {', '.join(lone)}, without a file: write tasks/{lone[0]}-NAME.md, or remove the section"
        )
        return Refusal("SectionWithoutFile", message, {"work_packages": lone})
    if lone := [wp_id for wp_id in board.packages if wp_id not in sections]:
        paths = [board.packages[wp_id].path for wp_id in lone]
        message = f"{', '.join(paths)}: tasks.md has no section of it; write `## {lone[0]}: …`, or remove the file"
        return Refusal("FileWithoutSection", message, {"work_packages": lone, "files": paths})
    return None


def _refuse_dependencies(board: Board) -> Refusal | None:
    dependencies = board.dependencies
    if cycle := graph.find_cycle(dependencies):
        message = f"{' → '.join(cycle)}: each waits for the next, so none could begin; take one out of `Depends on:`"
        return Refusal("DependencyCycle", message, {"cycle": list(cycle)})
    unknown = {wp_id: [one for one in names if one not in dependencies] for wp_id, names in dependencies.items()}
    if unknown := {wp_id: names for wp_id, names in unknown.items() if names}:
        told = "; ".join(f"{wp_id} waits for {', '.join(names)}" for wp_id, names in unknown.items())
        message = f"{told}: tasks.md has no such package; correct `Depends on:`"
        return Refusal("UnknownDependency", message, {"unknown": unknown})
    return None


def _refuse_disagreement(board: Board) -> Refusal | None:
    """A file that says nothing does not disagree, and the order in which it says it does not matter."""
    found = [
        (section.wp_id, key, told, said)
        for section in board.sections
        for key, told in _told(section).items()
        if (said := _said(board, section.wp_id, key)) is not None and sorted(said) != sorted(told)
    ]
    if not found:
        return None
    wp_id, key, told, said = found[0]
    message = (
        f"{board.packages[wp_id].path}: its `{key}` are {_words(said)}, and tasks.md says {_words(told)}; "
        "correct tasks.md, or remove the key from the file"
    )
    rows = [{"work_package_id": one, "key": name, "tasks": here, "file": there} for one, name, here, there in found]
    return Refusal("FrontMatterDisagrees", message, {"disagreements": rows})


def _refuse_shared_files(board: Board) -> Refusal | None:
    """Two packages may own the same file when one waits for the other, at whatever distance; how patterns are compared:
    `ownership.may_share`. What is canceled owns nothing any more."""
    before = {wp_id: graph.everything_before(board.dependencies, wp_id) for wp_id in board.dependencies}
    owned = {wp_id: board.packages[wp_id].front.owned_files for wp_id in _alive(board)}
    for (one, pattern), (other, other_pattern) in ownership.close_pairs(owned):
        is_ordered = one in before[other] or other in before[one]
        if not is_ordered and ownership.may_share(pattern, other_pattern):
            message = (
                f"{one} (`{pattern}`) and {other} (`{other_pattern}`) could own the same file, and neither waits for "
                "the other: let one depend on the other in tasks.md, or make `owned_files` narrower"
            )
            return Refusal(
                "SharedFiles", message, {"work_packages": [one, other], "patterns": [pattern, other_pattern]}
            )
    return None


def _refuse_requirements(board: Board, known: Sequence[str]) -> Refusal | None:
    """What packages refer to is there, and what is there and functional is somebody's; canceled ones do not count."""
    refs = {wp_id: [ref.upper() for ref in board.packages[wp_id].front.requirement_refs] for wp_id in _alive(board)}
    unknown = {wp_id: [ref for ref in names if ref not in known] for wp_id, names in refs.items()}
    if unknown := {wp_id: names for wp_id, names in unknown.items() if names}:
        told = "; ".join(f"{wp_id} refers to {', '.join(names)}" for wp_id, names in unknown.items())
        message = f"{told}: not in spec.md; add it there, or map others with `map-requirements --replace`"
        return Refusal("UnknownRequirement", message, {"references": unknown})
    mapped = {ref for names in refs.values() for ref in names}
    if unmapped := [ref for ref in known if ref.startswith("FR-") and ref not in mapped]:
        message = f"{', '.join(unmapped)}: no package does it; use `moonmind tasks map-requirements --wp WP --refs …`"
        return Refusal("UnmappedRequirement", message, {"requirements": unmapped})
    return None


def _plan(board: Board) -> FinalizePlan:
    changes = {section.wp_id: _changes(board, section) for section in board.sections}
    begun = {wp_id for wp_id, fields in changes.items() if fields and board.state_of(wp_id).lane != "planned"}
    return FinalizePlan(
        modified={wp_id: fields for wp_id, fields in changes.items() if fields and wp_id not in begun},
        unchanged=tuple(wp_id for wp_id, fields in changes.items() if not fields),
        preserved=tuple(wp_id for wp_id in changes if wp_id in begun),
        dependencies=board.dependencies,
    )


def _changes(board: Board, section: Section) -> dict[str, list[str]]:
    """The keys that the file does not have yet; of those it has, none disagrees."""
    return {key: told for key, told in _told(section).items() if _said(board, section.wp_id, key) is None}


def _told(section: Section) -> dict[str, list[str]]:
    """What `tasks.md` says, by key of the front matter."""
    return {"dependencies": list(section.dependencies), "subtasks": [subtask.id for subtask in section.subtasks]}


def _said(board: Board, wp_id: str, key: str) -> list[str] | None:
    front = board.packages[wp_id].front
    return front.dependencies if key == "dependencies" else front.subtasks


def _alive(board: Board) -> list[str]:
    return [wp_id for wp_id in board.packages if board.state_of(wp_id).lane != "canceled"]


def _words(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
