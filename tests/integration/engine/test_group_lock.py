"""One owner of a lock group on one machine, and what a new owner does with what an old one left running."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from moonmind.engine.group_lock import GroupLock, GroupLockError


def start(lock: GroupLock) -> subprocess.Popen[bytes]:
    """A child that inherits the lock and says when it runs, in a session of its own."""
    source = "import time; print('up', flush=True); time.sleep(600)"
    argv = [sys.executable, "-c", source]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, pass_fds=[lock.fd], start_new_session=True)
    assert child.stdout
    assert child.stdout.readline() == b"up\n"
    return child


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What a killed worker leaves: nobody in the lock's block any more, and a child that still works under it."""
    with GroupLock(tmp_path, "shop") as lock:
        child = start(lock)
        lock.record(child.pid)
    yield child
    child.kill()
    child.wait()
    assert child.stdout
    child.stdout.close()


def test_a_new_owner_ends_what_an_old_one_left_running_and_then_has_the_lock(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    assert psutil.Process(orphan.pid).status() != psutil.STATUS_ZOMBIE
    with GroupLock(tmp_path, "shop"):
        assert orphan.poll() == -15


def test_another_group_is_not_touched(tmp_path: Path, orphan: subprocess.Popen[bytes]) -> None:
    with GroupLock(tmp_path, "till"):
        assert orphan.poll() is None


def test_a_recorded_pid_that_means_another_process_now_is_left_alone(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    record = tmp_path / "shop.lock"
    record.write_text(record.read_text().replace('"started": ', '"started": 1'))
    with pytest.raises(GroupLockError, match=r"shop.lock is held"), GroupLock(tmp_path, "shop", patience=0.3):
        pass
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
