"""The lines of analyze's log that tell what it read, saw and proved: how they are written, and read back. Pure.

What others wrote (a service, a build) stands between marks; whatever they write, after the last mark all is analyze's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from moonmind.schemas.workflow_models import Analysis, EvidenceLine, Finding, LogSource

END_OF_FOREIGN = "--- end of what others wrote ---"
MOST = 20
"""Findings that are read back, and lines of each."""

_FOUND = re.compile(r"found ([a-z0-9_]{1,60}): (.*)")
_EVIDENCE = re.compile(r"  ([^:\s][^:]{0,200}):(\d{1,9}): (.*)")


def sources_told(sources: Sequence[LogSource]) -> Iterator[str]:
    """What was read, each text under its name."""
    for source in sources:
        yield f"--- {source.name} ---"
        yield source.text.rstrip("\n")
    yield END_OF_FOREIGN


def analysis_told(analysis: Analysis) -> Iterator[str]:
    """Each finding with its lines, then the proof of each name that is added."""
    for finding in analysis.findings:
        yield f"found {finding.kind}: {_one_line(finding.summary)}"
        for line in finding.evidence:
            yield f"  {line.source}:{line.line}: {line.text}"
    for edit in analysis.edits:
        if edit.proof:
            yield f"proof of {edit.name}: {_one_line(edit.proof)}"


def findings_in(log: str) -> tuple[Finding, ...]:
    """The findings of a whole log of analyze, at most MOST with MOST lines each; their subjects are not in it."""
    own = log.rpartition(END_OF_FOREIGN)[2] if END_OF_FOREIGN in log else ""
    findings: list[Finding] = []
    for line in own.split("\n"):
        if line.startswith("plan "):
            break
        if found := _FOUND.fullmatch(line):
            findings.append(Finding(kind=found[1], summary=found[2]))
        elif findings and (seen := _EVIDENCE.fullmatch(line)):
            last = findings[-1]
            evidence = (*last.evidence, EvidenceLine(source=seen[1], line=int(seen[2]), text=seen[3]))
            findings[-1] = last.model_copy(update={"evidence": evidence[:MOST]})
    return tuple(findings[:MOST])


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
