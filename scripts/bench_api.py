"""Measure lists and details of the API with a short history and with a long one: do they stay as fast?

    .venv/bin/python scripts/bench_api.py

One PostgreSQL with two databases, filled by bulk SQL with finished runs (100, and 100,000), and an API process over
each. Rounds are interleaved, and turn about which one is asked first; both give the same number of rows. The table
goes to stdout, progress to stderr; everything is ended and removed afterwards.

Exit: 0 with the long history no list and no detail takes more than twice as long, 1 one does, 2 it was not measured.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import httpx
from bench.cleanup import cleaning_up, temporary_folder
from bench.history import RARE, SERVICES, fill, run_at
from bench.processes import BenchError, call, running, until
from bench.report import aligned
from bench.servers import answers, postgres
from bench.trees import ROOT, plain_environment

from api_service.api.cursors import encode_cursor
from moonmind.embedded.sockets import LOOPBACK, free_port

LIMIT = 2.0
SHORT, LONG = 100, 100_000
PAGE = 10
DEPTH = 0.85
"""Of the list, where pages deep in it begin."""
RUNS = "/orchestrator/runs"
SERVICE = """
[services.{name}]
runtime = "process"
workspace = "{name}"
allow = ["requirements.txt"]
process = {{ command = ["python", "app.py"], health = [{{ http = "http://127.0.0.1:{{port}}/health" }}] }}
"""

Query = dict[str, Any]
_began = time.monotonic()


@dataclass(frozen=True, slots=True)
class House:
    """A history and the API over it. `middle`: two times with more than a page between them; `deep`: a cursor."""

    rows: int
    client: httpx.Client
    runs: Sequence[str]
    middle: tuple[str, str]
    deep: str

    def ask(self, path: str, query: Query) -> tuple[float, int]:
        """Seconds, and how many runs came."""
        began = time.perf_counter()
        answer = self.client.get(path, params=query)
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise BenchError(f"GET {path} gave {answer.status_code}: {answer.text[:500]}")
        return took, len(answer.json().get("runs", ()))


@dataclass(slots=True)
class Measure:
    """One kind of request: `make` says what is asked of a house; without a limit it is only shown."""

    title: str
    make: Callable[[House], tuple[str, Query]]
    limit: float | None = LIMIT
    seconds: dict[int, list[float]] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)

    def ask(self, house: House) -> None:
        took, self.found[house.rows] = house.ask(*self.make(house))
        self.seconds.setdefault(house.rows, []).append(took)

    @property
    def medians(self) -> list[float]:
        """Of the short history, then of the long one."""
        return [median(self.seconds[rows]) for rows in sorted(self.seconds)]

    @property
    def ratio(self) -> float:
        return self.medians[-1] / self.medians[0]

    @property
    def is_good(self) -> bool:
        return self.limit is None or self.ratio <= self.limit


def measures(chance: random.Random) -> list[Measure]:
    """Everything that is measured. A list always has PAGE runs, in both histories."""

    def listing(**query: Any) -> Callable[[House], tuple[str, Query]]:
        return lambda house: (RUNS, {"limit": PAGE, **query})

    return [
        Measure("list", listing()),
        Measure("list by status", listing(status="failed")),
        Measure("list by two statuses", listing(status=["failed", "rolled_back"])),
        Measure("list by service", listing(service=SERVICES[3])),
        Measure("list by time", lambda house: (RUNS, {"limit": PAGE} | _between(house))),
        Measure("list, deep", lambda house: (RUNS, {"limit": PAGE, "cursor": house.deep})),
        Measure("detail", lambda house: (f"{RUNS}/{chance.choice(house.runs)}", {})),
        Measure("services", lambda house: ("/orchestrator/services", {})),
        Measure("search, a common word", listing(q="dependency")),
        Measure("search, a rare word", listing(q=RARE), limit=None),
    ]


def main() -> int:
    """Read the arguments, measure, show; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the API with a short and with a long history.")
    parser.add_argument("--rounds", type=int, default=60, help="(default: %(default)s)")
    parser.add_argument("--rows", type=int, default=LONG, help="runs of the long history (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object with every figure instead of the table")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.rows <= SHORT:
        parser.error(f"at least one round, and more than {SHORT} rows")
    try:
        return _bench(chosen.rounds, chosen.rows, as_json=chosen.json)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _bench(rounds: int, rows: int, *, as_json: bool) -> int:
    with cleaning_up(_tell) as stack:
        folder = stack.enter_context(temporary_folder())
        _tell("PostgreSQL")
        create = stack.enter_context(postgres(folder / "postgres"))
        houses = [stack.enter_context(_house(folder, create, count)) for count in (SHORT, rows)]
        looked_at = measures(random.Random(7))
        _measure(houses, looked_at, rounds)
    if as_json:
        print(json.dumps({"rows": [SHORT, rows], "rounds": rounds, "measures": [_figures(one) for one in looked_at]}))
    else:
        print(f"rounds: {rounds}\n\n{_table(looked_at, rows)}")
    return 0 if all(one.is_good for one in looked_at) else 1


