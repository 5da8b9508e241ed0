"""What the detectors see of a program's surroundings in real log lines, and what each finding tells a person."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import build_networks, detect, environment, node_modules, npm, own_code
from moonmind.workflows.orchestrator.detectors.lines import read_lines
from moonmind.workflows.orchestrator.planners import Planning, Project
from moonmind.workflows.orchestrator.planners.explanations import EXPLAINED
from moonmind.workflows.orchestrator.planners.rules import REMEDIES, propose
from tests.fakes.knowledge import knowledge


def seen(text: str) -> list[Finding]:
    return detect([LogSource(name="log", text=text)])


LINES = [
    ("Error: listen EADDRINUSE: address already in use :::3000", environment.PORT_IN_USE, ":::3000"),
    ("[ERROR] Connection in use: ('0.0.0.0', 8000)", environment.PORT_IN_USE, "0.0.0.0:8000"),
    ("Bind for 0.0.0.0:80 failed: port is already allocated", environment.PORT_IN_USE, "0.0.0.0:80"),
    ("OSError: [Errno 98] Address already in use", environment.PORT_IN_USE, None),
    ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98)Address already in use", environment.PORT_IN_USE, None),
    (
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        environment.OUT_OF_MEMORY,
        None,
    ),
    ("web-1 exited with code 137", environment.OUT_OF_MEMORY, None),
    ("shop is restarting (137), restarts 4", environment.OUT_OF_MEMORY, None),
    ("Out of memory: Killed process 4711 (python) total-vm:1kB", environment.OUT_OF_MEMORY, None),
    ("[ERROR] Worker (pid:8) was sent SIGKILL! Perhaps out of memory?", environment.OUT_OF_MEMORY, None),
    ("./run.sh: line 2: ./tool: cannot execute binary file", environment.WRONG_ARCHITECTURE, "./tool"),
    ("OSError: [Errno 8] Exec format error: './tool'", environment.WRONG_ARCHITECTURE, "./tool"),
    ("PermissionError: [Errno 13] Permission denied: '/data/shop.db'", environment.PERMISSION_DENIED, "/data/shop.db"),
    ("Error: EACCES: permission denied, open '/data/log.txt'", environment.PERMISSION_DENIED, "/data/log.txt"),
    ("Error: listen EACCES: permission denied 0.0.0.0:80", environment.PERMISSION_DENIED, "0.0.0.0:80"),
    ("mkdir: cannot create directory '/data/a': Permission denied", environment.PERMISSION_DENIED, "/data/a"),
    ("OSError: [Errno 28] No space left on device: '/tmp/x'", environment.DISK_FULL, "/tmp/x"),
    ("tar: write error: No space left on device", environment.DISK_FULL, None),
    ("Error: ENOSPC: no space left on device, write", environment.DISK_FULL, None),
    ("touch: cannot touch '/app/x': Read-only file system", environment.READ_ONLY, "/app/x"),
    ("sqlite3.OperationalError: attempt to write a readonly database", environment.READ_ONLY, None),
    ("Error: EMFILE: too many open files, open 'x'", environment.TOO_MANY_FILES, None),
    (
        'connection to server at "db" (172.18.0.2), port 5432 failed: Connection refused',
        environment.CONNECTION_REFUSED,
        "db:5432",
    ),
    ("Error: connect ECONNREFUSED 127.0.0.1:6379", environment.CONNECTION_REFUSED, "127.0.0.1:6379"),
    ("Error: connect ECONNREFUSED ::1:5432", environment.CONNECTION_REFUSED, "::1:5432"),
    (
        "(2003, \"Can't connect to MySQL server on 'db:3306' (111)\")",
        environment.CONNECTION_REFUSED,
        "db:3306",
    ),
    ("Error: getaddrinfo ENOTFOUND db", environment.NAME_NOT_RESOLVED, "db"),
    ("Error: getaddrinfo EAI_AGAIN redis", environment.NAME_NOT_RESOLVED, "redis"),
    (
        'could not translate host name "db" to address: Temporary failure in name resolution',
        environment.NAME_NOT_RESOLVED,
        "db",
    ),
    ('FATAL:  password authentication failed for user "shop"', environment.CREDENTIALS_REFUSED, "shop"),
    (
        "ERROR 1045 (28000): Access denied for user 'shop'@'web'",
        environment.CREDENTIALS_REFUSED,
        "shop",
    ),
    (
        "ReplyError: WRONGPASS invalid username-password pair or user is disabled.",
        environment.CREDENTIALS_REFUSED,
        None,
    ),
    ('FATAL:  database "shop" does not exist', environment.DATABASE_MISSING, "shop"),
    ('psycopg.errors.UndefinedTable: relation "orders" does not exist', environment.TABLE_MISSING, "orders"),
    ("(sqlite3.OperationalError) no such table: users", environment.TABLE_MISSING, "users"),
    ("ERROR 1146 (42S02): Table 'shop.users' doesn't exist", environment.TABLE_MISSING, "shop.users"),
    (
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: has expired",
        environment.CERTIFICATE_REFUSED,
        None,
    ),
    ("Error: self-signed certificate in certificate chain", environment.CERTIFICATE_REFUSED, None),
    ("Error: Environment variable JWT_SECRET is required", own_code.SETTING_MISSING, "JWT_SECRET"),
    ("Error: API_KEY environment variable is not set", own_code.SETTING_MISSING, "API_KEY"),
    ("error: Environment variable not found: DATABASE_URL.", own_code.SETTING_MISSING, "DATABASE_URL"),
    ("./start.sh: 3: PORT: parameter not set", own_code.SETTING_MISSING, "PORT"),
    (
        "ERROR: failed to solve: python:3.11-slim: failed to do request: dial tcp: i/o timeout",
        build_networks.BUILD_NETWORK,
        None,
    ),
    (
        "pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(host='index.example', port=443): "
        "Read timed out.",
        build_networks.BUILD_NETWORK,
        None,
    ),
]


@pytest.mark.parametrize(("line", "kind", "subject"), LINES, ids=[f"{row[1]}: {row[0][:40]}" for row in LINES])
def test_a_line_is_known(line: str, kind: str, subject: str | None) -> None:
    (finding,) = seen(line + "\n")
    assert (finding.kind, finding.subject) == (kind, subject)
    assert subject is None or subject in finding.summary


@pytest.mark.parametrize(
    "line",
    [
        "INFO: listening on 0.0.0.0:8000",
        "INFO memory usage 80 %",
        "GET /files/no-space-left HTTP/1.1 200",
        "retrying, 3 files left",
        "Permission granted to user shop",
        "INFO: relation orders created",
        "DEBUG: KeyError handled",
        "Killed 3 idle connections",
        "worker exited with code 1",
        "shop is exited (1), restarts 0",
        "port 5432 open",
        "SyntaxError handling enabled",
        "Error: the BASE is required reading",
        "Error: user name is required",
        "",
    ],
)
def test_a_line_that_tells_of_no_failure_is_not_known(line: str) -> None:
    assert seen(line + "\n") == []


def test_the_owner_of_a_wellknown_port_is_named() -> None:
    (finding,) = seen("Error: connect ECONNREFUSED 127.0.0.1:5432\n")
    assert "PostgreSQL" in finding.summary


TRACEBACK = 'Traceback (most recent call last):\n  File "/app/app.py", line 3, in <module>\n    run()\n'


def test_a_key_that_is_missing_elsewhere_than_in_the_environment_is_no_setting() -> None:
    assert seen(TRACEBACK + "KeyError: 'DATABASE_URL'\n") == []
    inside = TRACEBACK + '  File "<frozen os>", line 679, in __getitem__\n' + "KeyError: 'DATABASE_URL'\n"
    assert [one.subject for one in seen(inside)] == ["DATABASE_URL"]


def test_an_unknown_failure_further_down_hides_what_surrounds_the_program() -> None:
    refused = "Error: connect ECONNREFUSED 127.0.0.1:5432\n"
    assert seen(refused + TRACEBACK + "ValueError: no\n") == []
    assert [one.kind for one in seen(TRACEBACK + "ValueError: no\n" + refused)] == [environment.CONNECTION_REFUSED]


def test_the_end_of_a_traceback_is_known_by_its_own_line() -> None:
    (finding,) = seen(TRACEBACK + "ConnectionRefusedError: [Errno 111] Connection refused\n")
    assert finding.kind == environment.CONNECTION_REFUSED


def test_settings_that_pydantic_misses_are_all_named() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/app/app.py", line 10, in <module>\n    settings = Settings()\n'
        '  File "/usr/lib/python3.11/site-packages/pydantic_settings/main.py", line 292, in __init__\n    super()\n'
        "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings\ndatabase_url\n"
        "  Field required [type=missing, input_value={}, input_type=dict]\nredis_url\n"
        "  Field required [type=missing, input_value={}, input_type=dict]\n"
    )
    (finding,) = seen(text)
    assert (finding.kind, finding.subject) == (own_code.SETTING_MISSING, "database_url, redis_url")
    assert seen(text.replace("pydantic_settings", "pydantic")) == []


def test_a_syntax_error_is_told_with_its_place() -> None:
    (finding,) = seen(
        "  File \"/app/orders.py\", line 7\n    def total(\n             ^\nSyntaxError: '(' was never closed\n"
    )
    assert (finding.kind, dict(finding.details)) == (own_code.SYNTAX_ERROR, {"file": "/app/orders.py", "line": "7"})


def test_what_pip_says_of_versions_is_the_networks_fault_when_it_failed() -> None:
    failed = (
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError(\"x: "
        "Temporary failure in name resolution\")': /simple/flask/\n"
    )
    end = "ERROR: No matching distribution found for flask==3.1.0\n"
    assert [one.kind for one in seen(failed + end)] == [build_networks.BUILD_NETWORK]
    assert all(one.kind != build_networks.BUILD_NETWORK for one in seen(end))
    assert all(one.kind != build_networks.BUILD_NETWORK for one in seen(failed + "ok\n" * 100 + end))


def kinds_of(*modules: object) -> set[str]:
    return {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }


def test_every_kind_has_a_remedy_or_an_explanation() -> None:
    kinds = kinds_of(environment, build_networks, node_modules, npm, own_code)
    assert kinds - REMEDIES.keys() == EXPLAINED.keys()


@pytest.mark.parametrize("kind", sorted(EXPLAINED))
def test_what_no_edit_repairs_is_explained(kind: str) -> None:
    finding = Finding(kind=kind, summary="it failed", subject="x")
    proposal = propose([finding], Planning(Project({}, ()), knowledge()))
    assert proposal.edits == ()
    assert proposal.rationale == EXPLAINED[kind]


def test_hostile_logs_take_no_time() -> None:
    lines = [
        "a." * 4000 + "Error: [Errno 111] Connect",
        "Error: " + "missing env var " * 500,
        "HTTPConnectionPool(host='" + "x', port=1)" * 600,
        "exec " * 1500,
        ": cannot x x" * 700 + ": Permission denied ",
        "WARNING: Retrying (Retry(" + "timed ou " * 900,
    ]
    read = list(read_lines(LogSource(name="log", text="\n".join(lines * 10))))
    started = perf_counter()
    for find in (environment.find, own_code.find, build_networks.find):
        find(read)
    assert perf_counter() - started < 3


TRACED = """Traceback (most recent call last):
  File "/app/a.py", line 1, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""


