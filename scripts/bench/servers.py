"""What both trees share: one PostgreSQL, one RabbitMQ, one small package index; to each a part of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from bench.processes import BenchError, call, running, until
from bench.trees import ROOT, plain_environment
from moonmind.embedded.account import AccountError
from moonmind.embedded.postgres import NAME, Postgres, PostgresError
from moonmind.embedded.sockets import LOOPBACK, free_port

COMPOSE_FILE = ROOT / "docker-compose.test.yaml"
BROKER_ACCOUNT = ("moonmind", "test")
"""As COMPOSE_FILE says."""

DISTRIBUTIONS: Mapping[str, str] = {"tabulate": "tabulate", "python-dateutil": "dateutil", "python-slugify": "slugify"}
"""What the index has: a distribution and the module that it provides. Reviewed names, so one release is enough."""
VERSION = "9.0"


@contextmanager
def postgres(folder: Path) -> Iterator[Callable[[str], str]]:
    """The embedded server, durable as in real use; the value makes an empty database and returns its URL."""
    try:
        server = Postgres(folder)
        server.start()
    except (PostgresError, AccountError) as error:
        raise BenchError(str(error)) from None

    def create(name: str) -> str:
        with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return server.url.removesuffix(NAME) + name

    try:
        yield create
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Broker:
    """`kind` is for people; `create` makes an empty place for messages and returns its URL."""

    kind: str
    create: Callable[[str], str]


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """RabbitMQ in a container of its own; without a Docker engine the file-system broker, and `kind` says so."""
    if not _has_docker():
        yield Broker(
            "the file-system broker: no Docker engine answers, so RabbitMQ was not measured", _folder_in(folder)
        )
        return
    project = f"mmbench-{os.getpid()}"

    def compose(*arguments: str) -> str:
        argv = ("docker", "compose", "--file", str(COMPOSE_FILE), "--project-name", project, *arguments)
        return call(argv, cwd=ROOT, env=plain_environment(), what=f"docker compose {arguments[0]}").strip()

    try:
        compose("up", "--detach", "--wait", "--quiet-pull", "rabbitmq")
        address, http = compose("port", "rabbitmq", "5672"), compose("port", "rabbitmq", "15672")
        yield Broker("RabbitMQ", lambda name: _virtual_host(name, address, http))
    finally:
        compose("down", "--volumes", "--timeout", "1")


@contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """A static index over HTTP with DISTRIBUTIONS and nothing else; the value is what pip is given."""
    for distribution, module in DISTRIBUTIONS.items():
        place = folder / "simple" / distribution
        place.mkdir(parents=True)
        file = _write_wheel(place, distribution, module)
        (place / "index.html").write_text(f'<!doctype html><html><body><a href="{file}">{file}</a></body></html>\n')
    port = free_port()
    argv = (sys.executable, "-m", "http.server", "--bind", LOOPBACK, "--directory", str(folder), str(port))
    url = f"http://{LOOPBACK}:{port}/simple/"
    with running(argv, cwd=folder, env=plain_environment(), log=folder / "index.log") as lives:
        until(lambda: lives() and answers(url), seconds=20, what="the package index answers")
        yield url


def answers(url: str) -> bool:
    """Whether a GET gives 200."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    questions = (("docker", "info"), ("docker", "compose", "version"))
    try:
        return all(subprocess.run(one, capture_output=True, timeout=30).returncode == 0 for one in questions)
    except subprocess.TimeoutExpired:
        return False


def _folder_in(folder: Path) -> Callable[[str], str]:
    def create(name: str) -> str:
        (folder / name).mkdir(parents=True)
        return f"filesystem://{folder / name}"

    return create


def _virtual_host(name: str, address: str, http: str) -> str:
    """Made over RabbitMQ's management API, which gives its maker all rights there."""
    url = f"http://{http}/api/vhosts/{name}"

    def made() -> bool:
        try:
            return httpx.put(url, auth=BROKER_ACCOUNT, json={}, timeout=10, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    until(made, seconds=30, what="RabbitMQ makes a virtual host")
    user, password = BROKER_ACCOUNT
    return f"amqp://{user}:{password}@{address}/{name}"


def _write_wheel(folder: Path, distribution: str, module: str) -> str:
    """A pure wheel with one empty package; its file name."""
    stem = f"{distribution.replace('-', '_')}-{VERSION}"
    members = {
        f"{module}/__init__.py": "",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {VERSION}\n\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": "",
    }
    file = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(folder / file, "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
    return file
