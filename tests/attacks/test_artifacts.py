"""Artifacts: reaching others' bytes, or having one's own shown as a page."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town
from tests.servers import until


@pytest.fixture(scope="module")
def run(town: Town) -> dict[str, Any]:
    """A repaired service's run, with everything a run can leave."""
    ended = town.wait(town.submit("good1", "fix it, and print <svg onload=alert(1)>"))
    assert ended["status"] == "succeeded", ended["failure"]
    return ended


@pytest.fixture
def get(town: Town, tally: Tally) -> Callable[..., Any]:
    """A GET without a key."""
    return lambda path, **headers: tally.case(lambda: town.call("GET", path, by=None, headers=headers))


def path_of(run: dict[str, Any], artifact: str) -> str:
    return f"{RUNS}/{run['run_id']}/artifacts/{artifact}/content"


def test_paths_lead_nowhere_else(town: Town, run: dict[str, Any], tally: Tally) -> None:
    up = (
        "../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "..%252f..%252fetc%252fpasswd",
        "%2e%2e/%2e%2e/admin.key",
    )
    odd = ("....//....//etc/passwd", "..%c0%af..%c0%afetc/passwd", "%00", "..\\..\\etc\\passwd", "file:///etc/passwd")
    for bad in (*up, *odd):
        for path in (path_of(run, bad), f"{RUNS}/{bad}", f"{RUNS}/{bad}/artifacts", f"{RUNS}/{run['run_id']}/{bad}"):
            answer = tally.case(lambda path=path: town.call("GET", path))
            assert answer.status_code in (404, 405, 422), path
            assert "root:" not in answer.text


def test_an_address_opens_its_own_artifact_of_its_own_run_alone(
    town: Town, run: dict[str, Any], get: Callable[..., Any]
) -> None:
    first, second, *_ = run["artifacts"]
    token = first["download_url"].partition("token=")[2]
    assert get(first["download_url"]).status_code == 200
    assert get(f"{path_of(run, second['artifact_id'])}?token={token}").status_code == 403
    other = {"run_id": str(uuid.uuid4())}
    assert get(f"{path_of(other, first['artifact_id'])}?token={token}").status_code == 403
    assert get(path_of(run, first["artifact_id"])).status_code == 401
    assert town.call("GET", path_of(other, first["artifact_id"])).status_code == 404


def test_an_altered_signature_opens_nothing(run: dict[str, Any], get: Callable[..., Any]) -> None:
    url = run["artifacts"][0]["download_url"]
    path, _, token = url.partition("?token=")
    body, moment, signature = token.rsplit(".", 2)
    altered = [
        *("", "x", "null", ".", "..", token[:-1], token + "A", token.swapcase(), signature, f"{body}.{moment}."),
        *(f"{body}..{signature}", f"{body}.{moment[::-1]}.{signature}", f"{body}x.{moment}.{signature}", "A" * 8000),
        *(token.replace(".", "%2E", 1)[:-2], token + "%00", "%ff%fe", "💥", f"{token}&token={token}x"),
    ]
    for wrong in altered:
        assert get(f"{path}?token={wrong}").status_code in (401, 403), wrong


def test_an_address_that_has_expired_opens_nothing(town: Town, run: dict[str, Any], get: Callable[..., Any]) -> None:
    from api_service.api.signing import Signer

    artifact, secret = run["artifacts"][0]["artifact_id"], town.secrets["signing key"]
    short = Signer(secret, "artifact", 0)
    address = short.sign(f"{run['run_id']}/{artifact}")
    until(lambda: short.unsign(address) is None, seconds=5, what="the address is a second old")
    mine = Signer(secret, "artifact", 900).sign(f"{run['run_id']}/{artifact}")
    assert get(f"{path_of(run, artifact)}?token={mine}").status_code == 200
    for purpose in ("approval", "", "itsdangerous"):
        foreign = Signer(secret, purpose, 900).sign(f"{run['run_id']}/{artifact}")
        assert get(f"{path_of(run, artifact)}?token={foreign}").status_code == 403


def test_whatever_is_in_a_file_it_is_a_download(town: Town, run: dict[str, Any], get: Callable[..., Any]) -> None:
    for artifact in run["artifacts"]:
        answer = get(artifact["download_url"])
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == artifact["checksum"]
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_links_in_the_folder_of_artifacts_are_not_followed(town: Town, run: dict[str, Any], tally: Tally) -> None:
    folder = town.artifacts / run["run_id"]
    by_path = {artifact["path"]: artifact for artifact in run["artifacts"]}
    for path in ("build.log", "pre-images/requirements.txt"):
        victim = folder / path.split("/")[0]
        kept = victim.with_name(f"{victim.name}.kept")
        os.rename(victim, kept)
        victim.symlink_to(town.home / "var" if victim.name == "pre-images" else town.home / "var" / "admin.key")
        url = by_path[path]["download_url"]
        answer = tally.case(lambda url=url: town.call("GET", url, by=None))
        victim.unlink()
        os.rename(kept, victim)
        assert (answer.status_code, answer.json()["error"]) == (404, "artifact_gone"), path


def test_floods_of_ranges_get_the_whole_or_416(town: Town, run: dict[str, Any], get: Callable[..., Any]) -> None:
    artifact = next(artifact for artifact in run["artifacts"] if artifact["path"] == "build.log")
    url, size = artifact["download_url"], artifact["size_bytes"]
    flood = "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(0, 2600, 2))[:3900].rpartition(",")[0]
    whole = [
        "bytes=0-1,2-3",
        flood,
        "bytes=-",
        "bytes=5-1",
        "bytes=x-y",
        "lines=0-1",
        "bytes=0-0x1",
        "bytes 0-1",
        "-1",
        "bytes=1-1,",
    ]
    for wanted in whole:
        answer = get(url, Range=wanted)
        assert (answer.status_code, len(answer.content)) == (200, size), wanted
    for wanted in (f"bytes={size}-", "bytes=-0", "bytes=99999999999999999999-", f"bytes={size}-{size + 5}"):
        answer = get(url, Range=wanted)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}"), wanted
    assert get(url, Range="bytes=" + "0-0," * 2000).status_code == 422
