"""Where the installed command begins, before anything heavy is imported."""

from __future__ import annotations

import atexit
import gc

COLLECT_AFTER = 100_000
"""Containers made and not freed before cycles are looked for. Imports alone make some 30,000, which all stay; Python's
700 costs a short command 6 % of its instructions (callgrind, `moonmind tasks list-tasks`)."""


def main() -> None:
    """Run the command; exits."""
    gc.set_threshold(COLLECT_AFTER)
    atexit.register(gc.freeze)  # nor at the end: the process's memory goes as a whole
    from moonmind.cli.main import main as command

    command()
