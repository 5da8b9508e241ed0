"""Is a bundle what was exported, and does it tell one story? Needs nothing but the file and a key to trust. Pure.

It is read in one pass. What is kept of it is bounded: LARGEST_JSON bytes of rows, LARGEST_DIFFS bytes of diffs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from moonmind.evidence.container import BundleError, Part, read_parts
from moonmind.evidence.files import DIFF_TYPES, check_change, check_files
from moonmind.evidence.keys import KeyFormError, PublicKey
from moonmind.evidence.record import check_chain, check_head
from moonmind.evidence.report import Check, Report, make_check
from moonmind.evidence.shapes import (
    APPROVALS,
    ARTIFACTS,
    EVENTS,
    FILES,
    FIRST_PARTS,
    FORMAT,
    HEAD,
    KEY,
    MANIFEST,
    MANIFEST_PREFIX,
    PLANS,
    RUN,
    SIGNATURE,
    STEPS,
    ApprovalLine,
    ArtifactLine,
    EventLine,
    HeadPart,
    Manifest,
    PartEntry,
    PartFormError,
    PlanLine,
    RunPart,
    StepLine,
    read_json,
    read_lines,
    strict_json,
)
from moonmind.evidence.stories import Story, check_story

LARGEST_JSON = 32 * 1024 * 1024
LARGEST_DIFFS = 8 * 1024 * 1024
DIFF = ".diff"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count: known keys, and fingerprints of which the bundle itself must bring the key."""

    keys: tuple[PublicKey, ...] = ()
    fingerprints: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Contents:
    """What was read: each part's entry, and the bytes of those that are looked into."""

    entries: list[PartEntry] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)

    def take(self, part: Part) -> None:
        """Read a part. Raises BundleError for one that is too large to be looked into."""
        digest, kept, is_kept = hashlib.sha256(), [], self._is_kept(part)
        for piece in part.pieces:
            digest.update(piece)
            if is_kept:
                kept.append(piece)
        self.entries.append(PartEntry(name=part.name, sha256=digest.hexdigest(), size=part.size))
        if is_kept:
            self.kept[part.name] = b"".join(kept)

    def _is_kept(self, part: Part) -> bool:
        if part.name.startswith(FILES):
            used = sum(len(data) for name, data in self.kept.items() if name.startswith(FILES))
            return part.name.endswith(DIFF) and used + part.size <= LARGEST_DIFFS
        if sum(map(len, self.kept.values())) + part.size > LARGEST_JSON:
            raise BundleError(
                f"{part.name} makes it larger than {LARGEST_JSON} bytes of rows, which no run of ours has"
            )
        return True


def verify_bundle(stream: BinaryIO, trust: Trust) -> Report:
    """Everything that is wrong with a bundle, as far as it can be read."""
    contents, report = _Contents(), Report()
    try:
        for part in read_parts(stream):
            _expect(part, contents)
            contents.take(part)
    except BundleError as error:
        report.checks.append(
            Check("file", "not a whole bundle", (f"the file was cut, changed or is no bundle: {error}",))
        )
        return report
    trusted = [*trust.keys, *_brought(contents, trust)]
    try:
        manifest = read_json(Manifest, contents.kept[MANIFEST])
    except (KeyError, PartFormError) as error:
        report.checks.append(Check("file", "no manifest", (f"{MANIFEST} is missing or not readable: {error}",)))
        return report
    report.manifest = manifest
    report.checks += [_check_signature(manifest, contents, trusted), _check_parts(manifest, contents)]
    report.checks += _check_rows(manifest, contents, trusted)
    return report


def _expect(part: Part, contents: _Contents) -> None:
    """The parts come in one order, with nothing between them. Raises BundleError."""
    number = len(contents.entries)
    last = contents.entries[-1].name if contents.entries else ""
    if number < len(FIRST_PARTS):
        wanted = part.name == FIRST_PARTS[number]
    elif last == MANIFEST:
        wanted = part.name == SIGNATURE
    else:
        follows = part.name.startswith(FILES) and not (last.startswith(FILES) and part.name <= last)
        wanted = last != SIGNATURE and (part.name == MANIFEST or follows)
    if not wanted:
        raise BundleError(f"{part.name!r} does not belong after {last!r}")


