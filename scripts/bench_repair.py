"""Repair services that lack packages, and let other tools try the same: who adds the right ones, and nothing else?

    PYTHONPATH=. .venv/bin/python scripts/bench_repair.py [FILE …] [--limit 10] [--tools moonmind,naive,pipreqs,pigar]
        [--index machine|mirror] [--wheels FOLDER …]

Each set of a file (default: the labelled ones of `tests/data/import-sets/`) is a service that imports exactly these
names and lists none. MoonMind gets one fix run over the process runtime: PostgreSQL, supervisord, all steps. `naive`
installs what the import is called; pipreqs and pigar (`scripts/repair/tools.lock`) are run on the service's folder, and
what they list is installed. All have one Python and one index.

`labels` in `--tools` installs what the labels say: how many sets can be repaired on this machine at all.

Repaired: only right distributions were added by the last plan (what these bring along does not count), and every import
that has a right one imports with them. That is checked in the environment of the run that succeeded; for a run that was
rolled back, because another import has no package, in one that gets what its last plan adds. `wrong_packages` counts
added distributions that are right for no import of the set. `rounds` and `seconds` are sums: of the plans made, and
of what the tool itself took; the other tools' are one a set.

`--index mirror` serves real wheels from folders (`--wheels`; default `var/bench/mirror`, which `--fill` fills by pip
with the right names of the sets), beside squatters made here, from 127.0.0.1: a wrong name never reaches a registry.

The table goes to stdout, and one JSON object as the last line; progress to stderr.
Exit: 0, or 2: it could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bench.cleanup import cleaning_up, temporary_folder
from bench.processes import BenchError, call
from bench.report import aligned
from bench.trees import KEPT, ROOT
from repair.catalogue import make_catalogue, stand_ins
from repair.environments import STEERING, Environments, Index, machine_index, mirror_index
from repair.house import house
from repair.mirror import served
from repair.scoring import Outcome, Score, failures, judge, table, totals
from repair.sets import FILES, FOLDER, ImportSet, SetError, load_sets
from repair.tools import LISTERS, TOOLS, Workshop, run_tool

from moonmind.embedded.account import AccountError
from moonmind.embedded.postgres import PostgresError

LOCK = Path(__file__).parent / "repair" / "tools.lock"
UV = ROOT / ".venv" / "bin" / "uv"
OURS = "moonmind"
Repair = Callable[[ImportSet], Outcome]
_began = time.monotonic()


def main() -> int:
    """Read the arguments, measure, show; the exit code."""
    chosen = _arguments()
    try:
        return _bench(chosen)
    except (BenchError, SetError, PostgresError, AccountError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Repair services that lack packages; compare with other tools.")
    parser.add_argument("files", nargs="*", type=Path, default=[FOLDER / name for name in FILES], metavar="FILE")
    parser.add_argument("--limit", type=int, help="the first so many sets")
    parser.add_argument("--tools", default=",".join((OURS, *TOOLS)), help="(default: %(default)s)")
    parser.add_argument("--index", choices=("machine", "mirror"), default="machine", help="(default: %(default)s)")
    parser.add_argument("--wheels", nargs="*", type=Path, default=[KEPT / "mirror"], help="folders of real wheels")
    parser.add_argument("--fill", action="store_true", help="get the right distributions' wheels by pip first")
    chosen = parser.parse_args()
    chosen.tools = chosen.tools.split(",")
    if unknown := set(chosen.tools) - {OURS, *TOOLS, *LISTERS}:
        parser.error(f"--tools: unknown: {', '.join(sorted(unknown))}")
    if chosen.limit is not None and chosen.limit < 1:
        parser.error("--limit: at least 1")
    return chosen


def _bench(chosen: argparse.Namespace) -> int:
    sets = load_sets(chosen.files, chosen.limit)
    with cleaning_up(_tell) as stack:
        folder = stack.enter_context(temporary_folder())
        if chosen.fill:
            _fill(chosen.wheels[0], sets)
        programs = _installed()
        index = _index(stack, chosen, sets)
        _steer(index)
        environments = Environments(UV, KEPT / f"uv-{chosen.index}", index)
        repairs = {tool: _repair(tool, stack, folder, Workshop(programs, environments)) for tool in chosen.tools}
        scores = _measure(repairs, sets)
    _show(scores)
    return 0


def _index(stack: ExitStack, chosen: argparse.Namespace, sets: Sequence[ImportSet]) -> Index:
    if chosen.index == "machine":
        return machine_index()
    catalogue = make_catalogue(chosen.wheels, sets, datetime.now(UTC))
    if hollow := stand_ins(catalogue, sets):
        _tell(f"no wheel at hand, so hollow ones stand in for: {', '.join(hollow)}")
    return mirror_index(stack.enter_context(served(catalogue)))


def _steer(index: Index) -> None:
    """This process too: what plans asks pip, and what builds inherits its environment."""
    for name in [one for one in os.environ if one.startswith(STEERING) and one != "PYTHONPATH"]:
        del os.environ[name]
    os.environ.update(index.environment)


def _repair(tool: str, stack: ExitStack, folder: Path, workshop: Workshop) -> Repair:
    if tool == OURS:
        _tell("PostgreSQL, supervisord and the service")
        return stack.enter_context(house(folder / "home", workshop.environments)).repair
    return lambda one: run_tool(tool, workshop, one)


def _installed() -> Path:
    """The other tools' programs, in an environment that stays."""
    folder = KEPT / "tools"
    if not (stamp := folder / "lock").is_file() or stamp.read_bytes() != LOCK.read_bytes():
        _tell("installing pipreqs and pigar")
        env = {**os.environ, **machine_index().environment}
        call((str(UV), "venv", "--clear", "--python", sys.executable, str(folder)), cwd=ROOT, env=env, what="uv venv")
        python = str(folder / "bin" / "python")
        argv = (str(UV), "pip", "install", "--python", python, "--require-hashes", "--requirement", str(LOCK))
        call(argv, cwd=ROOT, env=env, what="installing the tools")
        stamp.write_bytes(LOCK.read_bytes())
    return folder / "bin"


