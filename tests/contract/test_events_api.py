"""Following runs: the same events in the same order, wherever the stream is cut, live or later."""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Engine, text
from starlette.types import Message

from api_service.api.live.stream import EventStream
from moonmind.config.settings import Settings
from moonmind.workflows.orchestrator.ports import Command, Execute
from tests.servers import answers, api, free_port, running, until
from tests.support.events import Heard, listening, parse
from tests.support.front import RUNS, Front, make_keys, serving, settings_of
from tests.support.house import House

Protected = Callable[..., Front]
LISTENS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


def events(front: Front, run: str, last: str | None = None, who: str = "vic") -> list[Heard]:
    """The stream of a run that is over."""
    answer = front.call(who, "GET", f"{RUNS}/{run}/events", **({"Last-Event-ID": last} if last else {}))
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


def ended(front: Front) -> str:
    """A run with an approval, an edit and a log for each step."""
    front.house.runtime.build = speaking(front.house, "one\\ntwo\\nlast words")  # type: ignore[method-assign]
    run = front.waiting()
    assert front.answer("ann", run).status_code == 200
    front.house.deliver()
    assert front.detail(run)["status"] == "succeeded"
    return run


def speaking(house: House, words: str) -> Callable[[Execute], None]:
    """A build that says this in its log."""
    build = house.runtime.build

    def speak(execute: Execute) -> None:
        assert execute(Command(("/usr/bin/printf", words))).ok
        build(execute)

    return speak


# --- a run that is over -----------------------------------------------------------------------------------


def test_a_run_is_told_from_its_beginning_to_its_end(protected: Protected) -> None:
    front = protected()
    run = ended(front)
    answer = front.call("vic", "GET", f"{RUNS}/{run}/events")
    assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == ("no", "no-store")
    assert answer.text.startswith("retry: ")
    heard = parse(answer.text)
    record = [event["kind"] for event in front.house.events(UUID(run))]
    assert [event.data["kind"] for event in heard if event.kind == "state"] == record
    assert (heard[-1].kind, heard[-1].data) == ("end", {"status": "succeeded"})
    for name, content in front.house.files(UUID(run)).items():
        step = {"patch.diff": "patch"}.get(name, name.removesuffix(".log"))
        said = [event.data["text"] for event in heard if event.kind == "log" and event.data["step"] == step]
        assert not said or said == content.decode().splitlines(), name
    order = [event.short for event in heard if event.kind == "state" or event.data.get("step") == "build"]
    built = order.index("one")
    assert order[built - 2 : built + 2] == ["step_started", "$ /usr/bin/printf one\\ntwo\\nlast words", "one", "two"]


def test_a_stream_that_was_cut_anywhere_goes_on_without_gap_or_repeat(protected: Protected) -> None:
    front = protected()
    run = ended(front)
    whole = events(front, run)
    assert len(whole) > 30
    assert len({event.id for event in whole}) == len(whole)
    for cut, event in enumerate(whole[:-1], 1):
        assert whole[:cut] + events(front, run, event.id) == whole, event.id


def test_nothing_comes_after_the_end_so_that_browsers_do_not_come_back(protected: Protected) -> None:
    front = protected()
    run = ended(front)
    whole = events(front, run)
    assert front.answer("ben", run, token="nonsense").status_code == 409
    assert front.refusals(run)
    assert events(front, run) == whole
    answer = front.call("vic", "GET", f"{RUNS}/{run}/events", **{"Last-Event-ID": whole[-1].id})
    assert (answer.status_code, answer.text) == (204, "")


def test_a_long_record_is_told_whole(protected: Protected) -> None:
    front = protected()
    front.house.runtime.build = speaking(front.house, "%s\\n" * 3 + "x" * 9000)  # type: ignore[method-assign]
    run = front.waiting()
    with front.house.tools.store.transaction() as runs:
        runs.lock(UUID(run))
        for _ in range(220):
            runs.add_event(UUID(run), "ben", "approval_refused", {})
    assert front.answer("ann", run).status_code == 200
    front.house.deliver()
    heard = events(front, run)
    assert [e.data["sequence"] for e in heard if e.kind == "state"] == list(
        range(1, len(front.house.events(UUID(run))) + 1)
    )
    assert heard[-1].kind == "end"
    assert events(front, run, heard[200].id) == heard[201:]


