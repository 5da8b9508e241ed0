"""What an artifact store must do, on a real disk."""

import hashlib
import uuid
from pathlib import Path

import pytest

from moonmind.schemas.workflow_models import ArtifactType, StepName
from moonmind.workflows.orchestrator.ports import PathRefusedError
from moonmind.workflows.orchestrator.storage import DiskArtifactStore

RUN = uuid.UUID(int=7)


@pytest.fixture
def store(tmp_path: Path) -> DiskArtifactStore:
    return DiskArtifactStore(tmp_path, log_limit=1000)


def test_a_log_can_be_read_from_its_first_byte_while_it_is_written(store: DiskArtifactStore, tmp_path: Path) -> None:
    with store.open_log(RUN, ArtifactType.BUILD_LOG, "build.log", StepName.BUILD) as log:
        assert (tmp_path / "spec_workflows" / str(RUN) / "build.log").exists()
        log.write("one\n")
        assert store.read_from(RUN, "build.log", 0, 100) == b"one\n"
        assert store.size(RUN, "build.log") == 4
        log.write("tw\udcc3o\n")
        (info,) = log.finish()
    content = store.get(RUN, "build.log")
    assert content == b"one\ntw?o\n"
    assert (info.size_bytes, info.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert store.read_from(RUN, "build.log", 4, 2) == b"tw"
    assert store.read_from(RUN, "build.log", 99, 2) == b""


def test_a_log_opened_again_goes_on_where_it_was(store: DiskArtifactStore) -> None:
    for text in ("a\n", "b\n"):
        with store.open_log(RUN, ArtifactType.BUILD_LOG, "build.log", StepName.BUILD) as log:
            log.write(text)
            assert log.finish()[0].sha256
    assert store.get(RUN, "build.log") == b"a\nb\n"


def test_a_log_over_its_limit_is_cut_and_says_so(store: DiskArtifactStore) -> None:
    with store.open_log(RUN, ArtifactType.BUILD_LOG, "build.log", StepName.BUILD) as log:
        for _ in range(50):
            log.write("x" * 100)
    content = store.get(RUN, "build.log")
    assert content
    assert len(content) < 1100
    assert content.endswith(b"[log limit reached: the rest was dropped]\n")


def test_a_log_that_the_disk_does_not_take_fails_nobody(store: DiskArtifactStore, tmp_path: Path) -> None:
    store.folder(RUN).parent.mkdir(parents=True)
    store.folder(RUN).write_text("a file where the run's folder should be")
    with store.open_log(RUN, ArtifactType.BUILD_LOG, "build.log", StepName.BUILD) as log:
        log.write("lost\n")
        assert log.finish() == ()
    assert store.describe(RUN, ArtifactType.BUILD_LOG, "build.log", StepName.BUILD) is None


def test_a_whole_file_replaces_the_one_before(store: DiskArtifactStore, tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        info = store.put(RUN, ArtifactType.PRE_IMAGE, "pre-images/a/b.txt", content, StepName.PATCH)
    assert (info.path, info.size_bytes) == ("pre-images/a/b.txt", 3)
    assert store.get(RUN, "pre-images/a/b.txt") == b"new"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.txt"]


def test_what_does_not_exist_is_none(store: DiskArtifactStore) -> None:
    assert store.get(RUN, "nothing") is None
    assert store.read_from(RUN, "nothing", 0, 10) == b""
    assert store.size(RUN, "nothing") is None


def test_an_empty_file_has_a_size_and_a_folder_has_none(store: DiskArtifactStore) -> None:
    store.put(RUN, ArtifactType.PRE_IMAGE, "pre-images/empty", b"", StepName.PATCH)
    assert (store.size(RUN, "pre-images/empty"), store.size(RUN, "pre-images")) == (0, None)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_a_path_that_leaves_the_run_is_refused(store: DiskArtifactStore, path: str) -> None:
    with pytest.raises(PathRefusedError):
        store.get(RUN, path)
    with pytest.raises(PathRefusedError):
        store.size(RUN, path)
    with pytest.raises(PathRefusedError):
        store.put(RUN, ArtifactType.METRICS, path, b"", StepName.PATCH)


def test_a_symlink_in_the_store_is_not_followed(store: DiskArtifactStore, tmp_path: Path) -> None:
    folder = store.folder(RUN)
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        store.get(RUN, "link")
    assert store.size(RUN, "link") is None
