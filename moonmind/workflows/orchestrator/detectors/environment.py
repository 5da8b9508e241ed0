"""What surrounds a program failed: ports, memory, disk, permissions, networks, databases. No edit of its files helps.

One line tells each of them, unless it is logged at the level of a warning or below. A rule's groups (`host`, `port`,
`path`, `name`) become the finding's details; the first of them that the line names is its subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moonmind.schemas.workflow_models import Finding
from moonmind.workflows.orchestrator.detectors.levels import is_in_passing
from moonmind.workflows.orchestrator.detectors.lines import Line, Seen
from moonmind.workflows.orchestrator.detectors.npm import is_npm_error
from moonmind.workflows.orchestrator.detectors.tracebacks import traced_sources

PORT_IN_USE = "port_in_use"
OUT_OF_MEMORY = "out_of_memory"
WRONG_ARCHITECTURE = "wrong_architecture"
PERMISSION_DENIED = "permission_denied"
DATABASE_NOT_OPENED = "database_file_not_opened"
DISK_FULL = "disk_full"
READ_ONLY = "read_only_file_system"
TOO_MANY_FILES = "too_many_open_files"
CONNECTION_REFUSED = "connection_refused"
NAME_NOT_RESOLVED = "host_name_not_resolved"
CREDENTIALS_REFUSED = "credentials_refused"
CERTIFICATE_REFUSED = "certificate_refused"
DATABASE_MISSING = "database_missing"
TABLE_MISSING = "table_missing"

LOOKED_AT = 1000
"""Characters of a line that the rules see: what they know stands at its beginning, and there are many of them."""

KNOWN_PORTS = {
    "5432": "PostgreSQL",
    "3306": "MySQL",
    "6379": "Redis",
    "5672": "RabbitMQ",
    "27017": "MongoDB",
    "9200": "Elasticsearch",
    "9092": "Kafka",
    "11211": "Memcached",
    "1433": "SQL Server",
}
"""Whose port it is by registration or custom (IANA's registry of service names; each product's documentation)."""

_HOST = r"(?P<host>[\w.:%-]{1,200}?)"
_PORT = r"(?P<port>\d{1,5})"
_PATH = r"['\"]?(?P<path>[^'\"\s]{1,300})['\"]?"
_SAID = (
    r"(?:^|(?:\b(?:ERROR|FATAL|PANIC|error|pq|error returned from database)"
    r"|(?:Error|Exception|UndefinedTable|UndefinedColumn|InvalidCatalogName)\)?):\s{1,3}"
    r"|\((?:[\w.]{1,40}\.)?(?:UndefinedTable|UndefinedColumn|OperationalError|ProgrammingError)\) )"
)
"""The line's beginning, or what PostgreSQL and its clients print before a message: such words stand in other texts."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """`says` is the finding's summary; what follows it is the first group of the line. `yields`: a traceback of the
    same source says more, since scripts go on after what a command of theirs could not do."""

    kind: str
    says: str
    pattern: re.Pattern[str]
    yields: bool = False


def _rules(kind: str, says: str, *patterns: str, yields: bool = False) -> list[_Rule]:
    return [_Rule(kind, says, re.compile(pattern), yields) for pattern in patterns]


RULES: tuple[_Rule, ...] = (
    *_rules(
        PORT_IN_USE,
        "another program listens on the port already",
        rf"\bEADDRINUSE\b.{{0,60}}?address already in use {_HOST}:{_PORT}\s*$",
        rf"error while attempting to bind on address \('{_HOST}', {_PORT}.{{0,20}}\): .{{0,20}}address already in use",
        rf"(?:Connection in use:|Can't connect to) \('{_HOST}', {_PORT}\)\s*$",
        rf"connection to \('{_HOST}', {_PORT}\) failed: \[Errno 98\]",
        rf"[Bb]ind for {_HOST}:{_PORT} failed: port is already allocated",
        rf"failed to bind host port (?:for )?{_HOST}:{_PORT}\b.{{0,100}}address already in use",
        rf"listen tcp[46]? {_HOST}:{_PORT}: bind: address already in use",
        r"^Port (?P<port>\d{1,5}) is in use by another program",
        r"\[Errno 98\] Address already in use",
        r"\(98\)Address already in use",
    ),
    *_rules(
        OUT_OF_MEMORY,
        "there was not enough memory",
        r"^FATAL ERROR: .{0,150}JavaScript heap out of memory",
        r"^MemoryError\b",
        r"\b_ArrayMemoryError: Unable to allocate",
        r"^\s*what\(\):\s+std::bad_alloc",
        r"^Killed$",
        r"^\S{1,200}: line \d+:\s+\d+ Killed\s",
        r"Out of memory: Killed process \d+",
        r"oom-kill(?:er)?[: ]",
        r"^(?:[Cc]ontainer )?\S{1,200} exited with code 137(?: \(\w+\))?\s*$",
        r"did not complete successfully: exit code: 137\b",
        r"executor failed running .{1,500}: exit code: 137\b",
        r"returned a non-zero code: 137\b",
        r"\bsignal: 9, SIGKILL: kill\b",
        r"Worker \(pid:\d+\) was sent SIGKILL! Perhaps out of memory\?",
    ),
    *_rules(
        OUT_OF_MEMORY,
        "it was killed from outside (exit code 137), mostly because memory ran out",
        r"^\S{1,200} is (?:exited|restarting) \(137\), restarts \d+$",
    ),
    *_rules(
        WRONG_ARCHITECTURE,
        "the program was built for another kind of processor, or is no program",
        rf"exec(?:ve)? {_PATH}: [Ee]xec format error",
        r"\[Errno 8\] Exec format error: " + _PATH,
        rf"^(?:\S{{1,100}}: line \d+: )?{_PATH}: cannot execute binary file(?:: Exec format error)?",
    ),
    *_rules(
        DISK_FULL,
        "no space is left on the disk",
        r"\[Errno 28\] No space left on device(?:: " + _PATH + ")?",
        r"\bENOSPC: no space left on device",
        r"(?:^|: )[Nn]o space left on device\s*$",
        r"could not (?:write|extend) .{0,100}: No space left on device",
    ),
    *_rules(
        READ_ONLY,
        "a file system that may only be read was written to",
        r"\[Errno 30\] Read-only file system(?:: " + _PATH + ")?",
        r"\bEROFS: read-only file system, \w+ " + _PATH,
        rf"(?:^|: )(?:cannot \w+(?: \w+)? )?{_PATH}: Read-only file system\s*$",
        r"attempt to write a readonly database",
    ),
    *_rules(
        TOO_MANY_FILES,
        "more files and connections were opened than the limit allows",
        r"\[Errno 24\] Too many open files",
        r"\bEMFILE: too many open files",
        r"\bENFILE: file table overflow",
        r"(?:^|: )Too many open files(?: \(os error 24\))?\s*$",
    ),
    *_rules(
        CREDENTIALS_REFUSED,
        "a user name or password was refused",
        r"password authentication failed for user \"(?P<name>[^\"]{1,100})\"",
        r"Access denied for user '(?P<name>[^']{1,100})'",
        r"\bWRONGPASS invalid username-password pair",
        r"\bNOAUTH Authentication required",
        r"ACCESS_REFUSED - Login was refused",
        r"\bMongoServerError: Authentication failed",
        r"no password supplied\s*$",
    ),
    *_rules(
        CERTIFICATE_REFUSED,
        "a TLS certificate could not be verified",
        r"\[SSL: CERTIFICATE_VERIFY_FAILED\] certificate verify failed(?:: [\w' -]{1,100})?",
        r"^(?:\w{0,60}Error|.{0,60}\[cause\]: \w{0,60}Error): .{0,100}\b(?:self[- ]signed certificate"
        r"|unable to verify the first certificate|certificate has expired)\b",
        r"x509: certificate (?:signed by unknown authority|has expired)",
        r"SSL certificate problem: ",
    ),
    *_rules(
        DATABASE_MISSING,
        "the database server has no database of that name",
        _SAID + r"database \"(?P<name>[^\"]{1,100})\" does not exist",
        r"Unknown database '(?P<name>[^']{1,100})'",
    ),
    *_rules(
        TABLE_MISSING,
        "the database has no such table or column",
        _SAID + r"relation \"(?P<name>[^\"]{1,100})\" does not exist",
        _SAID + r"column (?P<name>[\w.\"]{1,100}) does not exist(?: at character \d+)?\s*$",
        r"OperationalError\)?:? ?\)? no such table: (?P<name>[\w.]{1,100})",
        r"SQLITE_ERROR: no such table: (?P<name>[\w.]{1,100})",
        r"Table '(?P<name>[\w.]{1,100})' doesn't exist",
    ),
    *_rules(
        CONNECTION_REFUSED,
        "nothing listens at the address",
        rf"connection to server at \"(?P<host>[^\"]{{1,200}})\"(?: \([\w.:]{{1,60}}\))?, port {_PORT} failed: "
        r"Connection refused",
        rf"Error 111 connecting to {_HOST}:{_PORT}\. ",
        rf"\bconnect ECONNREFUSED {_HOST}:{_PORT}(?![\w:.])",
        rf"Can't connect to MySQL server on '(?P<host>[^':]{{1,200}})(?::{_PORT})?'",
        rf"dial tcp {_HOST}:{_PORT}: connect: connection refused",
        rf"HTTPConnectionPool\(host='(?P<host>[^']{{1,200}})', port={_PORT}\).{{0,300}}Connection refused",
        r"^[\w.]{0,200}(?:Error|Exception): (?:.{0,200}: )?\[Errno 111\] Connect(?:ion refused| call failed)"
        r"(?: \('(?P<host>[^']{1,100})', (?P<port>\d{1,5})\))?",
        r"^[\w.]{0,200}ConnectError: .{0,60}Connection refused",
    ),
    *_rules(
        NAME_NOT_RESOLVED,
        "a host name could not be resolved",
        r"could not translate host name \"(?P<host>[^\"]{1,200})\" to address",
        r"failed to resolve host '(?P<host>[^']{1,200})'",
        r"\bgetaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<host>[\w.-]{1,200})",
        r"Error -[235] connecting to (?P<host>[\w.-]{1,200}):(?P<port>\d{1,5})\.",
        r"Failed to resolve '(?P<host>[^']{1,200})'",
        r"(?:gaierror|Error|Exception): .{0,200}\[Errno -[235]\] "
        r"(?:Temporary failure in name resolution|Name or service not known|No address associated with hostname)",
        r"dial tcp: lookup (?P<host>[\w.-]{1,200})\b.{0,60}(?:no such host|server misbehaving)",
    ),
    *_rules(
        PERMISSION_DENIED,
        "the program may not use a file",
        r"\bPermissionError: \[Errno 13\] Permission denied: " + _PATH,
        r"\bPermissionError: \[Errno 1\] Operation not permitted: " + _PATH,
        r"^(?:Uncaught )?(?:\[?Error\]?: )EACCES: permission denied, \w+ " + _PATH,
        r"^(?:Uncaught )?Error: listen EACCES: permission denied (?P<host>[\w.:]{1,100}):(?P<port>\d{1,5})",
    ),
    *_rules(
        PERMISSION_DENIED,
        "the program may not use a file",
        rf"^(?:\w+: )?(?:cannot \w+(?: \w+)? )?{_PATH}: Permission denied\s*$",
        yields=True,
    ),
    *_rules(DATABASE_NOT_OPENED, "SQLite cannot open its file", r"unable to open database file\s*$"),
)
"""The first that fits a line counts: what names an address comes before what does not."""


_TELLING = re.compile(
    r"errno|error|refused|denied|failed|in use|memory|kill|137|format|binary|space|read-?only|files|auth|certif|exist"
    r"|table|unknown|resolve|lookup|listen|password|unable|allocated|connect|bad_alloc|E[A-Z]{4}",
    re.IGNORECASE,
)
"""What the lines of every rule hold: most lines of a log are looked at once, not by each rule."""


def find(lines: Sequence[Line]) -> list[Seen]:
    """Every line that a rule knows. npm's own account of its failures is left to the detector for it."""
    known = [(line, found) for line in lines if (found := _known(line)) is not None]
    traced = traced_sources(lines) if any(rule.yields for _, (rule, _) in known) else set()
    return [
        Seen(_finding(rule, details, line), line)
        for line, (rule, details) in known
        if not (rule.yields and line.source in traced)
    ]


def _known(line: Line) -> tuple[_Rule, dict[str, str]] | None:
    """The first rule that fits, and what it reads."""
    if not _TELLING.search(line.text) or is_npm_error(line.text) or is_in_passing(line.text):
        return None
    text = line.text[:LOOKED_AT]
    found = ((rule, match) for rule in RULES if (match := rule.pattern.search(text)))
    return next(
        ((rule, {key: value for key, value in match.groupdict().items() if value}) for rule, match in found), None
    )


def _finding(rule: _Rule, details: dict[str, str], line: Line) -> Finding:
    named = ":".join(details[key] for key in ("host", "port") if key in details)
    subject = named or next(iter(details.values()), None)
    owner = KNOWN_PORTS.get(details.get("port", "")) if rule.kind == CONNECTION_REFUSED else None
    shown = f" ({subject}{f', the port of {owner}' if owner else ''})" if subject else ""
    return Finding(
        kind=rule.kind,
        summary=f"{rule.says}{shown}",
        subject=subject,
        details=details,
        evidence=(line.as_evidence(),),
    )
