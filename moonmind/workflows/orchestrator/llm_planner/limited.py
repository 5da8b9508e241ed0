"""The way to an endpoint, with bounds that its client does not have: what is sent, how much comes back, by when.

Only imported with the extra `llm`, whose clients bring httpx2.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2

ANSWER_BYTES = 1024 * 1024
"""Sixteen times the longest text that a proposal may have."""

PLAIN = frozenset({"host", "accept", "content-type", "content-length", "user-agent", "connection", "anthropic-version"})


class AnswerTooLongError(httpx2.TransportError):
    """More bytes than ANSWER_BYTES."""


class LimitedTransport(httpx2.BaseTransport):
    """Sends plain headers and `key` alone: clients add what the environment has, such as another account's key.

    `deadline`, monotonic, is for the whole answer: a client's time-out is for each read.
    """

    def __init__(self, inner: httpx2.BaseTransport, key: str | None, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline
        self._own = {"accept-encoding": "identity", **({"authorization": f"Bearer {key}"} if key else {})}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        plain = {name: value for name, value in request.headers.items() if name.lower() in PLAIN}
        sent = httpx2.Request(
            request.method,
            request.url,
            headers={**plain, **self._own},
            stream=request.stream,
            extensions=request.extensions,
        )  # a copy: clients read back what they wrote into their own
        response = self._inner.handle_request(sent)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise AnswerTooLongError("the answer is packed, although that was not asked for")
        assert isinstance(response.stream, httpx2.SyncByteStream)  # of a synchronous transport
        response.stream = _Limited(response.stream, self._deadline)
        return response

    def close(self) -> None:
        self._inner.close()


class _Limited(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for chunk in self._inner:
            taken += len(chunk)
            if taken > ANSWER_BYTES:
                raise AnswerTooLongError(f"the answer is longer than {ANSWER_BYTES} bytes")
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer did not end in time")
            yield chunk

    def close(self) -> None:
        self._inner.close()
