"""Which step of a Docker build failed, in the words of both builders, and which lines of the log are its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

_BUILDKIT_STEP = re.compile(r"^\[(?P<where>[^\]]{0,200}?) *\d+/\d+\] (?P<text>[A-Z]+ .*)$")
_BUILDKIT_FAILED = re.compile(r"^ ?> \[(?P<where>[^\]]{0,200}?) *\d+/\d+\] (?P<text>[A-Z]+ .*?):?\s*$")
_BUILDKIT_END = re.compile(r"failed to solve:? ")
_CLASSIC_STEP = re.compile(r"^Step \d+/\d+ : (?P<text>[A-Z]+ .*)$")
_CLASSIC_END = re.compile(r"^(?:The command '.*' returned a non-zero code: \d+|(?:COPY|ADD) failed: )")
_FROM_NAME = re.compile(r"^FROM \S+ AS (?P<name>\S+)\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FailedStep:
    """`instruction`: its words, one blank apart; `stage`: its stage's name or number, "" when the log says none.

    `first` and `last` are places in the lines: of its own output, and of the line that ends the build.
    """

    instruction: str
    stage: str
    first: int
    last: int

    @property
    def details(self) -> dict[str, str]:
        """What findings carry of it."""
        return {"stage": self.stage, "before": self.instruction}


@dataclass(slots=True)
class _Reader:
    headers: dict[str, int] = field(default_factory=dict)
    failed: tuple[str, str, int] | None = None
    classic: tuple[str, int] | None = None
    stage: str = ""
    stages: int = -1

    def take(self, place: int, text: str) -> FailedStep | None:
        """The step that this line ends in failure, if it does."""
        if step := _CLASSIC_STEP.match(text):
            self._classic_step(place, step["text"])
        elif header := _BUILDKIT_STEP.match(text):
            self.headers.setdefault(_words(header["text"]), place)
        elif failed := _BUILDKIT_FAILED.match(text):
            words = _words(failed["text"])
            where = failed["where"].split()
            self.failed = words, where[-1] if where else "", self.headers.get(words, place)
        elif self.failed and _BUILDKIT_END.search(text):
            (words, stage, first), self.failed = self.failed, None
            return FailedStep(words, stage, first, place)
        elif self.classic and _CLASSIC_END.match(text):
            (words, first), self.classic = self.classic, None
            return FailedStep(words, self.stage, first, place)
        return None

    def _classic_step(self, place: int, text: str) -> None:
        words = _words(text)
        self.classic = words, place
        if words.upper().startswith("FROM "):
            self.stages += 1
            named = _FROM_NAME.match(words)
            self.stage = named["name"] if named else str(self.stages)


def read_failed_steps(lines: Sequence[Line]) -> list[FailedStep]:
    """Every failed step, in the order in which the builds ended."""
    readers: dict[tuple[str, str], _Reader] = {}
    found = []
    for place, line in enumerate(lines):
        reader = readers.setdefault((line.source, line.stream), _Reader())
        if step := reader.take(place, line.text):
            found.append(step)
            readers[line.source, line.stream] = _Reader()
    return found


def is_build(lines: Sequence[Line], source: str) -> bool:
    """Whether the source is the log of a Docker build: what a step says that did not fail is no failure."""
    own = (line.text for line in lines if line.source == source)
    return any(_BUILDKIT_STEP.match(text) or _CLASSIC_STEP.match(text) for text in own)


def placed(lines: Sequence[Line], told: Iterable[tuple[int, Finding]]) -> list[Seen]:
    """Findings at their places in the lines, each with the failed step that it belongs to; of one step the last counts,
    and its failure ends with the build. What a build says outside a failed step is left out."""
    steps = read_failed_steps(lines)
    builds: dict[str, bool] = {}
    of_steps: dict[int, Seen] = {}
    found: list[Seen] = []
    for place, finding in told:
        source = lines[place].source
        step = next((one for one in steps if one.first <= place <= one.last and lines[one.last].source == source), None)
        if step:
            details: Mapping[str, str] = {**finding.details, **step.details}
            of_steps[step.last] = Seen(finding.model_copy(update={"details": details}), lines[step.last])
        elif not builds.setdefault(source, is_build(lines, source)):
            found.append(Seen(finding, lines[place]))
    return [*found, *of_steps.values()]


def _words(text: str) -> str:
    return " ".join(text.split())