@pytest.mark.parametrize(
    "line",
    [
        "WARNING bad search query from 203.0.113.9: ModuleNotFoundError: No module named 'torch'",
        "ERROR bad search query from 203.0.113.9: ModuleNotFoundError: No module named 'torch'",
        'INFO comment posted: relation "users" does not exist',
        'comment posted: relation "users" does not exist',
        'POST /comments "column x does not exist',
        '10.0.0.1 "GET /x" database "shop" does not exist',
        "INFO see docs: exited with code 137 is memory",
        "see docs: exited with code 137 is memory",
        "chown: /data/lost+found: Permission denied",
    ],
)
def test_what_a_line_mentions_hides_no_failure_that_is_told_with_its_traceback(line: str) -> None:
    (finding,) = seen(TRACED + line + "\n")
    assert (finding.kind, finding.subject) == ("python_module_missing", "yaml")


PASSING = [
    "INFO {}",
    "INFO: {}",
    "DEBUG:app.start:{}",
    "[WARNING] {}",
    "info: {}",
    "2026-01-01 10:00:00,123 INFO app {}",
    "2026-01-01 10:00:00,123 - app.start - WARNING - {}",
    "2026-01-01T10:00:00Z INFO {}",
    "2026-01-01 10:00:00.123 | INFO     | app:start:3 - {}",
    "[2026-01-01 10:00:00 +0000] [7] [INFO] {}",
    "[2026-01-01 10:00:00,123: WARNING/MainProcess] {}",
    "10:00:00 WARN app {}",
    'time="2026-01-01T10:00:00Z" level=warning msg="x" error={}',
    '{{"time": "10:00", "level": "info", "error": "x: {} "}}',
    '{{"levelname":"WARNING","message":": {}"}}',
]


