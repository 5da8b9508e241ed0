"""The OpenAPI document, as exact as the API: what the framework cannot know about every route is added here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api_service.api.problems import MEDIA_TYPE

Json = dict[str, Any]

_PROBLEM: Json = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
_TEXT: Json = {"type": "string"}
_SECONDS: Json = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 0}}}
_CHALLENGE: Json = {"WWW-Authenticate": {"description": "How to say who you are", "schema": _TEXT}}

ALWAYS: Json = {"429": "Too many requests: wait `Retry-After` seconds"}
WITH_BODY: Json = {
    "413": "The body is over the limit",
    "415": "The body is not `application/json`, or it is encoded",
}
HEADERS: Json = {"401": _CHALLENGE, "429": _SECONDS, "503": _SECONDS}
"""What the answers of a status carry, on every route."""


def install(app: FastAPI) -> None:
    """Have the app serve this document."""
    frameworks = app.openapi
    app.openapi = lambda: exact(frameworks())  # type: ignore[method-assign]  # the framework's own way of extending


def exact(document: Json) -> Json:
    """The framework's document, with problems as problems, with what every route may answer, and without a null where
    there is no way to send one. Twice gives the same."""
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
        responses = operation["responses"]
        for status, description in (ALWAYS | (WITH_BODY if "requestBody" in operation else {})).items():
            responses.setdefault(status, {"description": description, "content": _PROBLEM})
        for status, response in responses.items():
            if MEDIA_TYPE in response.get("content", {}):
                response["content"] = _PROBLEM
                response["headers"] = {**response.get("headers", {}), **HEADERS.get(status, {})}
        operation["responses"] = dict(sorted(responses.items()))
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own form of errors, which we never send
        document["components"]["schemas"].pop(unused, None)
    return document


def _operations(document: Json) -> Iterator[Json]:
    for path in document["paths"].values():
        yield from path.values()


def _without_null(schema: Json) -> Json:
    """A parameter that may be left out is not null: query and headers are text."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    rest: Json = {name: value for name, value in schema.items() if name != "anyOf"}
    return rest | dict(kinds[0])