def _fill(folder: Path, sets: Sequence[ImportSet]) -> None:
    """One pip download a right distribution; what has no wheel for this Python is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted({name for one in sets for name in one.all_right}):
        if not any(folder.glob(f"{name.replace('-', '_')}-*.whl")):
            argv = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder))
            done = subprocess.run((*argv, "--", name), capture_output=True, text=True, check=False)
            _tell(f"{name}: {'got' if done.returncode == 0 else 'no wheel'}")


def _measure(repairs: dict[str, Repair], sets: Sequence[ImportSet]) -> dict[str, list[Score]]:
    """Every set by every tool; when interrupted, the sets that all tools had."""
    scores: dict[str, list[Score]] = {tool: [] for tool in repairs}
    for number, one in enumerate(sets, 1):
        try:
            judged = {tool: judge(one, repair(one)) for tool, repair in repairs.items()}
        except KeyboardInterrupt:
            _tell(f"interrupted after {number - 1} of {len(sets)} sets: the figures are of these")
            break
        for tool, score in judged.items():
            scores[tool].append(score)
        told = "; ".join(_latest(tool, kept[-1]) for tool, kept in scores.items())
        _tell(f"set {number} of {len(sets)}, {one.id} ({', '.join(one.imports)}): {told}")
    return scores


def _latest(tool: str, score: Score) -> str:
    said = "repaired" if score.repaired else f"NOT ({score.told[:200]})"
    return f"{tool} {said} in {score.outcome.seconds:.1f} s"


def _show(scores: dict[str, list[Score]]) -> None:
    figures = {tool: totals(kept) for tool, kept in scores.items()}
    print("\n".join(aligned(table(figures))))
    for tool, kept in scores.items():
        if lines := failures(kept):
            print(f"\n{tool}, not repaired:", *lines, sep="\n  ")
    print(json.dumps(figures))


def _tell(said: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
