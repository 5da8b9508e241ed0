"""What the page of a run shows of its files: the end of each log, and its change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from markupsafe import Markup

from api_service.ui.views.ansi import render_log
from api_service.ui.views.diff import Diff, parse_diff
from api_service.ui.views.words import human_size
from moonmind.schemas.workflow_models import Finding, StepName
from moonmind.workflows.orchestrator.analysis_log import findings_in
from moonmind.workflows.orchestrator.attempt import log_name
from moonmind.workflows.orchestrator.ports import ArtifactStore
from moonmind.workflows.orchestrator.steps.plans import PREVIEW

SHOWN_BYTES = 256 * 1024
SHOWN_TRIES = 3
"""Of each step, the last ones: more would make a page of many megabytes."""
SHOWN_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Log:
    """A log's end as HTML."""

    attempt: int
    name: str
    html: Markup
    words: str
    url: str | None


def logs_of(
    store: ArtifactStore, run: UUID, steps: Sequence[Mapping[str, Any]], artifacts: Sequence[Mapping[str, Any]]
) -> dict[str, list[Log]]:
    """The logs of each step's last tries, oldest first."""
    urls = {artifact["path"]: artifact["download_url"] for artifact in artifacts}
    tries: dict[str, list[int]] = {}
    for step in steps:
        if step["started_at"] is not None:
            tries.setdefault(step["name"], []).append(step["attempt"])
    return {
        step: [_log(store, run, StepName(step), attempt, urls) for attempt in attempts[-SHOWN_TRIES:]]
        for step, attempts in tries.items()
    }


def diff_of(store: ArtifactStore, run: UUID, artifacts: Sequence[Mapping[str, Any]]) -> Diff | None:
    """The change that the plan makes, as it was previewed; None when there is none, or its file is gone."""
    text = text_of(store, run, PREVIEW) if any(a["path"] == PREVIEW for a in artifacts) else ""
    return parse_diff(text) if text else None


def findings_of(store: ArtifactStore, run: UUID, steps: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What each of the last looks saw, oldest first."""
    looks = [s["attempt"] for s in steps if s["name"] == StepName.ANALYZE and s["started_at"] is not None]
    logs = [text_of(store, run, log_name(StepName.ANALYZE, attempt)) for attempt in looks[-SHOWN_LOOKS:]]
    findings = [finding for log in logs for finding in findings_in(log)]
    return [finding for place, finding in enumerate(findings) if finding not in findings[:place]]


def text_of(store: ArtifactStore, run: UUID, path: str) -> str:
    """The end of a file, as text; empty when there is none."""
    return _tail(store, run, path)[0]


def _log(store: ArtifactStore, run: UUID, step: StepName, attempt: int, urls: Mapping[str, str]) -> Log:
    name = log_name(step, attempt)
    text, size = _tail(store, run, name)
    cut = f"the last {human_size(SHOWN_BYTES)} of {human_size(size)}" if size > SHOWN_BYTES else human_size(size)
    return Log(attempt, name, render_log(text.removesuffix("\n")), cut, urls.get(name))


def _tail(store: ArtifactStore, run: UUID, path: str) -> tuple[str, int]:
    """The last bytes of a file from a line's beginning, and its size."""
    size = store.size(run, path)
    if not size:
        return "", 0
    start = max(0, size - SHOWN_BYTES)
    data = store.read_from(run, path, start, SHOWN_BYTES)
    if start:
        data = data.partition(b"\n")[2] or data
    return data.decode("utf-8", "backslashreplace"), size
