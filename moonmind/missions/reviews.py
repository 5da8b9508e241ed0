"""Review-cycle files: what a reviewer said, one file a cycle, with the verdict in its front matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from moonmind.missions.errors import MissionError
from moonmind.missions.events import Moment, Verdict
from moonmind.missions.front_matter import read_keys
from moonmind.missions.front_matter_yaml import write_inline

_NAME = re.compile(r"review-cycle-([1-9]\d{0,5})\.md")


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cycle: Annotated[str, msgspec.Meta(pattern=r"^[1-9]\d*$")]
    verdict: Verdict
    reviewer: Annotated[str, msgspec.Meta(min_length=1)]
    at: Moment


def encode_review(*, cycle: int, verdict: Verdict, reviewer: str, at: str, text: str) -> bytes:
    """The file. `at` as an event's; `text`: what the reviewer wrote, its end of line added where it has none."""
    keys = f"cycle: {cycle}\nverdict: {verdict}\nreviewer: {write_inline(reviewer)}\nat: {write_inline(at)}\n"
    ended = text if text.endswith("\n") else text + "\n"
    return f"---\n{keys}---\n\n{ended}".encode()


def parse_review(content: bytes) -> Verdict | None:
    """The verdict; None for a file that cannot be read as a review, whatever it seems to say."""
    try:
        entries = read_keys(content, "the review", numbers="cycle")
        return msgspec.convert({key: entry.value for key, entry in entries.items()}, _Head).verdict
    except (MissionError, msgspec.ValidationError):
        return None


def cycle_name(cycle: int) -> str:
    """`review-cycle-3.md`."""
    return f"review-cycle-{cycle}.md"


def latest_cycle(names: Sequence[str]) -> int:
    """The greatest number among the names of files, 0 without any; files that are called otherwise do not count."""
    return max((int(found[1]) for name in names if (found := _NAME.fullmatch(name))), default=0)
