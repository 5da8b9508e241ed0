"""The two trees that are compared, each a copy in the benchmark's folder: what is edited meanwhile changes nothing."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError, call

ROOT = Path(__file__).parents[2]
LOCK = "requirements-dev.lock"
KEPT = ROOT / "var" / "bench"
"""Environments of commits that want other packages: half a minute each, so they stay."""
OURS = ("MOONMIND_", "PIP_", "PYTHON", "STATSD_", "ORCHESTRATOR_STATSD_", "MAKE", "MFLAGS", "VIRTUAL_ENV")
"""Names that would steer one of the trees, or send metrics somewhere."""

Tell = Callable[[str], None]
"""Shows progress."""


@dataclass(frozen=True, slots=True)
class Tree:
    """`side` is `base` or `new`; `revision` what it was made from."""

    side: str
    revision: str
    folder: Path
    python: str

    @property
    def environment(self) -> dict[str, str]:
        """Plain, and with this tree's modules before the environment's own."""
        return {**plain_environment(), "PYTHONPATH": str(self.folder)}


def plain_environment() -> dict[str, str]:
    """The caller's environment without what concerns us."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def make_tree(side: str, revision: str | None, folder: Path, tell: Tell) -> Tree:
    """A commit's tree, or (None) the working tree as it is, untracked files included. Raises BenchError."""
    if revision is None:
        _copy_working_tree(folder)
        name = f"working tree at {_git('describe', '--always', '--dirty').decode().strip()}"
    else:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", revision))) as archive:
            archive.extractall(folder, filter="data")
        name = _git("rev-parse", "--short", f"{revision}^{{commit}}").decode().strip()
    tree = Tree(side, name, folder, _interpreter(name, folder, tell))
    _compile(tree)
    _refuse_mixed_up(tree)
    return tree


def _git(*arguments: str) -> bytes:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True)
    if done.returncode != 0:
        raise BenchError(f"git {' '.join(arguments)}: {done.stderr.decode().strip()}")
    return done.stdout


def _copy_working_tree(folder: Path) -> None:
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():  # deleted ones are still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _interpreter(revision: str, folder: Path, tell: Tell) -> str:
    """Ours when the tree wants the same packages, else that of an environment which the tree sets up for itself."""
    if (folder / LOCK).read_bytes() == (ROOT / LOCK).read_bytes():
        return sys.executable
    kept = KEPT / revision
    tell(f"{revision} has another lock file: make setup in {kept.relative_to(ROOT)}, kept for the next time")
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    # pip asks the index that this machine has
    env = plain_environment() | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    call(("make", "setup", f"PYTHON={base}"), cwd=kept, env=env, what=f"make setup of {revision}")
    return str(kept / ".venv" / "bin" / "python")


def _compile(tree: Tree) -> None:
    argv = (tree.python, "-m", "compileall", "-q", "moonmind", "api_service")
    call(argv, cwd=tree.folder, env=tree.environment, what=f"compiling {tree.side}")


def _refuse_mixed_up(tree: Tree) -> None:
    """Comparing a tree with itself by mistake would always be fine."""
    program = "import moonmind, api_service; print(moonmind.__file__, api_service.__file__, sep='\\n')"
    found = call((tree.python, "-c", program), cwd=tree.folder, env=tree.environment, what=f"importing {tree.side}")
    if not all(Path(file).is_relative_to(tree.folder) for file in found.splitlines()):
        raise BenchError(f"{tree.side} would run the modules of another tree: {found}")
