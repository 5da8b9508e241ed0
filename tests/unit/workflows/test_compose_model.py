"""What a Compose file may ask of the host: one row for each way out, as Compose 2.26 renders it."""

from pathlib import PurePosixPath
from typing import Any, get_args

import pytest

from moonmind.schemas.service_profile import ComposePermit
from moonmind.workflows.orchestrator.compose_model import (
    Ground,
    dockerfile_refusals,
    image_name,
    refusals,
    steering_names,
)

GROUND = Ground(PurePosixPath("/root/shop"))
BUILD = {"context": "/root/shop", "dockerfile": "Dockerfile"}
TOP: dict[str, Any] = {
    "name": "store",
    "networks": {"default": {"name": "store_default"}, "host": {"name": "host", "external": True}},
    "volumes": {
        "data": {"name": "store_data"},
        "all": {"name": "store_all", "driver_opts": {"type": "none", "o": "bind", "device": "/"}},
        "nfs": {"name": "store_nfs", "driver_opts": {"type": "nfs", "o": "addr=10.0.0.1", "device": ":/export"}},
    },
    "secrets": {
        "shadow": {"name": "store_shadow", "file": "/etc/shadow"},
        "own": {"name": "store_own", "file": "/root/shop/s"},
    },
    "configs": {"outside": {"name": "store_outside", "file": "/root/.ssh/id_ed25519"}},
}


def refused(**service: Any) -> list[tuple[str, str]]:
    model = {**TOP, "services": {"shop": service, "other": {"privileged": True}}}
    return [(refusal.permit, refusal.detail) for refusal in refusals(model, "shop", GROUND)]


def bind(source: str) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": "/x", "bind": {"create_host_path": True}}


def named(source: str) -> dict[str, Any]:
    return {"type": "volume", "source": source, "target": "/x", "volume": {}}


ATTACKS: list[tuple[dict[str, Any], str]] = [
    ({"privileged": True}, "privileged"),
    ({"devices": [{"source": "/dev/sda", "target": "/dev/sda", "permissions": "rwm"}]}, "devices"),
    ({"device_cgroup_rules": ["c 1:3 mr"]}, "devices"),
    ({"cap_add": ["SYS_ADMIN"]}, "capabilities"),
    ({"security_opt": ["seccomp:unconfined"]}, "security_options"),
    ({"security_opt": ["apparmor=unconfined"]}, "security_options"),
    ({"pid": "host"}, "host_namespaces"),
    ({"pid": "container:abc"}, "host_namespaces"),
    ({"ipc": "host"}, "host_namespaces"),
    ({"uts": "host"}, "host_namespaces"),
    ({"userns_mode": "host"}, "host_namespaces"),
    ({"cgroup": "host"}, "host_namespaces"),
    ({"cgroup_parent": "/"}, "host_namespaces"),
    ({"network_mode": "host"}, "host_namespaces"),
    ({"network_mode": "container:abc"}, "host_namespaces"),
    ({"networks": {"host": None}}, "host_namespaces"),
    ({"volumes": [bind("/")]}, "host_paths"),
    ({"volumes": [bind("/var/run/docker.sock")]}, "host_paths"),
    ({"volumes": [bind("/home/me/.docker/run/docker.sock")]}, "host_paths"),
    ({"volumes": [bind("/var")]}, "host_paths"),
    ({"volumes": [bind("/etc/cron.d")]}, "host_paths"),
    ({"volumes": [bind("/root/shop/../.ssh")]}, "host_paths"),
    ({"volumes": [bind("/root")]}, "host_paths"),
    ({"volumes": [bind("/proc")]}, "host_paths"),
    ({"volumes": [named("all")]}, "host_paths"),
    ({"volumes_from": ["container:abc"]}, "host_paths"),
    ({"secrets": [{"source": "shadow", "target": "/run/secrets/s"}]}, "host_paths"),
    ({"configs": [{"source": "outside"}]}, "host_paths"),
    ({"use_api_socket": True}, "host_paths"),
    ({"post_start": [{"command": ["id"], "user": "root"}]}, "hooks"),
    ({"pre_stop": [{"command": ["id"]}]}, "hooks"),
    ({"provider": {"type": "curl"}}, "provider"),
    ({"build": {**BUILD, "context": "/root/other"}}, "outside_build"),
    ({"build": {**BUILD, "context": "/root/shopping"}}, "outside_build"),
    ({"build": {**BUILD, "context": "https://example.org/x.git"}}, "outside_build"),
    ({"build": {**BUILD, "dockerfile": "../other/Dockerfile"}}, "outside_build"),
    ({"build": {**BUILD, "dockerfile": "/etc/Dockerfile"}}, "outside_build"),
    ({"build": {**BUILD, "additional_contexts": {"x": "/etc"}}}, "outside_build"),
    ({"build": {**BUILD, "additional_contexts": {"x": "https://example.org/x"}}}, "outside_build"),
    ({"build": {**BUILD, "cache_to": ["type=local,dest=/etc"]}}, "outside_build"),
    ({"build": {**BUILD, "secrets": [{"source": "own"}]}}, "build_secrets"),
    ({"build": {**BUILD, "ssh": ["default"]}}, "build_secrets"),
    ({"build": {**BUILD, "privileged": True}}, "privileged"),
    ({"build": {**BUILD, "entitlements": ["security.insecure"]}}, "privileged"),
    ({"build": {**BUILD, "network": "host"}}, "privileged"),
]