@pytest.mark.parametrize("form", PASSING)
@pytest.mark.parametrize(
    "said", ["ModuleNotFoundError: No module named 'uvloop'", "OSError: [Errno 98] Address already in use"]
)
def test_what_is_logged_at_the_level_of_a_warning_or_below_is_no_failure(form: str, said: str) -> None:
    assert seen(form.format(said) + "\nstarted\n") == []


FAILING = [
    "ERROR {}",
    "ERROR: {}",
    "2026-01-01 10:00:00,123 - app.start - ERROR - {}",
    "2026-01-01 10:00:00,123 ERROR app INFO {}",
    "[2026-01-01 10:00:00 +0000] [7] [ERROR] {}",
    "[ERROR] [INFO] {}",
    "INFORMATION {}",
    'level=error warning="INFO" msg: {}',
    '{{"level": "error", "msg": ": {}", "of": {{"level": "info"}}}}',
    "{}",
]


@pytest.mark.parametrize("form", FAILING)
def test_what_is_logged_as_an_error_is_one(form: str) -> None:
    assert [one.kind for one in seen(form.format("OSError: [Errno 98] Address already in use"))] == ["port_in_use"]


@pytest.mark.parametrize(
    "line",
    [
        'relation "users" does not exist',
        'ERROR:  relation "users" does not exist at character 15',
        '2026-01-01 10:00:00.123 UTC [33] ERROR:  relation "users" does not exist at character 15',
        'psql:/init.sql:3: ERROR:  relation "users" does not exist',
        'sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation "users" does not exist',
        'asyncpg.exceptions.UndefinedTableError: relation "users" does not exist',
        'django.db.utils.ProgrammingError: relation "users" does not exist',
        'error: relation "users" does not exist',
        'panic: pq: relation "users" does not exist',
        'Error: error returned from database: relation "users" does not exist',
    ],
)
def test_a_missing_table_is_seen_where_the_database_or_its_client_says_so(line: str) -> None:
    assert [(one.kind, one.subject) for one in seen(line)] == [(environment.TABLE_MISSING, "users")]
