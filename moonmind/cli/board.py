"""A run's steps as its events tell them, in the form in which the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATUS = {"SUCCESS": "succeeded", "FAILURE": "failed"}
"""By the state in which an attempt ended; in any other the step is not over."""
NOT_BEGUN = {"status": "pending", "started_at": None, "completed_at": None, "message": None}
SILENT = "the worker fell silent"


@dataclass(slots=True)
class Board:
    """`run` is a RunDetail whose steps follow the events that were taken."""

    run: Mapping[str, Any]

    def clear(self) -> None:
        """Back to the run's beginning: only what it took over from another run is done."""
        first = (step for step in self.run["steps"] if step["attempt"] == 1 and step["name"] != "rollback")
        self.run = {**self.run, "steps": [{**step, **(NOT_BEGUN if step["started_at"] else {})} for step in first]}

    def take(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Follow an event of the run's record; the step that it is about, if it is about one."""
        said, at = event["payload"], event["at"]
        match event["kind"]:
            case "step_started":
                self._close_left_open(at)
                return self._put(said, {"status": "in_progress", "started_at": at, "completed_at": None})
            case "step_finished":
                status = "skipped" if said["skipped"] else STATUS.get(said["state"], "in_progress")
                return self._put(said, {"status": status, "completed_at": at, "message": said["message"]})
        return None

    def _put(self, said: Mapping[str, Any], news: Mapping[str, Any]) -> Mapping[str, Any]:
        steps = list(self.run["steps"])
        key = (said["step"], said["attempt"])
        found = [index for index, step in enumerate(steps) if (step["name"], step["attempt"]) == key]
        if not found:
            of_same = [index for index, step in enumerate(steps) if step["name"] == said["step"]]
            found = [of_same[-1] + 1 if of_same else len(steps)]
            steps.insert(found[0], {**NOT_BEGUN, "name": said["step"], "attempt": said["attempt"]})
        steps[found[0]] = step = {**steps[found[0]], **news}
        self.run = {**self.run, "steps": steps}
        return step

    def _close_left_open(self, at: str) -> None:
        """An attempt that is followed by another without an end of its own came to nothing."""
        closed = {"status": "failed", "completed_at": at, "message": SILENT}
        left = [{**step, **(closed if _is_open(step) else {})} for step in self.run["steps"]]
        self.run = {**self.run, "steps": left}


def _is_open(step: Mapping[str, Any]) -> bool:
    return step["status"] == "in_progress" and step["completed_at"] is None
