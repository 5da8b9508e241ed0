"""A house with its API in front: people with keys of their own, and runs that wait for them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi.testclient import TestClient

from api_service.main import create_app
from moonmind.access.keys import hash_key, make_key
from moonmind.access.repository import KeyRepository
from moonmind.config.settings import Settings, load_settings
from tests.servers import until
from tests.support.house import House

RUNS = "/orchestrator/runs"
FIX = {"instruction": "fix the missing dependency", "target_service": "shop"}
PEOPLE = {
    "kim": ("operator", "approver"),
    "ann": ("approver",),
    "ben": ("approver",),
    "vic": ("viewer",),
    "oli": ("operator",),
    "ada": ("admin",),
}
"""Kim asks for the runs."""


def settings_of(house: House, database_url: str) -> Settings:
    """The API's settings for this house."""
    broker = f"filesystem://{house.home}/broker"
    return load_settings(
        house.home,
        {
            "MOONMIND_DATABASE__URL": database_url,
            "MOONMIND_BROKER__URL": broker,
            "MOONMIND_API__ALLOWED_HOSTS": "testserver",
        },
    )


def make_keys(house: House) -> dict[str, str]:
    """A key for each of the people."""
    keys = {name: make_key(uuid.uuid4().bytes + uuid.uuid4().bytes) for name in PEOPLE}
    with house.database.begin() as connection:
        for name, key in keys.items():
            KeyRepository(connection).add_unless_known(name, "test", PEOPLE[name], hash_key(key))
    return keys


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The URL of the API, served from this process over a real socket."""
    config = uvicorn.Config(create_app(settings), port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), seconds=30, what="the API answers")
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


class Front:
    """Calls of the API by name of the person who calls."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client, self.keys = house, client, make_keys(house)

    def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        sent = {"json": body} if body is not None else {}
        headers = {"Authorization": f"Bearer {self.keys[who]}", **headers}
        return self.client.request(method, path, headers=headers, **sent)

    def create(self, **rest: Any) -> str:
        """A run that Kim asks for, as far as it comes."""
        run = self.call("kim", "POST", RUNS, {**FIX, **rest}).json()["run_id"]
        self.house.deliver()
        return str(run)

    def waiting(self) -> str:
        run = self.create()
        assert self.detail(run)["status"] == "awaiting_approval"
        return run

    def detail(self, run: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("vic", "GET", f"{RUNS}/{run}").json()
        return shown

    def token(self, who: str, run: str, **body: Any) -> str:
        answer = self.call(who, "POST", f"{RUNS}/{run}/approval-tokens", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def answer(self, who: str, run: str, token: str | None = None, **rest: Any) -> httpx2.Response:
        """Approve, with a new token if none is given."""
        body = {"approver": {"id": who, "role": "approver"}, "token": token or self.token(who, run), **rest}
        return self.call(who, "POST", f"{RUNS}/{run}/approvals", body)

    def refusals(self, run: str) -> list[tuple[str, str]]:
        """Who was refused why, as the run's record has it."""
        events = self.house.events(uuid.UUID(run), "approval_refused")
        return [(event["actor"], event["payload"]["code"]) for event in events]
