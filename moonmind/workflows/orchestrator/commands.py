"""Argv builders: each method returns a Command and runs nothing. A verb that has no builder here cannot be run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from moonmind.workflows.orchestrator.ports import Command

PINNED_ENVIRONMENT: Final = {
    "COMPOSE_FILE": "",
    "COMPOSE_PROFILES": "",
    "COMPOSE_PROJECT_NAME": "",
    "COMPOSE_REMOVE_ORPHANS": "false",
    "COMPOSE_IGNORE_ORPHANS": "true",
    "COMPOSE_COMPATIBILITY": "false",
    "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false",
    "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false",
}
"""Compose takes `COMPOSE_…` from an env file only where the environment has no such name, so that these, set here,
keep a workspace's `.env` from steering. The last two refuse a remote `include`, which rendering would fetch."""

_SEEN: Final = {
    "id": ".Id",
    "service": '(index .Config.Labels "com.docker.compose.service")',
    "oneoff": '(index .Config.Labels "com.docker.compose.oneoff")',
    "image": ".Image",
    "restarts": ".RestartCount",
    "state": ".State",
}
CONTAINER_TEMPLATE: Final = "{" + ",".join(f"{json.dumps(k)}:{{{{json {v}}}}}" for k, v in _SEEN.items()) + "}"
"""One JSON object a container; never its environment, where the secrets are."""

_TOLD = " ".join(json.dumps(name) for name in ("PYTHON_VERSION", "NODE_VERSION", "VIRTUAL_ENV", "PATH"))
ENVIRONMENT_TEMPLATE: Final = (
    '{{range .Config.Env}}{{$name := index (split . "=") 0}}{{if eq $name ' + _TOLD + "}}{{println .}}{{end}}{{end}}"
)
"""The few variables of an image that say what it runs on; never the others, where secrets may be."""
NEVER_STARTED: Final = "/never-started"

LOG_LINES: Final = 2000

_PLACE: Final = re.compile(r"\{(?:task|folder)\}")