def _brought(contents: _Contents, trust: Trust) -> Iterator[PublicKey]:
    """The bundle's own key, when its fingerprint is trusted."""
    try:
        key = PublicKey.from_pem(contents.kept.get(KEY, b""))
    except KeyFormError:
        return
    if key.key_id in trust.fingerprints:
        yield key


def _check_signature(manifest: Manifest, contents: _Contents, trusted: Sequence[PublicKey]) -> Check:
    seen = f"exported by {manifest.exported_by} at {manifest.exported_at.isoformat()}, signed by key {manifest.key_id}"
    return make_check("signature", seen, _signature_findings(manifest, contents, trusted))


def _signature_findings(manifest: Manifest, contents: _Contents, trusted: Sequence[PublicKey]) -> Iterator[str]:
    if manifest.format != FORMAT:
        yield f"the format is {manifest.format}, and this is a verifier of {FORMAT}"
    key = next((key for key in trusted if key.key_id == manifest.key_id), None)
    if key is None:
        yield f"it was signed by another key, {manifest.key_id}, than those that you trust"
        return
    if not key.verifies(MANIFEST_PREFIX + contents.kept[MANIFEST], contents.kept.get(SIGNATURE, b"")):
        yield "the signature over the manifest is wrong"
    if contents.kept[KEY] != key.pem.encode():
        yield f"{KEY} is not the key that signed"


def _check_parts(manifest: Manifest, contents: _Contents) -> Check:
    """Every part is listed with its bytes, and every listed part is there."""
    there = {entry.name: entry for entry in contents.entries if entry.name not in (MANIFEST, SIGNATURE)}
    listed = {entry.name: entry for entry in manifest.parts}
    findings = [f"{name} is not in the manifest" for name in there.keys() - listed.keys()]
    findings += [f"{name} is in the manifest and not here" for name in listed.keys() - there.keys()]
    findings += [f"{name} was changed" for name in there.keys() & listed.keys() if there[name] != listed[name]]
    if len(listed) != len(manifest.parts):
        findings.append("a part is in the manifest twice")
    return make_check("parts", f"{len(there)} parts with the bytes that the manifest names", sorted(findings))


def _check_rows(manifest: Manifest, contents: _Contents, trusted: Sequence[PublicKey]) -> list[Check]:
    """What the rows say, when they can be read."""
    kept = contents.kept
    try:
        run = read_json(RunPart, kept[RUN])
        head = None if strict_json(kept[HEAD]) is None else read_json(HeadPart, kept[HEAD])
        plans, steps = read_lines(PlanLine, kept[PLANS]), read_lines(StepLine, kept[STEPS])
        approvals, events = read_lines(ApprovalLine, kept[APPROVALS]), read_lines(EventLine, kept[EVENTS])
        artifacts = read_lines(ArtifactLine, kept[ARTIFACTS])
    except PartFormError as error:
        return [Check("rows", "not readable", (f"a part is not in the form of {FORMAT}: {error}",))]
    return [
        _check_run(manifest, run),
        check_chain(run.run_id, events, trusted),
        check_head(run.run_id, head, events, trusted),
        *check_story(Story(run, plans, steps, approvals, events)),
        check_files(manifest, contents.entries, artifacts),
        check_change(_diffs(manifest, contents, artifacts), artifacts, plans, steps),
    ]


def _diffs(manifest: Manifest, contents: _Contents, artifacts: Sequence[ArtifactLine]) -> list[tuple[str, str, str]]:
    """Type, path and text of each diff that was kept."""
    names = {entry.artifact_id: entry.name or "" for entry in manifest.files}
    found = [(row, contents.kept.get(names.get(row.artifact_id, ""))) for row in artifacts if row.type in DIFF_TYPES]
    return [(row.type, row.path, data.decode("utf-8", "replace")) for row, data in found if data is not None]


def _check_run(manifest: Manifest, run: RunPart) -> Check:
    findings = []
    if (manifest.run_id, manifest.status) != (run.run_id, run.status):
        findings.append(f"the manifest is about run {manifest.run_id}, {manifest.status}")
    if manifest.is_over != run.status.is_terminal:
        findings.append("the manifest and the run differ in whether it had ended")
    notes = () if manifest.is_over else ("the run had not ended: this is how far it had come",)
    return make_check("subject", f"run {run.run_id} of {run.target_service}", findings, notes)
