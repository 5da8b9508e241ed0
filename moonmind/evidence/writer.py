"""Making a bundle, piece by piece. Pure: the bytes of files come in as iterators."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moonmind.engine.events import canonical_json
from moonmind.evidence.container import END, header, padding
from moonmind.evidence.keys import SigningKey
from moonmind.evidence.shapes import (
    FILES,
    FIRST_PARTS,
    FORMAT,
    KEY,
    LONGEST_FILE_NAME,
    MANIFEST,
    MANIFEST_PREFIX,
    README,
    SIGNATURE,
)
from moonmind.schemas.workflow_models import RunStatus

README_TEXT = b"""Evidence of one run, from MoonMind Orchestrator.

  run.json          what was asked, by whom, and how it ended
  plans.jsonl       every version of the plan: edits, SHA-256 of each file before and after, digest
  steps.jsonl       every attempt of every step
  approvals.jsonl   what people answered, about which plan digest
  artifacts.jsonl   the run's files as it recorded them, with their SHA-256
  events.jsonl      the run's record: each event's hash covers the event and the hash before it
  head.json         how far the record goes, signed when its last event was written; null if nobody signed it
  key.pub           the public key of the installation (Ed25519, PEM)
  files/            the files; copies of files from before the change are left out, since they may hold secrets
  manifest.json     size and SHA-256 of each part above, who exported this and when, what is missing or left out
  manifest.sig      the key's signature: 64 bytes

With MoonMind:

  moonmind runs verify THIS-FILE --key FINGERPRINT

Without it, the manifest's signature (OpenSSL 3) and, by any means, the checksums that it names:

  { printf 'moonmind evidence manifest v1\\n'; cat manifest.json; } >signed
  openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in signed -sigfile manifest.sig

The key's fingerprint is the SHA-256 of its 32 raw bytes. Ask the installation for it on another way than this file:

  openssl pkey -pubin -in key.pub -outform DER | tail -c 32 | sha256sum

An event's hash is the SHA-256 of canonical JSON (sorted names, no blanks, UTF-8) of its fields, previous_hash, and
subject_kind and subject_id as in head.json, with `at` as it stands here. The head's signature is over
"moonmind record head v1", a line end, and the canonical JSON of head.json without `signature`.
"""


@dataclass(frozen=True, slots=True)
class FileToBundle:
    """An artifact: exactly `size` bytes of it, or (None) the reason why they are not there or not given away."""

    artifact_id: UUID
    path: str
    size: int
    pieces: Iterable[bytes] | None
    is_left_out: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """Who exports which run, when, in which state."""

    run_id: UUID
    status: RunStatus
    exported_at: datetime
    exported_by: str


def write_bundle(
    export: Export, parts: Mapping[str, bytes], files: Sequence[FileToBundle], key: SigningKey
) -> Iterator[bytes]:
    """The bundle's bytes. `parts` are those of FIRST_PARTS that are the run's own.

    Raises ValueError when a file gives another number of bytes than it should: what was sent by then is no bundle.
    """
    listed: list[dict[str, Any]] = []
    whole = {README: README_TEXT, KEY: key.public.pem.encode(), **parts}
    for name in FIRST_PARTS:
        yield from _part(name, len(whole[name]), [whole[name]], listed)
    names = [file_name(number, file.path) for number, file in enumerate(files, start=1)]
    for name, file in zip(names, files, strict=True):
        if file.pieces is not None:
            yield from _part(name, file.size, file.pieces, listed)
    said = {
        "format": FORMAT,
        "run_id": export.run_id,
        "status": export.status,
        "is_over": export.status.is_terminal,
        "exported_at": export.exported_at,
        "exported_by": export.exported_by,
        "key_id": key.key_id,
        "parts": list(listed),
        "files": [_entry(name, file) for name, file in zip(names, files, strict=True)],
    }
    manifest = json_part(said)
    yield from _part(MANIFEST, len(manifest), [manifest], listed)
    signature = key.sign(MANIFEST_PREFIX + manifest)
    yield from _part(SIGNATURE, len(signature), [signature], listed)
    yield END


def json_part(value: object) -> bytes:
    """A part of one JSON value."""
    return (canonical_json(_plain(value)) + "\n").encode()


def lines_part(values: Iterable[object]) -> bytes:
    """A part of JSON Lines."""
    return b"".join(json_part(value) for value in values)


def file_name(number: int, path: str) -> str:
    """Where an artifact lies in the bundle: numbered, so that no name is there twice, and harmless to unpack."""
    base = re.sub(r"[^A-Za-z0-9._-]", "_", path.rsplit("/", 1)[-1])[-LONGEST_FILE_NAME:]
    return f"{FILES}{number:05d}-{base}"


def _part(name: str, size: int, pieces: Iterable[bytes], listed: list[dict[str, Any]]) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), size
    yield header(name, size)
    for piece in pieces:
        wanted = piece[:left]
        left -= len(wanted)
        digest.update(wanted)
        yield wanted
        if not left:
            break
    if left:
        raise ValueError(f"{name} ended {left} bytes too early")
    yield padding(size)
    listed.append({"name": name, "sha256": digest.hexdigest(), "size": size})


def _entry(name: str, file: FileToBundle) -> dict[str, Any]:
    state = "included" if file.pieces is not None else "left_out" if file.is_left_out else "missing"
    return {
        "artifact_id": file.artifact_id,
        "path": file.path,
        "state": state,
        "name": name if file.pieces is not None else None,
        "reason": file.reason,
    }


def _plain(value: object) -> object:
    """As JSON has it: times in UTC with microseconds, numbers of things as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
