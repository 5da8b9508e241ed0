"""The demo's copy of a service."""

from pathlib import Path

import pytest

from moonmind.cli.demo_service import DemoService, same_package

MANIFEST = (
    "# what it needs\nflask>=3.0\n  python-dateutil>=2.8   # import dateutil\nPyYAML[x]>=6 ; python_version > '3'\n"
)


@pytest.fixture
def service(tmp_path: Path) -> DemoService:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "requirements.txt").write_text(MANIFEST)
    return DemoService(tmp_path / "source", tmp_path / "var" / "copy")


def test_packages_are_named_as_the_manifest_names_them(service: DemoService) -> None:
    assert service.packages() == ["flask", "python-dateutil", "PyYAML"]


def test_a_removed_package_takes_its_line_along_and_nothing_else(service: DemoService) -> None:
    service.copy_afresh()
    assert service.remove("python-dateutil") == "python-dateutil>=2.8"
    left = "# what it needs\nflask>=3.0\nPyYAML[x]>=6 ; python_version > '3'\n"
    assert (service.copy / "requirements.txt").read_text() == left
    assert (service.source / "requirements.txt").read_text() == MANIFEST


def test_a_copy_is_made_afresh_whatever_lay_there(service: DemoService) -> None:
    service.copy_afresh()
    (service.copy / "stray").touch()
    (service.source / "__pycache__").mkdir()
    service.copy_afresh()
    assert [entry.name for entry in service.copy.iterdir()] == ["requirements.txt"]


def test_one_package_may_be_spelt_in_several_ways() -> None:
    assert same_package("Python_Dateutil", "python-dateutil")
    assert not same_package("dateutil", "python-dateutil")
