"""What uv says when it fails, told apart. Pure. The texts are those of the locked uv; the contract test holds them."""

from __future__ import annotations

import re
from itertools import islice

from moonmind.workflows.orchestrator.planning_ports import UnresolvableError
from moonmind.workflows.orchestrator.ports import CommandResult, IndexUnavailableError

EXPLANATION_LIMIT = 2000
"""Characters of an explanation that a person reads."""

CHECKED = 3
"""Absences that are looked at again."""

NO_SOLUTION = "No solution found"
_AWAY = (
    *("Request failed after", "Failed to fetch", "error sending request", "operation timed out"),
    *("could not be queried due to", "Network connectivity is disabled", "invalid peer certificate"),
)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s`'\"<>]+", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(?:error|cause|hint): ", re.MULTILINE)
_NOT_FOUND = re.compile(r"\b(?P<name>[A-Za-z0-9._-]{1,100}) was not found in the ")
_SEARCHED = re.compile(r"^DEBUG Searching for a compatible version of (?P<name>[a-z0-9-]{1,100})[ \[]", re.MULTILINE)
_SELECTED = re.compile(r"^DEBUG Selecting: (?P<name>[a-z0-9-]{1,100})==", re.MULTILINE)
_WANTS_WHEELS = re.compile(r"^hint: Wheels are required for `(?P<name>[A-Za-z0-9._-]{1,100})`", re.MULTILINE)


def failure(result: CommandResult) -> Exception:
    """The error that a failed resolution means: an index that does not answer, or no solution."""
    if result.timed_out:
        return IndexUnavailableError("choosing versions took too long")
    text = result.output
    if any(words in text for words in _AWAY):
        return IndexUnavailableError(f"the package index did not answer: {explanation(text)[:300]}")
    return UnresolvableError(explanation(text))


def explanation(output: str) -> str:
    """uv's own words in one paragraph, without warnings, labels and addresses."""
    start = min((place for word in ("error: ",) if (place := output.find(word)) >= 0), default=0)
    told = output[start:].replace(f"error: {NO_SOLUTION} when resolving dependencies", "")
    words = without_addresses(_LABEL.sub("", told)).split()
    return " ".join(words)[:EXPLANATION_LIMIT] or "it gave no reason"


def without_addresses(text: str) -> str:
    """The text without URLs, which may carry an account."""
    return _ADDRESS.sub("…", text)


def is_about_python(output: str) -> bool:
    """Whether uv lacked an interpreter that the project admits."""
    return "No interpreter found" in output or "incompatible with the project's Python requirement" in output


def not_found(output: str) -> list[str]:
    """The first distributions that no index had."""
    return [found["name"] for found in islice(_NOT_FOUND.finditer(output), CHECKED)]


def passed_over(output: str) -> set[str]:
    """The distributions that uv looked for and took no version of, as its verbose output says."""
    searched = {found["name"] for found in _SEARCHED.finditer(output)}
    return searched - {found["name"] for found in _SELECTED.finditer(output)}


def source_only(output: str) -> list[str]:
    """The distributions that uv would have had to build."""
    return [found["name"] for found in _WANTS_WHEELS.finditer(output)]
