"""A bundle that is whole is all right; whatever is altered, wherever, is found."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moonmind.evidence.container import BLOCK, END, LARGEST_PART, header, padding
from moonmind.evidence.report import Report
from moonmind.evidence.shapes import EVENTS, MANIFEST, RUN
from moonmind.evidence.verify import LARGEST_JSON, Trust, verify_bundle
from moonmind.evidence.writer import FileToBundle, json_part
from tests.fakes.keys import HOUSE_KEY, OTHER_KEY
from tests.unit.evidence.bundles import AFTER, BEFORE, CHANGE, DIFF, Case, number, sha

HOUSE = Trust((HOUSE_KEY.public,))
WHOLE = Case().bundle()
STRIDE = 29


def look(bundle: bytes, trust: Trust = HOUSE) -> Report:
    return verify_bundle(io.BytesIO(bundle), trust)


def findings(case: Case, trust: Trust = HOUSE) -> list[str]:
    """Of a bundle whose manifest is signed as it is."""
    return look(case.bundle(), trust).findings


def test_a_whole_bundle_is_all_right() -> None:
    report = look(WHOLE)
    assert (report.findings, report.ok) == ([], True)
    assert report.as_json()["exported_by"] == "vic"


def test_a_bundle_is_the_same_bytes_each_time_and_a_tar_that_anybody_opens() -> None:
    assert Case().bundle() == WHOLE
    with tarfile.open(fileobj=io.BytesIO(WHOLE)) as archive:
        names = archive.getnames()
        assert all(member.isreg() and member.uid == member.mtime == 0 for member in archive)
    assert names[0] == "README.txt"
    assert names[-4:] == ["files/00001-patch_preview.diff", "files/00002-patch.diff", "manifest.json", "manifest.sig"]


def test_a_fingerprint_is_enough_and_the_bundles_own_key_is_not() -> None:
    assert look(WHOLE, Trust(fingerprints=frozenset({HOUSE_KEY.key_id}))).ok
    nobody = look(WHOLE, Trust())
    assert f"it was signed by another key, {HOUSE_KEY.key_id}, than those that you trust" in nobody.findings


def test_each_altered_byte_shows() -> None:
    chance = random.Random(7)
    for position in range(0, len(WHOLE), STRIDE):
        changed = bytearray(WHOLE)
        changed[position] ^= 1 << chance.randrange(8)
        assert not look(bytes(changed)).ok, position


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_altered_byte_shows(position: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= change
    assert not look(bytes(changed)).ok


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_bundle_that_was_cut_shows(length: int) -> None:
    assert not look(WHOLE[:length]).ok


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=1200))
def test_whatever_follows_a_bundle_shows(more: bytes) -> None:
    assert not look(WHOLE + more).ok


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_no_bundle_is_said_to_be_none(data: bytes) -> None:
    report = look(data)
    assert not report.ok
    assert report.as_json()["run_id"] is None


# --- the record, in a bundle whose manifest somebody with our key would sign


def drop(case: Case, at: int) -> None:
    del case.events[at]


def double(case: Case, at: int) -> None:
    case.events.insert(at, case.events[at])


def swap(case: Case, at: int) -> None:
    other = (at + 1) % len(case.events)
    case.events[at], case.events[other] = case.events[other], case.events[at]


def reword(case: Case, at: int) -> None:
    case.events[at] = {**case.events[at], "actor": "somebody else"}


@pytest.mark.parametrize("at", range(len(Case().events)))
@pytest.mark.parametrize("change", [drop, double, swap, reword])
def test_each_event_is_at_its_place(change: Callable[[Case, int], None], at: int) -> None:
    case = Case()
    change(case, at)
    found = look(case.bundle())
    assert not next(check for check in found.checks if check.title == "record").ok or any(
        "ends with" in finding for finding in found.findings
    )


def test_a_record_that_was_hashed_anew_does_not_fit_its_head() -> None:
    case = Case()
    head = case.head
    case.said[4] = ("ben", *case.said[4][1:])
    case.approvals[0]["approver"] = "ben"
    case.chain()
    case.head = head
    found = findings(case)
    assert len(found) == 2
    assert found[1] == "this record ends with event 8, or its hashes were made anew"


def test_a_record_that_was_hashed_anew_and_signed_by_another_key_is_found() -> None:
    case = Case(head_key=OTHER_KEY)
    assert findings(case) == [
        f"the head was signed by another key, {OTHER_KEY.key_id}: if that is yours too, give its file with --key"
    ]
    assert findings(case, Trust((HOUSE_KEY.public, OTHER_KEY.public))) == []


def test_a_bundle_that_another_key_signed_is_found() -> None:
    found = findings(Case(key=OTHER_KEY, head_key=OTHER_KEY))
    assert f"it was signed by another key, {OTHER_KEY.key_id}, than those that you trust" in found


def test_a_head_that_another_key_signed_in_our_name_is_found() -> None:
    case = Case(head_key=OTHER_KEY)
    assert case.head is not None
    case.head["key_id"] = HOUSE_KEY.key_id
    assert findings(case) == ["the head's signature is wrong"]


def test_a_record_without_a_head_is_found() -> None:
    case = Case()
    case.head = None
    assert findings(case) == ["nobody signed how far the record goes: it may have been cut or made anew"]


def taken_over(found: str) -> Case:
    case = Case()
    said = {"found": found, "sequence": 4, "key_id": OTHER_KEY.key_id}
    case.said.insert(4, ("system", "record_taken_over", said))
    case.chain()
    return case


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        ("unsigned", "nobody had signed what stands before event 5: it was begun before heads were signed, or cut"),
        ("signed_by_another_key", f"what stands before event 5 was signed by another key, {OTHER_KEY.key_id}"),
        ("signature_wrong", "what stands before event 5 had a head with a wrong signature"),
    ],
)
def test_what_stood_under_no_key_that_is_trusted_is_named(found: str, finding: str) -> None:
    assert findings(taken_over(found)) == [finding]


def test_a_record_under_two_keys_that_are_both_trusted_is_all_right() -> None:
    report = look(taken_over("signed_by_another_key").bundle(), Trust((HOUSE_KEY.public, OTHER_KEY.public)))
    assert report.ok
    assert any("signed by another key" in note for check in report.checks for note in check.notes)


# --- rows against the record


def set_row(kind: str, **values: Any) -> Callable[[Case], None]:
    def change(case: Case) -> None:
        rows = getattr(case, kind)
        (rows if isinstance(rows, dict) else rows[-1]).update(values)

    return change


def no_file(case: Case) -> None:
    case.files[1] = ("patch_diff", "patch.diff", b"")


def other_diff(case: Case) -> None:
    case.files[0] = ("patch_preview", "patch_preview.diff", DIFF.replace(b"python-dateutil", b"python-dateutils"))


def other_file_in_diff(case: Case) -> None:
    case.files[0] = ("patch_preview", "patch_preview.diff", DIFF.replace(b"requirements.txt", b"setup.cfg"))


def other_pre_image(case: Case) -> None:
    case.files[2] = ("pre_image", "pre-images/requirements.txt", b"other")


STORIES: dict[str, tuple[Callable[[Case], None], str]] = {
    "status": (set_row("run", status="failed"), "the run is failed; its record says it ended succeeded"),
    "still on": (set_row("run", status="running"), "the run is running; its record says it has ended"),
    "requester": (set_row("run", requested_by="ann"), "the run says ann asked for it; its record says kim"),
    "instruction": (set_row("run", instruction="x"), "the run's instruction is not what its record says"),
    "service": (set_row("run", target_service="till"), "the run's service is not what its record says"),
    "retry": (set_row("run", retried_from=number(9)), "the run says it takes up another run"),
    "edits": (set_row("plans", edits=[]), "version 2 of the plan is not what its digest was made from"),
    "hashes": (set_row("plans", changes=[{**CHANGE, "after_sha256": None}]), "is not what its digest was made from"),
    "plan lost": (lambda case: case.plans.pop() and None, "tells of version 2 of the plan"),
    "step": (set_row("steps", status="failed"), "attempt 1 of patch is failed; the record says succeeded"),
    "message": (set_row("steps", message="x"), "attempt 1 of patch says something else than the record"),
    "undone": (set_row("run", rollback_verified=True), "the run says rollback_verified True"),
    "failed": (set_row("run", failure={"code": "x", "reason": None}), "the run succeeded, and failed with"),
    "step lost": (lambda case: case.steps.pop() and None, "tells of attempt 1 of patch, which is not here"),
    "step made up": (set_row("steps", attempt=2), "attempt 2 of patch began; the record does not know of it"),
    "no approval": (lambda case: case.approvals.pop() and None, "says ann (approver) said approve"),
    "approver": (set_row("approvals", approver="ben"), "ben (approver) is here with approve"),
    "rejected": (set_row("approvals", decision="reject"), "ann (approver) is here with reject"),
    "comment": (set_row("approvals", comment="no"), "ann's comment is not the one on record"),
    "other plan": (set_row("approvals", plan_digest="x"), "ann's answer is about plan x, which this run never had"),
    "no diff": (no_file, "no diff of the patch step shows the change that was planned"),
    "diff": (other_diff, "requirements.txt would not become what the plan says"),
    "file": (other_file_in_diff, "it changes setup.cfg, which the plan does not"),
    "pre-image": (other_pre_image, "is not the file that the plan was made for"),
}


@pytest.mark.parametrize("name", STORIES)
def test_rows_that_tell_another_story_are_found(name: str) -> None:
    change, finding = STORIES[name]
    case = Case()
    change(case)
    assert any(finding in found for found in findings(case)), findings(case)


def test_a_part_in_another_form_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (b'{"sequence":1,"sequence":1}\n', b"[" * 100_000 + b"\n", b'{"at":NaN}\n', b"\xff\n", b"{}", b"{}\n"):
        case = Case()
        parts = {**case.parts(), EVENTS: line}
        monkeypatch.setattr(case, "parts", lambda parts=parts: parts)
        found = findings(case)
        assert len(found) == 1
        assert "a part is not in the form of moonmind-evidence/1" in found[0]


def test_a_status_that_no_run_has_is_another_form(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case()
    parts = {**case.parts(), RUN: json_part({**case.run, "status": "finished"})}
    monkeypatch.setattr(case, "parts", lambda: parts)
    (found,) = findings(case)
    assert found.startswith("a part is not in the form of moonmind-evidence/1: status:"), found


def test_a_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case()
    gone = FileToBundle(number(6, 2), "patch.diff", 5, None, reason="it is gone")
    files = [case.to_bundle()[0], gone, case.to_bundle()[2]]
    monkeypatch.setattr(case, "to_bundle", lambda: files)
    assert findings(case)[0] == "patch.diff was missing when the bundle was made: it is gone"


def test_only_pre_images_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case()
    hidden = FileToBundle(number(6, 2), "patch.diff", 5, None, is_left_out=True, reason="")
    files = [case.to_bundle()[0], hidden, case.to_bundle()[2]]
    monkeypatch.setattr(case, "to_bundle", lambda: files)
    assert "patch.diff was left out, and only pre-images may be" in findings(case)


# --- files that are made to do harm


def tar(*members: tuple[str, bytes]) -> bytes:
    return b"".join(header(name, len(data)) + data + padding(len(data)) for name, data in members) + END


def split(bundle: bytes) -> list[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        return [(member.name, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "files/../x", "extra.txt", "README.txt", MANIFEST])
@pytest.mark.parametrize("at", [0, 5, 10, 12, 13])
def test_a_part_that_does_not_belong_is_refused(name: str, at: int) -> None:
    members = split(WHOLE)
    members.insert(at, (name, b"x"))
    assert not look(tar(*members)).ok


def test_a_file_that_the_manifest_does_not_name_is_refused() -> None:
    members = split(WHOLE)
    members.insert(11, ("files/00003-x", b"x"))
    assert "files/00003-x is not in the manifest" in look(tar(*members)).findings


def test_parts_in_another_order_or_without_one_are_refused() -> None:
    members = split(WHOLE)
    for at in range(len(members)):
        assert not look(tar(*members[:at], *members[at + 1 :])).ok
        assert (
            not look(tar(*members[:at], *members[at : at + 2][::-1], *members[at + 2 :])).ok or at == len(members) - 1
        )


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE])
def test_links_folders_and_extensions_are_refused(kind: bytes) -> None:
    info = tarfile.TarInfo("README.txt")
    info.type, info.linkname = kind, "/etc/passwd"
    assert "a header is not one of ours" in str(look(info.tobuf()).findings) or "was changed" in str(
        look(info.tobuf()).findings
    )


def test_a_size_that_is_only_claimed_costs_nothing() -> None:
    report = look(header("README.txt", LARGEST_PART) + b"x" * BLOCK)
    assert "larger than" in report.findings[0]
    assert LARGEST_JSON < LARGEST_PART


def test_a_tar_of_many_parts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moonmind.evidence.container.MOST_PARTS", 5)
    assert "more than 5 parts" in look(WHOLE).findings[0]


# --- diffs


@pytest.mark.parametrize(
    ("before", "after", "proven"),
    [
        (BEFORE, AFTER, True),
        (b"a\nb", b"a\nb\nc", True),
        (b"a\r\nb\r\n", b"a\r\nc\r\n", True),
        (b"-- x\n++ y\n", b"-- x\n-- z\n", True),
        (b"".join(b"%d\n" % n for n in range(50)), b"".join(b"%d\n" % n for n in range(51)), False),
        (None, b"new\n", True),
    ],
)
def test_a_diff_that_shows_all_of_a_file_proves_it(before: bytes | None, after: bytes, proven: bool) -> None:
    from moonmind.evidence.diffs import check_diff
    from moonmind.evidence.shapes import Change
    from moonmind.workflows.orchestrator.edits import unified_diff

    text = unified_diff({"f": before} if before is not None else {}, {"f": after})
    change = Change(path="f", before_sha256=sha(before) if before is not None else None, after_sha256=sha(after))
    assert check_diff(text, [change]) == ([], [] if proven else ["f"])
    wrong = change.model_copy(update={"after_sha256": sha(b"other")})
    assert check_diff(text, [wrong]) == (
        ["f would not become what the plan says"] if proven else [],
        wrong_unproven(proven),
    )


def wrong_unproven(proven: bool) -> list[str]:
    return [] if proven else ["f"]
