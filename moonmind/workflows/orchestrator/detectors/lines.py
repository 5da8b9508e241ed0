"""Log text as a program wrote it: without colours, carriage returns and what log collectors put before each line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from moonmind.schemas.workflow_models import EvidenceLine, Finding, LogSource

TEXT_LIMIT = 500
"""Characters of a line that are shown as evidence."""

LINE_LIMIT = 10_000
"""Characters of a line that are looked at; no line of a traceback is longer, and a hostile one costs no time."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LABEL = re.compile(r"^(?P<label>[A-Za-z0-9][\w.-]*)\s*\| ?(?P<rest>.*)$")
_TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]?\d*(?:Z|[+-]\d\d:?\d\d)? (?!\[|-|INFO|WARN|ERROR|DEBUG)")
_SYSLOG = re.compile(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [\w.@-]+(?:\[\d+\])?: ")
_BUILDKIT = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
_JSON_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\\n")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log; `stream` tells programs apart whose output is interleaved (Compose's `name | `)."""

    source: str
    number: int
    stream: str
    text: str

    def as_evidence(self) -> EvidenceLine:
        """The line as a finding shows it: cut, and without control characters, which a log may hold to deceive."""
        shown = (
            char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in self.text.rstrip()[:TEXT_LIMIT]
        )
        return EvidenceLine(source=self.source, line=self.number, text="".join(shown))


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding and the line at which its failure ended: of two, the one further down counts."""

    finding: Finding
    at: Line


def read_lines(source: LogSource) -> Iterator[Line]:
    """The source's lines, numbered from 1; a traceback inside a JSON string is unfolded under its line's number."""
    for number, raw in enumerate(source.text.split("\n"), start=1):
        text = _ESCAPES.sub("", raw).rstrip("\r").rpartition("\r")[2]
        stream, text = _without_prefix(text)
        for part in _unfolded(text):
            yield Line(source.name, number, stream, part[:LINE_LIMIT])


def _without_prefix(text: str) -> tuple[str, str]:
    stream = ""
    if labelled := _LABEL.match(text):
        stream, text = labelled["label"], labelled["rest"]
    for prefix in (_TIME, _SYSLOG, _BUILDKIT):
        text = prefix.sub("", text, count=1)
    return stream, text


def _unfolded(text: str) -> list[str]:
    if not _JSON_TRACEBACK.search(text):
        return [text]
    start = text.index("Traceback (most recent call last)")
    return [part.rstrip('"}, ') if part.endswith('"}') else part for part in text[start:].split("\\n")]
