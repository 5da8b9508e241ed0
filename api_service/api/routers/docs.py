"""The API's description as a page: made here, so that no browser asks another host for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, select_autoescape

router = APIRouter(include_in_schema=False)
PAGES = Environment(loader=PackageLoader("api_service.api", "routers"), autoescape=select_autoescape(["html.jinja"]))


@dataclass(frozen=True, slots=True)
class Operation:
    """One call, as OpenAPI describes it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None
    answers: list[tuple[str, dict[str, Any] | None]]


@router.get("/docs", response_class=HTMLResponse)
def show(request: Request) -> str:
    """Every call and shape, on one page without scripts."""
    api = request.app.openapi()
    return PAGES.get_template("docs.html.jinja").render(api=api, operations=list(operations_of(api)))


def operations_of(api: Mapping[str, Any]) -> Iterator[Operation]:
    """In the document's order."""
    for path, methods in api["paths"].items():
        for method, found in methods.items():
            body = found.get("requestBody")
            answers = [(status, _schema(answer)) for status, answer in found["responses"].items()]
            summary, description = found.get("summary", ""), found.get("description", "")
            yield Operation(
                found["operationId"], method.upper(), path, summary, description, found.get("parameters", []),
                _schema(body) if body else None, answers,
            )  # fmt: skip


def _schema(described: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a body or an answer, whichever its media type."""
    contents = list(described.get("content", {}).values())
    return next((content["schema"] for content in contents if content.get("schema")), None)
