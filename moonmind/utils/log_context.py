"""What every log record of a piece of work says: its run, step and attempt, or its request. Threads begin bare."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from types import MappingProxyType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Value = str | int | float
_fields: ContextVar[Mapping[str, Value]] = ContextVar("log_fields", default=MappingProxyType({}))


@contextmanager
def log_context(**fields: Value) -> Iterator[None]:
    """Every record that is emitted inside the block carries these fields as well."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def carried(act: Callable[P, T]) -> Callable[P, T]:
    """`act` with the fields of whoever called this, to be called in another thread."""
    context = copy_context()

    def act_there(*args: P.args, **named: P.kwargs) -> T:
        return context.run(act, *args, **named)

    return act_there


class ContextFilter(logging.Filter):
    """Puts the fields in force on each record; what a record brings itself wins."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything pass."""
        for name, value in _fields.get().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True
