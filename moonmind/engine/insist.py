"""Getting an answer from a database that comes and goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from moonmind.engine.backoff import backoff_seconds

T = TypeVar("T")
log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 2.0


def insist(act: Callable[[], T], *, pause: Callable[[float], bool]) -> T:
    """Do `act` until the database answers. `pause` waits that many seconds; False from it ends the trying.

    After an error it is not known whether `act` was committed: it must be one that may be repeated, or that finds out.
    Raises the last error.
    """
    failures = 0
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            failures += 1
            log.warning("database: %s; trying again", type(error).__name__)
            if not pause(backoff_seconds(failures, most=LONGEST_PAUSE_SECONDS)):
                raise
