"""What other tools make of a service's imports: each is run as a program on the service's folder, and what it lists is
installed. A tool that ends with an error, says nothing or takes too long has added nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from .environments import Environments, importable, plain_environment
from .scoring import Outcome
from .service import write_service
from .sets import ImportSet

TOOL_SECONDS = 120.0
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where the tools are (`bin` of their own environment) and what checks what they list."""

    bin: Path
    environments: Environments


Lister = Callable[[Workshop, Path, ImportSet], Sequence[str] | str]
"""The names that a tool lists for a service's folder, or why it does not."""


def run_tool(name: str, workshop: Workshop, one: ImportSet) -> Outcome:
    """What the tool adds, in an environment of its own. The seconds are its own and those of installing."""
    with tempfile.TemporaryDirectory(prefix="mmrepair-") as made:
        folder = Path(made)
        write_service(folder / "service", one.imports)
        python = workshop.environments.make(folder / "environment")
        began = time.monotonic()
        if name == "naive":
            added, note = _one_by_one(workshop.environments, python, one)
        else:
            added, note = _as_listed(LISTERS[name], workshop, folder / "service", python, one)
        seconds = time.monotonic() - began
        works = importable(python, one.importable, folder / "nowhere")
        shutil.rmtree(folder / "environment", ignore_errors=True)
    return Outcome(tuple(added), works, seconds, 1, note)


def listed(text: str) -> list[str]:
    """Distribution names of a requirements file's lines."""
    lines = (line.strip() for line in text.splitlines())
    return [found[0] for line in lines if not line.startswith(("#", "-")) and (found := _NAME.match(line))]


def _one_by_one(environments: Environments, python: Path, one: ImportSet) -> tuple[list[str], str]:
    """Whatever is called as the import is, where there is such a thing."""
    added, refused = [], []
    for module in one.imports:
        name = canonicalize_name(module.partition(".")[0])
        (refused if environments.install(python, [name]) else added).append(name)
    return added, f"not installed: {', '.join(refused)}" if refused else ""


def _as_listed(
    lister: Lister, workshop: Workshop, service: Path, python: Path, one: ImportSet
) -> tuple[Sequence[str], str]:
    names = lister(workshop, service, one)
    if isinstance(names, str):
        return (), names
    return names, workshop.environments.install(python, names) or ""


def _pipreqs(workshop: Workshop, service: Path, one: ImportSet) -> Sequence[str] | str:
    server = workshop.environments.index.projects
    options = ("--print", "--mode", "no-pin", *(("--pypi-server", server) if server else ()))
    done = _program(workshop, "pipreqs", *options, str(service))
    return done if isinstance(done, str) else listed(done.stdout)


def _pigar(workshop: Workshop, service: Path, one: ImportSet) -> Sequence[str] | str:
    """Without a person to ask it has one way for a name that several distributions provide, `--auto-select`: it takes
    what it finds the best match, and without one all of them; so it may add very many."""
    simple = workshop.environments.index.simple
    options = ("--auto-select", "--question-answer", "yes", "--comparison-specifier", "-", "--dont-show-differences")
    file = service.parent / "pigar.txt"
    given = (*options, *(("--index-url", simple) if simple else ()), "--requirement-file", str(file), str(service))
    done = _program(workshop, "pigar", "generate", *given)
    if isinstance(done, str):
        return done
    return listed(file.read_text("utf-8")) if file.is_file() else "pigar wrote nothing"


def _labels(workshop: Workshop, service: Path, one: ImportSet) -> Sequence[str]:
    return list(dict.fromkeys(min(one.right[name]) for name in one.importable))


LISTERS: Mapping[str, Lister] = {"pipreqs": _pipreqs, "pigar": _pigar, "labels": _labels}
TOOLS = ("naive", "pipreqs", "pigar")
"""Who is compared with. `labels` installs what the labels say: what can be repaired on this machine at all."""


def _program(workshop: Workshop, program: str, *arguments: str) -> subprocess.CompletedProcess[str] | str:
    argv = (str(workshop.bin / program), *arguments)
    env = plain_environment(workshop.environments.index)
    try:
        done = subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{program} took longer than {TOOL_SECONDS:.0f} s"
    if done.returncode != 0:
        return f"{program} ended with {done.returncode}: {' '.join(done.stderr.split())[-200:]}"
    return done
