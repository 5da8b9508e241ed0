"""`python -m tests.faults.checker < SPEC`: what must hold after any fault, read by a process that took no part in it.

It asks PostgreSQL, RabbitMQ, the disk, the process table and (where the specification names a project) the container
engine, and prints a verdict in JSON. What may take a moment after a run has ended (a message on its way, a mark being
removed) gets SETTLE_SECONDS; all else must be right at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import amqp
import psutil
import psycopg
from psycopg.rows import dict_row

from moonmind.engine.events import FIRST_PREVIOUS, Event, event_hash

SETTLE_SECONDS = 10.0
ENDINGS = {"succeeded", "failed", "rolled_back", "cancelled"}
WORK = {"step_started", "step_finished", "plan_made"}
"""Events that there may not be after a run's end; that somebody's approval came too late is on record all the same."""
Row = dict[str, Any]
Problems = Iterator[str]


@dataclass
class Facts:
    """What the database says about the runs of one fault."""

    accepted: int
    outbox: int
    runs: list[Row]
    attempts: list[Row]
    events: list[Row]
    artifacts: list[Row]

    def attempts_of(self, run: str) -> list[Row]:
        return [row for row in self.attempts if str(row["run_id"]) == run]

    def events_of(self, run: str) -> list[Row]:
        return [row for row in self.events if str(row["subject_id"]) == run]


def read_facts(url: str, runs: list[str]) -> Facts:
    """In one transaction, with times in UTC."""
    with psycopg.connect(url, row_factory=dict_row, options="-c timezone=UTC") as connection:
        counted = "SELECT (SELECT count(*) FROM orchestrator_runs) AS runs, (SELECT count(*) FROM outbox) AS outbox"
        counts = connection.execute(counted).fetchall()[0]
        found = [connection.execute(query, (runs,)).fetchall() for query in QUERIES]
    return Facts(counts["runs"], counts["outbox"], *found)


QUERIES = (
    "SELECT id::text, status, completed_at, holds_lock, lease_owner, lock_group, target_service, failure_code,"
    " rollback_verified FROM orchestrator_runs WHERE id::text = ANY(%s)",
    "SELECT * FROM spec_workflow_task_states WHERE run_id::text = ANY(%s) ORDER BY id",
    "SELECT * FROM run_events WHERE subject_id::text = ANY(%s) ORDER BY sequence",
    "SELECT * FROM orchestrator_run_artifacts WHERE run_id::text = ANY(%s)",
)


# --- the record


def endings(facts: Facts, spec: Row) -> Problems:
    """Every accepted run is there once and has ended as it should; nobody holds or leases anything."""
    if facts.accepted != spec["accepted"]:
        yield f"{spec['accepted']} runs were accepted, and there are {facts.accepted}"
    found = {row["id"]: row for row in facts.runs}
    for run, expected in spec["runs"].items():
        if (row := found.get(run)) is None:
            yield f"run {run} is lost"
            continue
        ending = f"{row['status']}/{row['failure_code']}" if row["failure_code"] else row["status"]
        if row["status"] not in ENDINGS or row["completed_at"] is None:
            yield f"run {run} has not ended: {ending}"
        elif ending not in expected:
            yield f"run {run} ended {ending}, expected {' or '.join(expected)}"
        if row["holds_lock"] or row["lease_owner"] is not None:
            yield f"run {run} has ended and holds its lock group or a lease"
        if row["status"] == "rolled_back" and row["rollback_verified"] is not True:
            yield f"run {run} was rolled back, which is not verified"
    if facts.outbox:
        yield f"{facts.outbox} messages are still in the outbox"


def journal(facts: Facts, spec: Row) -> Problems:
    """Each run's events are one unbroken chain that tells of each attempt once, and of the end once."""
    for run in spec["runs"]:
        events = facts.events_of(run)
        yield from _chain(run, events)
        kinds = [event["kind"] for event in events]
        if kinds[:1] != ["run_created"] or kinds.count("run_created") != 1:
            yield f"run {run}: its record does not begin with its creation"
        if kinds.count("run_finished") != 1 or WORK & set(kinds[kinds.index("run_finished") :]):
            yield f"run {run}: its record has not one end, or tells of work after it: {kinds}"
        yield from _attempts(run, facts.attempts_of(run), events)


