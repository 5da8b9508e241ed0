"""The one reader of request bodies: UTF-8, no NaN, no duplicate keys, no NUL, no lone surrogates, bounded depth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from api_service.api.problems import Problem

DEPTH = 32
MOST_EXACT = 2**53


class Body(BaseModel):
    """Base of request bodies: no unknown fields, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler over a strict request."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parse(await self.body())


def parse(body: bytes) -> Any:
    """The value of a JSON text. Raises Problem 422 `invalid_json` saying what is wrong."""
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_number)
        _check_text(value)
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise Problem(
            422,
            "invalid_json",
            f"the body is not acceptable JSON: {error}",
            "Send one JSON object in UTF-8.",
            errors=[],
        ) from None
    return value


def _check_depth(text: str) -> None:
    depth, in_string, escaped = 0, False, False
    for char in text:
        if in_string:
            escaped, in_string = (not escaped and char == "\\"), escaped or char != '"'
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > DEPTH:
                raise ValueError(f"nested deeper than {DEPTH}")
        elif char in "]}":
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _number(text: str) -> int | float:
    """`10.0` is the number 10: JSON knows no kinds of numbers. What no float can hold is refused."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return int(value) if value.is_integer() and abs(value) < MOST_EXACT else value


def _check_text(value: Any) -> None:
    match value:
        case str():
            if "\0" in value:
                raise ValueError("text may not hold NUL")
            value.encode("utf-8")  # fails on a lone surrogate
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check_text(item)
        case list():
            for item in value:
                _check_text(item)
