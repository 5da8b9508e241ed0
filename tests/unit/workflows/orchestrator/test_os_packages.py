"""The kept package index: whole, compact, without a host's name, and what is chosen from it."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import pytest

from moonmind.workflows.orchestrator.planners.os_packages import RELEASES, Release, release

DATA = files("moonmind.workflows.orchestrator") / "data"


def kept(system: str = "debian bookworm") -> Release:
    found = release(system)
    assert found is not None
    return found


@pytest.mark.parametrize("codename", RELEASES)
def test_each_file_is_small_says_where_it_comes_from_and_names_no_host(codename: str) -> None:
    packed = (DATA / f"os_packages_{codename}.json.gz").read_bytes()
    text = gzip.decompress(packed).decode()
    assert len(packed) < 2_000_000
    assert json.loads(text)["about"] == {
        "made_by": "scripts/make_os_packages.py",
        "machine": "x86_64-linux-gnu",
        "release": codename,
    }
    assert "://" not in text


@pytest.mark.parametrize(
    ("name", "bookworm", "trixie"),
    [
        ("libGL.so.1", "libgl1", "libgl1"),
        ("libgobject-2.0.so.0", "libglib2.0-0", "libglib2.0-0t64"),
        ("gobject-2.0-0", "libglib2.0-0", "libglib2.0-0t64"),
        ("libpango-1.0-0", "libpango-1.0-0", "libpango-1.0-0"),
        ("magic", "libmagic1", "libmagic1t64"),
        ("libblas.so.3", "libblas3", "libblas3"),
        ("libreadline.so.8", "libreadline8", "libreadline8t64"),
        ("libusb-1.0.so", "libusb-1.0-0-dev", "libusb-1.0-0-dev"),
        ("libssl.so.1.1", None, None),
        ("libnosuchthing.so.1", None, None),
    ],
)
def test_the_package_of_a_library(name: str, bookworm: str | None, trixie: str | None) -> None:
    for system, package in (("debian bookworm", bookworm), ("debian trixie", trixie)):
        held = kept(system).library(name)
        assert (held.packages if held else None) == ((package,) if package else None)


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("sqlite3.h", ("libsqlite3-dev",)),
        ("openssl/ssl.h", ("libssl-dev",)),
        ("libpq-fe.h", ("libpq-dev",)),
        ("libxml/xmlversion.h", ("libxml2-dev",)),
        ("mysql.h", ("libmariadb-dev",)),
        ("curl/curl.h", ("libcurl4-gnutls-dev", "libcurl4-nss-dev", "libcurl4-openssl-dev")),
    ],
)
def test_the_packages_of_a_header(name: str, packages: tuple[str, ...]) -> None:
    held = kept().header(name)
    assert held is not None
    assert held.packages == packages


def test_a_header_that_everybody_has_is_nobodys() -> None:
    held = kept().header("config.h")
    assert held is not None
    assert len(held.packages) > 50
    assert kept().header("fastsum_tables.h") is None


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("ffprobe", ("ffmpeg",)),
        ("dot", ("graphviz",)),
        ("make", ("make",)),
        ("pkg-config", ("pkg-config",)),
        ("psql", ("postgresql-client",)),
        ("pg_config", ("libpq-dev",)),
        ("ps", ("procps",)),
        ("convert", ("graphicsmagick-imagemagick-compat", "imagemagick")),
        ("ping", ("inetutils-ping", "iputils-ping")),
        ("no-such-program", None),
    ],
)
def test_the_packages_of_a_program(name: str, packages: tuple[str, ...] | None) -> None:
    held = kept().program(name)
    assert (held.packages if held else None) == packages


def test_a_program_of_python_is_known_as_one() -> None:
    debian = kept("debian trixie")
    assert {debian.runs_on.get(name) for name in ("gunicorn", "celery", "supervisor")} == {"python3"}
    assert {debian.runs_on.get(name) for name in ("ffmpeg", "git", "libreoffice")} == {None}


@pytest.mark.parametrize(("name", "package"), [("libpq", "libpq-dev"), ("cairo", "libcairo2-dev"), ("nosuch", None)])
def test_the_package_of_a_pkg_config_name(name: str, package: str | None) -> None:
    held = kept().pkg_config(name)
    assert (held.packages if held else None) == ((package,) if package else None)


@pytest.mark.parametrize("system", [None, "", "alpine", "ubuntu noble", "debian buster", "debian ../../x"])
def test_other_systems_are_not_kept(system: str | None) -> None:
    assert release(system) is None
