"""One owner of a lock group on one machine, and what a new owner does with what an old one left running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from moonmind.engine.group_lock import GroupLock, GroupLockError

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"


def start(lock: GroupLock, source: str = SLEEPER) -> subprocess.Popen[bytes]:
    """A child under the lock, in a session of its own, that has said that it runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        pass_fds=[lock.fd],
        start_new_session=True,
        env={**os.environ, **lock.mark},
    )
    assert child.stdout
    assert child.stdout.readline()
    return child


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What a killed worker leaves: nobody in the lock's block any more, and a child that still works under it."""
    with GroupLock(tmp_path, "shop") as lock:
        child = start(lock)
    yield child
    child.kill()
    child.wait()
    assert child.stdout
    child.stdout.close()


def test_a_new_owner_ends_what_an_old_one_left_running_and_then_has_the_lock(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    assert orphan.poll() is None
    with GroupLock(tmp_path, "shop"):
        assert orphan.poll() == -15


def test_a_grandchild_that_left_its_session_after_its_parent_ended_is_found(tmp_path: Path) -> None:
    grandchild = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    grandchild += "start_new_session=True, close_fds=False, stdout=subprocess.DEVNULL); print(p.pid, flush=True)"
    with GroupLock(tmp_path, "shop") as lock:
        child = subprocess.run(
            [sys.executable, "-c", grandchild],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[lock.fd],
            env={**os.environ, **lock.mark},
            check=True,
        )
    left = psutil.Process(int(child.stdout))
    assert left.is_running()
    with GroupLock(tmp_path, "shop"):
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


def test_another_group_is_not_touched(tmp_path: Path, orphan: subprocess.Popen[bytes]) -> None:
    with GroupLock(tmp_path, "till") as lock:
        lock.end_children()
        assert orphan.poll() is None


def test_a_second_owner_waits_and_gives_up_when_the_first_stays(tmp_path: Path) -> None:
    with (
        GroupLock(tmp_path, "shop"),
        pytest.raises(GroupLockError),
        GroupLock(tmp_path, "shop", patience=0.2),
    ):
        pass
    with GroupLock(tmp_path, "shop"):
        pass


def test_a_lock_file_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "shop.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), GroupLock(tmp_path, "shop"):
        pass
    assert (tmp_path / "elsewhere").read_text() == "x"
