"""Which failures are the same: a fingerprint that stays over services, versions, machines and times. Pure.

A remedy is remembered under it without what is one service's own: no file, and of replaced text only a digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from moonmind.schemas.workflow_models import Edit, Finding
from moonmind.workflows.orchestrator.planners import Remembered

LONGEST_LINE = 1000

_SIGNAL = re.compile(r"^[\w.-]{1,100} {0,20}\| ?")
"""What Compose puts before each line of a log: `shop-1  | `."""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")
_HEX = re.compile(r"\b[0-9a-f]{7,64}\b")
_PATH = re.compile(r"(?<![\w.~+-])(?:[A-Za-z]:)?[\w.~+-]*[/\\][^\s'\"`,;:()\[\]<>]*")
_NUMBER = re.compile(r"[0-9]+")
_VERSION = re.compile(r"#(?:[.!+_-]?(?:#|(?:a|b|rc|dev|post)#))+")
_SPACE = re.compile(r"\s+")

_LOCKS = ("uv.lock", "poetry.lock", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml")


@dataclass(frozen=True, slots=True)
class Tried:
    """One time that something was done about a failure, and whether it repaired it."""

    run: UUID
    remedy: Sequence[dict[str, Any]]
    repaired: bool


def fingerprint(finding: Finding) -> str:
    """SHA-256 in hexadecimal over kind, subject and the line that tells of the failure, normalised.

    The summary is left out: analysis adds its own words to it.
    """
    line = finding.evidence[-1].text if finding.evidence else ""
    parts = [finding.kind, finding.subject or "", normalised(line)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def normalised(line: str) -> str:
    """Without what differs between two occurrences: log prefixes, paths, addresses, numbers, versions, spacing."""
    text = _SIGNAL.sub("", line[:LONGEST_LINE].strip())
    text = _ADDRESS.sub("#", _PATH.sub("<path>", text))
    text = _HEX.sub(lambda found: found[0] if found[0].isalpha() else "#", text)
    text = _NUMBER.sub("#", text)
    return _SPACE.sub(" ", _VERSION.sub("#", text)).strip().casefold()


def remedy_of(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """What was done, as it is stored, in a fixed order: kind, name, version; of a text_replace a digest of its texts.

    Lock files follow from the rest and are left out.
    """
    done = {_canonical(_one(edit)): _one(edit) for edit in edits if not edit.file.endswith(_LOCKS)}
    return [done[key] for key in sorted(done)]


def count(tried: Sequence[Tried]) -> list[Remembered]:
    """Each remedy once, with how often it repaired; the newest first. `tried` from the newest to the oldest."""
    groups: dict[str, list[Tried]] = {}
    for one in tried:
        groups.setdefault(_canonical(list(one.remedy)), []).append(one)
    return [
        Remembered(
            edits=tuple(_edit(part) for part in group[0].remedy),
            repaired=sum(one.repaired for one in group),
            tried=len(group),
            last_run=group[0].run,
        )
        for group in groups.values()
    ]


def _one(edit: Edit) -> dict[str, Any]:
    if edit.kind != "text_replace":
        return {"kind": edit.kind, "name": edit.name, "version": edit.version}
    texts = f"{edit.old or ''}\0{edit.new or ''}".encode("utf-8", "surrogatepass")
    return {"kind": edit.kind, "digest": hashlib.sha256(texts).hexdigest()}


def _edit(part: dict[str, Any]) -> Edit:
    """Of no file: services differ."""
    reason = f"digest {part['digest']}" if "digest" in part else "remembered"
    return Edit(kind=part["kind"], file="", name=part.get("name"), version=part.get("version"), reason=reason)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
