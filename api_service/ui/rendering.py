"""Templates to answers: autoescaped, and strict about what they name."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api_service.ui.notes import NOTE_COOKIE, note_of
from api_service.ui.static_files import static_url
from api_service.ui.views.diff import MOST_LINES
from api_service.ui.views.text import one_line, prose, visible
from api_service.ui.views.times import ago, moment
from api_service.ui.views.words import REQUIREMENT
from api_service.ui.visitors import Visitor

HEADERS = {"Referrer-Policy": "same-origin"}
"""With `no-referrer` browsers send forms with the origin `null`, which is nobody's page."""
REFRESH = "X-Refresh"
"""A page's own script asks with it for the page as it is now."""

templates = Environment(
    loader=PackageLoader("api_service.ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters |= {"visible": visible, "prose": prose, "one_line": one_line, "moment": moment}
templates.globals |= {
    "static_url": static_url,
    "version": version("moonmind-orchestrator"),
    "gate_badges": REQUIREMENT,
    "most_diff_lines": MOST_LINES,
}


def page(request: Request, template: str, visitor: Visitor | None, status: int = 200, **model: Any) -> HTMLResponse:
    """The page for whoever looks, with the note that the action before left."""
    now = datetime.now(UTC)
    note = note_of(request) if REFRESH not in request.headers else None
    common = {"path": request.url.path, "visitor": visitor, "now": now, "ago": lambda at: ago(at, now), "note": note}
    html = templates.get_template(template).render(common | model)
    answer = HTMLResponse(html, status, headers=HEADERS)
    if note is not None:
        answer.delete_cookie(NOTE_COOKIE, path="/ui")
    return answer


def go_to(path: str, note: str | None = None) -> RedirectResponse:
    """See another page, after something was done there with this note."""
    answer = RedirectResponse(path, 303, headers=HEADERS)
    if note is not None:
        answer.set_cookie(NOTE_COOKIE, note, max_age=60, path="/ui", httponly=True, samesite="strict")
    return answer
