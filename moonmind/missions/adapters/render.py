"""What the caller sees. Nobody else writes to stdout, so that there is one answer there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


class HumanRender:
    """Words to stdout."""

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        """The document is for programs and is not shown."""
        click.echo(_text(words()))

    def note(self, text: str) -> None:
        """To stderr."""
        click.echo(_text(text), err=True)


class JsonRender:
    """One document on one line of stdout."""

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        """The words are never made."""
        from moonmind.utils.json_line import json_line  # not for people, who wait for the start

        click.echo(json_line(document))

    def note(self, text: str) -> None:
        """To stderr, where people look."""
        click.echo(_text(text), err=True)


def _text(words: str) -> str:
    """A name that is no text, bytes of a command line, with `?` for each of them."""
    return words.encode(errors="replace").decode()
