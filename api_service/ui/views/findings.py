"""What analyze found, and the lines that it rests on, as its log has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

END_OF_FOREIGN = "--- end of the service's log ---"
"""Before this line anything may stand: the service wrote it. After its last one all is analyze's own."""
MOST = 20

_FOUND = re.compile(r"found ([a-z0-9_]{1,60}): (.*)")
_EVIDENCE = re.compile(r"  ([^:\s][^:]{0,200}):(\d{1,9}): (.*)")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line of a source."""

    source: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw."""

    kind: str
    summary: str
    evidence: tuple[Evidence, ...] = ()


def findings_in(log: str) -> tuple[Finding, ...]:
    """The findings of the last look, at most twenty with twenty lines each."""
    own = log.rpartition(END_OF_FOREIGN)[2] if END_OF_FOREIGN in log else ""
    findings: list[Finding] = []
    for line in own.split("\n"):
        if line.startswith("plan "):
            break
        if found := _FOUND.fullmatch(line):
            findings.append(Finding(found[1], found[2]))
        elif findings and (seen := _EVIDENCE.fullmatch(line)):
            last = findings[-1]
            evidence = (*last.evidence, Evidence(seen[1], int(seen[2]), seen[3]))
            findings[-1] = Finding(last.kind, last.summary, evidence[:MOST])
    return tuple(findings[:MOST])
