"""`tasks.md`: the one source of dependencies and of which subtasks there are. Grammar: `docs/SpecKitAutomation.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Never

import msgspec

from moonmind.missions.documents.markdown import decode_text, lines_outside_fences
from moonmind.missions.errors import MissionError
from moonmind.missions.events import SubtaskStatus
from moonmind.missions.ids import SUBTASK, WORK_PACKAGE

SubtaskFormat = Literal["checkbox", "table"]

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_PACKAGE = re.compile(r"(WP\d+)(?!\w)[\s:.–—-]*(.*)", re.IGNORECASE)
_PHASE = re.compile(r"Phase\b")
_DEPENDS = re.compile(r"[ \t]*(?:[-*+][ \t]+)?[*_]*Depends on[*_]*:[*_]*(.*)", re.IGNORECASE)
_CHECKBOX = re.compile(r"[ \t]*[-*+][ \t]+\[([ xX])\][ \t]+(T\d+)(?!\w)[:.]?[ \t]*(.*)")
_CELL = re.compile(r"((?:[^|\\]|\\.)*)\|")
_SUBTASK = re.compile(r"T\d+$")


class Subtask(msgspec.Struct, frozen=True):
    """`line`: its number in the file, from 1; `done`: what the file shows, a view of the events."""

    id: str
    text: str
    done: bool
    format: SubtaskFormat
    line: int


class Section(msgspec.Struct, frozen=True):
    """One work package of the file. `phase`: the heading above it; None without one."""

    wp_id: str
    title: str
    phase: str | None
    dependencies: tuple[str, ...]
    subtasks: tuple[Subtask, ...]
    line: int


def parse_tasks(content: bytes) -> tuple[Section, ...]:
    """In the order of the file. Raises MissionError `BrokenTasks` with the line of a package or subtask that stands
    there twice, of an id that is none, and of what a package cannot wait for."""
    return tuple(
        Section(
            wp_id=one.wp_id,
            title=one.title,
            phase=one.phase,
            dependencies=one.dependencies or (),
            subtasks=tuple(mark.subtask for mark in one.marks),
            line=one.line,
        )
        for one in _Parser().read(_decode(content))
    )


def set_subtasks(content: bytes, statuses: Mapping[str, SubtaskStatus]) -> bytes:
    """Check and uncheck the boxes, and fill the cells, of these subtasks; every other byte stays. Ids that are not
    there are passed over. Raises as `parse_tasks`."""
    text = _decode(content)
    lines = text.split("\n")
    for mark in (mark for section in _Parser().read(text) for mark in section.marks):
        wanted = statuses.get(mark.subtask.id)
        if wanted is not None and (wanted == "done") != mark.subtask.done:
            line = lines[mark.subtask.line - 1]
            lines[mark.subtask.line - 1] = line[: mark.start] + mark.shown(wanted) + line[mark.start + mark.width :]
    start = len(content) - len(text.encode())
    return content[:start] + "\n".join(lines).encode()


class _Mark(msgspec.Struct, frozen=True):
    """Where a subtask's state is shown: the character of a box, or the cell of a table with its blanks."""

    subtask: Subtask
    start: int
    width: int

    def shown(self, status: SubtaskStatus) -> str:
        if self.subtask.format == "checkbox":
            return "x" if status == "done" else " "
        return f" {status} ".ljust(self.width)


class _Open(msgspec.Struct):
    """A package while its lines are read. `dependencies`: None until the line that names them."""

    wp_id: str
    title: str
    phase: str | None
    level: int
    line: int
    dependencies: tuple[str, ...] | None = None
    marks: list[_Mark] = []


class _Columns(msgspec.Struct, frozen=True):
    """Of a table of subtasks. `text`: None when it has nothing else."""

    id: int
    status: int
    text: int | None