def _chain(run: str, events: list[Row]) -> Problems:
    previous = FIRST_PREVIOUS
    for number, row in enumerate(events, start=1):
        names = ("subject_kind", "subject_id", "sequence", "at", "actor", "kind", "payload")
        event = Event(**{name: UUID(str(row[name])) if name == "subject_id" else row[name] for name in names})
        if (row["sequence"], row["previous_hash"], row["hash"]) != (number, previous, event_hash(previous, event)):
            yield f"run {run}: the chain of events is broken at {row['sequence']}"
        previous = row["hash"]


def _attempts(run: str, attempts: list[Row], events: list[Row]) -> Problems:
    told = {kind: Counter(_key(e["payload"]) for e in events if e["kind"] == kind) for kind in _STEP_EVENTS}
    for row in attempts:
        key, name = _key(row), f"run {run}: {row['step']}, attempt {row['attempt']}"
        if row["started_at"] is None:
            if row["state"] == "PENDING" and not row["skipped"]:
                yield f"{name} was neither begun nor skipped"
            continue
        if row["state"] not in ("SUCCESS", "FAILURE", "RETRY") or row["finished_at"] is None:
            yield f"{name} has no end: {row['state']}"
        if told["step_started"][key] != 1:
            yield f"{name} began {told['step_started'][key]} times"
        if told["step_finished"][key] > 1 or (row["state"] != "FAILURE" and not told["step_finished"][key]):
            yield f"{name} is {row['state']}, and its end is told {told['step_finished'][key]} times"
    if strangers := {key for counts in told.values() for key in counts} - {_key(row) for row in attempts}:
        yield f"run {run}: events of attempts that there are not: {sorted(strangers)}"
    for step, times in Counter(row["step"] for row in attempts if row["state"] == "SUCCESS").items():
        if times > 1:
            yield f"run {run}: {step} was done {times} times"


_STEP_EVENTS = ("step_started", "step_finished")


def _key(row: Row) -> tuple[str, int]:
    return row["step"], row["attempt"]


def one_at_a_time(facts: Facts, spec: Row) -> Problems:
    """No two runs of a lock group worked at the same time."""
    group = {row["id"]: row["lock_group"] for row in facts.runs}
    spans = defaultdict(list)
    for row in facts.attempts:
        if row["started_at"] is not None:
            run = str(row["run_id"])
            spans[group.get(run)].append((row["started_at"], row["finished_at"] or row["started_at"], run))
    for name, worked in spans.items():
        for (_, end, one), (begin, _, other) in pairwise(sorted(worked)):
            if one != other and begin < end:
                yield f"runs {one} and {other} of {name} worked at the same time"


def artifacts(facts: Facts, spec: Row) -> Problems:
    """What is recorded is on disk, whole; every step that succeeded left its log."""
    root = Path(spec["artifacts"])
    for row in facts.artifacts:
        path = root / str(row["run_id"]) / row["path"]
        content = path.read_bytes() if path.is_file() else None
        if content is None or (len(content), hashlib.sha256(content).hexdigest()) != (row["size_bytes"], row["sha256"]):
            yield f"artifact {path} is not what is recorded"
        elif len(content) > spec["log_limit"] + 1000:
            yield f"artifact {path} is larger than the limit of a log: {len(content)}"
    if spec["disk_was_full"]:
        return
    for row in facts.attempts:
        if row["state"] == "SUCCESS" and row["started_at"] is not None:
            stem, suffix = ("patch", "diff") if row["step"] == "patch" else (row["step"], "log")
            name = f"{stem}.{suffix}" if row["attempt"] == 1 else f"{stem}-{row['attempt']}.{suffix}"
            if not (root / str(row["run_id"]) / name).is_file():
                yield f"run {row['run_id']}: {row['step']} left no log"


# --- the world


