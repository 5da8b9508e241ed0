"""Measure fix runs of two trees side by side: is the main job slower than it was at a given commit?

    .venv/bin/python scripts/bench_runs.py --base 5a7b539 --rounds 15

Both trees get the same real things: a database each on one PostgreSQL, a virtual host each on one RabbitMQ, an API, a
worker and a supervised service, and one package index on this machine, so that no network is in the figures. Rounds are
interleaved, and turn about which tree is first. The table goes to stdout, progress to stderr; everything is ended and
removed afterwards.

Exit: 0 the main job's median is within the limit, 1 it is above, 2 it could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.cleanup import cleaning_up, temporary_folder
from bench.processes import BenchError
from bench.report import SIDES, Measure, table
from bench.servers import Broker, broker, package_index, postgres
from bench.services import PEERS
from bench.side import Side, started
from bench.trees import Tree, make_tree

LIMIT = 1.10
NOISY = 1.5
"""Spread of one tree's own figures that a quiet machine does not show."""
BURST = len(PEERS)
SHORT_ONES = 2
"""Times two that a round has of the shortest measure, which the machine disturbs most."""

_began = time.monotonic()


def main() -> int:
    """Read the arguments, measure, show; the exit code."""
    parser = argparse.ArgumentParser(description="Measure fix runs of two trees side by side.")
    parser.add_argument(
        "--base", default="5a7b539", metavar="COMMIT", help="what is compared with (default: %(default)s)"
    )
    parser.add_argument("--new", metavar="COMMIT", help="what is looked at (default: the working tree as it is)")
    parser.add_argument("--rounds", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object with every figure instead of the table")
    chosen = parser.parse_args()
    if chosen.rounds < 1:
        parser.error("--rounds: at least 1")
    try:
        return _bench(chosen.base, chosen.new, chosen.rounds, as_json=chosen.json)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _bench(base: str, new: str | None, rounds: int, *, as_json: bool) -> int:
    with cleaning_up(_tell) as stack:
        folder = stack.enter_context(temporary_folder())
        _tell("copies of both trees")
        revisions = zip(SIDES, (base, new), strict=True)
        trees = [make_tree(side, revision, folder / side / "tree", _tell) for side, revision in revisions]
        _tell("PostgreSQL, the broker and a package index")
        shared = _shared(stack, folder)
        about = {
            **{tree.side: tree.revision for tree in trees},
            "broker": shared.broker.kind,
            "cpus": os.cpu_count(),
            "rounds": rounds,
        }
        _tell("; ".join(f"{name}: {value}" for name, value in about.items()))
        measures = _measure([_side(stack, tree, folder, shared) for tree in trees], rounds)
    if as_json:
        print(json.dumps({**about, "measures": [one.as_json() for one in measures]}, indent=1))
    else:
        print("\n".join([*(f"{name}: {value}" for name, value in about.items()), "", table(measures)]))
    if (spread := measures[0].spread) > NOISY:
        _tell(
            f"the slowest repair took {spread:.1f} times the fastest: the machine has other work, measure again later"
        )
    return 0 if all(one.is_good for one in measures) else 1


@dataclass(frozen=True, slots=True)
class _Shared:
    """What both sides get a part of."""

    create_database: Callable[[str], str]
    broker: Broker
    index: str


def _shared(stack: ExitStack, folder: Path) -> _Shared:
    return _Shared(
        stack.enter_context(postgres(folder / "postgres")),
        stack.enter_context(broker(folder / "broker")),
        stack.enter_context(package_index(folder / "index")),
    )


def _side(stack: ExitStack, tree: Tree, folder: Path, shared: _Shared) -> Side:
    """A side that runs and has done everything once."""
    _tell(f"{tree.side}: API, worker and services")
    home = folder / tree.side / "home"
    home.mkdir()
    database, messages = shared.create_database(tree.side), shared.broker.create(tree.side)
    side = stack.enter_context(started(tree, home, database=database, broker=messages, index=shared.index))
    side.prepare()
    return side


def _measure(sides: list[Side], rounds: int) -> list[Measure]:
    """Base, new, new, base, and so on: what changes slowly on the machine meets both alike."""
    repair = Measure("main job: a repair", limit=LIMIT)
    between = Measure("of it in no step")
    light = Measure("a dry run")
    burst = Measure(f"{BURST} dry runs at once")
    for number in range(rounds):
        order = sides if number % 2 == 0 else sides[::-1]
        for side in order:
            took = side.repair(number)
            repair.seconds[side.name].append(took.total)
            between.seconds[side.name].append(took.between)
        for side in (*order, *order[::-1]) * SHORT_ONES:
            light.seconds[side.name].append(side.light())
        for side in (*order, *order[::-1]):
            burst.seconds[side.name].append(side.burst(BURST))
        _tell(f"round {number + 1} of {rounds}: " + _latest(repair, light, burst))
    return [repair, between, light, burst]


def _latest(*measures: Measure) -> str:
    return "; ".join(f"{one.title} {' '.join(f'{one.seconds[side][-1]:.2f}' for side in SIDES)}" for one in measures)


def _tell(text: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
