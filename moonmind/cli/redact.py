"""`moonmind redact`: the filter that everything passes which a run keeps, for any stream."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections import Counter

    from moonmind.utils.redaction import Redactor

CHUNK = 256 * 1024


@click.command()
@click.option("--count", is_flag=True, help="Say on stderr how many secrets of each kind were masked.")
def redact(count: bool) -> None:
    """Copy standard input to standard output with every secret masked.

    \b
    docker compose logs shop | moonmind redact
    moonmind redact --count < build.log > build-to-share.log

    A mask says what was there, such as `[redacted:github-token]`. Masked are the values that this home knows (of its
    settings, its key files and of environment variables with names like `…_TOKEN`), also in base64, URL-encoded
    and escaped; keys and tokens of known forms; private keys; and what stands beside names such as `password`.
    Hashes, digests, UUIDs and versions stay. Lines come out as soon as they are complete.

    Exit: 0 whether or not there were secrets.
    """
    try:
        counts = _filter(_make())
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if count:
        _report(counts)


def _make() -> Redactor:
    from moonmind.config.home import current_home
    from moonmind.config.known_secrets import make_redactor
    from moonmind.config.settings import load_settings

    return make_redactor(load_settings(current_home(), os.environ), os.environ)


def _filter(redactor: Redactor) -> Counter[str]:
    """Bytes in, bytes out, each as soon as it can go."""
    stream = redactor.stream()
    out = sys.stdout.buffer
    while data := os.read(sys.stdin.fileno(), CHUNK):
        out.write(stream.feed(data))
        out.flush()
    out.write(stream.flush())
    out.flush()
    return stream.counts


def _report(counts: Counter[str]) -> None:
    for kind, number in sorted(counts.items()):
        click.echo(f"{number:>7} {kind}", err=True)
    click.echo(f"{counts.total():>7} masked", err=True)