def workspaces(facts: Facts, spec: Row) -> Problems:
    """Files, environment and the running service are the old ones or the new ones, as the last repair says."""
    for service in spec["services"]:
        wanted = (service["name"], "succeeded")
        done = [row["id"] for row in facts.runs if (row["target_service"], row["status"]) == wanted]
        repaired = any(_did("patch", facts.attempts_of(run)) for run in done)
        rebuilt = any(_did("build", facts.attempts_of(run)) for run in done)
        yield from _files(service, "after" if repaired else "before")
        if "place" in service:
            yield from _environment(service, rebuilt, repaired)
        if "image" in service:
            yield from _image(service, rebuilt)
        if service.get("delivery", "leave") != "leave":
            yield from _delivery(service, repaired)
        if _answers(service["url"]) != (repaired or service["healthy"]):
            yield f"{service['name']}: repaired: {repaired}, before: {service['healthy']}, and its health is otherwise"


def _did(step: str, attempts: list[Row]) -> bool:
    return any(row["step"] == step and row["state"] == "SUCCESS" and not row["skipped"] for row in attempts)


def _files(service: Row, state: str) -> Problems:
    root = Path(service["workspace"])
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not {"__pycache__", ".git"} & set(path.parts)
    }
    if found != service[state]:
        wrong = {name for name, _ in found.items() ^ service[state].items()}
        yield f"{service['name']}: {sorted(wrong)} are not as {state} the repair"


def _environment(service: Row, rebuilt: bool, repaired: bool) -> Problems:
    current = Path(service["place"], "current").resolve()
    installed = bool(list(current.glob("lib/python*/site-packages/dateutil")))
    if (current.name != "1") != rebuilt or installed != repaired:
        wanted = f"rebuilt: {rebuilt}, repaired: {repaired}"
        yield f"{service['name']}: environment {current.name} is in use, repaired: {installed}, wanted {wanted}"


def _image(service: Row, rebuilt: bool) -> Problems:
    now, old = (
        _docker("image", "ls", "--no-trunc", "--quiet", f"{service['image']}:{tag}") for tag in ("latest", "old")
    )
    if (now != old) != rebuilt:
        yield f"{service['name']}: its image is {now}, before the run it was {old}, rebuilt: {rebuilt}"


def _delivery(service: Row, repaired: bool) -> Problems:
    """One commit more that holds the repair and nothing else; what the user has not committed is as it was."""
    (manifest,) = [name for name in service["before"] if service["before"][name] != service["after"][name]]
    own = service["delivery"] == "commit"
    refs = _git(service, "for-each-ref", "--format=%(refname)", "refs/heads").split()
    ref = "HEAD" if own else next((ref for ref in refs if "/moonmind/" in ref), "HEAD")
    commits = _git(service, "rev-list", "--count", "--all").strip()
    changed = _git(service, "diff", "--name-only", f"{ref}~1", ref).split() if repaired and commits == "2" else []
    status = _git(service, "status", "--porcelain").splitlines()
    wanted = ["2", [manifest], [" M notes.txt", *([f" M {manifest}"] if not own else [])]]
    if [commits, changed, status] != (wanted if repaired else ["1", [], [" M notes.txt"]]):
        yield f"{service['name']}: repaired: {repaired}, {commits} commits that changed {changed}, status {status}"
    if (
        repaired
        and hashlib.sha256(_git(service, "show", f"{ref}:{manifest}").encode()).hexdigest()
        != (service["after"][manifest])
    ):
        yield f"{service['name']}: what is committed is not the repair"
    if list(Path(service["workspace"], ".git").rglob("*.lock")):
        yield f"{service['name']}: a lock was left in its repository"


def _git(service: Row, *args: str) -> str:
    done = subprocess.run(["git", "-C", service["workspace"], *args], capture_output=True, text=True, check=True)
    return done.stdout


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, http.client.HTTPException):  # the last: somebody else has the port now
        return False


def effects(facts: Facts, spec: Row) -> Problems:
    """The world counts no more builds and starts than the record; where the fault says how many, exactly those."""
    if spec["builds"] > (begun := len(_begun(facts, "build"))):
        yield f"{spec['builds']} builds, and the record tells of {begun}"
    for service, count in spec["starts"].items():
        rows = [row for row in facts.runs if row["target_service"] == service]
        if any(row["status"] != "succeeded" for row in rows):
            continue  # one that does not work is started again and again by its supervisor
        begun = len(_begun(facts, "restart", {row["id"] for row in rows}))
        if count > begun:
            yield f"{service}: {count} starts, and the record tells of {begun}"
    counted = {"builds": spec["builds"], "starts": sum(spec["starts"].values())}
    for effect, wanted in spec["exactly"].items():
        if counted[effect] != wanted:
            yield f"{counted[effect]} {effect}, expected {wanted}"


