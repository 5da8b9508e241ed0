"""Known texts of Docker and Compose, and what they mean for a person. The first that fits counts."""

from __future__ import annotations

import re
from typing import Final

ENGINE_TEXTS: Final = (
    (r"permission denied while trying to connect", "this worker may not use the Docker socket"),
    (r"Cannot connect to the Docker daemon at (\S+?)\.? ", r"no engine answers at \1"),
    (r"error during connect", "no engine answers"),
)
PLUGIN_TEXTS: Final = (
    (r"'compose' is not a docker command|unknown flag: --(project-name|ansi)", "the Compose v2 plug-in is missing"),
)
FAILURE_TEXTS: Final = (
    (r"COMPOSE_EXPERIMENTAL_\w+_REMOTE", "the Compose file includes a remote file, which is refused"),
    (r"port is already allocated|address already in use", "its port is taken by something else"),
    (r'exec: "([^"]*)": executable file not found', r"the image has no program `\1`"),
    (r"exec (\S+?):? exec format error", r"`\1` in the image is for another machine, or is a script without `#!`"),
    (r'exec: "([^"]*)": permission denied', r"`\1` in the image is not executable"),
    (r"no space left on device", "the engine's disk is full"),
    (r"No such image: (\S+)", r"there is no image \1 here"),
    (r"pull access denied for ([^\s,]+)", r"there is no image \1, neither here nor in the registry"),
    (r"failed to read dockerfile", "there is no Dockerfile"),
    (r"(\S+): failed to resolve source metadata", r"the base image \1 cannot be had"),
    (r"ERROR: (No matching distribution found for .+)", r"\1"),
    (r"process \"(.+)\" did not complete successfully: exit code: (\d+)", r"`\1` ended with \2"),
    (r"executor failed running \[(.+)\]: exit code: (\d+)", r"`\1` ended with \2"),
    (r"failed to solve: (.+)", r"\1"),
    (r"Error response from daemon: (.+)", r"\1"),
)
LONGEST: Final = 300


def known_reason(output: str, texts: tuple[tuple[str, str], ...] = FAILURE_TEXTS) -> str | None:
    """The reason that the first known text in the output gives, None when there is none."""
    found = ((re.search(pattern, output), reason) for pattern, reason in texts)
    return next((match.expand(reason)[:LONGEST] for match, reason in found if match), None)


def last_line(output: str) -> str:
    """The last thing that a command said, for failures that nobody has described yet."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:LONGEST] if lines else "it said nothing"
