"""Requirements of `spec.md`."""

from __future__ import annotations

import pytest

from moonmind.missions.errors import MissionError
from moonmind.missions.specification import requirement_ids


def test_ids_come_upper_cased_in_order_and_once() -> None:
    text = b"# Spec\n- **FR-2**: x (see nfr-10)\n- fr-1: y\n- FR-2 again, `C-3`.\r\n| FR-004 |\n"
    assert requirement_ids(text) == ("FR-2", "NFR-10", "FR-1", "C-3", "FR-004")


@pytest.mark.parametrize("text", [b"ABC-3", b"X-FR-1", b"FR-123456", b"FR-1a", b"FR-", b"", b"```\nFR-1\n```\n"])
def test_what_only_looks_like_one_is_none(text: bytes) -> None:
    assert requirement_ids(text) == ()


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(MissionError, match=r"spec\.md, line 2: it is not UTF-8") as caught:
        requirement_ids(b"FR-1\n\xff")
    assert (caught.value.code, caught.value.details) == ("BrokenSpecification", {"line": 2})
