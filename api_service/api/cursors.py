"""Cursors of paged lists: where the page before ended, opaque to clients."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from api_service.api.problems import Problem


def encode_cursor(at: datetime, number: UUID) -> str:
    """The cursor after this row."""
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(number)]).encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The row that a cursor names. Problem 422 for anything that is none of ours."""
    try:
        at, number = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
        moment, run = datetime.fromisoformat(at), UUID(number)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
    except (ValueError, TypeError, AttributeError, binascii.Error):
        field = {"field": "cursor", "message": "not a cursor of this list"}
        raise Problem(
            422, "invalid_request", "not valid: cursor", "Use `next_cursor` of the page before.", errors=[field]
        ) from None
    return moment, run
