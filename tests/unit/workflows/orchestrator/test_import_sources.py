"""How the sources of the import names are read and weighed."""

from __future__ import annotations

import zipfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[4] / "scripts"


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return import_module("import_sources")


@pytest.fixture
def debian(sources: ModuleType) -> ModuleType:
    return import_module("import_sources.debian")


@pytest.fixture
def make(sources: ModuleType) -> ModuleType:
    return import_module("make_import_names")


def test_the_files_of_a_package_tell_its_distribution_and_modules(debian: ModuleType) -> None:
    listing = """\
usr/lib/python3/dist-packages/PyYAML-6.0.2.dist-info/METADATA  python/python3-yaml
usr/lib/python3/dist-packages/yaml/__init__.py  python/python3-yaml,python/python3-yaml-dbg
usr/lib/python3/dist-packages/yaml/_yaml.cpython-313-x86_64-linux-gnu.so  python/python3-yaml
usr/lib/python3/dist-packages/yaml/py.typed  python/python3-yaml
usr/lib/python3/dist-packages/_yaml/__init__.py  python/python3-yaml
usr/lib/python3/dist-packages/tests/__init__.py  python/python3-yaml
usr/lib/python3/dist-packages/json/__init__.py  python/python3-yaml
usr/share/doc/python3-yaml/copyright  python/python3-yaml
"""
    package = debian.read_packages(listing.splitlines())["python3-yaml"]
    assert package.distributions == {"pyyaml"}
    assert package.modules == {"yaml", "yaml._yaml"}


@pytest.mark.parametrize(
    ("provided", "pairs"),
    [
        ({"pyyaml": {"yaml", "yaml.nodes"}}, {("yaml", "pyyaml")}),
        ({"a": {"ns.one"}, "b": {"ns.two", "ns.two.deep"}}, {("ns.one", "a"), ("ns.two", "b")}),
        ({"only": {"only.part", "only.other"}}, {("only", "only")}),
        ({"other": {"ns.part"}}, {("ns.part", "other")}),
        ({"ns-base": {"ns"}, "a": {"ns.one"}, "b": {"ns.two"}}, {("ns.one", "a"), ("ns.two", "b")}),
        ({"web": {"web", "web.core"}, "web-auth": {"web.auth"}}, {("web", "web"), ("web.auth", "web-auth")}),
        ({"x": {"same"}, "y": {"same"}}, {("same", "x"), ("same", "y")}),
    ],
)
def test_a_module_is_told_as_far_down_as_it_takes_to_tell_distributions_apart(
    debian: ModuleType, provided: dict[str, set[str]], pairs: set[tuple[str, str]]
) -> None:
    assert set(debian.owned(provided)) == pairs


def test_what_a_distribution_leaves_beside_the_module_of_its_name_is_no_main_module(debian: ModuleType) -> None:
    assert debian.is_main("portio", "portio", {"portio", "toggle"})
    assert not debian.is_main("toggle", "portio", {"portio", "toggle"})
    assert debian.is_main("osgeo", "gdal", {"osgeo", "osgeo_utils"})


def entry(make: ModuleType, name: str, **said: str) -> dict[str, object]:
    """The entry of a name, of which each kind of source says distributions: "one other"."""
    facts = [
        (make.Source(kind + str(place), "1", "free", "a file", kind), (name, distribution))
        for kind, distributions in said.items()
        for place, distribution in enumerate(distributions.split())
    ]
    entries: dict[str, dict[str, object]] = make.weigh_all(facts)
    return entries[name]


def test_what_was_seen_outweighs_a_list_and_lists_outvote_a_hint(make: ModuleType) -> None:
    assert entry(make, "m", seen="one", reviewed="two")["choice"] == "one"
    assert entry(make, "m", seen="one", reviewed="two two two")["choice"] == "two"
    assert entry(make, "m", reviewed="one", collected="two")["choice"] == "one"
    assert entry(make, "m", collected="one") == {"choice": "one", "by": ["collected0"]}


def test_equally_heavy_ones_are_no_choice_unless_one_has_the_name_and_the_others_extend_it(make: ModuleType) -> None:
    assert "choice" not in entry(make, "m", reviewed="one two")
    assert entry(make, "docopt", seen="docopt docopt-ng")["choice"] == "docopt"
    assert "choice" not in entry(make, "xattr", seen="xattr pyxattr")
    assert entry(make, "lark", seen="lark", reviewed="lark-parser lark-parser")["choice"] == "lark"
    assert entry(make, "statsd", seen="statsd", reviewed="py-statsd py-statsd")["choice"] == "statsd"


def test_of_what_debian_calls_otherwise_the_one_that_is_used_is_meant(make: ModuleType) -> None:
    debian = make.Source("debian", "1", "free", "a file", "seen")
    used, listed = (make.Source(kind, "1", "free", "a file", kind) for kind in ("used", "reviewed"))
    facts = [(debian, ("faiss", "faiss")), (used, ("faiss", "faiss-cpu"))]
    assert make.weigh_all(facts)["faiss"]["choice"] == "faiss-cpu"
    facts = [(debian, ("hay", "django-hay")), (listed, ("hay", "django-hay")), (used, ("hay", "hay-ai"))]
    assert "choice" not in make.weigh_all([*facts, (listed, ("hay", "hay-ai"))])["hay"]


