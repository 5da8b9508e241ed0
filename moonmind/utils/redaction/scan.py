"""Find and mask in a stream: what comes out does not depend on where the stream was cut into pieces.

Whether a secret begins at a byte is decided by the bytes of its line within REACH after and BEHIND before it. So a
finished line is decided, and of an endless one all but its last REACH bytes; the rest waits for more. A secret that
goes on is swallowed piece by piece. What is held back is bounded, and with ordinary logs it is less than a line.

Each place that must be judged costs microseconds, so a line made of nothing else would take many seconds. A line may
have MOST_IN_A_LINE of them; the rest of it, to its end, is masked unseen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from moonmind.utils.redaction.spans import BEHIND, REACH, Judge, Span, Tail, Undecided, mask

MOST_IN_A_LINE = 25_000
"""Places of one line that are judged: a fifth of a second, and far more than any line that somebody wrote."""

CROWD = "rest-of-line"
"""What is masked of a line with more."""

_TO_LINE_END = Tail(re.compile(rb"[^\r\n]*"))

Found = Callable[[str, bytes], None]
"""Told of each secret: its kind and, as far as it lies in this piece, its bytes."""


class _Match(Protocol):
    def start(self) -> int: ...


class Finder(Protocol):
    """A compiled expression of RE2: one pass over the text, however many alternatives and whatever the text."""

    def search(self, text: bytes, pos: int) -> _Match | None: ...


@dataclass(slots=True)
class Scan:
    """One pass over one stream. `finder` finds places, `judge` decides."""

    finder: Finder
    judge: Judge
    reach: int = REACH
    on_found: Found | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _held: bytes = b""
    _done: int = 0
    """Bytes at the beginning of what is held that went out already: they are only looked back at."""
    _tail: Tail | None = None
    _judged: int = 0
    """Places of the line up to here."""
    _seen: int = 0
    """How far the buffer was looked through for the ends of lines."""

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """What is decided now; everything when this is the last."""
        buffer = self._held + data if self._held else data
        done = self._swallow(buffer, self._done, final) if self._tail else self._done
        out: list[bytes] = []
        limit = len(buffer) if final else self._decided(buffer)
        at = done
        while at < limit and self._tail is None:
            hit = self.finder.search(buffer, at)
            if hit is None or hit.start() >= limit:
                break
            span = self._judge(buffer, hit.start(), final)
            if span is None:
                at = hit.start() + 1
            elif isinstance(span, Undecided):
                limit = hit.start()
            else:
                out += (buffer[done : span.start], mask(span.kind))
                at = done = self._take(buffer, span, final)
        if self._tail is None and done < limit:
            out.append(buffer[done:limit])
            done = limit
        self._count_lines(buffer, done)
        kept = max(0, done - BEHIND)
        self._held, self._done, self._seen = buffer[kept:], done - kept, done - kept
        return b"".join(out)

    def _judge(self, buffer: bytes, at: int, final: bool) -> Span | Undecided | None:
        """What is here; the rest of the line where it has too many places."""
        self._count_lines(buffer, at)
        if self._judged >= MOST_IN_A_LINE:
            return Span(CROWD, at, at, _TO_LINE_END)
        span = self.judge(buffer, at, final)
        if not isinstance(span, Undecided):
            self._judged += 1
        return span

    def _count_lines(self, buffer: bytes, end: int) -> None:
        """Begin to count anew where a line ended since the place before."""
        if buffer.find(b"\n", self._seen, end) >= 0 or buffer.find(b"\r", self._seen, end) >= 0:
            self._judged = 0
        self._seen = max(self._seen, end)

    def _decided(self, buffer: bytes) -> int:
        """Where a secret may begin that can be decided now: before the end of the last whole line, or of REACH."""
        return max(buffer.rfind(b"\n") + 1, buffer.rfind(b"\r") + 1, len(buffer) - self.reach)

    def _take(self, buffer: bytes, span: Span, final: bool) -> int:
        """Count a secret and go behind it, as far as it is here."""
        self.counts[span.kind] += 1
        self._tail = span.tail
        end = self._swallow(buffer, span.end, final) if span.tail else span.end
        if self.on_found:
            self.on_found(span.kind, buffer[span.start : end])
        return end

    def _swallow(self, buffer: bytes, at: int, final: bool) -> int:
        """Behind what of the buffer still belongs to the secret; `_tail` stays while there may be more."""
        assert self._tail is not None
        found = self._tail.run.match(buffer, at)
        end = found.end() if found else at
        open_escape = self._tail.escapes and end == len(buffer) - 1 and buffer.endswith(b"\\")
        if final or not (end == len(buffer) or open_escape):
            self._tail = None
        return end
