"""A service's files in memory, with the same promises as the real workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from moonmind.workflows.orchestrator.policies import matches
from moonmind.workflows.orchestrator.ports import ChangedByOthersError, PathRefusedError, PreImage


class FakeWorkspace:
    """`ports.Workspace` over a dict; every file has mode 0644 and owner 1000 unless restored otherwise."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = {path: PreImage(content, 0o644, 1000, 1000) for path, content in (files or {}).items()}

    def is_here(self) -> bool:
        return True

    def read(self, path: str) -> bytes | None:
        image = self.pre_image(path)
        return None if image is None else image.content

    def glob(self, pattern: str) -> list[str]:
        return sorted(path for path in self.files if matches(path, pattern))

    def pre_image(self, path: str) -> PreImage | None:
        if path.startswith("/") or "\\" in path or "\0" in path or {"", ".", ".."} & set(path.split("/")):
            raise PathRefusedError(f"{path!r} is not a path below the workspace")
        return self.files.get(path)

    def write(self, path: str, content: bytes, *, expect_sha256: str | None) -> None:
        before = self._expected(path, expect_sha256)
        mode, uid, gid = (0o644, 1000, 1000) if before is None else (before.mode, before.uid, before.gid)
        self.files[path] = PreImage(content, mode, uid, gid)

    def restore(self, path: str, image: PreImage | None, *, expect_sha256: str | None) -> None:
        current = self.pre_image(path)
        if current == image:
            return
        if current is None or image is None or current.content != image.content:
            self._expected(path, expect_sha256)
        if image is None:
            del self.files[path]
        else:
            self.files[path] = image

    def _expected(self, path: str, expect_sha256: str | None) -> PreImage | None:
        image = self.pre_image(path)
        if (None if image is None else hashlib.sha256(image.content).hexdigest()) != expect_sha256:
            raise ChangedByOthersError(path)
        return image
