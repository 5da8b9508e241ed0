"""Adds events to a mission as a command does, and says of each when it is written. Arguments: the working tree, the
topology, the number of the first event, how many, and optionally at which function it is killed."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import cast

from moonmind.missions.adapters.commit_router import GitRouter
from moonmind.missions.adapters.fs_reader import TreeReader
from moonmind.missions.adapters.git_cli import GitCli
from moonmind.missions.events import parse_log
from moonmind.missions.meta import Topology
from tests.contract.missions.repository import LOG, make_event, make_meta

INSIDE = "inside"


def main(root: str, topology: str, first: str, count: str, die_at: str = "") -> None:
    git = GitCli(Path(root))
    reader, router = TreeReader(git), GitRouter(git)
    meta = make_meta(cast(Topology, topology))
    if die_at:
        die_instead(die_at)
    for number in range(int(first), int(first) + int(count)):
        event = make_event(number)
        with router.exclusive():
            print(INSIDE, flush=True)
            before = len(parse_log(reader.read(meta, "status", LOG) or b""))
            router.commit_status(meta, [event], b"%d\n" % (before + 1), policy="commit")
        print(event.event_id, flush=True)


def die_instead(place: str) -> None:
    """`module:name`; the process is killed as it is called."""
    module, _, name = place.partition(":")
    holder = importlib.import_module(f"moonmind.missions.adapters.{module}")
    *classes, function = name.split(".")
    for one in classes:
        holder = getattr(holder, one)
    setattr(holder, function, lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL))


if __name__ == "__main__":
    main(*sys.argv[1:])
