"""The API in this process, over a real database; no worker, no broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api_service.main import create_app
from moonmind.config.settings import Settings, load_settings
from tests.support.front import Front, settings_of
from tests.support.house import House

TESTED = {"MOONMIND_API__ALLOWED_HOSTS": "testserver"}
"""The name by which the test client calls."""
CONFIG = """
[services.shop]
runtime = "process"
workspace = "shop"
allow = ["requirements.txt"]
process = { command = ["python", "app.py"], health = [{ http = "http://127.0.0.1:{port}/health" }] }

[services.till]
runtime = "process"
workspace = "till"
lock_group = "front"
allow = ["requirements.txt"]
process = { command = ["python", "app.py"], health = [{ http = "http://127.0.0.1:{port}/health" }] }
"""


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Two services in a home of their own."""
    (tmp_path / "config.toml").write_text(CONFIG)
    broker = f"filesystem://{tmp_path}/broker"
    return load_settings(tmp_path, {"MOONMIND_DATABASE__URL": database_url, "MOONMIND_BROKER__URL": broker, **TESTED})


@pytest.fixture
def stranger(settings: Settings) -> Iterator[TestClient]:
    """A client without a key."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient, settings: Settings) -> TestClient:
    """A client with the admin key that the first start made."""
    key = (settings.var / "admin.key").read_text().strip()
    stranger.headers["Authorization"] = f"Bearer {key}"
    return stranger


@pytest.fixture
def protected(tmp_path: Path, database: Engine, database_url: str) -> Iterator[Callable[..., Front]]:
    """A house with a worker and its API; its shop is protected, by default before anything is touched."""
    with ExitStack() as stack:

        def make(**policy: Any) -> Front:
            chosen = {"requirement": '"pre-run"', **policy}
            approval = "{" + ", ".join(f"{name} = {value}" for name, value in chosen.items()) + "}"
            house = House(tmp_path, database, approval=approval)
            app = create_app(settings_of(house, database_url))
            return Front(house, stack.enter_context(TestClient(app, raise_server_exceptions=False)))

        yield make