@dataclass(frozen=True, slots=True)
class ComposeCommands:
    """Docker Compose v2 for one service. `files` and `env_file` are absolute; no `env_file`: no `.env` is read.

    The env file is for interpolation, as it is when people run `docker compose` there. It cannot choose files,
    project, profiles or engine: those are pinned by options and PINNED_ENVIRONMENT.
    """

    project: str
    files: tuple[Path, ...]
    service: str
    workspace: Path
    env_file: Path | None = None

    def validate(self) -> Command:
        """Says what is wrong with the files or the service's name; prints no values."""
        return self._compose("config", "--quiet", self.service)

    def model(self) -> Command:
        """The rendered model of the service and what it refers to, as JSON. Holds secrets, hence quiet."""
        return self._compose("config", "--format", "json", self.service, quiet=True)

    def containers(self) -> Command:
        """Full ids of the service's containers, stopped ones as well."""
        return self._compose("ps", "--all", "--quiet", self.service, quiet=True)

    def logs(self, since: str | None) -> Command:
        """What the service's containers said, from an RFC 3339 time on."""
        window = ("--since", since) if since else ()
        return self._compose(
            "logs", "--no-color", "--no-log-prefix", "--tail", str(LOG_LINES), *window, self.service, quiet=True
        )

    def build(self) -> Command:
        """Build the service's image and nothing it depends on."""
        return self._compose("--progress", "plain", "build", self.service)

    def up(self) -> Command:
        """Recreate the service alone. `--pull missing` outdoes a `pull_policy: always`, which would replace a restored
        image; no `--wait`, which misjudges a service that crashes once and then recovers."""
        options = ("--detach", "--no-deps", "--force-recreate", "--no-build", "--pull", "missing")
        return self._compose("--progress", "plain", "up", *options, self.service)

    def remove(self) -> Command:
        """Stop and remove the service's containers; its volumes stay."""
        return self._compose("--progress", "plain", "rm", "--stop", "--force", self.service)

    def project_containers(self) -> Command:
        """Full ids of all containers of the project that are no `run` one-offs."""
        labels = (f"com.docker.compose.project={self.project}", "com.docker.compose.oneoff=False")
        filters = tuple(part for label in labels for part in ("--filter", f"label={label}"))
        return self._docker("ps", "--all", "--no-trunc", "--quiet", *filters, quiet=True)

    def inspect(self, ids: Sequence[str]) -> Command:
        """State of these containers, one JSON object a line (CONTAINER_TEMPLATE)."""
        return self._docker("container", "inspect", "--format", CONTAINER_TEMPLATE, *ids, quiet=True)

    def image_id(self, name: str) -> Command:
        """The id that an image name stands for; fails when there is no such image."""
        return self._docker("image", "inspect", "--format", "{{.Id}}", name, quiet=True)

    def image_environment(self, name: str) -> Command:
        """`NAME=value` lines of what an image says that it runs on (ENVIRONMENT_TEMPLATE)."""
        return self._docker("image", "inspect", "--format", ENVIRONMENT_TEMPLATE, name, quiet=True)

    def local_images(self) -> Command:
        """`name:tag` of every image that the engine has."""
        return self._docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", quiet=True)

    def create_unstarted(self, image: str) -> Command:
        """A container to read files from, and its id. It could not be started: its program is not there. It is of no
        project, whatever labels the image has from Compose."""
        labels = tuple(part for name in ("project", "service") for part in ("--label", f"com.docker.compose.{name}="))
        options = ("--pull", "never", "--network", "none", *labels, "--entrypoint", NEVER_STARTED)
        return self._docker("container", "create", *options, image, quiet=True)

    def files_in(self, container: str, paths: Sequence[str], python: str) -> Command:
        """What lies at paths of the container, as `moonmind.utils.container_files` prints it; `python` is ours."""
        return Command((python, "-m", "moonmind.utils.container_files", container, *paths), quiet=True)

    def remove_container(self, container: str) -> Command:
        """Remove the container with the volumes that were made for it."""
        return self._docker("container", "rm", "--force", "--volumes", container, quiet=True)

    def say_image_only(self, name: str) -> Command:
        """Put into the build log that there is nothing to build, with the image in use."""
        text = f"{self.service} has no build section: nothing to build, it runs {{{{.Id}}}}"
        return self._docker("image", "inspect", "--format", text, name)

    def tag(self, image: str, name: str) -> Command:
        """Let `name` stand for the image."""
        return self._docker("image", "tag", image, name)

    def untag(self, name: str) -> Command:
        """Let `name` stand for nothing; forced, since a container may still use the image."""
        return self._docker("image", "rm", "--force", name)

    def engine_version(self) -> Command:
        """Whether the engine answers at all."""
        return self._docker("version", "--format", "engine {{.Server.Version}}")

    def rollback_tag(self, run_id: UUID) -> str:
        """The name that keeps the image from before a run; both names brought to what a repository name may hold."""
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.project}-{self.service}".lower()).strip("-")
        return f"moonmind-rollback/{words}:{run_id}"

    def _compose(self, *args: str, quiet: bool = False) -> Command:
        files = tuple(part for file in self.files for part in ("--file", str(file)))
        pinned = ("--project-name", self.project, "--project-directory", str(self.workspace), *files)
        env_file = ("--env-file", str(self.env_file or "/dev/null"))
        argv = ("docker", "compose", "--ansi", "never", *pinned, *env_file, *args)
        return Command(argv, cwd=self.workspace, env=PINNED_ENVIRONMENT, quiet=quiet)

    def _docker(self, *args: str, quiet: bool = False) -> Command:
        return Command(("docker", *args), quiet=quiet)


@dataclass(frozen=True, slots=True)
class ProcessCommands:
    """supervisor and files for one service. `python` is ours, with supervisor installed."""

    python: str
    config: Path
    program: str
    workspace: Path

    def status(self) -> Command:
        """One line: program, state, pid."""
        return self._control("status", quiet=True)

    def stop(self) -> Command:
        """Stop the program with all its children; says so when it does not run."""
        return self._control("stop")

    def start(self) -> Command:
        """Start the program; returns when it has run for a second, or has ended before."""
        return self._control("start")

    def copy_sources(self, target: Path) -> Command:
        """Copy the workspace, so that a build leaves nothing in it."""
        return Command((self.python, "-m", "moonmind.utils.copy_sources", str(self.workspace), str(target)))

    def switch(self, link: Path, target: str) -> Command:
        """Let the link point at another environment, in one step."""
        return Command((self.python, "-m", "moonmind.utils.relink", str(link), target))

    def remove(self, *paths: Path) -> Command:
        """Remove files, links and folders; fine when they are gone."""
        return Command(("rm", "-rf", "--", *map(str, paths)))

    def set_aside(self, log: Path) -> Command:
        """Begin a new log at the next start; the one before stays beside it."""
        return Command(("mv", "-f", "--", str(log), f"{log}.1"))

    def _control(self, verb: str, *, quiet: bool = False) -> Command:
        argv = (self.python, "-m", "supervisor.supervisorctl", "-c", str(self.config), verb, self.program)
        return Command(argv, quiet=quiet)


def build_agent(words: Sequence[str], *, task: Path, folder: Path, env: Mapping[str, str]) -> Command:
    """An agent's program as the settings name it, at work in `folder`; `{task}` and `{folder}` stand for the paths."""
    values = {"{task}": str(task), "{folder}": str(folder)}
    argv = tuple(_PLACE.sub(lambda found: values[found[0]], word) for word in words)
    return Command(argv, cwd=folder, env=env)
