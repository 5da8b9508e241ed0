"""Secrets that people, services and files say: none of them leaves."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import quote

import pytest

from moonmind.utils.redaction import Redactor
from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town
from tests.faults.services import BROKEN_LOG

MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"
PLANTED = {
    "a token": "gh" + "p_" + MIXED + "bC4d",
    "an AWS key": "AK" + "IA" + "QRSTUVWXYZ234567",
    "a JWT": "eyJ" + "hbGciOiJIUzI1NiJ9." + MIXED + "." + MIXED,
    "a password": "hunter2hunter3",
    "the end of a private key": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
}


def sentences(known: str) -> list[str]:
    """Each of them a way in which somebody says a secret."""
    return [
        f"log in with {PLANTED['a token']}",
        f"AWS_ACCESS_KEY_ID={PLANTED['an AWS key']}",
        f"Authorization: Bearer {PLANTED['a JWT']}",
        f"postgres://kim:{PLANTED['a password']}@db/shop",
        f"SHOP_API_TOKEN is {known}",
        f"in a URL {quote(known, safe='')}",
        f"in base64 {base64.b64encode(f'kim:{known}'.encode()).decode()}",
        "-----BEGIN " + "PRIVATE KEY-----\n" + PLANTED["the end of a private key"] + "\n-----END " + "PRIVATE KEY-----",
    ]


@pytest.fixture(scope="module")
def leaky(town: Town) -> dict[str, Any]:
    """A run of a service that says secrets and has one in its file, asked for with all of them."""
    known = town.secrets["of the environment"]
    town.secrets |= PLANTED | {
        "of the environment, in a URL": quote(known, safe=""),
        "of the environment, in base64": base64.b64encode(f"kim:{known}".encode()).decode(),
    }
    said = "\n".join(sentences(known))
    service = town.services["leaky"]
    service.place.log.write_text(said + "\n" + BROKEN_LOG.format(app=service.workspace / "app.py"))
    manifest = service.workspace / "requirements.txt"
    manifest.write_text(f"# https://kim:{PLANTED['a password']}@index.example/simple\n" + manifest.read_text())
    town.call("POST", RUNS, by="kim", json={"instruction": said, "target_service": "mirror", "dry_run": True})
    return town.wait(town.submit("leaky", f"fix it\n{said}"))


def test_a_run_full_of_secrets_keeps_none(town: Town, leaky: dict[str, Any], tally: Tally) -> None:
    assert leaky["status"] == "succeeded", leaky["failure"]
    for artifact in leaky["artifacts"]:
        answer = tally.case(lambda artifact=artifact: town.call("GET", artifact["download_url"], by=None))
        if artifact["type"] == "pre_image":
            assert (answer.status_code, answer.json()["error"]) == (403, "holds_secrets")
        else:
            assert [name for name, secret in town.secrets.items() if secret in answer.text] == []
    kept = town.artifacts / leaky["run_id"] / "pre-images" / "requirements.txt"
    assert PLANTED["a password"] in kept.read_text()  # byte for byte, for the undoing


def test_what_people_say_is_masked_before_it_is_stored(town: Town, leaky: dict[str, Any], tally: Tally) -> None:
    said = "; ".join(sentences(town.secrets["of the environment"])).replace("\n", "\\n")
    body = {"resume_from_step": "analyze", "reason": said}
    retried = tally.case(lambda: town.call("POST", f"{RUNS}/{leaky['run_id']}/retry", by="kim", json=body))
    assert retried.status_code in (202, 409), retried.text
    run = town.submit("asking1", f"fix it: {said}")
    town.wait(run, "awaiting_approval")
    token = town.call("POST", f"{RUNS}/{run}/approval-tokens", by="ann").json()["token"]
    no = {"approver": {"id": "ann", "role": "approver"}, "token": token, "decision": "reject", "comment": said}
    answer = tally.case(lambda: town.call("POST", f"{RUNS}/{run}/approvals", by="ann", json=no))
    assert answer.status_code == 200
    ((comment,),) = town.ask("SELECT comment FROM approvals WHERE subject_id = %s", run)
    assert "[redacted:" in comment
    assert [name for name, secret in town.secrets.items() if secret in comment] == []


def test_a_line_of_ten_megabytes_made_to_be_slow_takes_less_than_a_second(town: Town, tally: Tally) -> None:
    redactor, size = Redactor(town.secrets.items()), 10_000_000
    known = town.secrets["of the environment"].encode()
    for shape in (
        b'token="a1b" ',
        b"token=x ",
        b"a://b:c@d ",
        b"-----BEGIN PRIVATE KEY-----",
        known + b" ",
        b"a" * 64,
        b"=",
    ):
        text = (shape * (size // len(shape) + 1))[:size]
        began = time.process_time()
        tally.case(lambda text=text: redactor.data(text))
        assert time.process_time() - began < 1, shape


def test_hashes_digests_and_ids_stay_readable(tally: Tally) -> None:
    sha = "0123456789abcdef" * 4
    redactor = Redactor()
    for text in (
        f"sha256:{sha}",
        f"--hash=sha256:{sha}",
        sha[:40],
        "commit " + sha[:40],
        "9f1c7c9e-4f0f-4f5e-9d8a-0b6a1c2d3e4f",
    ):
        assert tally.case(lambda text=text: redactor.text(text)) == text
