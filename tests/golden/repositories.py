"""The repositories that cases begin from. Each is made once, and copied for every case."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.golden.files import Log, Wp, meta, review, tasks
from tests.golden.git import Repository
from tests.golden.masking import FAR_DAY, FIXED_DAY

MISSION = "specs/007-night-shift"
LOG = f"{MISSION}/status.events.jsonl"
COORDINATION = "coordination/007"
"""The branch that the log lies on, in coordination topology."""

SPEC = """# Night shift

- FR-1: read the file
- FR-2: draw the report
- NFR-1: within a second
- C-1: standard library only

```
FR-99 is text
```
"""

PLANNING = ("execution_mode: planning_artifact",)
BOARD = (
    Wp("WP01", "parser", "done", branch="merged", front=("requirement_refs: [FR-1]",)),
    Wp("WP02", "report", depends=("WP01",), subtasks={"T003": False, "T004": False}, as_table=True,
       front=("requirement_refs: [FR-2]",)),
    Wp("WP03", "alarm", "claimed", depends=("WP02",), front=("agent: ann",)),
    Wp("WP04", "calendar", "in_progress", subtasks={"T007": True}, front=("owned_files:", "  - src/work.py")),
    Wp("WP05", "printer", "for_review", depends=("WP04", "WP07")),
    Wp("WP06", "mailer", "in_review"),
    Wp("WP07", "archive", "approved", branch="merged"),
    Wp("WP08", "bridge", "blocked"),
    Wp("WP09", "oldest", "canceled"),
    Wp("WP10", "turned-down", "planned"),
    Wp("WP11", "half", "in_progress", subtasks={"T011": True, "T012": False}),
    Wp("WP12", "plans", "in_progress", branch="main", front=PLANNING),
    Wp("WP13", "smudged", "in_review"),
    Wp("WP14", "dirty", "in_progress", front=("owned_files: ['src/dirty*.py']",)),
    Wp("WP15", "late", "in_progress", branch="behind"),
    Wp("WP16", "nothing", "in_progress", branch="empty"),
    Wp("WP17", "unmerged", "approved"),
    Wp("WP18", "again", "in_progress"),
    Wp("WP19", "papers", "approved", branch="main", front=PLANNING),
    Wp("WP20", "pushed-through", "done"),
    Wp("WP21", "lost", "in_progress", branch="gone"),
)  # fmt: skip
"""Nine lanes, and what stands in the way of a move."""

FRESH = (
    Wp("WP01", "parser", subtasks={"T001": False, "T002": False}, front=("requirement_refs: [FR-1]",)),
    Wp("WP02", "report", depends=("WP01",), subtasks={"T003": False}, front=("requirement_refs: [FR-2]",)),
    Wp("WP03", "alarm", depends=("WP01", "WP02"), front=("# nobody yet", "owned_files: [src/alarm.py]")),
)
"""Written, and nothing done yet."""

_TOLD = {"WP01": "[T001, T002]", "WP02": "[T003]", "WP03": "[]"}
_FINALIZED = tuple(
    replace(one, front=(*one.front, f"dependencies: [{', '.join(one.depends)}]", f"subtasks: {_TOLD[one.id]}"))
    for one in FRESH
)
"""What finalize-tasks makes of it."""

_WAY = ("planned", "claimed", "in_progress", "for_review", "in_review")
_REVIEWED = {"WP10": "rejected", "WP13": None, "WP18": "rejected", "WP20": "rejected"}
"""Packages with a review-cycle file; None: one that nobody can read."""


def _board_log(log: Log) -> str:
    for one in BOARD:
        mode = "planning_artifact" if one.front == PLANNING else "code_change"
        if one.lane in (*_WAY, "approved", "done") and one.lane != "planned" and one.id not in _REVIEWED:
            way = [*_WAY, "approved", "done"]
            log.walk(one.id, *way[: way.index(one.lane) + 1], branch=one.branch, mode=mode)
    log.walk("WP08", *_WAY[:3], "blocked")
    log.walk("WP09", "planned", "canceled")
    log.walk("WP10", *_WAY, "planned")
    log.walk("WP13", *_WAY)
    log.walk("WP18", *_WAY, "in_progress")
    log.walk("WP20", *_WAY, "planned")
    log.add("WP20", "planned", "done", "pat", force=True, reason="[wrong_context] it was another branch")
    log.subtasks("WP04", "in_progress", {"T007": "done"})
    log.subtasks("WP11", "in_progress", {"T011": "done"})
    return log.text()


def _reviews() -> dict[str, str]:
    names = {one.id: one.name for one in BOARD}
    return {
        f"{MISSION}/tasks/{wp}-{names[wp]}/review-cycle-1.md": review(verdict) if verdict else "---\nverdict: [\n"
        for wp, verdict in _REVIEWED.items()
    }


def _planning(packages: tuple[Wp, ...], **changed: object) -> dict[str, str]:
    """What lies in the working tree in every topology."""
    return {
        f"{MISSION}/meta.json": meta(**changed),
        f"{MISSION}/spec.md": SPEC,
        f"{MISSION}/plan.md": "# Plan\n",
        f"{MISSION}/tasks.md": tasks(packages),
        **{f"{MISSION}/tasks/{one.id}-{one.name}.md": one.file() for one in packages},
    }


def _with_branches(repository: Repository, day: str = FIXED_DAY) -> Log:
    """Main has the branch `merged`, `work` goes on from there, `behind` does not know of it, `empty` adds nothing."""
    repository.make()
    first = repository.commit("Begin", {"src/app.py": "print('night')\n", "src/dirty.py": "", ".gitattributes": ""})
    merged = repository.branch("merged", first, {"src/merged.py": "done = True\n"})
    repository.git("merge", "-q", "--ff-only", "merged")
    heads = {
        "merged": merged,
        "work": repository.branch("work", merged, {"src/work.py": "at = 'work'\n"}),
        "behind": repository.branch("behind", first, {"src/behind.py": "late = True\n"}),
        "empty": repository.branch("empty", merged, {"specs/notes.md": "Nothing yet.\n"}),
    }
    return Log(merged, heads, day)


def board(folder: Path, day: str = FIXED_DAY, **changed: object) -> None:
    """Packages in every lane in a `single` mission; an owned file of WP14 is not committed."""
    repository = Repository(folder)
    log = _board_log(_with_branches(repository, day))
    repository.commit("The mission", {**_planning(BOARD, **changed), **_reviews(), LOG: log})
    repository.write({"src/dirty.py": "changed = True\n"})


def coordination(folder: Path, **changed: object) -> None:
    """The same; log and reviews lie on a branch of their own."""
    repository = Repository(folder)
    log = _board_log(_with_branches(repository))
    repository.branch(COORDINATION, "main", {**_reviews(), LOG: log})
    files = _planning(BOARD, topology="coordination", coordination_branch=COORDINATION, **changed)
    repository.commit("The mission", files)


def branch_without_log(folder: Path) -> None:
    """Somebody made the coordination branch anew."""
    coordination(folder)
    Repository(folder).git("branch", "-q", "-f", COORDINATION, "main")


def fresh(folder: Path, **files: str) -> None:
    """Three packages, an empty log. `files`: others, or in place of these, by their path below the mission."""
    repository = Repository(folder)
    repository.make()
    changed = {f"{MISSION}/{path}": text for path, text in files.items()}
    repository.commit("The mission", {"src/app.py": "", **_planning(FRESH), LOG: "", **changed})


def two(folder: Path) -> None:
    """A second mission with a word in common."""
    fresh(folder)
    other = "specs/008-night-watch"
    document = meta("008-night-watch", "01KE" + "0" * 20 + "08")
    watch = (Wp("WP01", "lamp"),)
    files = {
        f"{other}/meta.json": document,
        f"{other}/spec.md": "# Night watch\n",
        f"{other}/tasks.md": tasks(watch, "Night watch"),
        f"{other}/tasks/WP01-lamp.md": watch[0].file(),
        f"{other}/status.events.jsonl": "",
        "specs/009-no-mission/spec.md": "# A folder without meta.json\n",
    }
    Repository(folder).commit("Another", files)


def odd(folder: Path) -> None:
    """Beside the mission lies what is none: a folder of the name of a file, and links to nowhere and to far away."""
    fresh(folder)
    (folder / "specs/archive/meta.json").mkdir(parents=True)
    (folder / "specs/no\N{NO-BREAK SPACE}break").mkdir()
    for name, target in (("loop", "loop"), ("link", "/tmp")):
        (folder / "specs" / name).symlink_to(target)


def empty(folder: Path) -> None:
    """No mission at all."""
    repository = Repository(folder)
    repository.make()
    repository.commit("Begin", {"src/app.py": ""})


def elsewhere(folder: Path) -> None:
    """Missions whose folders are not here, but whose branches are."""
    empty(folder)
    repository = Repository(folder)
    repository.branch("missions/004-night-shift", "main", {"specs/004-night-shift/status.events.jsonl": ""})
    repository.branch("shared", "main", {"specs/005-day-shift/status.events.jsonl": ""})


def outside(folder: Path) -> None:
    """No repository."""
    folder.mkdir(parents=True)


def detached(folder: Path) -> None:
    """No branch is checked out."""
    board(folder)
    Repository(folder).git("checkout", "-q", "--detach")


def nameless(folder: Path) -> None:
    """Nobody is known to git."""
    board(folder)
    Repository(folder).git("config", "--unset", "user.name")


def without_branch(name: str) -> Callable[[Path], None]:
    """The branch is not in this repository; `aside` is checked out."""

    def make(folder: Path) -> None:
        board(folder)
        Repository(folder).git("checkout", "-q", "-b", "aside")
        Repository(folder).git("branch", "-q", "-D", name)

    return make


def rebased(folder: Path) -> None:
    """The commit that all work began from is one that this repository does not have."""
    board(folder)
    base = Repository(folder).git("rev-parse", "merged").strip()
    (folder / LOG).write_text((folder / LOG).read_text().replace(f'"base":"{base}"', f'"base":"{"f" * 40}"'))


def unborn(folder: Path) -> None:
    """What is checked out has no commit yet."""
    board(folder)
    Repository(folder).git("checkout", "-q", "--orphan", "anew")


def broken_log(folder: Path) -> None:
    """Its second line is cut short, as by an editor."""
    board(folder)
    lines = (folder / LOG).read_text().splitlines(keepends=True)
    (folder / LOG).write_text("".join([lines[0], lines[1][:40] + "\n", *lines[2:]]))


def doing(folder: Path) -> None:
    """Somebody wrote the alias into the log."""
    board(folder)
    (folder / LOG).write_text((folder / LOG).read_text().replace('"in_progress"', '"doing"'))


def _without(folder: Path, *paths: str) -> None:
    fresh(folder)
    for path in paths:
        (folder / MISSION / path).unlink()


def _claimed_twice(*after: str) -> str:
    """Two branches claimed WP01 and were merged; the lanes it went through `after` that."""
    log = Log()
    log.walk("WP01", "planned", "claimed")
    log.add("WP01", "planned", "claimed", "rob")
    log.walk("WP01", *after)
    return log.text()


def _with_sections(*packages: Wp) -> Callable[[Path], None]:
    return lambda folder: fresh(folder, **{"tasks.md": tasks(packages)})


def _with_front(wp: int, *lines: str) -> Callable[[Path], None]:
    changed = replace(FRESH[wp], front=lines)
    return lambda folder: fresh(folder, **{f"tasks/{changed.id}-{changed.name}.md": changed.file()})


_PROTECTED = {"protected_branches": ["main"]}
REPOSITORIES: Mapping[str, Callable[[Path], None]] = {
    "board": board,
    "protected": lambda folder: board(folder, **_PROTECTED),
    "detached": detached,
    "nameless": nameless,
    "no-target": without_branch("main"),
    "work-branch-deleted": without_branch("work"),
    "merged-branch-deleted": without_branch("merged"),
    "rebased": rebased,
    "unborn": unborn,
    "coordination": coordination,
    "coordination-protected": lambda folder: coordination(folder, **_PROTECTED),
    "future": lambda folder: board(folder, FAR_DAY),
    "fresh": fresh,
    "finalized": lambda folder: fresh(folder, **{f"tasks/{one.id}-{one.name}.md": one.file() for one in _FINALIZED}),
    "two": two,
    "empty": empty,
    "elsewhere": elsewhere,
    "odd": odd,
    "outside": outside,
    "broken-log": broken_log,
    "doing": doing,
    "broken-meta": lambda folder: fresh(folder, **{"meta.json": meta(topolgy="single")}),
    "broken-front": _with_front(0, "requirement_refs: [FR-1]", "owner: ann"),
    "owned-outside": _with_front(0, "requirement_refs: [FR-1]", "owned_files: [../secrets]"),
    "claimed-twice": lambda folder: fresh(folder, **{"status.events.jsonl": _claimed_twice()}),
    "claimed-twice-settled": lambda folder: fresh(
        folder, **{"status.events.jsonl": _claimed_twice("claimed", "in_progress")}
    ),
    "loud-front": _with_front(0, "requirement_refs: [FR-1]", r'"own\e[31m\aer": ann'),
    "broken-tasks": lambda folder: fresh(folder, **{"tasks.md": tasks((FRESH[0], FRESH[0]))}),
    "no-tasks": lambda folder: _without(folder, "tasks.md"),
    "no-log": lambda folder: _without(folder, "status.events.jsonl"),
    "branch-without-log": branch_without_log,
    "no-spec": lambda folder: _without(folder, "spec.md"),
    "no-file": lambda folder: _without(folder, "tasks/WP03-alarm.md"),
    "no-section": _with_sections(*FRESH[:2]),
    "cycle": _with_sections(replace(FRESH[0], depends=("WP03",)), *FRESH[1:]),
    "unknown-dependency": _with_sections(replace(FRESH[0], depends=("WP42",)), *FRESH[1:]),
    "disagreement": _with_front(1, "requirement_refs: [FR-2]", "dependencies: []"),
    "two-owners": lambda folder: fresh(
        folder,
        **{
            "tasks.md": tasks((FRESH[0], FRESH[1], replace(FRESH[2], depends=()))),
            "tasks/WP02-report.md": replace(
                FRESH[1], front=("requirement_refs: [FR-2]", "owned_files: [src/alarm.py]")
            ).file(),
        },
    ),
    "unmapped": _with_front(1, "requirement_refs: []"),
}
"""What each is: the docstring of its function, or its name."""


def copy(name: str, made: Path, to: Path) -> None:
    """A copy of the named repository, which is made below `made` unless it is there."""
    if not (made / name).exists():
        REPOSITORIES[name](made / name)
    shutil.copytree(made / name, to, symlinks=True)
