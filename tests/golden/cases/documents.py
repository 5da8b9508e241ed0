"""`moonmind tasks finalize-tasks` and `map-requirements`."""

from __future__ import annotations

from typing import Any

from tests.golden.case import Case


def _finalize(name: str, repository: str, line: str = "", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"tasks finalize-tasks {line}".strip(), code, **rest)


def _map(name: str, line: str, repository: str = "fresh", code: int = 0, **rest: Any) -> Case:
    return Case(name, repository, f"tasks map-requirements {line}".strip(), code, **rest)


_REFUSED = ("no-tasks", "no-spec", "no-file", "no-section", "cycle", "unknown-dependency", "disagreement", "two-owners",
            "unmapped", "broken-tasks", "broken-front", "broken-meta", "broken-log", "no-log")  # fmt: skip

FINALIZE = (
    _finalize("fresh", "fresh"),
    _finalize("owned-outside", "owned-outside", "--validate-only", code=1),
    _finalize("fresh-validated", "fresh", "--validate-only", shows=("validate_only",), unlike="fresh"),
    _finalize("finalized", "finalized"),
    _finalize("finalized-validated", "finalized", "--validate-only"),
    _finalize("begun", "board"),
    _finalize("begun-validated", "board", "--validate-only"),
    _finalize("coordinated", "coordination-protected"),
    _finalize("one-of-two", "two", "--mission night-watch", shows=("mission",), unlike="ambiguous"),
    _finalize("ambiguous", "two", code=2),
    _finalize("no-mission", "empty", code=2),
    _finalize("unknown-option", "fresh", "--only-validate", code=2),
    *(_finalize(name, name, code=1) for name in _REFUSED),
    *(_finalize(f"{name}-validated", name, "--validate-only", code=1) for name in ("cycle", "unmapped")),
)

_BATCH = """--batch '{"WP01": ["NFR-1"], "WP03": ["fr-1", "c-1"]}'"""

MAP = (
    _map("refs", "--wp WP03 --refs fr-1,C-1", shows=("wp",), unlike="no-package"),
    _map("needs-refs", "--wp WP03 --refs FR-1", shows=("refs",), unlike="no-refs"),
    _map("union", "--wp WP01 --refs NFR-1"),
    _map("replace", "--wp WP01 --refs NFR-1 --replace", shows=("replace",), unlike="union"),
    _map("known-already", "--wp WP01 --refs FR-1"),
    _map("batch", _BATCH, shows=("batch",), unlike="nothing"),
    _map("batch-replace", f"{_BATCH} --replace"),
    _map(
        "tracker-ref", "--wp WP01 --tracker-ref '#12' --tracker-ref ABC-3", shows=("tracker_refs",), unlike="no-refs-1"
    ),
    _map("no-auto-commit", "--wp WP01 --refs NFR-1 --no-auto-commit", shows=("auto_commit",), unlike="union"),
    _map("coordinated", "--wp WP02 --refs NFR-1", "coordination"),
    _map("one-of-two", "--wp WP01 --refs NFR-1 --mission 7", "two", shows=("mission",), unlike="ambiguous"),
    _map("unknown-requirement", "--wp WP01 --refs FR-1,FR-9", code=1),
    _map("unknown-in-fence", "--wp WP01 --refs FR-99", code=1),
    _map("unknown-in-batch", """--batch '{"WP01": ["NFR-1"], "WP02": ["FR-9"]}'""", code=1),
    _map("unknown-package", "--wp WP42 --refs FR-1", code=1),
    _map("unknown-package-in-batch", """--batch '{"WP01": ["NFR-1"], "WP42": ["FR-1"]}'""", code=1),
    _map("no-requirement", "--wp WP01 --refs FR1", code=1),
    _map("no-spec", "--wp WP01 --refs FR-1", "no-spec", code=1),
    _map("protected", "--wp WP02 --refs NFR-1", "protected", code=1),
    _map("protected-uncommitted", "--wp WP02 --refs NFR-1 --no-auto-commit", "protected"),
    _map("protected-primary", "--wp WP02 --refs NFR-1", "coordination-protected", code=1),
    _map("broken-front", "--wp WP01 --refs NFR-1", "broken-front", code=1),
    *(_map(name, "--wp WP01 --refs NFR-1", name, code=1) for name in ("broken-log", "no-log")),
    _map("nothing", "", code=2),
    _map("no-refs", "--wp WP03", code=2),
    _map("no-refs-1", "--wp WP01", code=2),
    _map("no-package", "--refs fr-1,C-1", code=2),
    _map("two-ways", f"--wp WP01 --refs FR-1 {_BATCH}", code=2),
    _map("refs-and-tracker", "--wp WP01 --refs FR-1 --tracker-ref '#12'", code=2),
    _map("broken-batch", "--batch '{'", code=2),
    _map("batch-of-another-shape", """--batch '["WP01"]'""", code=2),
    _map("empty-batch", "--batch '{}'", code=2),
    _map("ambiguous", "--wp WP01 --refs NFR-1", "two", code=2),
)

CASES = (*FINALIZE, *MAP)
