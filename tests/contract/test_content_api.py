"""Downloading a run's files: whole, in parts, again, and not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.support.front import RUNS, Front

SECRET = b"# https://kim:hunter2hunter3@index.example/simple\n"


@dataclass
class File:
    """One artifact of a run, and how to ask for it."""

    front: Front
    about: dict[str, Any]
    content: bytes

    @property
    def etag(self) -> str:
        return f'"{self.about["checksum"]}"'

    def ask(self, method: str = "GET", **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.front.client.request(method, self.about["download_url"], headers=named)


@pytest.fixture
def front(protected: Callable[..., Front]) -> Front:
    return protected(requirement='"none"')


def file_of(front: Front, path: str) -> File:
    run = front.create()
    (about,) = [artifact for artifact in front.detail(run)["artifacts"] if artifact["path"] == path]
    content = (front.house.home / "var" / "artifacts" / "spec_workflows" / run / path).read_bytes()
    return File(front, about, content)


def test_the_whole_comes_with_its_checksum_and_says_that_parts_can_be_had(front: Front) -> None:
    file = file_of(front, "patch.diff")
    answer = file.ask()
    assert (answer.status_code, answer.content) == (200, file.content)
    assert answer.headers["ETag"] == file.etag == f'"{hashlib.sha256(file.content).hexdigest()}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == str(len(file.content))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="patch.diff"'


def test_one_range_is_a_part(front: Front) -> None:
    file = file_of(front, "patch.diff")
    size = len(file.content)
    for wanted, first, last in (
        ("bytes=0-4", 0, 4),
        ("bytes=5-", 5, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=3-{size * 9}", 3, size - 1),
        (f"bytes=-{size * 9}", 0, size - 1),
    ):
        answer = file.ask(Range=wanted)
        assert (answer.status_code, answer.content) == (206, file.content[first : last + 1]), wanted
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert answer.headers["Content-Length"] == str(last - first + 1)
        assert answer.headers["ETag"] == file.etag


def test_a_range_behind_the_end_is_416_and_says_where_the_end_is(front: Front) -> None:
    file = file_of(front, "patch.diff")
    for wanted in (f"bytes={len(file.content)}-", "bytes=-0"):
        answer = file.ask(Range=wanted)
        assert (answer.status_code, answer.json()["error"]) == (416, "range_not_satisfiable")
        assert answer.headers["Content-Range"] == f"bytes */{len(file.content)}"


def test_several_ranges_other_units_and_what_is_no_range_get_the_whole(front: Front) -> None:
    file = file_of(front, "patch.diff")
    for wanted in ("bytes=0-1,3-4", "lines=1-2", "bytes=4-2", "bytes=-", "bytes=a-b", "0-1"):
        assert (file.ask(Range=wanted).status_code, file.ask(Range=wanted).content) == (200, file.content), wanted


def test_a_part_of_another_version_is_the_whole(front: Front) -> None:
    file = file_of(front, "patch.diff")
    assert file.ask(Range="bytes=0-1", If_Range=file.etag).status_code == 206
    for other in ('"other"', f"W/{file.etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert file.ask(Range="bytes=0-1", If_Range=other).status_code == 200, other


def test_what_the_client_has_is_not_sent_again(front: Front) -> None:
    file = file_of(front, "patch.diff")
    for known in (file.etag, f"W/{file.etag}", f'"a", {file.etag}, W/"b"', "*"):
        answer = file.ask(If_None_Match=known)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", file.etag), known
        assert file.ask("HEAD", If_None_Match=known).status_code == 304
    for other in ('"a"', file.etag.strip('"'), ""):
        assert file.ask(If_None_Match=other).status_code == 200, other
    assert file.ask(If_None_Match=file.etag, Range="bytes=0-1").status_code == 304


def test_head_says_what_get_would_send(front: Front) -> None:
    file = file_of(front, "patch.diff")
    looked, got = file.ask("HEAD"), file.ask()
    assert (looked.status_code, looked.content) == (200, b"")
    for name in ("Content-Length", "ETag", "Content-Type", "Content-Disposition", "Accept-Ranges"):
        assert looked.headers[name] == got.headers[name]
    assert file.ask("HEAD", Range="bytes=0-1").status_code == 200


def test_a_log_that_grew_is_sent_as_far_as_it_was_recorded(front: Front) -> None:
    file = file_of(front, "analyze.log")
    run = file.about["download_url"].split("/")[3]
    path = front.house.home / "var" / "artifacts" / "spec_workflows" / run / "analyze.log"
    with path.open("ab") as log:
        log.write(b"a second attempt\n")
    assert file.ask().content == file.content
    path.write_bytes(file.content[:-1])
    assert (file.ask().status_code, file.ask().json()["error"]) == (404, "artifact_gone")


def test_a_kept_file_without_a_secret_is_served_as_it_is(front: Front) -> None:
    file = file_of(front, "pre-images/requirements.txt")
    assert (file.ask().status_code, file.ask().content) == (200, file.content)


def test_a_kept_file_with_a_secret_is_not_served_at_all(front: Front) -> None:
    front.house.manifest.write_bytes(SECRET + b"flask>=3\n")
    file = file_of(front, "pre-images/requirements.txt")
    assert SECRET in file.content
    for answer in (file.ask(), file.ask(Range="bytes=0-3"), front.call("ada", "GET", file.about["download_url"])):
        assert (answer.status_code, answer.json()["error"]) == (403, "holds_secrets")
        assert b"hunter2" not in answer.content
    assert file.ask("HEAD").status_code == 403


def test_another_method_is_405_and_names_those_there_are(front: Front) -> None:
    file = file_of(front, "patch.diff")
    answer = file.ask("DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert front.call("kim", "PATCH", RUNS).headers["Allow"] == "GET, POST"
