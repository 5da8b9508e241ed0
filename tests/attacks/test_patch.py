"""Patches: what a workspace or a path can be, so that a run would write where it must not."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from moonmind.workflows.orchestrator.policies import refuse_path
from moonmind.workflows.orchestrator.ports import ChangedByOthersError, PathRefusedError, StepFailedError
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.attacks.tally import Tally
from tests.attacks.town import Town

VICTIM = b"# the victim's own\n"
PATHS = [
    *(
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "a/..",
        "",
        "/",
        "a\0b",
        "a\nb",
        "a\u202eb",
        "a\u200bb",
    ),
    *(
        "..\\x",
        "C:\\x",
        "a:b",
        "a.",
        "a ",
        " a",
        ".git/config",
        ".GIT/hooks/x",
        "git~1/config",
        ".gitmodules",
        ".gitattributes",
    ),
    *(
        "a/.git/hooks/pre-commit",
        ".githooks/x",
        ".env",
        ".env.production",
        "x/.ENV",
        "id_rsa",
        "tls.key",
        "a/server.PEM",
    ),
    *(
        "compose.yaml",
        "Compose.YML",
        "docker-compose.override.yml",
        "config.toml",
        "CONFIG.TOML",
        ".ssh/authorized_keys",
    ),
    *("requirements\uff0etxt", "requ\u0456rements.txt", "\uff52equirements.txt", "node_modules/a.py", "venv/a.py"),
]


def test_hostile_paths_are_refused_though_everything_is_allowed(town: Town, tally: Tally, tmp_path: Path) -> None:
    for path in PATHS:
        assert tally.case(lambda path=path: refuse_path(path, ["**", "*"])), path


def test_a_workspace_writes_nothing_through_links_and_no_devices(tally: Tally, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    for folder in (outside, root, root / "real"):
        folder.mkdir()
    (outside / "victim").write_bytes(VICTIM)
    (root / "file").symlink_to(outside / "victim")
    (root / "folder").symlink_to(outside)
    (root / "real" / "up").symlink_to("../../outside")
    os.mkfifo(root / "pipe")
    workspace = LocalWorkspace(root)
    for path in (
        "file",
        "folder/victim",
        "real/up/victim",
        "pipe",
        "real",
        "../outside/victim",
        "/etc/hostname",
        "a\0b",
    ):
        for attempt in (workspace.read, lambda path: workspace.write(path, b"owned", expect_sha256=None)):
            with pytest.raises((PathRefusedError, ChangedByOthersError)):
                tally.case(lambda attempt=attempt, path=path: attempt(path))
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"victim": VICTIM}


def test_a_run_does_not_write_through_a_linked_manifest(town: Town, tally: Tally) -> None:
    victim = town.folder / "victim.txt"
    victim.write_bytes(VICTIM)
    manifest = town.services["linked"].workspace / "requirements.txt"
    manifest.unlink()
    manifest.symlink_to(victim)
    ended = tally.case(lambda: town.wait(town.submit("linked")))
    assert ended["status"] == "failed"
    assert (victim.read_bytes(), manifest.is_symlink()) == (VICTIM, True)


def test_a_run_does_not_write_through_a_linked_folder(town: Town, tally: Tally) -> None:
    outside = town.folder / "outside"
    before = {path.name: path.read_bytes() for path in outside.iterdir()}
    ended = tally.case(lambda: town.wait(town.submit("nested")))
    assert ended["status"] == "failed"
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_a_run_that_meets_a_file_which_is_exchanged_all_the_time_writes_nothing_elsewhere(
    town: Town, tally: Tally
) -> None:
    victim, workspace = town.folder / "swap-victim.txt", town.services["swapped"].workspace
    victim.write_bytes(VICTIM)
    manifest, real, over = (
        workspace / "requirements.txt",
        (workspace / "requirements.txt").read_bytes(),
        threading.Event(),
    )

    def swap() -> None:
        number = 0
        while not over.is_set():
            number += 1
            other = workspace / f".swap{number % 2}"
            with suppress(FileNotFoundError):
                other.unlink()
            if number % 2:
                other.symlink_to(victim)
            else:
                other.write_bytes(real)
            os.replace(other, manifest)
            over.wait(0.001)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        ended = tally.case(lambda: town.wait(town.submit("swapped")))
    finally:
        over.set()
        swapping.join()
    assert ended["status"] in ("failed", "rolled_back", "succeeded")
    assert victim.read_bytes() == VICTIM


def test_a_workspace_that_is_swapped_for_a_link_between_check_and_write_is_not_followed(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "conf").mkdir(parents=True)
    outside.mkdir()
    (root / "conf" / "a").write_bytes(b"old")
    (outside / "a").write_bytes(b"old")
    opened = os.open

    def swapping(path: object, *args: object, **rest: object) -> int:
        descriptor = opened(path, *args, **rest)  # type: ignore[arg-type]
        if path == "conf":  # right after the folder was opened and found to be a real one
            (root / "conf").rename(root / "moved")
            (root / "conf").symlink_to(outside)
        return descriptor

    monkeypatch.setattr(os, "open", swapping)
    with suppress(StepFailedError):
        tally.case(lambda: LocalWorkspace(root).write("conf/a", b"new", expect_sha256=None))
    assert (outside / "a").read_bytes() == b"old"
