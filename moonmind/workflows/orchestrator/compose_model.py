"""What a service's Compose file and Dockerfile ask of the host, judged before anything is built or started.

Works on the rendered model (`docker compose config --format json`), where short forms, anchors, `extends` and
`include` are resolved. The file may come from whoever can write the workspace; the engine's owner is root.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from moonmind.schemas.service_profile import ComposePermit

Model = Mapping[str, Any]
"""The rendered project, or a part of it."""

SYSTEM_FOLDERS: Final = tuple(
    PurePosixPath("/", path)
    for path in ["boot", "dev", "etc", "proc", "root", "run", "sys", "var/lib/containerd", "var/lib/docker", "var/run"]
)
"""Whoever may write one of these, or anything above, may become root on the host."""
HARMLESS: Final = frozenset(
    PurePosixPath(path) for path in ("/etc/localtime", "/etc/timezone", "/etc/ssl/certs", "/etc/ca-certificates")
)
"""Below a system folder, and commonly mounted."""
UNCOMMON: Final[Mapping[str, ComposePermit]] = {
    "post_start": "hooks",
    "pre_stop": "hooks",
    "provider": "provider",
    "use_api_socket": "host_paths",
    "cgroup_parent": "host_namespaces",
}
"""Keys refused whatever their value: commands as root in the container, a program on the worker, the engine itself."""
NAMESPACES: Final = ("pid", "ipc", "uts", "userns_mode", "cgroup", "network_mode")
TRUSTED_FRONTEND: Final = re.compile(r"^(docker\.io/)?docker/dockerfile(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$")
STEERING: Final = re.compile(
    r"(?:^|\s)(DOCKER_(?:HOST|CONTEXT|CONFIG|CERT_PATH|TLS|TLS_VERIFY)|BUILDX_\w+|BUILDKIT_HOST|LD_\w+)\s*[=:]"
)
"""Names in an env file that choose another engine or builder (Compose 2.26 builds on a `DOCKER_HOST` found there)."""
_SYNTAX: Final = re.compile(r"^\s*(?:#|//)\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
_INSECURE_RUN: Final = re.compile(
    r"--security\s*=\s*insecure|--network\s*=\s*host|--mount=\S*type=(?:secret|ssh)", re.I
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is asked of the host; a profile may permit its kind by name."""

    permit: ComposePermit
    detail: str


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a service may take files from. `resolve` is to follow symlinks where there is a disk."""

    workspace: PurePosixPath
    resolve: Callable[[str], str] = posixpath.normpath

    def path(self, name: str) -> PurePosixPath:
        return PurePosixPath(self.resolve(name))

    def holds(self, name: str) -> bool:
        """Whether the path lies in the workspace, or is it."""
        return self.path(name).is_relative_to(self.path(str(self.workspace)))


def refusals(model: Model, service: str, ground: Ground) -> tuple[Refusal, ...]:
    """Everything that the target service asks of the host; the other services are not this run's to start."""
    asked = model["services"][service]
    return (
        *_powers(asked),
        *_namespaces(asked, model),
        *_mounts(asked, model, ground),
        *_build(asked.get("build"), ground),
    )


def dockerfile_refusals(text: str) -> tuple[Refusal, ...]:
    """What a Dockerfile asks of the builder: a frontend runs with its rights, an insecure step with the host's."""
    lines = text.splitlines()
    frontends = [match[1] for line in lines if (match := _SYNTAX.match(line))]
    unknown = [Refusal("dockerfile", f"# syntax={name}") for name in frontends if not TRUSTED_FRONTEND.match(name)]
    return (*unknown, *(Refusal("dockerfile", match[0]) for line in lines if (match := _INSECURE_RUN.search(line))))


def steering_names(env_file: str) -> tuple[str, ...]:
    """Names set in the text of an env file that would steer Docker rather than fill in values."""
    lines = (line for line in env_file.splitlines() if not line.lstrip().startswith("#"))
    return tuple(match[1] for line in lines for match in STEERING.finditer(line))


