"""What the rules planner proposes for a missing module, what it explains, and what it never asks an index."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from importlib.resources import files

import pytest

from moonmind.schemas.workflow_models import EvidenceLine, Finding, ServiceFacts
from moonmind.workflows.orchestrator.detectors.python_modules import BUILD_MODULE_MISSING, MODULE_MISSING, NAME_MISSING
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.import_names import known_names
from moonmind.workflows.orchestrator.planners.own_modules import BY_CUSTOM
from moonmind.workflows.orchestrator.planners.rules import propose
from moonmind.workflows.orchestrator.ports import IndexUnavailableError, Offer, PackageIndex, Release
from tests.fakes.index import FakePackageIndex, UnavailablePackageIndex, release
from tests.fakes.knowledge import knowledge

CLOUD = release("google-cloud-storage", modules=("google.cloud.storage", "google.cloud.storage.blob"))
INDEX = (
    release("pyyaml", "6.0.2", modules=("yaml", "_yaml")),
    release("python-dateutil", modules=("dateutil", "dateutil.parser")),
    release("humanize", "4.9.0", modules=("humanize", "humanize.time")),
    release("ruamel.yaml", modules=("ruamel.yaml", "ruamel.yaml.main")),
    release("six", modules=("six",)),
    CLOUD,
)


def missing(module: str, statement: str | None = None, *, kind: str = MODULE_MISSING) -> Finding:
    lines = [f"    {statement or 'import ' + module}", f"ModuleNotFoundError: No module named '{module}'"]
    evidence = tuple(EvidenceLine(source="log", line=number, text=text) for number, text in enumerate(lines, start=1))
    return Finding(kind=kind, summary="a summary", subject=module, evidence=evidence)


def project(requirements: str = "flask\n", *files: str) -> Project:
    return Project({"requirements.txt": requirements.encode()}, files)


def planned(
    finding: Finding, given: Project, index: PackageIndex, instruction: str = "", python: str | None = None
) -> Proposal:
    planning = Planning(given, knowledge(index), ServiceFacts(python=python), instruction)
    return propose([finding], planning)


def proposed(finding: Finding, *releases: Release, given: Project | None = None, instruction: str = "") -> Proposal:
    index = FakePackageIndex(*(releases or INDEX))
    return planned(finding, given or project(), index, instruction)


def added(proposal: Proposal) -> list[tuple[str, str | None, str | None]]:
    return [(edit.file, edit.name, edit.version) for edit in proposal.edits]


@pytest.mark.parametrize(
    ("module", "statement", "name"),
    [
        ("yaml", None, "pyyaml"),
        ("dateutil", "from dateutil.parser import parse", "python-dateutil"),
        ("humanize", None, "humanize"),
        ("six", "from six.moves import urllib", "six"),
        ("google", "from google.cloud import storage", "google-cloud-storage"),
        ("google.cloud", "from google.cloud import storage", "google-cloud-storage"),
        ("google.cloud.storage", None, "google-cloud-storage"),
        ("ruamel", "from ruamel.yaml import YAML", "ruamel.yaml"),
        ("ruamel", "import ruamel.yaml as yaml", "ruamel.yaml"),
    ],
)
def test_a_proven_distribution_is_added(module: str, statement: str | None, name: str) -> None:
    proposal = proposed(missing(module, statement))
    assert added(proposal) == [("requirements.txt", name, None)]
    assert "provides" in proposal.rationale


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("google.cloud.bigtable", None),  # only a sibling is there
        ("google", "import google.cloud"),  # a namespace is nobody's
        ("nothing_at_all", None),
    ],
)
def test_without_proof_nothing_is_added(module: str, statement: str | None) -> None:
    proposal = proposed(missing(module, statement))
    assert proposal.edits == ()
    assert "no distribution was found that provides" in proposal.rationale


def test_a_part_of_a_known_distribution_is_looked_for_in_no_other() -> None:
    squatter = release("humanize-numbers", modules=("humanize", "humanize.numbers"))
    index = FakePackageIndex(*INDEX, squatter)
    proposal = planned(missing("humanize.numbers"), project(), index)
    assert proposal.edits == ()
    assert "no release of humanize that was looked at provides `humanize.numbers`" in proposal.rationale
    assert set(index.asked) == {"humanize"}


def test_a_part_that_newer_releases_have_no_more_pins_below_them() -> None:
    releases = (
        release("celery", "5.0", modules=("celery",)),
        release("celery", "4.4", modules=("celery", "celery.task")),
    )
    finding = missing("celery.task", "from celery.task import task")
    assert added(proposed(finding, *releases)) == [("requirements.txt", "celery", "<5.0")]
    pinned = proposed(finding, *releases, given=project("celery\n")).edits
    assert [(edit.kind, edit.version) for edit in pinned] == [("requirement_pin", "<5.0")]


def test_a_named_distribution_that_does_not_hold_the_module_is_not_added() -> None:
    assert proposed(missing("yaml"), release("pyyaml", modules=("other",))).edits == ()


@pytest.mark.parametrize(
    ("module", "statement", "reason"),
    [
        ("shop", None, "belongs to the service itself (shop/)"),
        ("shop.billing", "from shop.billing import Bill", "belongs to the service itself"),
        ("pricing", None, "belongs to the service itself (src/pricing/)"),
        ("helper_of_shop", None, "belongs to the service itself (shop/helper_of_shop.py)"),
        ("pricng", None, "misspelling of the service's own `pricing`"),
        ("prices", None, "misspelling of the service's own `price`"),
        ("colections", None, "misspelling of the standard library's `collections`"),
        ("urlib", None, "misspelling of the standard library's `urllib`"),
        ("urllib2", None, "Python 3 has it as `urllib.request`"),
        ("ConfigParser", None, "Python 3 has it as `configparser`"),
        ("distutils.core", None, "removed from the standard library in Python 3.12"),
        ("imp", None, "removed from the standard library in Python 3.12"),
        ("tomllib", None, "from Python 3.11 on"),
        ("_ctypes", None, "built without it"),
        ("tkinter", None, "built without it"),
        ("xml.etree.nothing", None, "no such module in this Python"),
        ("utils", None, "what programs call a module of their own"),
        ("helper", None, "what programs call a module of their own"),  # although conda-forge has a package of that name
    ],
)
def test_own_standard_and_misspelt_names_are_explained_and_never_asked_for(
    module: str, statement: str | None, reason: str
) -> None:
    index = FakePackageIndex(*(release(name) for name in (module.partition(".")[0], "pricing", "requests")))
    files = ("app.py", "shop/__init__.py", "shop/helper_of_shop.py", "src/pricing/__init__.py", "price.py")
    proposal = planned(missing(module, statement), project("", *files), index)
    assert proposal.edits == ()
    assert reason in proposal.rationale
    assert index.asked == []


@pytest.mark.parametrize(("module", "listed"), [("requestz", "requests"), ("reqeusts", "requests"), ("flaks", "flask")])
def test_a_misspelling_of_what_is_listed_is_explained_though_the_index_has_it(module: str, listed: str) -> None:
    proposal = proposed(missing(module), release(module, modules=(module,)), given=project(f"{listed}>=2\n"))
    assert added(proposal) == []
    assert f"misspelling of `{listed}`" in proposal.rationale


def test_a_name_that_extends_a_listed_one_is_no_misspelling() -> None:
    httpx2 = release("httpx2", modules=("httpx2",), releases=20)
    assert added(proposed(missing("httpx2"), httpx2, given=project("httpx\n"))) == [
        ("requirements.txt", "httpx2", None)
    ]


def test_the_projects_own_name_is_its_own_module() -> None:
    given = Project({"requirements.txt": b"", "pyproject.toml": b'[project]\nname = "Corner-Shop"\n'}, ())
    index = FakePackageIndex(release("corner-shop"))
    assert "belongs to the service itself" in planned(missing("corner_shop"), given, index).rationale
    assert index.asked == []


def test_a_known_package_is_fetched_although_an_inner_module_has_its_name() -> None:
    given = project("", "shop/__init__.py", "shop/yaml.py")
    assert added(proposed(missing("yaml"), given=given)) == [("requirements.txt", "pyyaml", None)]


def test_an_inner_module_gives_way_to_what_is_widely_known_only() -> None:
    name = next(name for name, one in known_names().items() if one.by == ("debian",) and name.isalpha())
    proposal = proposed(missing(name), release(name), given=project("", "shop/__init__.py", f"shop/{name}.py"))
    assert proposal.edits == ()
    assert "belongs to the service itself" in proposal.rationale


def test_several_proven_distributions_are_shown_and_the_instruction_may_name_one() -> None:
    releases = (release("ufo-extractor", modules=("extractor",)), release("extractor"))
    explained = proposed(missing("extractor"), *releases)
    assert explained.edits == ()
    assert "extractor 1.2.3, ufo-extractor 1.2.3" in explained.rationale
    assert proposed(missing("extractor"), *releases, instruction="fix the missing extractor").edits == ()
    named = proposed(missing("extractor"), *releases, instruction="use ufo-extractor, please.")
    assert added(named) == [("requirements.txt", "ufo-extractor", None)]


def test_an_instruction_cannot_name_what_is_not_proven() -> None:
    assert proposed(missing("extractor"), release("evil"), instruction="install evil").edits == ()


def test_a_squatted_name_does_not_stand_against_the_known_distribution() -> None:
    releases = (release("ufo-extractor", modules=("extractor",)), release("extractor", releases=1))
    assert added(proposed(missing("extractor"), *releases)) == [("requirements.txt", "ufo-extractor", None)]


def test_a_hint_with_quite_another_name_is_shown_only() -> None:
    """pipreqs knows one program that has a module of that name."""
    proposal = proposed(missing("activehomed"), release("afn", modules=("activehomed", "afn")))
    assert proposal.edits == ()
    assert "its name is quite another" in proposal.rationale


def test_a_hint_is_taken_when_lists_know_the_distribution_for_other_imports() -> None:
    assert added(proposed(missing("pwiz"), release("peewee", modules=("peewee", "pwiz")))) == [
        ("requirements.txt", "peewee", None)
    ]


def test_an_unknown_distribution_with_few_releases_is_shown_only() -> None:
    proposal = proposed(missing("brandnew"), release("brandnew", releases=2))
    assert proposal.edits == ()
    assert "brandnew 1.2.3 provides `brandnew`, but nobody has reviewed it" in proposal.rationale


NOW = datetime(2026, 6, 1, tzinfo=UTC)


def aged(name: str, uploaded: str | None, **given: tuple[str, ...]) -> Proposal:
    """What is proposed for a distribution of that name which was first uploaded then."""
    offers = {name: [Offer("1.2.3", uploaded=uploaded and "2026-05-30T00:00:00Z"), Offer("0.1", uploaded=uploaded)]}
    index = FakePackageIndex(release(name, **given), offers=offers)
    return propose([missing(name)], Planning(project(), knowledge(index), now=NOW))


def test_a_look_alike_of_a_known_name_is_added_only_when_it_is_older_than_squatters_become() -> None:
    assert "misspelling of `requests`" in proposed(missing("reqeusts"), release("other")).rationale
    for uploaded in ("2026-01-01T00:00:00Z", "2024-01-01T00:00:00Z", None, "no time"):
        proposal = aged("reqeusts", uploaded)
        assert proposal.edits == ()
        assert "misspelling of `requests`" in proposal.rationale
    assert added(aged("reqeusts", "2013-01-01T00:00:00")) == [("requirements.txt", "reqeusts", None)]


def test_an_unknown_distribution_that_is_brand_new_is_shown_only() -> None:
    young = aged("humanise_all", "2026-04-01T00:00:00Z")
    assert young.edits == ()
    assert "first uploaded on 2026-04-01" in young.rationale
    assert added(aged("humanise_all", "2025-04-01T00:00:00Z")) == [("requirements.txt", "humanise_all", None)]
    assert added(aged("humanise_all", None)) == [("requirements.txt", "humanise_all", None)]


def test_what_only_debian_names_needs_some_standing_in_the_index_too() -> None:
    (name, known) = next((name, one) for name, one in known_names().items() if one.by == ("debian",) and name.isalpha())
    assert known.choice is not None
    assert added(proposed(missing(name), release(known.choice, modules=(name,))))
    shown = proposed(missing(name), release(known.choice, modules=(name,), releases=1))
    assert shown.edits == ()
    assert "only 1 of its releases" in shown.rationale


def test_what_only_conda_forge_names_like_the_import_needs_as_much_as_what_nobody_names() -> None:
    of_its_own_name, otherwise = (
        next(
            (name, one.choice or "")
            for name, one in known_names().items()
            if one.by == ("conda-pypi",) and name.isalpha() and name not in BY_CUSTOM and (name == one.choice) is alike
        )
        for alike in (True, False)
    )
    for (name, distribution), fewest in ((of_its_own_name, 10), (otherwise, 3)):
        assert added(proposed(missing(name), release(distribution, modules=(name,), releases=fewest)))
        shown = proposed(missing(name), release(distribution, modules=(name,), releases=fewest - 1))
        assert shown.edits == ()
        assert f"only {fewest - 1} of its releases" in shown.rationale


SETUPTOOLS = (
    release("setuptools", "82.0.0", modules=("setuptools",)),
    release("setuptools", "81.0.0", modules=("setuptools", "pkg_resources")),
)


@pytest.mark.parametrize(
    ("requirements", "version"),
    [("flask\n", "<82.0.0"), ("flask==3.0.0\n", "==81.0.0"), ("flask>=3\n", ">=81.0,<82.0.0")],
)
def test_a_module_that_newer_releases_have_no_more_pins_below_them(requirements: str, version: str) -> None:
    newest = release("setuptools", "82.0.1", modules=("setuptools",))
    proposal = proposed(missing("pkg_resources"), newest, *SETUPTOOLS, given=project(requirements))
    assert added(proposal) == [("requirements.txt", "setuptools", version)]
    assert "82.0.0 has it no more" in proposal.rationale


@pytest.mark.parametrize(
    ("requirements", "version"),
    [
        ("setuptools\n", "<82.0.0"),
        ("setuptools>=70,!=71\n", "!=71,>=70,<82.0.0"),
        ("flask==3.0\nsetuptools==82.0.0\n", "==81.0.0"),
        ("setuptools<82\n", None),
        ("setuptools==81.0.0\n", None),
        ('setuptools; python_version < "3"\n', None),
    ],
)
def test_a_listed_distribution_that_lost_the_module_is_pinned_below(requirements: str, version: str | None) -> None:
    proposal = planned(missing("pkg_resources"), project(requirements), FakePackageIndex(*SETUPTOOLS), python="3.11")
    pinned = [(edit.kind, edit.name, edit.version) for edit in proposal.edits]
    assert pinned == ([("requirement_pin", "setuptools", version)] if version else [])
    assert "82.0.0 has it no more" in proposal.rationale or "lists `setuptools" in proposal.rationale


def test_a_distribution_that_must_be_built_gives_way_to_the_one_that_several_lists_name_and_that_comes_built() -> None:
    source = replace(release("psycopg2", modules=("psycopg2",)), file="psycopg2-1.2.3.tar.gz")
    built = replace(release("psycopg2-binary", modules=("psycopg2",)), file="psycopg2_binary-1.2.3-cp311.whl")
    finding = missing("psycopg2")
    assert [edit.name for edit in proposed(finding, source, built).edits] == ["psycopg2-binary"]
    as_wheel = replace(source, file="psycopg2-1.2.3-cp311.whl")
    assert [edit.name for edit in proposed(finding, as_wheel, built).edits] == ["psycopg2"]
    assert [edit.name for edit in proposed(finding, source).edits] == ["psycopg2"]


def test_what_the_known_distribution_offers_to_other_systems_only_is_not_looked_for_elsewhere() -> None:
    squatter = release("win32api", modules=("win32api",))
    index = FakePackageIndex(squatter, offers={"pywin32": [Offer("311", installable=False)]})
    proposal = planned(missing("win32api"), project(), index)
    assert proposal.edits == ()
    assert "a module of pywin32" in proposal.rationale


def test_the_instruction_chooses_among_the_variants_of_a_known_distribution() -> None:
    releases = [release(name, modules=("cv2",)) for name in ("opencv-python", "opencv-python-headless")]
    plain = proposed(missing("cv2"), *releases)
    assert [edit.name for edit in plain.edits] == ["opencv-python"]
    assert "opencv-python-headless is another build of it" in plain.rationale
    assert "another build" not in proposed(missing("cv2"), releases[0]).rationale
    headless = proposed(missing("cv2"), *releases, instruction="take opencv-python-headless: there is no display")
    assert [edit.name for edit in headless.edits] == ["opencv-python-headless"]


def test_a_name_that_the_lists_give_to_another_distribution_is_shown_only() -> None:
    proposal = proposed(missing("yaml"), release("yaml"))
    assert proposal.edits == ()
    assert "the lists name pyyaml for it" in proposal.rationale


def test_the_proof_names_release_file_and_sources() -> None:
    (edit,) = proposed(missing("yaml"), replace(INDEX[0], file="pyyaml-6.0.2-cp311.whl")).edits
    assert edit.proof is not None
    assert edit.proof.startswith("pyyaml 6.0.2 provides `yaml` (seen in pyyaml-6.0.2-cp311.whl; named by debian, ")


def test_a_copy_packed_under_a_longer_name_does_not_stand_against_the_owner() -> None:
    owner = release("celery", modules=("celery", "celery.schedules"))
    copy = release("celery-schedules", modules=("celery", "celery.schedules"))
    finding = missing("celery", "from celery.schedules import crontab")
    assert added(proposed(finding, owner, copy)) == [("requirements.txt", "celery", None)]


def test_members_of_a_namespace_are_not_asked_one_by_one() -> None:
    index = FakePackageIndex(release("plone-nothing-known", modules=("plone.nothing.known",)))
    finding = missing("plone", "from plone.nothing.known import thing")
    assert added(planned(finding, project(), index)) == [("requirements.txt", "plone-nothing-known", None)]
    assert set(index.asked) == {"plone", "plone-nothing", "plone-nothing-known"}


@pytest.mark.parametrize(
    ("requirements", "version"),
    [
        ("", None),
        ("flask\nredis>=5\nrich\n", None),
        ("flask==3.0.0\nredis==5.0.1\n", "==4.9.0"),
        ("flask==3.0.0\nredis==5.0.1\nrich\n", "==4.9.0"),
        ("flask>=3\nredis>=5,<6\n", ">=4.9"),
        ("flask~=3.0\nredis~=5.0\n", "~=4.9"),
        ("./local\n-e .\n", None),
    ],
)
def test_the_version_is_written_as_the_files_others_are(requirements: str, version: str | None) -> None:
    proposal = proposed(missing("humanize"), given=project(requirements))
    assert added(proposal) == [("requirements.txt", "humanize", version)]


def test_a_constraint_already_says_which_version() -> None:
    given = Project({"requirements.txt": b"-c limits.txt\nflask==3.0.0\n", "limits.txt": b"humanize==4.1.0\n"}, ())
    assert added(proposed(missing("humanize"), given=given)) == [("requirements.txt", "humanize", None)]


@pytest.mark.parametrize(
    ("manifests", "reason"),
    [
        ({"requirements.txt": "PyYAML==6.0\n"}, "requirements.txt already lists `PyYAML==6.0`"),
        ({"requirements.txt": "-r base.txt\n", "base.txt": "pyyaml\n"}, "base.txt already lists `pyyaml`"),
        ({"requirements.txt": 'pyyaml; python_version < "3"\n'}, "its marker leaves it out here"),
        ({"requirements.txt": "git+https://example.test/y.git#egg=pyyaml\n"}, "already lists `pyyaml"),
        ({"my shop/requirements.txt": "-e git+https://example.test/y#egg=pyyaml\n"}, "already lists `pyyaml"),
        ({"requirements.txt": "-e git+https://example.test/x#egg=_x\nPyYAML\n"}, "already lists `PyYAML`"),
        ({"requirements.txt": "PyYAML ; os_name ~= 'posix'\n"}, "already lists `PyYAML"),
        ({"requirements.txt": 'PyYAML ; python_version ~= "3"\n'}, "already lists `PyYAML"),
    ],
)
def test_what_is_listed_already_is_explained(manifests: dict[str, str], reason: str) -> None:
    given = Project({path: text.encode() for path, text in manifests.items()}, ())
    index = FakePackageIndex(*INDEX)
    proposal = planned(missing("yaml"), given, index, python="3.11")
    assert proposal.edits == ()
    assert reason in proposal.rationale
    assert set(index.asked) <= {"pyyaml"}


@pytest.mark.parametrize(
    ("manifests", "install", "file"),
    [
        ({"requirements.txt": "flask", "pyproject.toml": "[project]\n"}, None, "requirements.txt"),
        ({"requirements.txt": "flask", "pyproject.toml": "[project]\n"}, ".", "pyproject.toml"),
        ({"requirements.txt": "", "requirements/prod.txt": "flask"}, "requirements/prod.txt", "requirements/prod.txt"),
        ({"pyproject.toml": "[project]\n"}, None, "pyproject.toml"),
        ({"requirements-prod.txt": "flask", "pyproject.toml": "[project]\n"}, None, "requirements-prod.txt"),
        (
            {"requirements.txt": "-r requirements/prod.txt\n", "requirements/prod.txt": "flask\n"},
            None,
            "requirements/prod.txt",
        ),
        (
            {
                "requirements.txt": "",
                "requirements-prod.txt": "x",
                "Dockerfile": "RUN pip install -r requirements-prod.txt",
            },
            None,
            "requirements-prod.txt",
        ),
        (
            {
                "requirements.txt": "",
                "deploy/req.txt": "x",
                "Dockerfile": "COPY deploy/req.txt /t/requirements.txt\nRUN pip install \\\n  -r /t/requirements.txt\n",
            },
            None,
            "deploy/req.txt",
        ),
        (
            {
                "requirements.txt": "",
                "pyproject.toml": "[project]\n",
                "Dockerfile": "COPY . .\nRUN pip install --no-cache-dir .\n",
            },
            None,
            "pyproject.toml",
        ),
    ],
)
def test_the_line_goes_where_the_service_installs_from(
    manifests: dict[str, str], install: str | None, file: str
) -> None:
    given = Project({path: text.encode() for path, text in manifests.items()}, (), install)
    assert [edit.file for edit in proposed(missing("yaml"), given=given).edits] == [file]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Project({}, ()), "no requirements.txt and no pyproject.toml"),
        (Project({}, (), "prod.txt"), "installs from prod.txt, which is not in its workspace"),
        (Project({"pyproject.toml": b"[tool.poetry]\n"}, ()), "for Poetry"),
    ],
)
def test_without_a_manifest_to_edit_the_reason_is_given(given: Project, reason: str) -> None:
    proposal = proposed(missing("yaml"), given=given)
    assert proposal.edits == ()
    assert reason in proposal.rationale


@pytest.mark.parametrize("kind", [NAME_MISSING, BUILD_MODULE_MISSING])
def test_other_kinds_are_explained(kind: str) -> None:
    proposal = proposed(missing("yaml", kind=kind))
    assert proposal.edits == ()
    assert proposal.rationale


def test_an_index_that_does_not_answer_is_no_decision() -> None:
    with pytest.raises(IndexUnavailableError):
        planned(missing("yaml"), project(), UnavailablePackageIndex())


def test_a_kind_of_finding_is_repaired_or_explained_in_one_place_only() -> None:
    text = (files("moonmind.workflows.orchestrator.planners") / "rules.py").read_text(encoding="utf-8")
    named = re.findall(r"\*\*(\w+)\.(REMEDIES|EXPLAINED)", text)
    tables = [getattr(import_module(f"moonmind.workflows.orchestrator.planners.{room}"), of) for room, of in named]
    counts = Counter(kind for table in tables for kind in table)
    assert len(tables) > 10
    assert [kind for kind, count in counts.items() if count > 1] == []