@pytest.mark.parametrize(("service", "permit"), ATTACKS, ids=[str(attack[0]) for attack in ATTACKS])
def test_what_reaches_for_the_host_is_refused_by_name(service: dict[str, Any], permit: str) -> None:
    assert {kind for kind, _ in refused(**service)} == {permit}


def test_every_permit_has_an_attack_that_needs_it() -> None:
    assert {permit for _, permit in ATTACKS} | {"dockerfile"} == set(get_args(ComposePermit))


@pytest.mark.parametrize(
    "service",
    [
        {"build": BUILD, "command": None, "networks": {"default": None}},
        {"build": {"context": "/root/shop/app", "dockerfile": "../Dockerfile"}},
        {"build": {"context": "/root/shop", "dockerfile_inline": "FROM scratch", "dockerfile": "/elsewhere"}},
        {"build": {**BUILD, "additional_contexts": {"base": "docker-image://alpine", "lib": "service:lib"}}},
        {"build": {**BUILD, "cache_to": ["type=inline"]}},
        {"volumes": [bind("/root/shop/data"), bind("/root/shop"), bind("/srv/data"), bind("/etc/localtime")]},
        {
            "volumes": [
                named("data"),
                named("nfs"),
                {"type": "volume", "target": "/x"},
                {"type": "tmpfs", "target": "/t"},
            ]
        },
        {"security_opt": ["no-new-privileges:true"], "cap_drop": ["ALL"]},
        {"network_mode": "none", "pid": "service:other", "ipc": "private"},
        {"secrets": [{"source": "own", "target": "/run/secrets/own"}], "configs": None, "devices": None},
    ],
)
def test_what_ordinary_services_ask_for_is_fine(service: dict[str, Any]) -> None:
    assert refused(**service) == []


def test_links_are_followed_before_judging() -> None:
    links = {"/root/shop/data": "/etc", "/root/shop/src": "/tmp/elsewhere"}
    ground = Ground(PurePosixPath("/root/shop"), lambda path: links.get(path, path))
    service = {"build": {"context": "/root/shop/src"}, "volumes": [bind("/root/shop/data")]}
    found = refusals({**TOP, "services": {"shop": service}}, "shop", ground)
    assert [refusal.permit for refusal in found][:2] == ["host_paths", "outside_build"]


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=evil.example/frontend:1\nFROM scratch",
        "#  SYNTAX = docker/dockerfile-upstream:master\nFROM scratch",
        "# escape=`\n# syntax=x/docker/dockerfile:1",
        "FROM x\nRUN --security=insecure mount",
        "FROM x\nRUN --network=host nmap",
        "FROM x\nRUN --mount=type=secret,id=aws cat /run/secrets/aws",
        "FROM x\nRUN --mount=target=/a,type=ssh git clone",
    ],
)
def test_a_dockerfile_that_asks_for_more_is_refused(text: str) -> None:
    assert [refusal.permit for refusal in dockerfile_refusals(text)] == ["dockerfile"]


@pytest.mark.parametrize(
    "text",
    [
        "# syntax=docker/dockerfile:1.7\nFROM python:3.13-slim\nRUN pip install -r requirements.txt",
        "# syntax=docker.io/docker/dockerfile:1@sha256:" + "a" * 64,
        "FROM x\nRUN --mount=type=cache,target=/root/.cache pip install .",
        "",
    ],
)
def test_an_ordinary_dockerfile_is_fine(text: str) -> None:
    assert dockerfile_refusals(text) == ()


def test_the_image_name_is_the_given_one_or_composes_own() -> None:
    services = {"shop": {"build": BUILD}, "redis": {"image": "redis:7"}}
    model = {**TOP, "services": services}
    assert (image_name(model, "shop"), image_name(model, "redis")) == ("store-shop", "redis:7")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("DOCKER_HOST=tcp://x", ("DOCKER_HOST",)),
        ("A=1\n  export DOCKER_CONTEXT = x", ("DOCKER_CONTEXT",)),
        ("DOCKER_CONFIG: /x\rBUILDX_BUILDER=y\nLD_PRELOAD=z", ("DOCKER_CONFIG", "BUILDX_BUILDER", "LD_PRELOAD")),
        ("# DOCKER_HOST=tcp://x\nDOCKER_TAG=1\nMY_DOCKER_HOST=2\nCOMPOSE_PROFILES=a\nBUILD=3\nOLD_NAME=4", ()),
    ],
)
def test_env_files_that_choose_the_engine_are_recognised(text: str, names: tuple[str, ...]) -> None:
    assert steering_names(text) == names
