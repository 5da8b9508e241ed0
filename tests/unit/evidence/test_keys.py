"""The installation's key: made once, by whoever starts first, and never replaced in silence."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moonmind.config.errors import SettingsError
from moonmind.evidence.keys import KeyFormError, PublicKey, SigningKey
from moonmind.workflows.orchestrator.bootstrap import evidence_key
from tests.fakes.keys import HOUSE_KEY, OTHER_KEY


def test_of_many_that_start_at_once_one_makes_the_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def begin(_: int) -> str:
        start.wait(20)
        return evidence_key(tmp_path / "var").key_id

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(begin, range(8)))
    assert len(found) == 1
    assert sorted(file.name for file in (tmp_path / "var").iterdir()) == ["evidence.key", "evidence.pub"]
    assert (tmp_path / "var" / "evidence.key").stat().st_mode & 0o777 == 0o600
    assert {PublicKey.from_pem((tmp_path / "var" / "evidence.pub").read_bytes()).key_id} == found


def test_a_key_that_is_there_is_taken_and_its_public_half_put_right(tmp_path: Path) -> None:
    made = evidence_key(tmp_path)
    (tmp_path / "evidence.pub").write_text(OTHER_KEY.public.pem)
    assert evidence_key(tmp_path).key_id == made.key_id
    assert (tmp_path / "evidence.pub").read_text() == made.public.pem


@pytest.mark.parametrize("content", [b"", b"not a key\n", b"a2V5\n", b"\xff\xfe\n"])
def test_a_broken_key_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evidence.key").write_bytes(content)
    with pytest.raises(SettingsError, match="restore it from a backup"):
        evidence_key(tmp_path)
    assert (tmp_path / "evidence.key").read_bytes() == content


def test_a_signature_is_of_one_key_and_one_message() -> None:
    signature = HOUSE_KEY.sign(b"message")
    assert HOUSE_KEY.verifies(b"message", signature)
    assert not HOUSE_KEY.verifies(b"massage", signature)
    assert not OTHER_KEY.verifies(b"message", signature)
    assert not HOUSE_KEY.verifies(b"message", b"")


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\x00" * 99])
def test_what_is_no_public_key_is_refused(pem: bytes) -> None:
    with pytest.raises(KeyFormError):
        PublicKey.from_pem(pem)


def test_a_secret_has_its_length() -> None:
    with pytest.raises(KeyFormError):
        SigningKey(b"short")
