"""Cursors of paged lists: where the page before ended. They name a row and no position, so that they survive what is
added meanwhile, and a restart."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api_service.api.problems import Problem

CURSOR = r"^[0-9]{1,17}\.[0-9a-f]{32}$"
"""Microseconds since 1970, and the row's id. Whatever has this form is a cursor; clients need not know."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(CURSOR)


def encode_cursor(at: datetime, number: UUID) -> str:
    """The cursor after this row."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1)}.{number.hex}"


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The row that a cursor names. Problem 422 for anything that is none of ours."""
    if not _FORM.fullmatch(cursor):
        field = {"field": "cursor", "message": "not a cursor of this list"}
        raise Problem(
            422, "invalid_request", "not valid: cursor", "Use `next_cursor` of the page before.", errors=[field]
        )
    microseconds, _, number = cursor.partition(".")
    return _EPOCH + timedelta(microseconds=int(microseconds)), UUID(number)
