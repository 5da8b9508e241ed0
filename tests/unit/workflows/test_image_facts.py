"""What an image tells of itself, from answers as Docker gives them; nothing of the image is ever started."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from moonmind.schemas.workflow_models import ServiceFacts
from moonmind.utils.container_files import entries
from moonmind.workflows.orchestrator.commands import NEVER_STARTED, ComposeCommands
from moonmind.workflows.orchestrator.ports import Command, CommandResult
from moonmind.workflows.orchestrator.runtimes.image_facts import image_facts

COMMANDS = ComposeCommands("store", (), "shop", Path("/srv/store"))
BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
PATH = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
Files = Mapping[str, str | tuple[str, ...]]


class Engine:
    """Answers for one image: its variables, and at each path a text, a link (`-> x`) or names."""

    def __init__(
        self, environment: str = "", files: Files | None = None, *, created: CommandResult | None = None
    ) -> None:
        self.environment, self.files = environment, files or {}
        self.created = created or CommandResult(0, "c0ffee\n")
        self.ran: list[tuple[str, ...]] = []

    def __call__(self, command: Command) -> CommandResult:
        assert command.quiet
        self.ran.append(command.argv)
        if command.argv[1:3] == ("image", "inspect"):
            return CommandResult(0, self.environment)
        if command.argv[1:3] == ("container", "create"):
            return self.created
        if "moonmind.utils.container_files" in command.argv:
            return CommandResult(0, "".join(self._lines(path) for path in command.argv[4:]))
        return CommandResult(0, "")

    def _lines(self, path: str) -> str:
        held = self.files.get(path, ())
        if isinstance(held, tuple):
            found = [{"name": name} for name in held]
        else:
            found = [{"name": "x", "link" if held.startswith("-> ") else "text": held.removeprefix("-> ")}]
        return "".join(json.dumps({"path": path, **one}) + "\n" for one in found)

    def facts(self, *, own: bool = True) -> ServiceFacts:
        return image_facts(COMMANDS, self, "sha256:0", own=own)


SITE = "/usr/local/lib/python3.11/site-packages"


@pytest.mark.parametrize(
    ("environment", "files", "facts"),
    [
        (
            f"{PATH}\nPYTHON_VERSION=3.11.9\n",
            {
                "/etc/os-release": BOOKWORM,
                SITE: ("Flask_Cors-4.0.1.dist-info", "flask_cors", "ruamel.yaml-0.18.6.dist-info"),
            },
            ServiceFacts(
                python="3.11", system="debian bookworm", installed={"flask-cors": "4.0.1", "ruamel-yaml": "0.18.6"}
            ),
        ),
        (
            f"{PATH.replace('=', '=/opt/venv/bin:')}\nPYTHON_VERSION=3.11.9\n",
            {
                "/usr/lib/os-release": BOOKWORM,
                "/opt/venv/pyvenv.cfg": "home = /usr/local/bin\nversion_info = 3.12.1\n",
                "/opt/venv/lib/python3.12/site-packages": ("six-1.17.0.dist-info",),
                SITE: ("six-1.0.dist-info",),
            },
            ServiceFacts(python="3.12", system="debian bookworm", installed={"six": "1.17.0"}),
        ),
        (
            PATH,
            {
                "/usr/bin/python3": "-> python3.11",
                "/usr/lib/python3/dist-packages": ("six-1.16.0.egg-info", "pip-23.0.1.dist-info"),
                "/usr/local/lib/python3.11/dist-packages": ("six-1.17.0.dist-info",),
            },
            ServiceFacts(python="3.11", installed={"pip": "23.0.1", "six": "1.17.0"}),
        ),
        (
            "NODE_VERSION=20.20.2\n",
            {"/etc/os-release": "ID=alpine\nVERSION_ID=3.20\n"},
            ServiceFacts(node="20", system="alpine"),
        ),
        ("", {"/usr/include/node/node_version.h": "#define NODE_MAJOR_VERSION 22\n"}, ServiceFacts(node="22")),
        ("", {}, ServiceFacts()),
    ],
)
def test_what_an_image_tells(environment: str, files: Files, facts: ServiceFacts) -> None:
    assert Engine(environment, files).facts() == facts


def test_what_a_base_image_has_installed_is_not_the_services() -> None:
    engine = Engine("PYTHON_VERSION=3.11.9\n", {SITE: ("pip-24.0.dist-info",)})
    assert engine.facts(own=False) == ServiceFacts(python="3.11")


def test_the_container_is_made_without_network_or_program_and_is_removed() -> None:
    engine = Engine()
    engine.facts()
    create = next(argv for argv in engine.ran if argv[1:3] == ("container", "create"))
    assert create[3:7] == ("--pull", "never", "--network", "none")
    assert create[-3:] == ("--entrypoint", NEVER_STARTED, "sha256:0")
    assert engine.ran[-1] == ("docker", "container", "rm", "--force", "--volumes", "c0ffee")
    assert not {"run", "start", "exec"} & {argv[2] if argv[1] == "container" else argv[1] for argv in engine.ran}


def test_an_image_that_makes_no_container_tells_nothing() -> None:
    engine = Engine("PYTHON_VERSION=3.11.9\n", created=CommandResult(1, ""))
    assert engine.facts() == ServiceFacts()
    assert len(engine.ran) == 2


def tar(*members: tuple[str, bytes | str | None]) -> io.BytesIO:
    """Folders (None), files (bytes) and links (str)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    packed.seek(0)
    return packed


def test_a_folders_names_a_files_text_and_a_links_target() -> None:
    folder = tar(
        ("site", None), ("site/a.dist-info", None), ("site/a.dist-info/METADATA", b"x"), ("site/b.py", b"secret")
    )
    assert list(entries(folder)) == [{"name": "a.dist-info"}, {"name": "b.py"}]
    assert list(entries(tar(("os-release", b"ID=debian\n")))) == [{"name": "os-release", "text": "ID=debian\n"}]
    assert list(entries(tar(("python3", "python3.11")))) == [{"name": "python3", "link": "python3.11"}]
    with pytest.raises(tarfile.TarError):
        list(entries(io.BytesIO(b"no tar at all")))
