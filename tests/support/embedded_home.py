"""A home of its own for tests that start the whole stack by the installed command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from moonmind.embedded.leftovers import marked

ROOT = Path(__file__).parents[2]
MOONMIND = Path(sys.executable).with_name("moonmind")


PLAIN_SHOP = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def prefix_for_nobody() -> tuple[str, ...]:
    """What a command begins with to run as a plain user. Skips the test where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else; the other tests ran as a plain user")
    setpriv = shutil.which("setpriv")
    assert setpriv
    prefix = (setpriv, "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    # through a shell: the first program after setpriv still passes through closed folders, its children do not
    tried = subprocess.run((*prefix, "sh", "-c", '"$0" -c "import moonmind.cli.main"', sys.executable), check=False)
    if tried.returncode:
        pytest.skip(f"a plain user cannot reach {sys.executable} or {ROOT}")
    return prefix


@dataclass
class EmbeddedHome:
    """`folder` holds the project's `config.toml`; state goes to `var/` below it."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        shutil.copy(ROOT / "config.toml", self.folder)

    def put_plain_shop(self) -> Path:
        """A shop that needs no packages, for tests that are not about it: its environment is there at once. Where."""
        shop = self.folder / "services" / "shop"
        shop.mkdir(parents=True)
        (shop / "app.py").write_text(PLAIN_SHOP)
        (shop / "requirements.txt").write_text("# nothing\n")
        return shop

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MOONMIND_")}
        return {**clean, "MOONMIND_API__PORT": "0", **self.env, **more, "MOONMIND_HOME": str(self.folder)}

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """The installed command, with pipes."""
        return subprocess.Popen(
            (str(MOONMIND), *arguments), env=self.environment(env), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The installed command to its end."""
        with self.start(*arguments, **env) as process:
            out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def processes(self) -> list[psutil.Process]:
        """All that lives of this home's stack."""
        data = str(self.folder / "var" / "postgres" / "data")
        return [*{*(p for p in psutil.process_iter() if _serves(p, data)), *marked(self.folder)}]

    def kill_everything(self) -> None:
        """`kill -9` of every process of the stack, in no order."""
        victims = self.processes()
        assert victims
        kill(victims)


def kill(victims: list[psutil.Process]) -> None:
    """`kill -9`, and wait for the end; some may end by themselves, since those before them did."""
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(victims, timeout=10)


def _serves(process: psutil.Process, data: str) -> bool:
    try:
        return process.name() == "postgres" and data in (process.cwd(), *process.cmdline())
    except psutil.NoSuchProcess:
        return False
