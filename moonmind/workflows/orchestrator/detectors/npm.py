"""npm gave up: its block of `npm error` (before npm 10: `npm ERR!`) lines is one failure, named by its code.

Details, by kind: VERSION_MISSING `wanted` (a range); PEER_CONFLICT `found` (name@version), `wanted` (the peer's range)
and `by` (name@version that wants it); LOCK_OUT_OF_SYNC nothing; all others `said` (npm's own words).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen

VERSION_MISSING = "npm_version_missing"
PACKAGE_UNKNOWN = "npm_package_unknown"
PEER_CONFLICT = "npm_peer_conflict"
LOCK_OUT_OF_SYNC = "npm_lock_out_of_sync"
LOCK_MISSING = "npm_lock_missing"
WRONG_ENGINE = "npm_wrong_engine"
MANIFEST_BROKEN = "npm_manifest_broken"
MANIFEST_MISSING = "npm_manifest_missing"
SCRIPT_MISSING = "npm_script_missing"
REGISTRY_REFUSED = "npm_registry_refused"
REGISTRY_UNREACHABLE = "npm_registry_unreachable"
DAMAGED = "npm_damaged_download"

_PREFIX = re.compile(r"^npm (?:ERR!|error)(?: |$)")
_CODE = re.compile(r"^code (?P<code>\w+)$")
_NAMED = r"(?P<package>(?:@[\w.~-]{1,100}/)?[\w.~-]{1,100})@"
_NO_VERSION = re.compile(
    rf"No matching version found for {_NAMED}(?P<wanted>.{{1,100}}?)\.?(?: with a date before .*)?$"
)
_NOT_THERE = re.compile(rf"'{_NAMED}(?P<wanted>[^']{{0,100}})'")
_FOUND = re.compile(rf"^Found: {_NAMED}(?P<version>[^\s\"]{{1,60}})$")
_PEER = re.compile(rf"^(?:peer|peerOptional) {_NAMED}\"(?P<wanted>[^\"]{{1,100}})\" from (?P<by>\S{{1,160}})$")
_NOT_COMPATIBLE = re.compile(rf"Not compatible with your version of node/npm: {_NAMED}(?P<version>\S{{1,60}})")
_REQUIRED = re.compile(r"Required:\s+(?P<said>\{.{1,200}\})")
_NO_SCRIPT = re.compile(r"Missing script: \"?(?P<script>[\w:.-]{1,100})")

_BY_CODE: Mapping[str, tuple[str, str]] = {
    "EJSONPARSE": (MANIFEST_BROKEN, "npm cannot read package.json"),
    "EINTEGRITY": (DAMAGED, "a downloaded package is not the one that the lock file names"),
    **dict.fromkeys(("E401", "E403", "ENEEDAUTH"), (REGISTRY_REFUSED, "the npm registry refuses the request")),
    **dict.fromkeys(
        ("ETIMEDOUT", "EAI_AGAIN", "ENOTFOUND", "ECONNRESET", "ECONNREFUSED", "ERR_SOCKET_TIMEOUT", "EIDLETIMEOUT"),
        (REGISTRY_UNREACHABLE, "npm does not reach its registry"),
    ),
    **dict.fromkeys(
        ("E500", "E502", "E503", "E504", "E429", "FETCH_ERROR"),
        (REGISTRY_UNREACHABLE, "the npm registry does not answer as it should"),
    ),
}


def find(lines: Sequence[Line]) -> list[Seen]:
    """What each block of npm's errors tells, as far as it is known."""
    return [seen for block in _blocks(lines) if (seen := _of(block)) is not None]


def is_npm_error(text: str) -> bool:
    """Whether npm wrote this line to say why it gave up."""
    return _PREFIX.match(text) is not None


