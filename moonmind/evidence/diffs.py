"""Do a diff's bytes fit the plan? As far as the diff alone shows whole files. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moonmind.evidence.shapes import Change

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
NOTHING = "/dev/null"
NO_NEWLINE = "\\"


@dataclass(slots=True)
class FileDiff:
    """One file of a unified diff: its text on both sides as far as the diff shows it, None after a gap."""

    before_path: str
    after_path: str
    before: list[str] | None
    after: list[str] | None
    last: str = ""

    @property
    def path(self) -> str:
        """Without `a/` and `b/`."""
        return (self.after_path if self.after_path != NOTHING else self.before_path)[2:]


def read_diff(text: str) -> list[FileDiff]:
    """The files of a unified diff. Raises ValueError when it is none."""
    files: list[FileDiff] = []
    lines = iter(text.split("\n"))
    for line in lines:
        if line.startswith("--- "):
            files.append(FileDiff(line[4:], _named(next(lines, "")), [], []))
        elif (hunk := _HUNK.match(line)) and files:
            _read_hunk(files[-1], hunk, lines)
        elif line.startswith(NO_NEWLINE) and files:
            _take_last_newline(files[-1])
        elif line:
            raise ValueError("this is no unified diff")
    return files


def check_diff(text: str, changes: Sequence[Change]) -> tuple[list[str], list[str]]:
    """What does not fit the plan, and which files the diff alone cannot prove."""
    try:
        files = {file.path: file for file in read_diff(text)}
    except ValueError as error:
        return [str(error)], []
    wanted = {change.path: change for change in changes}
    findings = [f"it changes {path}, which the plan does not" for path in sorted(files.keys() - wanted.keys())]
    findings += [f"it does not change {path}, as the plan says" for path in sorted(wanted.keys() - files.keys())]
    unproven = []
    for path in sorted(files.keys() & wanted.keys()):
        file, change = files[path], wanted[path]
        if _hash(file.before, file.before_path) != change.before_sha256:
            unproven.append(path)
        elif _hash(file.after, file.after_path) != change.after_sha256:
            findings.append(f"{path} would not become what the plan says")
    return findings, unproven


def _named(line: str) -> str:
    if not line.startswith("+++ "):
        raise ValueError("this is no unified diff")
    return line[4:]


def _read_hunk(file: FileDiff, hunk: re.Match[str], lines: Iterator[str]) -> None:
    """Take a hunk's lines; one that does not go on where the one before ended leaves a gap."""
    old_start, new_start = int(hunk[1]), int(hunk[3])
    old, new = int(hunk[2] or 1), int(hunk[4] or 1)
    is_whole = file.before is not None and old_start <= len(file.before) + 1 and new_start <= len(file.after or ()) + 1
    if not is_whole:
        file.before = file.after = None
    while old > 0 or new > 0:
        line = next(lines, None)
        if line is None:
            raise ValueError("the diff ends within a change")
        if line.startswith(NO_NEWLINE):
            _take_last_newline(file)
            continue
        if line.startswith(("-", " ")):
            old -= 1
        if line.startswith(("+", " ")):
            new -= 1
        _add(file, line)


def _add(file: FileDiff, line: str) -> None:
    if not line.startswith(("-", "+", " ")):
        raise ValueError("this is no unified diff")
    if file.before is not None and line[0] in "- ":
        file.before.append(line[1:] + "\n")
    if file.after is not None and line[0] in "+ ":
        file.after.append(line[1:] + "\n")
    file.last = line[0]


def _take_last_newline(file: FileDiff) -> None:
    for side, marks in ((file.before, "- "), (file.after, "+ ")):
        if side and file.last in marks:
            side[-1] = side[-1].removesuffix("\n")


def _hash(lines: list[str] | None, path: str) -> str | None:
    """In hexadecimal; None for no file, and a text that is no hash where the diff does not show all."""
    if path == NOTHING:
        return None
    return "not shown" if lines is None else hashlib.sha256("".join(lines).encode()).hexdigest()
