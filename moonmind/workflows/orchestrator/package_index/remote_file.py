"""Opens a distribution's file where it lies and reads only what is asked for: over HTTP by range requests."""

from __future__ import annotations

import io
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

import certifi
import httpx

from moonmind.workflows.orchestrator.ports import IndexUnavailableError

DOWNLOAD_LIMIT = 100 * 1024 * 1024
"""Bytes fetched of one file that has to be read whole (a source distribution, a server without ranges)."""

TAIL = 64 * 1024
"""Bytes of the first range request: a wheel's list of members and its metadata mostly lie in its last 64 KiB."""

REQUEST_SECONDS = 30.0


PAGE_LIMIT = 64 * 1024 * 1024
"""Bytes of a project's page; the longest there are have about a third of it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an address answered; `address` is where it came from in the end."""

    address: str
    content_type: str
    content: bytes


class FileSource:
    """Opens the URLs that pip names, with pip's certificates, proxy and the accounts in its URLs or in `.netrc`."""

    def __init__(self, configuration: Mapping[str, str]) -> None:
        self._configuration = configuration

    @contextmanager
    def open(self, url: str) -> Iterator[BinaryIO]:
        """A seekable stream that reads as little as possible of a ZIP archive, and anything else whole.

        Raises IndexUnavailableError when the file cannot be had.
        """
        parts = urlsplit(url)
        with ExitStack() as stack:
            try:
                if parts.scheme == "file":
                    stream: BinaryIO = stack.enter_context(open(url2pathname(parts.path), "rb"))
                else:
                    stream = _open_remote(stack.enter_context(self._client(parts)), _without_account(parts), stack)
                yield stream
            except (OSError, httpx.HTTPError) as error:
                reason = f"a file of the package index could not be read: {_reason(error)}"
                raise IndexUnavailableError(reason) from None

    def page(self, url: str, accept: str) -> Page | None:
        """A whole page, None when there is none. Raises IndexUnavailableError."""
        parts = urlsplit(url)
        try:
            if parts.scheme == "file":
                path = Path(url2pathname(parts.path))
                file = path / "index.html" if path.is_dir() else path
                return Page(file.as_uri(), "text/html", file.read_bytes()) if file.is_file() else None
            with self._client(parts) as client:
                return _fetch_page(client, _without_account(parts), accept)
        except (OSError, httpx.HTTPError) as error:
            raise IndexUnavailableError(f"the package index did not answer: {_reason(error)}") from None

    def _client(self, parts: SplitResult) -> httpx.Client:
        return httpx.Client(
            verify=self._trust(parts.hostname or ""),
            auth=self._account(parts),
            proxy=self._configuration.get("proxy"),
            follow_redirects=True,
            timeout=REQUEST_SECONDS,
        )

    def _trust(self, host: str) -> ssl.SSLContext | bool:
        trusted = {entry.partition(":")[0] for entry in self._configuration.get("trusted-host", "").split()}
        if host in trusted:
            return False
        context = ssl.create_default_context()  # the system's certificates, as pip trusts them, and httpx's own
        context.load_verify_locations(self._configuration.get("cert") or certifi.where())
        return context

    def _account(self, parts: SplitResult) -> httpx.Auth | None:
        """The account of the configured index on the same host: pip masks it in what it prints."""
        urls = [self._configuration.get("index-url", ""), *self._configuration.get("extra-index-url", "").split()]
        for index in map(urlsplit, urls):
            if index.username and index.hostname == parts.hostname:
                return httpx.BasicAuth(unquote(index.username), unquote(index.password or ""))
        return httpx.NetRCAuth() if (Path.home() / ".netrc").is_file() else None


def _without_account(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _open_remote(client: httpx.Client, url: str, stack: ExitStack) -> BinaryIO:
    if urlsplit(url).path.endswith((".whl", ".zip")):
        tail = client.get(url, headers={"Range": f"bytes=-{TAIL}", "Accept-Encoding": "identity"})
        size = tail.headers.get("Content-Range", "").rpartition("/")[2]
        if tail.status_code == httpx.codes.PARTIAL_CONTENT and size.isdigit():
            return cast(BinaryIO, io.BufferedReader(_RangedFile(client, url, int(size), tail.content), TAIL))
    return _download(client, url, stack)


def _download(client: httpx.Client, url: str, stack: ExitStack) -> BinaryIO:
    target = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024))  # noqa: SIM115 - the stack closes it
    with client.stream("GET", url) as response:
        response.raise_for_status()
        for chunk in _limited(response, DOWNLOAD_LIMIT):
            target.write(chunk)
    target.seek(0)
    return cast(BinaryIO, target)


def _fetch_page(client: httpx.Client, url: str, accept: str) -> Page | None:
    with client.stream("GET", url, headers={"Accept": accept, "Cache-Control": "max-age=0"}) as response:
        if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            return None
        response.raise_for_status()
        content = b"".join(_limited(response, PAGE_LIMIT))
        return Page(str(response.url), response.headers.get("Content-Type", ""), content)


def _limited(response: httpx.Response, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > limit:
            raise OSError(f"larger than {limit} bytes")
        yield chunk


class _RangedFile(io.RawIOBase):
    """A remote file of known size; its tail is already here, the rest comes by range requests."""

    def __init__(self, client: httpx.Client, url: str, size: int, tail: bytes) -> None:
        self._client = client
        self._url = url
        self._size = size
        self._tail = tail
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # RawIOBase gives any writable buffer
        end = min(self._position + len(view), self._size)
        data = self._range(self._position, end) if self._position < end else b""
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, end: int) -> bytes:
        first_kept = self._size - len(self._tail)
        if start >= first_kept:
            return self._tail[start - first_kept : end - first_kept]
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != httpx.codes.PARTIAL_CONTENT:
                raise OSError(f"the server answered {response.status_code} to a range request")
            return response.read()[: end - start]


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server answered {error.response.status_code}"
    return type(error).__name__ if isinstance(error, httpx.HTTPError) else str(error)
