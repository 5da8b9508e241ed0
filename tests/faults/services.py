"""The services that faults happen to: processes in virtual environments, which one line repairs, or not."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from moonmind.config.places import ServicePlace

OLD = b"# what it needs\n"
NEW = OLD + b"python-dateutil\n"
IMPORT = "import dateutil\n"
SERVE = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print("serving", flush=True)
while True:
    client, _ = server.accept()
    with client:
        client.settimeout(5)
        try:
            client.recv(4096)
            client.sendall(b"HTTP/1.1 %s\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        except OSError:
            pass
"""
BROKEN_LOG = """\
Traceback (most recent call last):
  File "{app}", line 1, in <module>
    import dateutil
ModuleNotFoundError: No module named 'dateutil'
"""
BACKEND = '''\
"""A build that does not want to end: deaf to SIGTERM, in many processes, and never silent."""
import os, signal, sys

def build_wheel(folder, settings=None, metadata=None):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    out = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY)
    for number in range(4):
        if os.fork() == 0:
            os.setsid()
            while True:
                os.write(out, b"all work and no play " * 3000 + b"\\n")
    signal.pause()
'''
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "hostile"
version = "1"
dependencies = [{}]
"""


@dataclass(frozen=True)
class Sort:
    """What kind of service: its program, its manifest before and after a repair, its time-outs in `config.toml`."""

    app: str
    manifest: str = "requirements.txt"
    old: bytes = OLD
    new: bytes = NEW
    install: str = "requirements.txt"
    timeouts: str = ""
    healthy: bool = False
    extra: str = ""
    asks: bool = False
    delivery: str = "leave"


GOOD = Sort(IMPORT + SERVE % "200 OK")
BAD = Sort(IMPORT + SERVE % "503 No", timeouts="verify = 1")
ASKING = Sort(IMPORT + SERVE % "200 OK", asks=True)
COMMITTED = Sort(IMPORT + SERVE % "200 OK", delivery="commit")
BRANCHED = Sort(IMPORT + SERVE % "200 OK", delivery="branch")
BRIEF = Sort(IMPORT + SERVE % "200 OK", timeouts="analyze = 8, restart = 4, rollback = 20")
SOUND = Sort(SERVE % "200 OK", healthy=True)
HOSTILE = Sort(
    IMPORT + SERVE % "200 OK", "pyproject.toml", PYPROJECT.format("").encode(),
    PYPROJECT.format('"python-dateutil"').encode(), ".", "build = 6", extra=BACKEND,
)  # fmt: skip
SORTS = {
    **{f"good{n}": GOOD for n in range(4)},
    **{f"bad{n}": BAD for n in range(2)},
    **{f"sound{n}": SOUND for n in range(2)},
    "asking0": ASKING,
    "committed0": COMMITTED,
    "branched0": BRANCHED,
    "brief0": BRIEF,
    "hostile": HOSTILE,
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Service:
    """One service of a rig: its workspace, its place in `var/`, and how it is broken again."""

    home: Path
    name: str
    sort: Sort
    port: int

    @property
    def workspace(self) -> Path:
        return self.home / "work" / self.name

    @property
    def place(self) -> ServicePlace:
        return ServicePlace(self.home, self.name)

    def config(self) -> str:
        """Its tables in `config.toml`."""
        approval = 'approval = { requirement = "pre-run", valid_minutes = 5 }\n' if self.sort.asks else ""
        return (
            f'[services.{self.name}]\nruntime = "process"\nworkspace = "work/{self.name}"\n'
            f'delivery = "{self.sort.delivery}"\nallow = ["{self.sort.manifest}"]\nverify_successes = 1\n'
            f"timeouts = {{ {self.sort.timeouts} }}\n{approval}"
            f'[services.{self.name}.process]\ncommand = ["python", "app.py"]\ninstall = "{self.sort.install}"\n'
            f'port = {self.port}\nhealth = [{{ http = "http://127.0.0.1:{{port}}/" }}]\n'
        )

    def files(self) -> dict[str, bytes]:
        """The workspace as it is before a repair."""
        files = {"app.py": self.sort.app.encode(), self.sort.manifest: self.sort.old, "notes.txt": b"unfinished work\n"}
        return files | ({"backend.py": self.sort.extra.encode()} if self.sort.extra else {})

    def put_back(self) -> None:
        """Broken as at the beginning (its program must be stopped): files, environment, log, no trace of any run."""
        for path in self.workspace.rglob("*"):
            inside = path.relative_to(self.workspace)
            if path.is_file() and inside.parts[0] != ".git" and inside.as_posix() not in self.files():
                path.unlink()
        for name, content in self.files().items():
            (self.workspace / name).write_bytes(content)
        if self.sort.delivery != "leave":
            self._begin_repository()
        for environment in self.place.venvs.iterdir():
            if environment.name != "1":
                shutil.rmtree(environment)
        link = self.place.current.with_name("current.new")
        link.unlink(missing_ok=True)
        link.symlink_to("venvs/1")
        os.replace(link, self.place.current)
        shutil.rmtree(self.place.kept, ignore_errors=True)
        log = "" if self.sort.healthy else BROKEN_LOG.format(app=self.workspace / "app.py")
        self.place.log.write_text(log)

    def _begin_repository(self) -> None:
        """One commit, and work that is in none."""
        shutil.rmtree(self.workspace / ".git", ignore_errors=True)
        notes = self.workspace / "notes.txt"
        unfinished = notes.read_bytes()
        notes.write_bytes(b"")
        kim = ("-c", "user.name=kim", "-c", "user.email=kim@example.org")
        for command in (("init", "--quiet"), ("add", "."), (*kim, "commit", "--quiet", "--message", "start")):
            subprocess.run(["git", *command], cwd=self.workspace, check=True)
        notes.write_bytes(unfinished)

    def described(self) -> dict[str, object]:
        """For the checker: what must be there after a run that repaired it, and after any other."""
        before = {name: sha256(content) for name, content in self.files().items()}
        return {
            "name": self.name,
            "workspace": str(self.workspace),
            "place": str(self.place.folder),
            "before": before,
            "after": {**before, self.sort.manifest: sha256(self.sort.new)},
            "url": f"http://127.0.0.1:{self.port}/",
            "healthy": self.sort.healthy,
            "delivery": self.sort.delivery,
        }