def test_the_most_used_of_several_is_meant_and_what_lies_beside_its_own_modules_is_not(sources: ModuleType) -> None:
    most_used = import_module("import_sources.most_used")
    rows = [
        ("bar", "bar-two", 5000),
        ("bar", "bar", 400),
        ("vtk", "vtk", 90),
        ("vtkmodules", "vtk", 90),
        ("web", "mesh", 80),
        ("mesh", "mesh", 80),
        *(("cloud", f"cloud-{part}", 50) for part in "abcd"),
        ("near", "near", 50),
        ("near", "near-by", 40),
    ]
    told = {
        ("bar", "bar-two"),
        ("vtk", "vtk"),
        ("vtkmodules", "vtk"),
        ("mesh", "mesh"),
        ("near", "near"),
        ("near", "near-by"),
    }
    assert set(most_used.meant(rows)) == told


def test_what_several_sources_name_besides_may_stand_in(make: ModuleType) -> None:
    assert entry(make, "pg", seen="pg", reviewed="pg-binary pg-binary")["also"] == ["pg-binary"]
    assert "also" not in entry(make, "pg", seen="pg", reviewed="pg-binary")


def test_who_fills_a_part_of_a_namespace_does_not_provide_it(make: ModuleType) -> None:
    source = make.Source("list", "1", "free", "a file", "reviewed")
    facts = [(source, pair) for pair in (("g", "buf"), ("g.cloud", "g-cloud"), ("g.buf", "buf"), ("r", "r-y"))]
    assert set(make.weigh_all(facts)) == {"g.cloud", "g.buf", "r"}


def test_a_name_that_lists_agree_on_is_provided_although_others_fill_parts_of_it(make: ModuleType) -> None:
    lists = [make.Source(name, "1", "free", "a file", "reviewed") for name in ("one", "two")]
    parts = [(lists[0], ("flow.aws", "flow-aws")), (lists[0], ("flow.gcp", "flow-gcp"))]
    assert "flow" not in make.weigh_all([*parts, (lists[0], ("flow", "apache-flow"))])
    assert (
        make.weigh_all([*parts, *((one, ("flow", "apache-flow")) for one in lists)])["flow"]["choice"] == "apache-flow"
    )


def test_a_name_that_one_list_gives_to_many_is_a_namespace(make: ModuleType) -> None:
    assert entry(make, "telemetry", reviewed="a b c")["others"] == ["a", "b", "c"]
    one, other = (make.Source(name, "1", "free", "a file", "reviewed") for name in ("one", "other"))
    facts = [(one, ("telemetry", name)) for name in "abcd"]
    assert make.weigh_all([*facts, (other, ("telemetry", "a"))]) == {}


@pytest.fixture
def advice(sources: ModuleType) -> ModuleType:
    return import_module("import_sources.advice")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "adviser.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("adviser/tools.py", ADVISER)
        archive.writestr(
            "adviser/parts/bulb/manifest.json", '{"requirements": ["py-bulb==1.2"], "loggers": ["bulb.api"]}'
        )
        archive.writestr("adviser/parts/two/manifest.json", '{"requirements": ["a==1", "b==2"], "loggers": ["a"]}')
    return path


ADVISER = """
import os
try:
    from arango.client import Client
except ImportError as error:
    raise ImportError("`python-arango` is needed: `pip install -U python-arango`.") from error
try:
    import neatdb
except ImportError:
    raise ImportError("pip install adviser[neatdb]")
try:
    import os, both, at_once
except ImportError:
    raise ImportError("pip install one")
try:
    import either
except ImportError:
    raise ImportError("pip install either-cpu, or pip install either-gpu")
try:
    from adviser import tools
    import fromgit
except ImportError:
    raise ImportError("pip install git+https://example.org/fromgit")
"""


def test_advice_beside_a_failed_import_names_a_distribution_where_it_is_one(advice: ModuleType, wheel: Path) -> None:
    assert list(advice.advised(wheel, own="adviser")) == [("arango", "python-arango")]


def test_an_integration_of_one_requirement_and_one_library_names_them_together(advice: ModuleType, wheel: Path) -> None:
    assert list(advice.required(wheel)) == [("bulb", "py-bulb")]


def test_a_source_that_contradicts_itself_says_nothing(advice: ModuleType) -> None:
    pairs = [("github", "pygithub"), ("github", "gitpython"), ("arango", "python-arango"), ("arango", "python-arango")]
    assert list(advice.agreed(pairs)) == [("arango", "python-arango")]


def test_an_older_release_adds_only_what_nobody_in_the_newer_one_holds(debian: ModuleType) -> None:
    newer = {"pyyaml": {"yaml", "yaml.loader"}, "attrs": {"attr"}}
    older = {"pyyaml": {"yaml", "_oldyaml"}, "python-attr": {"attr"}, "nose": {"nose", "nose.core"}}
    assert debian.with_older(newer, older) == {
        "pyyaml": {"yaml", "yaml.loader", "_oldyaml"},
        "attrs": {"attr"},
        "nose": {"nose", "nose.core"},
    }
