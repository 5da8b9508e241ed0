"""What the caller sees. Nobody else writes to stdout, so that there is one answer there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


class HumanRender:
    """Words to stdout."""

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        """The document is for programs and is not shown."""
        click.echo(words())

    def note(self, text: str) -> None:
        """To stderr."""
        click.echo(text, err=True)


class JsonRender:
    """One document on one line of stdout."""

    def answer(self, document: Mapping[str, Any], words: Callable[[], str]) -> None:
        """The words are never made."""
        import json  # not for people, who wait for the start

        click.echo(json.dumps(document, ensure_ascii=False))

    def note(self, text: str) -> None:
        """To stderr, where people look."""
        click.echo(text, err=True)
