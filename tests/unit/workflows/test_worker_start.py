"""What a worker starts beside its tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from celery.signals import worker_ready
from sqlalchemy.exc import OperationalError

from moonmind.workflows.orchestrator import tasks

Thread = Callable[[threading.Event], None]


def test_a_database_that_is_away_at_the_start_keeps_neither_dispatcher_nor_reaper_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    started: dict[str, Thread] = {}
    answers = iter([OperationalError("SELECT", {}, Exception("starting up")), None])

    def keep(tools: object) -> None:
        if (error := next(answers)) is not None:
            raise error

    monkeypatch.setattr(tasks, "toolbox", lambda: SimpleNamespace(store=SimpleNamespace(engine=None)))
    monkeypatch.setattr(tasks, "keep_configured_gates", keep)
    monkeypatch.setattr(tasks, "_start", started.__setitem__)
    worker_ready.send(sender=None)
    assert list(started) == ["dispatcher", "reaper", "gates"]
    started["gates"](threading.Event())
    assert next(answers, "asked again until it was there") == "asked again until it was there"