def _begun(facts: Facts, step: str, runs: set[str] | None = None) -> list[Row]:
    begun = [row for row in facts.attempts if row["step"] == step and row["started_at"] and not row["skipped"]]
    return [row for row in begun if runs is None or str(row["run_id"]) in runs]


# --- what must be gone


def queues(spec: Row) -> Problems:
    """No message waits."""
    at = spec["broker"]
    with amqp.Connection(at["address"], at["user"], at["password"], virtual_host=at["vhost"]) as connection:
        for queue in spec["queues"]:
            try:
                waiting = connection.channel().queue_declare(queue, passive=True).message_count
            except amqp.NotFound:
                continue
            if waiting:
                yield f"{waiting} messages wait in {queue}"


def locks(spec: Row) -> Problems:
    """No process holds a group's lock."""
    for path in Path(spec["locks"]).glob("*.lock"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield f"{path.name} is held"


def marks(spec: Row) -> Problems:
    """No run that is over keeps its way back."""
    for service in spec["services"]:
        if "place" in service and (kept := [path.name for path in Path(service["place"], "kept").glob("*")]):
            yield f"{service['name']}: the way back of {', '.join(kept)} is still kept"


def processes(spec: Row) -> Problems:
    """Nothing runs but the rig's own servers and what the supervisor watches over."""
    watched = {process.pid for process in _family(spec["supervisor"])}
    known = {*spec["known"], *watched}
    forked = {process.pid for process in _family(spec["nursery"])}
    for process in psutil.process_iter():
        try:
            if process.pid in known or process.status() == psutil.STATUS_ZOMBIE:
                continue
            mark = process.environ()
            ours = (
                mark.get("MOONMIND_LOCK", "").startswith(spec["home"] + "/")
                or mark.get("MOONMIND_STACK") == spec["home"]
            )
            if ours or process.pid in forked:
                yield f"a stray process: {process.pid} {' '.join(process.cmdline())}"
        except (psutil.Error, OSError):
            continue


def _family(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def containers(spec: Row) -> Problems:
    """Of each Compose project one container a service, and no image kept for a rollback."""
    for project, expected in spec["projects"].items():
        seen = _docker(
            "ps", "--all", "--filter", f"label=com.docker.compose.project={project}", "--format", "{{.Names}}"
        )
        if len(seen) != expected:
            yield f"{project} has the containers {seen}, expected {expected}"
        if kept := [
            name for name in _docker("image", "ls", "--format", "{{.Repository}}") if f"rollback/{project}" in name
        ]:
            yield f"{project}: an image is still kept for a rollback: {kept}"


def _docker(*args: str) -> list[str]:
    return subprocess.run(["docker", *args], capture_output=True, text=True, check=True).stdout.split()


RECORD = (endings, journal, one_at_a_time, artifacts, workspaces, effects)
GONE = (queues, locks, marks, processes, containers)


def check(spec: Row) -> Row:
    """The verdict: what is wrong (nothing is right), how each run ended, and what was counted."""
    left = _settled(spec)
    facts = read_facts(spec["database"], list(spec["runs"]))
    problems = [*left, *(problem for look in RECORD for problem in look(facts, spec))]
    ended = {
        row["id"]: row["status"] + (f"/{row['failure_code']}" if row["failure_code"] else "") for row in facts.runs
    }
    return {"problems": problems, "ended": ended, "builds": spec["builds"], "starts": spec["starts"]}


def _settled(spec: Row) -> list[str]:
    deadline = time.monotonic() + SETTLE_SECONDS
    while left := [problem for look in GONE for problem in look(spec)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


if __name__ == "__main__":
    verdict = check(json.load(sys.stdin))
    print(json.dumps(verdict))
    sys.exit(1 if verdict["problems"] else 0)
