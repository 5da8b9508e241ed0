"""The HTTP client of the commands: where the API is, which key opens it, and what to say when it does not answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click
import httpx

from moonmind.cli.advice import advise, in_words_of_commands
from moonmind.cli.output import NOT_REACHABLE
from moonmind.config.home import current_home

REFUSED = 2
TIMEOUT_SECONDS = 30.0
SILENCE_SECONDS = 45.0
"""An event stream that is still there says so every fifteen."""


class _ClientError(click.ClickException):
    """`problem`: what the API said, for programs; empty when it said nothing."""

    def __init__(self, message: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.problem = dict(problem or {})


class NotReachableError(_ClientError):
    """The API does not answer."""

    exit_code = NOT_REACHABLE


class RefusedError(_ClientError):
    """The API answered that it will not."""

    exit_code = REFUSED


@dataclass(frozen=True, slots=True)
class Client:
    """Calls of the API at `url` with `key`."""

    url: str
    key: str

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer. Raises NotReachableError, RefusedError."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer. Raises NotReachableError, RefusedError."""
        return self._call("POST", path, json=dict(body), headers=dict(headers or {}))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer. Raises NotReachableError, RefusedError."""
        return self._call("PUT", path, json=dict(body))

    def delete(self, path: str) -> Any:
        """The JSON answer. Raises NotReachableError, RefusedError."""
        return self._call("DELETE", path)

    def download(self, path: str) -> bytes:
        """The bytes. Raises NotReachableError, RefusedError."""
        return self._ask("GET", path).content

    @contextmanager
    def stream(self, path: str, since: str | None) -> Iterator[Iterator[str] | None]:
        """The lines of an event stream after that id, None when there will be none. Raises NotReachableError, also in
        the middle of it, and RefusedError."""
        headers = self._authorized() | ({} if since is None else {"Last-Event-ID": since})
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        with self._reaching(), httpx.stream("GET", self.url + path, headers=headers, timeout=timeout) as answer:
            if not answer.is_success:
                answer.read()
                raise _refusal(answer)
            yield None if answer.status_code == httpx.codes.NO_CONTENT else answer.iter_lines()

    def save(self, path: str, file: BinaryIO) -> None:
        """Write the bytes to a file as they come. Raises NotReachableError, RefusedError."""
        with self._reaching():
            stream = httpx.stream("GET", self.url + path, headers=self._authorized(), timeout=TIMEOUT_SECONDS)
            with stream as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refusal(answer)
                for piece in answer.iter_bytes():
                    file.write(piece)

    def _call(self, method: str, path: str, **rest: Any) -> Any:
        return self._ask(method, path, **rest).json()

    def _ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> httpx.Response:
        headers = {**(headers or {}), **self._authorized()}
        with self._reaching():
            answer = httpx.request(method, self.url + path, headers=headers, timeout=TIMEOUT_SECONDS, **rest)
        if answer.is_success:
            return answer
        raise _refusal(answer)

    def _authorized(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise NotReachableError(
                f"the API at {self.url} does not answer ({error or type(error).__name__}).\n"
                "Start the stack with `moonmind up`, or name another one in MOONMIND_API_URL."
            ) from None


def _refusal(answer: httpx.Response) -> click.ClickException:
    try:
        problem = answer.json()
        fields = [f"  {error['field']}: {error['message']}" for error in problem.get("errors") or ()]
        advice = advise(problem["error"], answer.request.url.path, problem["remediation"])
        detail = in_words_of_commands(problem["detail"])
        said = "\n".join(line for line in (f"{detail}.", *fields, advice) if line)
        problem |= {"detail": detail, "remediation": advice or problem["remediation"]}
    except (ValueError, KeyError, TypeError):
        problem = {}
        said = (
            f"the API answered {answer.status_code}, and not as ours does; is {answer.request.url.host} the right one?"
        )
    return NotReachableError(said, problem) if answer.status_code >= 500 else RefusedError(said, problem)


def _usable(key: str) -> str:
    """The key, if it can stand in a header. Never shown: it may be a real one with a stray character."""
    if not (key.isascii() and key.isprintable() and key):
        raise RefusedError("the key is not usable: it has characters that no key has; see MOONMIND_API_KEY or the file")
    return key


def make_client() -> Client:
    """For this process: `MOONMIND_API_URL`, else the running stack of this home, else the settings; key likewise."""
    home = current_home()
    return Client(_find_url(home), _usable(_find_key(home)))


def _find_url(home: Path) -> str:
    if given := os.environ.get("MOONMIND_API_URL"):
        return given.rstrip("/")
    try:
        return str(json.loads((home / "var" / "stack.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        from moonmind.config.settings import load_settings  # costs pydantic; only without a running stack

        api = load_settings(home, os.environ).api
        return f"http://{api.host}:{api.port}"


def _find_key(home: Path) -> str:
    if given := os.environ.get("MOONMIND_API_KEY"):
        return given
    file = home / "var" / "admin.key"
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise RefusedError(
            f"no key: MOONMIND_API_KEY is not set and {file} cannot be read ({error.strerror}).\n"
            "The first start of the API makes that file; `moonmind up` starts one."
        ) from None