def dockerfile_of(build: Model) -> str | PurePosixPath:
    """The Dockerfile's own text where it stands in the Compose file, else its path."""
    inline = build.get("dockerfile_inline")
    return str(inline) if inline else PurePosixPath(build["context"]) / build.get("dockerfile", "Dockerfile")


def image_name(model: Model, service: str) -> str:
    """The name that the service's image goes by: given, or made by Compose from project and service."""
    return str(model["services"][service].get("image") or f"{model['name']}-{service}")


def _powers(asked: Model) -> Iterator[Refusal]:
    if asked.get("privileged"):
        yield Refusal("privileged", "privileged: true")
    for key in ("devices", "device_cgroup_rules"):
        for item in asked.get(key) or ():
            yield Refusal("devices", f"{key}: {item['source'] if isinstance(item, Mapping) else item}")
    for name in asked.get("cap_add") or ():
        yield Refusal("capabilities", f"cap_add: {name}")
    for option in asked.get("security_opt") or ():
        if not str(option).startswith("no-new-privileges"):
            yield Refusal("security_options", f"security_opt: {option}")
    for key, permit in UNCOMMON.items():
        if asked.get(key):
            yield Refusal(permit, key)


def _namespaces(asked: Model, model: Model) -> Iterator[Refusal]:
    for key in NAMESPACES:
        value = str(asked.get(key) or "")
        if value == "host" or value.startswith("container:"):
            yield Refusal("host_namespaces", f"{key}: {value}")
    for network in asked.get("networks") or ():
        if (model.get("networks", {}).get(network) or {}).get("name") == "host":
            yield Refusal("host_namespaces", f"network {network} is the host's")


def _mounts(asked: Model, model: Model, ground: Ground) -> Iterator[Refusal]:
    for volume in asked.get("volumes") or ():
        source = _host_path(volume, model)
        if source is not None and _is_system_path(source, ground):
            yield Refusal("host_paths", f"volume {source}")
    for kind in ("secrets", "configs"):
        for used in asked.get(kind) or ():
            file = (model.get(kind, {}).get(used["source"]) or {}).get("file")
            if file and _is_system_path(file, ground):
                yield Refusal("host_paths", f"{kind}: {file}")
    for other in asked.get("volumes_from") or ():
        if str(other).startswith("container:"):
            yield Refusal("host_paths", f"volumes_from: {other}")


def _host_path(volume: Model, model: Model) -> str | None:
    """The folder of the host that a mount shows, also behind a named volume of the local driver."""
    source = volume.get("source")
    if volume.get("type") != "volume":
        return str(source) if source and str(source).startswith("/") else None
    options = (model.get("volumes", {}).get(source) or {}).get("driver_opts") or {}
    device = str(options.get("device") or "")
    return device if device.startswith("/") else None


def _is_system_path(name: str, ground: Ground) -> bool:
    """At, below or above a system folder, or a socket anywhere; the workspace itself may lie in one (`/root/shop`)."""
    path = ground.path(name)
    if ground.holds(name) or path in HARMLESS or PurePosixPath(name) in HARMLESS:
        return False
    return path.suffix == ".sock" or any(
        path.is_relative_to(folder) or folder.is_relative_to(path) for folder in SYSTEM_FOLDERS
    )


def _build(build: Model | None, ground: Ground) -> Iterator[Refusal]:
    if not build:
        return
    for name in _build_paths(build):
        if not name.startswith(("docker-image://", "service:")) and not (name.startswith("/") and ground.holds(name)):
            yield Refusal("outside_build", f"build takes {name}, which is outside the workspace")
    for key in ("secrets", "ssh"):
        if build.get(key):
            yield Refusal("build_secrets", f"build.{key}")
    if build.get("privileged") or build.get("entitlements") or build.get("network") == "host":
        yield Refusal("privileged", "build with the host's rights or network")
    for target in build.get("cache_to") or ():
        if "type=local" in target:
            yield Refusal("outside_build", f"build.cache_to: {target}")


def _build_paths(build: Model) -> Iterator[str]:
    yield str(build["context"])
    if str(build["context"]).startswith("/") and not build.get("dockerfile_inline"):
        yield str(dockerfile_of(build))
    yield from (str(value) for value in (build.get("additional_contexts") or {}).values())
