"""What the rules planner proposes for Node's failures, what it explains, and what it never asks a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from moonmind.schemas.workflow_models import Finding, ServiceFacts
from moonmind.workflows.orchestrator.detectors import node_modules as node
from moonmind.workflows.orchestrator.detectors import npm
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.npm_names import builtin_modules, established, known_name_meant
from moonmind.workflows.orchestrator.planners.rules import propose
from moonmind.workflows.orchestrator.planning_ports import NpmOffer, NpmRelease
from tests.fakes.knowledge import FakeLockTools, FakeNpmRegistry, knowledge

MANY = tuple(f"1.{minor}.0" for minor in range(20))
OLD = 4000


def released(name: str, version: str = "1.19.0", **more: object) -> NpmRelease:
    settings: dict[str, object] = {"versions": MANY, "published": "2015-01-01T00:00:00+00:00", "age_days": OLD, **more}
    return NpmRelease(name, version, **settings)  # type: ignore[arg-type]  # the fields, by name


def missing(name: str, importer: str = "/app/server.js", **details: str) -> Finding:
    told = {"importer": importer, "told_by": "node", "package": node.package_of(name) or "", **details}
    return Finding(kind=node.PACKAGE_MISSING, summary="a summary", subject=name, details=told)


def manifest(dependencies: Mapping[str, str] | None = None, **more: object) -> bytes:
    return json.dumps({"name": "shop", "dependencies": dependencies or {}, **more}).encode()


def proposed(
    finding: Finding,
    registry: FakeNpmRegistry,
    package_json: bytes | None = None,
    *,
    node_version: str | None = "20",
    files: Mapping[str, bytes] | None = None,
    locks: FakeLockTools | None = None,
) -> Proposal:
    given = {"package.json": package_json or manifest(), "server.js": b"", **(files or {})}
    manifests = {path: given[path] for path in given if not path.endswith((".js", ".ts"))}
    project = Project(manifests, tuple(given), None, given.get)
    facts = ServiceFacts(node=node_version)
    return propose([finding], Planning(project, knowledge(npm=registry, locks=locks), facts))


def edits(proposal: Proposal) -> list[tuple[str, str | None, str | None]]:
    return [(edit.kind, edit.name, edit.version) for edit in proposal.edits]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("express", "express"),
        ("lodash/fp", "lodash"),
        ("@hapi/hapi", "@hapi/hapi"),
        ("@fastify/cors/sub/path", "@fastify/cors"),
        ("socket.io-client", "socket.io-client"),
    ],
)
def test_a_package_that_is_proven_is_added_with_its_proof(name: str, package: str) -> None:
    proposal = proposed(missing(name), FakeNpmRegistry(released(package)))
    assert edits(proposal) == [("npm_add", package, "^1.19.0")]
    (edit,) = proposal.edits
    assert edit.proof is not None
    assert f"{package} 1.19.0 (20 versions, first published 2015-01-01" in edit.proof
    assert edit.proof in edit.reason


@pytest.mark.parametrize(
    ("listed", "version"),
    [
        ({"a": "^1.0.0", "b": "2.0.0", "c": "^3.0.0"}, "^1.19.0"),
        ({"a": "~1.0.0"}, "~1.19.0"),
        ({"a": "1.0.0", "b": "*"}, "1.19.0"),
        ({}, "^1.19.0"),
    ],
)
def test_the_version_is_written_as_the_others_are(listed: dict[str, str], version: str) -> None:
    proposal = proposed(missing("express"), FakeNpmRegistry(released("express")), manifest(listed))
    assert edits(proposal) == [("npm_add", "express", version)]


NEVER_ASKED = [
    ("fs", {}, {}, "module of Node itself"),
    ("fs/promises", {}, {}, "module of Node itself"),
    ("@/components/Button", {}, {}, "alias of the project"),
    ("~/store", {}, {}, "alias of the project"),
    ("#internal", {}, {}, "`imports`"),
    ("@app/db", {}, {"tsconfig.json": b'{"paths": {"@app/*": ["src/*"]}, // no JSON\n}'}, "tsconfig.json defines"),
    ("services/mail", {}, {"src/services/mail.js": b""}, "the project's own (src/services/mail.js)"),
    ("components/nav", {}, {"web/components/footer.ts": b""}, "the project's own"),
    ("utils", {}, {}, "module of their own"),
    ("config", {}, {"config.js": b""}, "the project's own (config.js)"),
    ("Express", {}, {}, "no package's name"),
    ("expres", {"express": "^4"}, {}, "misspelling of `express`, which is listed"),
    ("my-own-libb", {"my-own-lib": "^4"}, {}, "misspelling of `my-own-lib`, which is listed"),
    ("loadsh", {}, {}, "misspelling of `lodash`"),
    ("expresss", {}, {}, "misspelling of `express`"),
    ("shop", {}, {}, "the project itself"),
    ("express", {"express": "^4"}, {}, "already lists `express` (^4)"),
]


@pytest.mark.parametrize(
    ("name", "listed", "files", "reason"), NEVER_ASKED, ids=[f"{row[0]}: {row[3]}" for row in NEVER_ASKED]
)
def test_what_needs_no_registry_is_never_asked_of_one(
    name: str, listed: dict[str, str], files: dict[str, bytes], reason: str
) -> None:
    registry = FakeNpmRegistry(released(name))
    proposal = proposed(missing(name), registry, manifest(listed), files=files)
    assert proposal.edits == ()
    assert reason in proposal.rationale
    assert registry.asked == []


def test_a_bundle_for_browsers_that_wants_nodes_own_modules_is_told_apart() -> None:
    proposal = proposed(missing("fs", told_by="bundler"), FakeNpmRegistry())
    assert "made for browsers" in proposal.rationale


def test_a_file_named_like_the_package_that_it_wraps_is_not_taken_for_it() -> None:
    wrapping = missing("fastify", "/app/src/fastify.js")
    proposal = proposed(wrapping, FakeNpmRegistry(released("fastify")), files={"src/fastify.js": b""})
    assert edits(proposal) == [("npm_add", "fastify", "^1.19.0")]


DOUBTFUL = [
    ("nobody-knows-this", {"versions": MANY[:9]}, "only 9 versions"),
    ("nobody-knows-this", {"age_days": 364}, "only 364 days old"),
    ("nobody-knows-this", {"age_days": None}, "of unknown age"),
    ("nobody-knows-this", {"deprecated": "no longer maintained"}, "no longer maintained"),
    ("express", {"age_days": 89}, "only 89 days old"),
    ("express", {"versions": MANY[:2]}, "only 2 versions"),
    ("nobody-knows-this", {"version": "0.0.1-security", "versions": ()}, "a placeholder"),
    ("express", {"version": "0.0.1-security", "versions": ()}, "a placeholder"),
]


@pytest.mark.parametrize(("name", "facts", "reason"), DOUBTFUL, ids=[f"{row[0]}: {row[2]}" for row in DOUBTFUL])
def test_a_doubtful_package_is_shown_and_not_added(name: str, facts: dict[str, object], reason: str) -> None:
    proposal = proposed(missing(name), FakeNpmRegistry(released(name, **facts)))  # type: ignore[arg-type]  # by name
    assert proposal.edits == ()
    assert reason in proposal.rationale


def test_a_name_outside_the_kept_list_proves_itself_by_age_and_versions() -> None:
    proposal = proposed(missing("nobody-knows-this"), FakeNpmRegistry(released("nobody-knows-this", age_days=365)))
    assert edits(proposal) == [("npm_add", "nobody-knows-this", "^1.19.0")]


def test_an_established_package_may_be_deprecated() -> None:
    proposal = proposed(missing("request"), FakeNpmRegistry(released("request", deprecated="use another")))
    assert edits(proposal) == [("npm_add", "request", "^1.19.0")]


def test_a_package_that_the_registry_does_not_have_is_explained() -> None:
    assert "correct the import" in proposed(missing("nobody-knows-this"), FakeNpmRegistry()).rationale


OMITTING = b"FROM node:20\nCOPY . .\nRUN npm ci --omit=dev\n"
DEVELOPED = manifest({"express": "^4"}, devDependencies={"morgan": "~1.10.0"})


@pytest.mark.parametrize(
    ("dockerfile", "moves"),
    [
        (OMITTING, True),
        (b"FROM node:20\nRUN npm install --production\n", True),
        (b"FROM node:20\nENV NODE_ENV=production\nRUN npm ci\n", True),
        (b"FROM node:20\nRUN npm ci && npm run build \\\n  && npm prune --omit=dev\n", True),
        (b"FROM node:20 AS build\nRUN npm ci\nFROM node:20\nRUN npm ci --omit=dev\n", True),
        (b"FROM node:20 AS deps\nRUN npm ci --omit=dev\nFROM node:20\nRUN npm ci\n", False),
        (b"FROM node:20\nRUN npm ci\n", False),
        (b"FROM node:20\nENV NODE_ENV=production\nRUN npm ci --include=dev\n", False),
        (b"FROM node:20\n# RUN npm ci --omit=dev\nRUN npm ci\n", False),
    ],
)
def test_a_development_dependency_moves_only_where_the_image_leaves_it_out(dockerfile: bytes, moves: bool) -> None:
    proposal = proposed(missing("morgan"), FakeNpmRegistry(), DEVELOPED, files={"Dockerfile": dockerfile})
    assert edits(proposal) == ([("npm_add", "morgan", "~1.10.0")] if moves else [])
    assert moves or "devDependencies" in proposal.rationale


def test_two_dockerfiles_leave_it_open_which_counts() -> None:
    files = {"Dockerfile": OMITTING, "Dockerfile.dev": OMITTING}
    assert proposed(missing("morgan"), FakeNpmRegistry(), DEVELOPED, files=files).edits == ()


REACT = FakeNpmRegistry(
    released("react", "19.0.0"),
    offers={
        "react": [NpmOffer("19.0.0"), NpmOffer("18.3.1"), NpmOffer("18.2.0")],
        "react-dom": [NpmOffer("19.0.0", peers={"react": "^19.0.0"}), NpmOffer("18.3.1", peers={"react": "^18.3.1"})],
    },
)
INSIDE = "/app/node_modules/react-dom/index.js"


def test_a_peer_is_added_in_the_range_that_the_installed_major_wants() -> None:
    proposal = proposed(missing("react", INSIDE), REACT, manifest({"react-dom": "^18.2.0"}))
    assert edits(proposal) == [("npm_add", "react", "^18.3.1")]


def test_what_an_unlisted_or_silent_package_needs_is_explained() -> None:
    assert "lists neither" in proposed(missing("react", INSIDE), REACT).rationale
    silent = proposed(missing("pg", INSIDE), REACT, manifest({"react-dom": "^18.2.0"}))
    assert "without saying so" in silent.rationale


MODERN = FakeNpmRegistry(
    released("chalk", "5.0.0", exports=(".",)),
    offers={"chalk": [NpmOffer("5.0.0", is_requirable=False), NpmOffer("4.1.2"), NpmOffer("3.0.0")]},
)


@pytest.mark.parametrize(
    ("node_version", "loaded_by", "version"),
    [
        ("18", "require", "^4.1.2"),
        ("20.10.0", "require", "^4.1.2"),
        ("20", "require", "^5.0.0"),
        ("21", "require", "^4.1.2"),
        ("22", "require", "^5.0.0"),
        (None, "require", "^5.0.0"),
        ("18", "", "^5.0.0"),
    ],
)
def test_a_program_that_requires_gets_what_its_node_can_require(
    node_version: str | None, loaded_by: str, version: str
) -> None:
    proposal = proposed(missing("chalk", loaded_by=loaded_by), MODERN, node_version=node_version)
    assert edits(proposal) == [("npm_add", "chalk", version)]


def test_the_release_is_one_that_gives_the_subpath_which_the_importing_file_names() -> None:
    registry = FakeNpmRegistry(
        released("hashes", "2.1.0", exports=(".", "./sha2.js")),
        offers={
            "hashes": [
                NpmOffer("2.1.0", exports=(".", "./sha2.js")),
                NpmOffer("2.0.0"),
                NpmOffer("1.8.0", exports=(".", "./sha256", "./esm/*.js")),
            ]
        },
    )
    asking = missing("hashes", "/app/server.js")
    assert edits(proposed(asking, registry)) == [("npm_add", "hashes", "^2.1.0")]
    files = {"server.js": b"import { sha256 } from 'hashes/sha256';"}
    assert edits(proposed(asking, registry, files=files)) == [("npm_add", "hashes", "^1.8.0")]
    nothing = {"server.js": b"import x from 'hashes/sha256'; import y from 'hashes/nowhere';"}
    only = FakeNpmRegistry(released("hashes", "1.8.0", exports=(".",)))
    assert "correct the import" in proposed(asking, only, files=nothing).rationale


# --- npm's refusals ---------------------------------------------------------------------------------------

EXPRESS = FakeNpmRegistry(
    offers={"express": [NpmOffer("5.1.0", engines=">=18"), NpmOffer("4.21.2"), NpmOffer("4.10.0"), NpmOffer("3.0.0")]}
)


def refused(kind: str, subject: str | None = None, **details: str) -> Finding:
    return Finding(kind=kind, summary="a summary", subject=subject, details=details)


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("^4.99.0", "^4.21.2"),
        ("~4.12.3", "~4.10.0"),
        ("4.1.0", "4.10.0"),
        ("5.9.9", "5.1.0"),
    ],
)
def test_a_version_that_does_not_exist_becomes_the_nearest_of_its_major(wanted: str, version: str) -> None:
    finding = refused(npm.VERSION_MISSING, "express", wanted=wanted)
    assert edits(proposed(finding, EXPRESS, manifest({"express": wanted}))) == [("npm_pin", "express", version)]


@pytest.mark.parametrize(
    ("wanted", "listed", "node_version", "reason"),
    [
        ("9.9.9", "9.9.9", "20", "majors: 5, 4, 3"),
        ("^5.9.0", "^5.9.0", "16", "majors: 4, 3"),
        ("next-lts", "next-lts", "20", "no single version"),
        (">=9 <10", ">=9 <10", "20", "no single version"),
        ("^9.9.9", "^4.0.0", "20", "a dependency of it asks"),
    ],
)
def test_without_a_version_near_it_is_explained(wanted: str, listed: str, node_version: str, reason: str) -> None:
    finding = refused(npm.VERSION_MISSING, "express", wanted=wanted)
    proposal = proposed(finding, EXPRESS, manifest({"express": listed}), node_version=node_version)
    assert proposal.edits == ()
    assert reason in proposal.rationale


def test_an_unknown_package_is_never_guessed() -> None:
    proposal = proposed(refused(npm.PACKAGE_UNKNOWN, "expresss", wanted="^4"), EXPRESS, manifest({"expresss": "^4"}))
    assert proposal.edits == ()
    assert "misspelling of `express`" in proposal.rationale


def conflict() -> Finding:
    details = {"found": "host@2.0.0", "wanted": "^1.0.0", "by": "plugin@3.0.0"}
    return refused(npm.PEER_CONFLICT, "host", **details)


def test_the_one_change_that_npm_can_resolve_settles_peers() -> None:
    registry = FakeNpmRegistry(
        offers={
            "host": [NpmOffer("2.0.0"), NpmOffer("1.4.0"), NpmOffer("1.0.0")],
            "plugin": [NpmOffer("3.0.0", peers={"host": "^1.0.0"})],
        }
    )
    proposal = proposed(conflict(), registry, manifest({"host": "^2.0.0", "plugin": "^3.0.0"}))
    assert edits(proposal) == [("npm_pin", "host", "^1.4.0")]


def test_two_ways_to_settle_peers_are_shown() -> None:
    registry = FakeNpmRegistry(
        offers={
            "host": [NpmOffer("2.0.0"), NpmOffer("1.4.0")],
            "plugin": [NpmOffer("4.0.0", peers={"host": "^2.0.0"}), NpmOffer("3.0.0", peers={"host": "^1.0.0"})],
        }
    )
    proposal = proposed(conflict(), registry, manifest({"host": "^2.0.0", "plugin": "^3.0.0"}))
    assert proposal.edits == ()
    assert "choose: host ^1.4.0; or plugin ^4.0.0" in proposal.rationale


def test_peers_that_no_single_change_settles_are_explained() -> None:
    registry = FakeNpmRegistry(
        offers={
            "host": [NpmOffer("2.0.0")],
            "plugin": [NpmOffer("3.0.0", peers={"host": "^1.0.0"})],
        }
    )
    proposal = proposed(conflict(), registry, manifest({"host": "^2.0.0", "plugin": "^3.0.0"}))
    assert "no single change of package.json settles it" in proposal.rationale


def test_an_outdated_lock_is_replaced_by_npms_own() -> None:
    files = {"package-lock.json": b'{\n  "old": 1\n}\n'}
    locks = FakeLockTools({"package-lock.json": b'{\n  "new": 2\n}\n', "uv.lock": b"somebody else's"})
    proposal = proposed(refused(npm.LOCK_OUT_OF_SYNC), FakeNpmRegistry(), files=files, locks=locks)
    assert [(one.kind, one.file, one.new) for one in proposal.edits] == [
        ("text_replace", "package-lock.json", '  "new": 2\n')
    ]


def test_files_that_agree_mean_that_the_image_was_built_from_others() -> None:
    proposal = proposed(refused(npm.LOCK_OUT_OF_SYNC), FakeNpmRegistry())
    assert "built from others" in proposal.rationale


def es_module(package: str = "chalk") -> Finding:
    return refused(node.ES_MODULE_REQUIRED, package, package=package, importer="/app/server.js")


def test_an_es_module_that_is_required_is_pinned_to_the_last_release_that_can_be() -> None:
    assert edits(proposed(es_module(), MODERN, manifest({"chalk": "^5.0.0"}))) == [("npm_pin", "chalk", "^4.1.2")]


def test_an_es_module_that_was_never_anything_else_is_explained() -> None:
    registry = FakeNpmRegistry(offers={"nanoid": [NpmOffer("5.0.0", is_requirable=False)]})
    assert "load it with `import()`" in proposed(es_module("nanoid"), registry, manifest({"nanoid": "^5"})).rationale
    assert "load it with `import`" in proposed(es_module("nanoid"), registry).rationale


# --- own files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "importer", "files", "reason"),
    [
        ("./routes/uesrs", "/app/server.js", ("routes/users.js",), "`routes/users.js` looks like what is meant"),
        ("../db/conn", "/app/src/api/x.ts", ("src/api/x.ts", "src/db/conn.ts"), "write `src/db/conn.ts`"),
        ("/app/Lib/a.js", "/app/server.js", ("lib/a.js",), "`lib/a.js` is meant: upper and lower case"),
        ("/app/lib/a.js", "/app/server.js", ("lib/a.js",), "not copied into the image"),
        ("/app/serve.js", "", (), "`server.js` looks like what is meant by `serve.js`"),
        ("/usr/src/app/dist/main.js", "", ("src/main.ts",), "run the build"),
        ("./config.json", "/app/server.js", ("config.example.json",), "only `config.example.json`"),
        ("./nothing", "/app/server.js", (), "no file like `nothing`"),
        ("/app/node_modules/bcrypt/lib/b.node", "/app/node_modules/bcrypt/b.js", (), "compiled when it is installed"),
        ("/app/node_modules/pg/lib/x.js", "/app/node_modules/pg/y.js", (), "`pg` is not complete"),
        ("file:///app/x.js", "file:///app/server.js", (), "no file like `x.js`"),
    ],
)
def test_a_missing_file_is_explained(name: str, importer: str, files: tuple[str, ...], reason: str) -> None:
    finding = Finding(kind=node.FILE_MISSING, summary="a summary", subject=name, details={"importer": importer})
    proposal = proposed(finding, FakeNpmRegistry(), files=dict.fromkeys(files, b""))
    assert proposal.edits == ()
    assert reason in proposal.rationale


@pytest.mark.parametrize(
    ("package_json", "reason"),
    [(b'{"dependencies": {,}', "no JSON"), (b'{"dependencies": ["express"]}', "no table of ranges")],
)
def test_a_manifest_that_cannot_be_read_is_explained(package_json: bytes, reason: str) -> None:
    assert reason in proposed(missing("express"), FakeNpmRegistry(), package_json).rationale


def test_a_manifest_elsewhere_is_named() -> None:
    project = Project({}, ("web/package.json",))
    proposal = propose([missing("express")], Planning(project, knowledge()))
    assert "there is web/package.json" in proposal.rationale


# --- the kept names ---------------------------------------------------------------------------------------


def test_the_kept_names_hold_what_everybody_uses_and_nodes_own_modules() -> None:
    assert {"express", "lodash", "react", "axios", "typescript"} <= established()
    assert {"fs", "path", "http", "fs/promises", "worker_threads"} <= builtin_modules()
    assert not established() & {"babel-core", "types-node"}


@pytest.mark.parametrize("name", ["express", "lodash", "preact", "vuex", "koa", "pg-promise", "lodash-es", "d3-array"])
def test_a_name_of_its_own_is_no_slip(name: str) -> None:
    assert known_name_meant(name) is None
