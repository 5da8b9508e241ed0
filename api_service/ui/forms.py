"""Forms of the pages: read with limits, checked by the API's own shapes, and shown again with what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile

from api_service.api.problems import Problem

MOST_FIELDS = 40

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fields:
    """What was sent: each field's values in order."""

    values: Mapping[str, Sequence[str]]

    def one(self, name: str) -> str:
        """A field's only value; empty when it was not sent."""
        return next(iter(self.values.get(name, ())), "")

    def many(self, name: str) -> list[str]:
        """All of a field's values."""
        return list(self.values.get(name, ()))

    def optional(self, name: str) -> str | None:
        """A field's value; None when nothing was written into it."""
        return self.one(name).strip() or None


class InvalidFormError(Exception):
    """What is wrong, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(", ".join(sorted(errors)))
        self.errors = errors


async def read_fields(request: Request) -> Fields:
    """The fields of a form. Problem 422 for files, too many fields, and text that cannot be stored."""
    values: dict[str, list[str]] = {}
    for name, value in (await request.form(max_files=0, max_fields=MOST_FIELDS)).multi_items():
        if isinstance(value, UploadFile) or "\0" in value or not _is_text(value):
            raise Problem(422, "invalid_form", f"the field {name!r} holds what no text holds", "Write it anew.")
        values.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Fields(values)


def check(shape: type[Shape], sent: Mapping[str, Any]) -> Shape:
    """The checked request. Raises InvalidFormError."""
    try:
        return shape.model_validate(sent)
    except ValidationError as error:
        found = {str(item["loc"][0]) if item["loc"] else "": _sentence(item["msg"]) for item in error.errors()}
        raise InvalidFormError(found) from None


def whole_number(text: str) -> int | str:
    """The number that a text says; the text itself when it says none, so that it is refused by name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:] + "."


Form = Annotated[Fields, Depends(read_fields)]
