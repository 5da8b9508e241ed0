"""Does the golden suite notice a core that decides nothing, and does it alone drive the commands everywhere?

    .venv/bin/python -m tests.golden.check

Runs the cases of each command with its core swapped for a constant until one fails, then those of three commands with
branch coverage in the children.
Exit: 0 every swap is noticed and every command is covered, 1 not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.golden.child.swaps import SWAPS, Swap

ROOT = Path(__file__).parents[2]
SUITE = "tests/golden/test_golden.py"
LEAST_COVERED = 90.0
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "move-task": ("commands/move_*", "transition/*", "moves", "lanes", "placement"),
    "status": ("commands/status", "commands/kanban", "status"),
    "map-requirements": ("commands/map_requirements", "requirements", "documents/specification"),
}
"""Modules below `moonmind/missions` that a command is made of."""


def main() -> int:
    """Both tables to stdout."""
    noticed = [_is_noticed(name, swap) for name, swap in SWAPS.items()]
    covered = _is_covered()
    return 0 if all(noticed) and covered else 1


def _is_noticed(name: str, swap: Swap) -> bool:
    """Whether a case of its command fails; the first that does is enough."""
    done = _pytest({"GOLDEN_SWAP": name}, "--exitfirst", "-k", f"[{swap.command}/")
    found = re.search(r"^FAILED .*\[(.*)\]", done.stdout, re.MULTILINE)
    said = f"noticed by {found[1]}" if found else "NOT NOTICED"
    print(f"{swap.core:32} {name:24} {said}", flush=True)
    return found is not None


def _is_covered() -> bool:
    """Branch coverage of the commands' modules, from the children alone."""
    with tempfile.TemporaryDirectory(prefix="moonmind-coverage-") as folder:
        settings = Path(folder) / "coveragerc"
        data = Path(folder) / "data"
        settings.write_text(
            f"[run]\nbranch = true\nparallel = true\nsource_pkgs = moonmind.missions\ndata_file = {data}\n"
        )
        cases = " or ".join(f"[{command}/" for command in COMMANDS)
        done = _pytest({"GOLDEN_COVERAGE": str(settings)}, "-n", "2", "-k", cases)
        print(f"\nwith branch coverage: {done.stdout.splitlines()[-1]}", flush=True)
        _coverage(settings, "combine", "--quiet")
        good = [_covers(settings, command, modules) for command, modules in COMMANDS.items()]
        return all(good)


def _covers(settings: Path, command: str, modules: tuple[str, ...]) -> bool:
    found = sorted(path for name in modules for path in (ROOT / "moonmind" / "missions").glob(f"{name}.py"))
    include = "--include=" + ",".join(map(str, found))
    report = json.loads(_coverage(settings, "json", "--quiet", "-o", "-", include))
    percent = report["totals"]["percent_covered"]
    good = percent >= LEAST_COVERED
    print(f"{command:18} {percent:5.1f} % of statements and branches   {'covered' if good else 'NOT COVERED'}")
    for path, file in report["files"].items():
        missing = ", ".join([*map(str, file["missing_lines"]), *(f"{a}→{b}" for a, b in file["missing_branches"])])
        print(f"    {path:52} {file['summary']['percent_covered']:5.1f} %  {missing}")
    return good


def _pytest(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", SUITE, *words]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False)


def _coverage(settings: Path, *words: str) -> str:
    command = [sys.executable, "-m", "coverage", words[0], f"--rcfile={settings}", *words[1:]]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