class _Parser:
    """Goes through the lines once. `_columns`: of the table it is in; False in one of anything else."""

    def __init__(self) -> None:
        self._sections: dict[str, _Open] = {}
        self._section: _Open | None = None
        self._phase: str | None = None
        self._columns: _Columns | Literal[False] | None = None
        self._subtasks: set[str] = set()

    def read(self, text: str) -> list[_Open]:
        for number, line in lines_outside_fences(text):
            heading = _HEADING.match(line)
            if heading:
                self._heading(number, len(heading[1]), heading[2] or "")
            elif self._section is not None:
                self._inside(self._section, number, line)
        return list(self._sections.values())

    def _heading(self, number: int, level: int, text: str) -> None:
        """A heading ends the package above it, unless it is below that one's own."""
        self._columns = None
        if self._section is not None and level <= self._section.level:
            self._section = None
        if level == 2 and _PHASE.match(text):
            self._phase = text
        elif level in (2, 3) and (package := _PACKAGE.match(text)):
            self._open(number, level, package[1], package[2])

    def _open(self, number: int, level: int, wp_id: str, title: str) -> None:
        if not WORK_PACKAGE.match(wp_id):
            _refuse(number, f"`{wp_id}` is no package: write WP and two to four digits, `WP01`")
        if wp_id in self._sections:
            _refuse(number, f"{wp_id} stands there already, on line {self._sections[wp_id].line}: remove one")
        self._section = self._sections[wp_id] = _Open(wp_id, title, self._phase, level, number)

    def _inside(self, section: _Open, number: int, line: str) -> None:
        if not line.lstrip().startswith("|"):
            self._columns = None
        if depends := _DEPENDS.match(line):
            if section.dependencies is not None:
                _refuse(number, f"{section.wp_id} has a second `Depends on:`; write one line")
            section.dependencies = _dependencies(number, depends[1])
        elif box := _CHECKBOX.match(line):
            subtask = Subtask(self._id(number, box[2]), box[3].strip(), box[1] != " ", "checkbox", number)
            section.marks.append(_Mark(subtask, box.start(1), 1))
        elif line.lstrip().startswith("|"):
            self._row(section, number, line)

    def _row(self, section: _Open, number: int, line: str) -> None:
        cells = list(_CELL.finditer(line, line.index("|") + 1))
        texts = [cell[1].strip() for cell in cells]
        if self._columns is None:
            self._columns = _columns([text.lower() for text in texts])
        elif self._columns and len(cells) > max(self._columns.id, self._columns.status):
            columns = self._columns
            if _SUBTASK.match(texts[columns.id]):
                text = texts[columns.text] if columns.text is not None and columns.text < len(texts) else ""
                done = texts[columns.status].lower() == "done"
                subtask = Subtask(self._id(number, texts[columns.id]), text, done, "table", number)
                status = cells[columns.status]
                section.marks.append(_Mark(subtask, status.start(1), len(status[1])))

    def _id(self, number: int, name: str) -> str:
        if not SUBTASK.match(name):
            _refuse(number, f"`{name}` is no subtask: write T and two to five digits, `T001`")
        if name in self._subtasks:
            _refuse(number, f"{name} stands there twice: give one another number")
        self._subtasks.add(name)
        return name


def _columns(names: list[str]) -> _Columns | Literal[False]:
    if "id" not in names or "status" not in names:
        return False
    others = [name for name in names if name not in ("id", "status")]
    named = "task" if "task" in names else next(iter(others), None)
    return _Columns(names.index("id"), names.index("status"), None if named is None else names.index(named))


def _dependencies(number: int, text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.strip().split(",")]
    if [name.lower() for name in names] == ["none"]:
        return ()
    for name in names:
        if not WORK_PACKAGE.match(name):
            _refuse(number, f"`{name}` is no package: write `Depends on: WP01, WP02`, or `none`")
    return tuple(dict.fromkeys(names))


def _decode(content: bytes) -> str:
    return decode_text(content, "tasks.md", "BrokenTasks")


def _refuse(line: int, why: str) -> Never:
    raise MissionError("BrokenTasks", f"tasks.md, line {line}: {why}", details={"line": line})