def _measure(houses: list[House], looked_at: list[Measure], rounds: int) -> None:
    """Short, long, long, short, and so on; the first round only warms up."""
    for number in range(rounds + 1):
        for one in looked_at:
            for house in houses if number % 2 else houses[::-1]:
                one.ask(house)
        if number == 0:
            for one in looked_at:
                one.seconds.clear()
    for one in looked_at:
        if one.limit is not None and len(set(one.found.values())) != 1:
            raise BenchError(f"{one.title}: the two histories gave {one.found} runs, which cannot be compared")


@contextmanager
def _house(folder: Path, create: Callable[[str], str], rows: int) -> Iterator[House]:
    """A filled database and an API over it."""
    home, url, port = folder / f"home-{rows}", create(f"runs_{rows}"), free_port()
    home.mkdir()
    (home / "config.toml").write_text("".join(SERVICE.format(name=name) for name in SERVICES))
    env = {
        **plain_environment(),
        "MOONMIND_HOME": str(home),
        "MOONMIND_DATABASE__URL": url,
        "MOONMIND_BROKER__URL": f"filesystem://{home}/broker",
    }
    call((sys.executable, "-m", "alembic", "upgrade", "head"), cwd=ROOT, env=env, what="migrations")
    _tell(f"{rows} runs")
    fill(url, rows)
    api = ("uvicorn", "--factory", "api_service.main:create_app", "--port", str(port), "--log-level", "warning")
    with ExitStack() as stack:
        argv = (sys.executable, "-m", *api)
        lives = stack.enter_context(running(argv, cwd=ROOT, env=env, log=home / "api.log"))
        address = f"http://{LOOPBACK}:{port}"
        until(lambda: lives() and answers(f"{address}/healthz"), seconds=60, what="the API answers")
        headers = {"Authorization": f"Bearer {(home / 'var' / 'admin.key').read_text().strip()}"}
        client = httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False)
        at, number = run_at(url, int(rows * DEPTH))
        middle = [run_at(url, rows // 2 + step)[0] for step in (PAGE + 5, 0)]
        runs = [run_at(url, rows * step // 20)[1] for step in range(20)]
        deep = encode_cursor(datetime.fromisoformat(at), UUID(number))
        times = [datetime.fromisoformat(one).isoformat() for one in middle]
        yield House(rows, stack.enter_context(client), runs, (times[0], times[1]), deep)


def _between(house: House) -> Query:
    return {"created_after": house.middle[0], "created_before": house.middle[1]}


def _table(looked_at: list[Measure], rows: int) -> str:
    """Medians in milliseconds and their ratio."""
    lines = [["milliseconds", f"{SHORT} runs", f"{rows} runs", "ratio", "limit"]]
    for one in looked_at:
        kept = "shown only" if one.limit is None else f"{one.limit:.1f} {'kept' if one.is_good else 'NOT KEPT'}"
        lines.append([one.title, *(f"{value * 1000:.2f}" for value in one.medians), f"{one.ratio:.2f}", kept])
    return "\n".join(aligned(lines))


def _figures(one: Measure) -> dict[str, Any]:
    return {"title": one.title, "medians": one.medians, "ratio": one.ratio, "limit": one.limit, "good": one.is_good}


def _tell(text: str) -> None:
    print(f"{time.monotonic() - _began:6.1f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
