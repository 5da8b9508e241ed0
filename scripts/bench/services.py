"""The services that a side repairs: real processes under a supervisord of the side's own.

What is used of the trees is what both have: `config.toml`, and where the runtime `process` looks for its supervisor
and for a service's environment below home.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import running, until
from bench.trees import plain_environment
from moonmind.embedded.sockets import LOOPBACK, free_port

MAIN = "shop"
"""The one that is broken and repaired."""
PEERS = tuple(f"peer-{number}" for number in range(1, 13))
"""Further ones, never started; a dry run looks at them all the same. As many as a burst has runs: none waits for
another."""

MISSING = ("dateutil", "slugify")
"""The module that the service newly imports, in turns: the last repair's package does not help it."""
REQUIREMENTS = "# what the service needs\ntabulate>=1.0\n"
APP = """\
import http.server
import os

import {module}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write({module}.__name__.encode())

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CONFIG = """\
[services.{name}]
runtime = "process"
workspace = {workspace}
allow = ["requirements.txt"]
[services.{name}.process]
command = ["python", "app.py"]
port = {port}
health = [{{ http = "http://127.0.0.1:{{port}}/" }}]

"""
START = """\
environment=$(readlink -f "$1") || exit 1
exec "$environment/bin/python" app.py
"""
HEAD = """\
[unix_http_server]
file={folder}/supervisor.sock
[supervisord]
nodaemon=true
silent=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/supervisor.sock
"""
PROGRAM = """\
[program:svc-{name}]
command=/bin/sh {folder}/start.sh {place}/current
directory={workspace}
environment=PORT="{port}",PYTHONUNBUFFERED="1"
autostart=false
startsecs=1
startretries=0
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={place}/service.log
"""
# startretries=0: a broken service is in one and the same state at each measurement, not in some phase of a retry


@dataclass(frozen=True, slots=True)
class Services:
    """All services of one side, below its `home`."""

    home: Path
    ports: Mapping[str, int] = field(default_factory=lambda: {name: free_port() for name in (MAIN, *PEERS)})

    def write(self) -> None:
        """Workspaces, `config.toml` and the supervisor's configuration."""
        self._folder.mkdir(parents=True)
        (self._folder / "start.sh").write_text(START)
        config, programs = "", HEAD.format(folder=self._folder)
        for name, port in self.ports.items():
            workspace, place = self.home / name, self._place(name)
            for folder in (workspace, place):
                folder.mkdir(parents=True)
            self._put(name, "tabulate")
            config += CONFIG.format(name=name, workspace=json.dumps(str(workspace)), port=port)
            programs += PROGRAM.format(name=name, folder=self._folder, place=place, workspace=workspace, port=port)
        (self.home / "config.toml").write_text(config)
        self._config.write_text(programs)

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """supervisord for the length of a block; it starts none of them by itself."""
        argv = (sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config))
        log = self._folder / "supervisord.out"
        with running(argv, cwd=self._folder, env=plain_environment(), log=log) as lives:
            until(lambda: lives() and self._control("pid").returncode == 0, seconds=20, what="supervisord answers")
            yield

    def break_main(self, turn: int) -> None:
        """A new import that nobody listed, deployed: the service ends with ModuleNotFoundError."""
        module = MISSING[turn % len(MISSING)]
        log = self._place(MAIN) / "service.log"
        self._control("stop", f"svc-{MAIN}")
        self._put(MAIN, module)
        log.unlink(missing_ok=True)
        self._control("start", f"svc-{MAIN}")
        complaint = f"No module named '{module}'"
        until(lambda: complaint in log.read_text(), seconds=20, what=f"the service complains: {complaint}")

    def url(self, name: str) -> str:
        """Where it answers when it works."""
        return f"http://{LOOPBACK}:{self.ports[name]}/"

    def _put(self, name: str, module: str) -> None:
        (self.home / name / "requirements.txt").write_text(REQUIREMENTS)
        (self.home / name / "app.py").write_text(APP.format(module=module))

    def _control(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        argv = (sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._config), *arguments)
        return subprocess.run(argv, env=plain_environment(), capture_output=True)

    def _place(self, name: str) -> Path:
        return self.home / "var" / "services" / name

    @property
    def _folder(self) -> Path:
        return self.home / "var" / "supervisor"

    @property
    def _config(self) -> Path:
        return self._folder / "supervisord.conf"