def _blocks(lines: Sequence[Line]) -> Iterator[list[tuple[Line, str]]]:
    """npm's errors together, by program; each line with what follows the prefix."""
    open_blocks: dict[tuple[str, str], list[tuple[Line, str]]] = {}
    for line in lines:
        key = (line.source, line.stream)
        if prefix := _PREFIX.match(line.text):
            said = line.text[prefix.end() :].strip()
            if _CODE.match(said) and key in open_blocks:
                yield open_blocks.pop(key)
            open_blocks.setdefault(key, []).append((line, said))
        elif key in open_blocks:
            yield open_blocks.pop(key)
    yield from open_blocks.values()


def _of(block: list[tuple[Line, str]]) -> Seen | None:
    code = next((found["code"] for _, said in block if (found := _CODE.match(said))), "")
    match code:
        case "ETARGET":
            return _telling(block, _NO_VERSION, VERSION_MISSING, "the npm registry has no {package} {wanted}")
        case "E404":
            return _telling(block, _NOT_THERE, PACKAGE_UNKNOWN, "the npm registry has no package `{package}`")
        case "ERESOLVE":
            return _peer_conflict(block)
        case "EUSAGE":
            return _usage(block)
        case "EBADENGINE":
            return _engine(block)
        case "ENOENT" if any("package.json" in said for _, said in block):
            return _plain(block, MANIFEST_MISSING, "npm finds no package.json where it is run")
    if code in _BY_CODE:
        return _plain(block, *_BY_CODE[code])
    return _telling(block, _NO_SCRIPT, SCRIPT_MISSING, "package.json has no script `{script}`")


def _telling(block: list[tuple[Line, str]], pattern: re.Pattern[str], kind: str, summary: str) -> Seen | None:
    for line, said in block:
        if found := pattern.search(said):
            parts = found.groupdict()
            details = {key: value for key, value in parts.items() if key != "package" and value}
            subject = parts.get("package") or parts.get("script")
            return _seen(block, line, kind, summary.format_map(parts), subject, details)
    return None


def _peer_conflict(block: list[tuple[Line, str]]) -> Seen | None:
    """The first release found and the first peer that it does not suit."""
    found = next((one for _, said in block if (one := _FOUND.match(said))), None)
    for line, said in block:
        if peer := _PEER.match(said):
            if found is not None and peer["package"] != found["package"]:
                continue
            have = f"{found['package']}@{found['version']}" if found else ""
            summary = f"{peer['by']} wants {peer['package']} {peer['wanted']} beside it" + (have and f", not {have}")
            details = {"found": have, "wanted": peer["wanted"], "by": peer["by"]}
            return _seen(block, line, PEER_CONFLICT, summary, peer["package"], details)
    return None


def _usage(block: list[tuple[Line, str]]) -> Seen | None:
    for line, said in block:
        if "in sync" in said:
            return _seen(block, line, LOCK_OUT_OF_SYNC, "package.json and its lock file do not agree", None, {})
        if "existing package-lock.json" in said:
            return _seen(block, line, LOCK_MISSING, "`npm ci` needs a lock file, and there is none", None, {})
    return None


def _engine(block: list[tuple[Line, str]]) -> Seen | None:
    wanted = next((one["said"] for _, said in block if (one := _REQUIRED.search(said))), "another version")
    for line, said in block:
        if found := _NOT_COMPATIBLE.search(said):
            summary = f"{found['package']} {found['version']} asks for {wanted}, which is not what runs it"
            return _seen(block, line, WRONG_ENGINE, summary, found["package"], {"said": wanted})
    return None


def _plain(block: list[tuple[Line, str]], kind: str, summary: str) -> Seen:
    line, said = next(((line, said) for line, said in block if " " in said and not _CODE.match(said)), block[-1])
    return _seen(block, line, kind, summary, None, {"said": said[:300]})


def _seen(
    block: list[tuple[Line, str]], line: Line, kind: str, summary: str, subject: str | None, details: dict[str, str]
) -> Seen:
    code = block[0][0]
    evidence = (line,) if code is line else (code, line)
    finding = Finding(
        kind=kind,
        summary=summary[:300],
        subject=subject,
        details={key: value for key, value in details.items() if value},
        evidence=tuple(one.as_evidence() for one in evidence),
    )
    return Seen(finding, line)