# --- who asks for what ------------------------------------------------------------------------------------


def test_an_id_that_this_run_never_had_is_refused_with_what_to_do(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    no_ids = ("", "1", "nonsense", "1.-.1", "2.analyze.0", "1.-.0, 2.-.0")
    for last in (*no_ids, "99.-.0", "1.build.1", "2.build.1", "2.analyze.99999999", "2.end.0"):
        answer = front.call("vic", "GET", f"{RUNS}/{run}/events", **{"Last-Event-ID": last})
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json"), last
        problem = answer.json()
        assert (problem["error"], problem["errors"][0]["field"]) == ("unknown_event_id", "last-event-id")
        assert "Leave Last-Event-ID out" in problem["remediation"]


def test_the_ids_of_a_longer_run_are_not_those_of_another(protected: Protected) -> None:
    front = protected()
    longer, other = events(front, ended(front)), front.create(dry_run=True)
    answer = front.call("vic", "GET", f"{RUNS}/{other}/events", **{"Last-Event-ID": longer[-1].id})
    assert (answer.status_code, answer.json()["error"]) == (409, "unknown_event_id")


def test_only_people_with_a_key_follow_and_only_what_there_is(protected: Protected) -> None:
    front = protected()
    run = front.waiting()
    answer = front.client.get(f"{RUNS}/{run}/events")
    assert (answer.status_code, answer.json()["error"]) == (401, "not_authenticated")
    answer = front.call("vic", "GET", f"{RUNS}/{uuid.uuid4()}/events")
    assert (answer.status_code, answer.json()["error"]) == (404, "run_not_found")
    assert front.call("vic", "GET", f"{RUNS}/nonsense/events").status_code == 422


# --- while it happens -------------------------------------------------------------------------------------


class Live:
    """A house with an API on a real socket; the worker is the test."""

    def __init__(self, house: House, settings: Settings, url: str) -> None:
        self.house, self.settings, self.url, self.keys = house, settings, url, make_keys(house)

    @contextmanager
    def listening(self, run: UUID, last: str | None = None, who: str = "vic") -> Iterator[Iterator[Heard]]:
        with listening(f"{self.url}{RUNS}/{run}/events", self.keys[who], last) as heard:
            yield heard

    def cut(self, run: UUID, lengths: Iterator[int]) -> list[Heard]:
        """The whole stream, of which each connection brings so many events and is cut then."""
        heard: list[Heard] = []
        while not (heard and heard[-1].kind == "end"):
            with self.listening(run, heard[-1].id if heard else None) as coming:
                heard += itertools.islice(coming, next(lengths))
        return heard


@pytest.fixture
def live(tmp_path: Path, database: Engine, database_url: str) -> Iterator[Live]:
    house = House(tmp_path, database)
    settings = settings_of(house, database_url)
    with serving(settings) as url:
        yield Live(house, settings, url)


@contextmanager
def meanwhile(act: Callable[[], Any]) -> Iterator[None]:
    """Something that happens while the block looks on."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(40)
        assert not thread.is_alive()


class SlowBuild:
    """A build that says one thing, then waits until it is told to say the other."""

    def __init__(self, house: House) -> None:
        self._build, self.goes_on = house.runtime.build, threading.Event()

    def __call__(self, execute: Execute) -> None:
        execute(Command(("/usr/bin/printf", "it began\\n")))
        assert self.goes_on.wait(30)
        execute(Command(("/usr/bin/printf", "it ended\\n")))
        self._build(execute)


def slow_build(house: House) -> SlowBuild:
    build = SlowBuild(house)
    house.runtime.build = build  # type: ignore[method-assign]
    return build


def test_lines_come_while_the_step_is_on_to_all_who_listen(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.api.live.stream.HEARTBEAT_SECONDS", 600)  # nothing is found by chance
    build, run = slow_build(live.house), live.house.submit()
    with live.listening(run) as first, live.listening(run) as second, meanwhile(live.house.deliver):
        assert next(first).short == "run_created"
        for coming in (first, second):
            assert "it began" in (event.short for event in coming)
        build.goes_on.set()
        ends = [list(coming) for coming in (first, second)]
    assert ends[0] == ends[1]
    assert ends[0][1].short == "it ended"
    assert ends[0][-1].data == {"status": "succeeded"}


def test_what_happens_while_a_step_is_on_comes_after_its_log(live: Live) -> None:
    build, run = slow_build(live.house), live.house.submit()
    with live.listening(run) as coming, meanwhile(live.house.deliver):
        assert "it began" in (event.short for event in coming)
        with live.house.tools.store.transaction() as runs:
            runs.lock(run)
            runs.add_event(run, "ben", "approval_refused", {})
        build.goes_on.set()
        rest = [event.short for event in coming]
    assert rest[1] == "it ended"
    assert rest.index("approval_refused") == rest.index("step_finished") - 1


def test_a_live_stream_cut_again_and_again_is_the_one_read_later(live: Live) -> None:
    live.house.runtime.build = speaking(live.house, "a line\\n" * 20)  # type: ignore[method-assign]
    run = live.house.submit()
    with meanwhile(live.house.deliver):
        heard = live.cut(run, itertools.cycle([1, 2]))
    assert heard == live.cut(run, itertools.repeat(10_000))


def test_a_writer_that_never_rests_leaves_no_seam(live: Live) -> None:
    """The stream goes from what is stored to what happens now again and again, while both are written to."""
    live.house.runtime.build = lambda execute: [  # type: ignore[method-assign, assignment]
        execute(Command(("/usr/bin/printf", f"line {number}\\nhalf"))) for number in range(20)
    ]
    run = live.house.submit()
    with meanwhile(live.house.deliver):
        heard = live.cut(run, itertools.cycle([1, 5, 40, 2]))
    lines = [event.short for event in heard if event.kind == "log" and event.data["step"] == "build"]
    log = live.house.files(run)["build.log"].decode()
    assert lines == log.splitlines()
    assert heard == live.cut(run, itertools.repeat(10_000))


def test_a_second_attempt_has_a_log_of_its_own(live: Live) -> None:
    run = live.house.submit()
    live.house.step(run, "analyze")
    live.house.step(run, "patch")
    claim = live.house.tools.store.claim(run, 1, "build", owner="gone", lease=30, task="t")  # type: ignore[arg-type]
    assert claim
    folder = live.house.home / "var" / "artifacts" / "spec_workflows" / str(run)
    (folder / "build.log").write_text("so far and no")
    with live.listening(run) as coming:
        assert "step_started" in (
            event.short for event in coming if event.data.get("payload", {}).get("step") == "build"
        )
        live.house.lapse()
        live.house.reap()
        with meanwhile(live.house.deliver):
            rest = list(coming)
    assert rest[0].data == {"step": "build", "attempt": 1, "text": "so far and no"}
    assert rest[1].data["payload"]["attempt"] == 2
    assert {event.data["attempt"] for event in rest if event.data.get("step") == "build"} == {1, 2}
    assert rest[-1].kind == "end"


def test_a_stream_ends_once_its_key_is_revoked(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.api.live.stream.HEARTBEAT_SECONDS", 0.2)
    run = live.house.submit()
    with live.listening(run) as coming:
        assert next(coming).short == "run_created"
        with live.house.database.begin() as connection:
            connection.execute(text("UPDATE api_keys SET revoked_at = now() WHERE owner = 'vic'"))
        assert list(coming) == []


def test_a_stream_ends_after_its_longest_time_and_goes_on_in_another(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.api.live.stream.HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("api_service.api.live.stream.LONGEST_SECONDS", 0.3)
    run = live.house.submit()
    headers = {"Authorization": f"Bearer {live.keys['vic']}"}
    body = httpx.get(f"{live.url}{RUNS}/{run}/events", headers=headers, timeout=30, trust_env=False).text
    assert ": ping\n\n" in body
    (created,) = parse(body)
    live.house.deliver()
    with live.listening(run, created.id) as coming:
        assert next(coming).short == "step_started"


def test_a_client_that_takes_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_service.api.live.stream.SLOWEST_SECONDS", 0.05)

    async def events_without_end() -> AsyncIterator[bytes]:
        while True:
            yield b": ping\n\n"

    async def takes_nothing(message: Message) -> None:
        await asyncio.Event().wait()

    asyncio.run(EventStream(events_without_end()).stream_response(takes_nothing))


def test_events_come_while_nobody_tells_of_them(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listening connection was cut, and is not back yet."""
    monkeypatch.setattr("api_service.api.live.stream.POLL_SECONDS", 0.1)
    monkeypatch.setattr("moonmind.engine.notices.backoff_seconds", lambda failures, most: 60)
    run = live.house.submit()
    with live.listening(run) as coming:
        assert next(coming).short == "run_created"
        with live.house.database.begin() as connection:
            assert connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM ({LISTENS}) AS one")).all()
        with meanwhile(live.house.deliver):
            assert list(coming)[-1].kind == "end"


@pytest.mark.parametrize(
    "disturbance",
    [f"SELECT pg_terminate_backend(pid) FROM ({LISTENS}) AS one", "NOTIFY moonmind_events, 'nonsense'"],
    ids=["cut", "nonsense"],
)
def test_the_listening_connection_comes_back_by_itself(
    live: Live, disturbance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.api.live.stream.HEARTBEAT_SECONDS", 600)
    run = live.house.submit()

    def listeners() -> set[int]:
        with live.house.database.connect() as connection:
            return set(connection.execute(text(LISTENS)).scalars())

    until(lambda: bool(listeners()), seconds=30, what="the API listens")
    before = listeners()
    with live.listening(run) as coming:
        with live.house.database.begin() as connection:
            connection.execute(text(disturbance))
        until(lambda: bool(listeners() - before), seconds=30, what="the API listens again")
        with meanwhile(live.house.deliver):
            assert list(coming)[-1].kind == "end"


def test_a_process_that_is_told_to_end_ends_its_streams_and_does_not_wait_for_their_clients(
    tmp_path: Path, database: Engine, database_url: str
) -> None:
    house, port = House(tmp_path, database), free_port()
    run, keys = house.submit(), make_keys(house)
    environment = {"MOONMIND_HOME": str(tmp_path), "MOONMIND_DATABASE__URL": database_url}
    environment |= {"MOONMIND_BROKER__URL": f"filesystem://{tmp_path}/broker"}
    url = f"http://127.0.0.1:{port}"
    with running(*api(port), env=environment, log=tmp_path / "api.log") as process:
        until(lambda: answers(f"{url}/readyz"), seconds=60, what="the API answers")
        with listening(f"{url}{RUNS}/{run}/events", keys["vic"]) as coming:
            assert next(coming).short == "run_created"
            process.send_signal(signal.SIGTERM)
            assert list(coming) == []
            process.wait(30)
    assert "Exception" not in (tmp_path / "api.log").read_text()


def test_no_more_streams_than_may_be_are_open_and_one_that_is_closed_makes_room(
    tmp_path: Path, database: Engine, database_url: str
) -> None:
    house = House(tmp_path, database)
    settings = settings_of(house, database_url)
    few = settings.model_copy(update={"api": settings.api.model_copy(update={"event_streams": 1})})
    with serving(few) as url:
        live = Live(house, few, url)
        run = house.submit()
        with live.listening(run) as coming:
            assert next(coming).short == "run_created"
            with pytest.raises(AssertionError, match="too_many_streams"), live.listening(run):
                pass
        house.deliver()
        until(lambda: _opens(live, run), seconds=10, what="there is room again")


def _opens(live: Live, run: UUID) -> bool:
    try:
        with live.listening(run) as coming:
            return list(coming)[-1].kind == "end"
    except AssertionError:
        return False
