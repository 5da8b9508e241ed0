"""supervisord: its configuration, starting it, and talking to it over its socket."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from moonmind.config.places import supervisor_config
from moonmind.embedded.files import write_private
from moonmind.embedded.launch import Spec
from moonmind.embedded.programs import MARK, Program

SOCKET_PATH_LIMIT = 90
"""A Unix socket's path ends at 104 bytes on some systems, and supervisord first adds its pid."""


class SupervisorError(Exception):
    """supervisord cannot be set up or does not answer."""


def socket_folder(home: Path) -> Path:
    """A short private folder for the socket, the same for the same home and user.

    Raises SupervisorError when somebody else has put something there.
    """
    name = f"moonmind-{os.getuid()}-{sha256(os.fsencode(home)).hexdigest()[:12]}"
    base = Path(tempfile.gettempdir())
    folder = (base if len(str(base)) + len(name) < SOCKET_PATH_LIMIT - 20 else Path("/tmp")) / name  # noqa: S108 - private
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise SupervisorError(f"{folder} is not a private folder of ours; remove it and try again")
    return folder


def render(programs: Iterable[Program], folder: Path, socket: Path) -> str:
    """The configuration file. supervisord runs in `folder`, where the launcher's specs lie; paths are relative to it,
    since its format cannot write every character (it expands `%` once or twice, and ` ;` begins a comment).
    """
    head: dict[str, Mapping[str, object]] = {
        "unix_http_server": {"file": socket, "chmod": "0700"},
        "supervisord": {
            "logfile": "supervisord.log",
            "logfile_maxbytes": "5MB",
            "logfile_backups": "1",
            "pidfile": "supervisord.pid",
            "childlogdir": ".",
            "nodaemon": "true",
            "silent": "true",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisorctl": {"serverurl": f"unix://{socket}"},
    }
    sections = head | {f"program:{program.name}": _section(program, folder) for program in programs}
    return "\n".join(_table(name, values) for name, values in sections.items())


def _table(name: str, values: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in values.items()), ""])


def _section(program: Program, folder: Path) -> dict[str, object]:
    group = "true" if program.whole_group else "false"
    return {
        "command": shlex.join(
            (_from(folder, Path(sys.executable)), "-m", "moonmind.embedded.launch", spec_name(program))
        ),
        "priority": program.priority,
        "autostart": "true" if program.autostart else "false",
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 3,
        "stopsignal": program.stop_signal.name.removeprefix("SIG"),
        "stopwaitsecs": program.stop_seconds,
        "stopasgroup": group,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _from(folder, program.log),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 1,
    }


def _from(folder: Path, path: Path) -> str:
    return os.path.relpath(path, folder).replace("%", "%%")


def spec_name(program: Program) -> str:
    """The launcher's file for it, in the supervisor's folder."""
    return f"{program.name}.json"


def configure(home: Path, programs: Iterable[Program]) -> None:
    """Write configuration and specs anew, all private."""
    listed = tuple(programs)
    config = supervisor_config(home)
    shutil.rmtree(config.parent, ignore_errors=True)
    config.parent.mkdir(parents=True, mode=0o700)
    for program in listed:
        program.log.parent.mkdir(parents=True, exist_ok=True)
        spec = Spec(
            argv=list(program.argv), cwd=str(program.cwd), env=dict(program.env),
            bin=str(program.bin) if program.bin else None, parent=None, end_with_parent=int(program.stop_signal),
        )  # fmt: skip
        write_private(config.parent / spec_name(program), json.dumps(spec))
    write_private(config, render(listed, config.parent, socket_folder(home) / "supervisor.sock"))


def launch(home: Path, *, attached: bool) -> subprocess.Popen[bytes]:
    """Start supervisord in a session of its own. `attached`: it stops all and ends when this process is gone."""
    config = supervisor_config(home)
    environment = {"PATH": os.environ.get("PATH", os.defpath), MARK: str(home)}
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    spec = Spec(
        argv=argv, cwd=str(config.parent), env=environment, bin=None, parent=os.getpid() if attached else None,
        end_with_parent=int(signal.SIGTERM) if attached else None,
    )  # fmt: skip
    file = config.parent / "supervisord.json"
    write_private(file, json.dumps(spec))
    with (config.parent / "supervisord.out").open("wb") as out:
        return subprocess.Popen(
            (sys.executable, "-m", "moonmind.embedded.launch", str(file)),
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=environment,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The running supervisord of a home."""

    home: Path

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            self._call("getState")
        except SupervisorError:
            return False
        return True

    def start(self, name: str) -> None:
        """Ask it to start a program; does not wait for the program."""
        self._call("startProcess", name, False)

    def state(self, name: str) -> str:
        """`RUNNING`, `STARTING`, `BACKOFF`, `FATAL`, …"""
        return str(self._info(name)["statename"])

    def has_ended(self, name: str) -> bool:
        """Whether a program has ended since supervisord started; it may run again by now."""
        return bool(self._info(name)["stop"])

    def _info(self, name: str) -> dict[str, Any]:
        info = self._call("getProcessInfo", name)
        assert isinstance(info, dict)
        return info

    def _call(self, method: str, *args: str | bool) -> object:
        from supervisor.xmlrpc import SupervisorTransport

        try:
            transport = SupervisorTransport(None, None, self._address())
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
                return getattr(server.supervisor, method)(*args)
        except (OSError, configparser.Error, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise SupervisorError(f"the supervisor does not do {method}: {error}") from error

    def _address(self) -> str:
        """As it was configured: another shell may have another folder for temporary files."""
        config = configparser.RawConfigParser()
        config.read_string(supervisor_config(self.home).read_text(encoding="utf-8"))
        return config.get("supervisorctl", "serverurl")
