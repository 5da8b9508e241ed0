"""What the detectors see in real logs of Node, its compilers, bundlers and npm."""

from __future__ import annotations

from time import perf_counter

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import detect, node_modules, npm
from moonmind.workflows.orchestrator.detectors.lines import read_lines


def seen(text: str) -> list[Finding]:
    return detect([LogSource(name="log", text=text)])


def one(text: str) -> Finding:
    (finding,) = seen(text)
    return finding


MISSING = [
    (
        "CommonJS",
        "Error: Cannot find module 'express'\nRequire stack:\n- /app/server.js\n    at Module._load (node:internal)\n",
        ("express", {"package": "express", "importer": "/app/server.js", "told_by": "node", "loaded_by": "require"}),
    ),
    (
        "with a time and a label before it",
        "web-1  | 2026-01-02T10:00:00.000Z Error: Cannot find module '@scope/name/sub'\nweb-1  | Require stack:\n"
        "web-1  | - /app/lib/x.js\n",
        (
            "@scope/name/sub",
            {"package": "@scope/name", "importer": "/app/lib/x.js", "told_by": "node", "loaded_by": "require"},
        ),
    ),
    (
        "an import",
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'x' imported from /app/y.mjs\n",
        ("x", {"package": "x", "importer": "/app/y.mjs", "told_by": "node"}),
    ),
    (
        "tsc",
        "src/time.ts:1:19 - error TS2307: Cannot find module 'dayjs' or its corresponding type declarations.\n",
        ("dayjs", {"package": "dayjs", "importer": "src/time.ts", "told_by": "types"}),
    ),
    (
        "jest",
        "    Cannot find module 'supertest' from 'test/app.test.js'\n",
        ("supertest", {"package": "supertest", "importer": "test/app.test.js", "told_by": "node"}),
    ),
    (
        "Next.js",
        "./src/app/page.tsx:3:1\nModule not found: Can't resolve 'swr'\n",
        ("swr", {"package": "swr", "told_by": "bundler"}),
    ),
    (
        "vite's server",
        'Internal server error: Failed to resolve import "axios" from "src/main.js". Does the file exist?\n',
        ("axios", {"package": "axios", "importer": "src/main.js", "told_by": "bundler"}),
    ),
    (
        "an old Rollup",
        '[vite]: Rollup failed to resolve import "axios" from "/app/src/main.js".\n',
        ("axios", {"package": "axios", "importer": "/app/src/main.js", "told_by": "bundler"}),
    ),
    (
        "a part of an own alias",
        "Error: Cannot find module '@/db'\n",
        ("@/db", {"told_by": "node"}),
    ),
]


@pytest.mark.parametrize(("text", "told"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_a_missing_package_is_seen_with_who_asks_for_it(text: str, told: tuple[str, dict[str, str]]) -> None:
    finding = one(text)
    assert finding.kind == node_modules.PACKAGE_MISSING
    assert (finding.subject, dict(finding.details)) == told


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Error: Cannot find module './routes'\n", node_modules.FILE_MISSING),
        ("Error: Cannot find module '/app/serve.js'\n", node_modules.FILE_MISSING),
        (
            "Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:sqlite\n",
            node_modules.BUILTIN_MISSING,
        ),
        ("npm ERR! code E404\nnpm ERR! 404  'expresss@^4' is not in this registry.\n", npm.PACKAGE_UNKNOWN),
        ("npm ERR! code ETARGET\nnpm ERR! notarget No matching version found for x@9.9.9.\n", npm.VERSION_MISSING),
        ("npm error code EINTEGRITY\nnpm error sha512-x integrity checksum failed\n", npm.DAMAGED),
        ("npm error code E401\nnpm error Incorrect or missing password.\n", npm.REGISTRY_REFUSED),
        ("npm error code ETIMEDOUT\nnpm error network request failed\n", npm.REGISTRY_UNREACHABLE),
        (
            "npm ERR! code EBADENGINE\nnpm ERR! engine Not compatible with your version of node/npm: x@1.0.0\n",
            npm.WRONG_ENGINE,
        ),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert one(text).kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "GET /search?q=Cannot find module 'express'\n",
        "warning: could not find module metadata\n",
        "npm warn deprecated request@2.88.2: request has been deprecated\n",
        "npm notice New major version of npm available\n",
        "npm error code 1\nnpm error path /app\nnpm error command failed\n",
        "npm error Lifecycle script `build` failed with error:\n",
        "INFO resolved 'express' in 3 ms\n",
        "",
    ],
)
def test_what_is_no_failure_of_these_is_not_seen(text: str) -> None:
    assert seen(text) == []


UNKNOWN = "TypeError: x is not a function\n    at /app/server.js:3:1\n"
KNOWN = "Error: Cannot find module 'express'\nRequire stack:\n- /app/server.js\n"


def test_what_came_before_an_unknown_error_is_hidden_by_it() -> None:
    assert seen(KNOWN + UNKNOWN) == []
    assert one(UNKNOWN + KNOWN).subject == "express"


def test_the_aftermath_of_another_program_hides_nothing() -> None:
    bundled = '✘ [ERROR] Could not resolve "uuid"\n\n    src/main.js:1:19:\n'
    finding = one(bundled + "Error: Command failed: node build.js\n    at genericNodeError (node:internal)\n")
    assert (finding.subject, finding.details["importer"]) == ("uuid", "src/main.js")


def test_peers_that_conflict_are_named() -> None:
    finding = one(
        "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\nnpm error\n"
        "npm error While resolving: shop@1.0.0\nnpm error Found: react@19.3.1\nnpm error node_modules/react\n"
        'npm error   react@"^19.0.0" from the root project\nnpm error\nnpm error Could not resolve dependency:\n'
        'npm error peer react@"^18.3.1" from react-dom@18.3.1\n'
    )
    assert (finding.kind, finding.subject) == (npm.PEER_CONFLICT, "react")
    assert dict(finding.details) == {"found": "react@19.3.1", "wanted": "^18.3.1", "by": "react-dom@18.3.1"}


def test_blocks_of_interleaved_programs_are_told_apart() -> None:
    text = (
        "a | npm error code ETARGET\nb | npm error code E404\n"
        "a | npm error notarget No matching version found for left@9.9.9.\n"
        "b | npm error 404  'right@1' is not in this registry.\n"
    )
    found = {one.finding.subject for one in npm.find(list(read_lines(LogSource(name="log", text=text))))}
    assert found == {"left", "right"}


@pytest.mark.parametrize(
    "line",
    [
        "Error: Cannot find module '" + "a/" * 5000,
        "src(" * 2500 + " error TS2307: Cannot find module",
        "npm error 404 '" + "@a/" * 3000,
        "Could not resolve '" + "' in " * 2000,
        "[ERR_REQUIRE_ESM]: require() of ES Module " + "x from " * 1400,
    ],
)
def test_hostile_lines_take_no_time(line: str) -> None:
    read = list(read_lines(LogSource(name="log", text="\n".join([line] * 50))))
    started = perf_counter()
    for find in (node_modules.find, node_modules.find_any, npm.find):
        find(read)
    assert perf_counter() - started < 3
