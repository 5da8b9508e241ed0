"""Which version the planners hold, raise or refuse, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from moonmind.schemas.workflow_models import Finding, ServiceFacts
from moonmind.workflows.orchestrator.detectors.python_abi import NUMPY, SYMBOL
from moonmind.workflows.orchestrator.detectors.python_builds import BUILD_FAILED
from moonmind.workflows.orchestrator.detectors.python_modules import BUILD_MODULE_MISSING, MODULE_MISSING, NAME_MISSING
from moonmind.workflows.orchestrator.detectors.python_names import ATTRIBUTE_MISSING, CIRCULAR
from moonmind.workflows.orchestrator.detectors.python_packaging import CONFLICT, REQUIRES_PYTHON, UNAVAILABLE
from moonmind.workflows.orchestrator.planners import NoSafeEditError, Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.pins import rewritten
from moonmind.workflows.orchestrator.planners.rules import propose
from moonmind.workflows.orchestrator.planners.series import newest_holding
from moonmind.workflows.orchestrator.ports import Offer, Release
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import knowledge
from tests.fakes.resolving import Releases, SmallResolver

Given = Mapping[str, bytes]


def finding(kind: str, subject: str | None = None, **details: str) -> Finding:
    return Finding(kind=kind, summary="a summary", subject=subject, details=details)


def removed(name: str, module: str, importer: str = "", provider: str | None = None) -> Finding:
    top = module.partition(".")[0]
    return finding(
        NAME_MISSING,
        module,
        name=name,
        module=module,
        importer=importer,
        provider=top if provider is None else provider,
    )


def versions_of(name: str, *found: str, module: str | None = None) -> list[Release]:
    """Newest first, all with the module."""
    return [release(name, version, modules=(module or name,)) for version in found]


def lines(*text: str, **more: str) -> Given:
    files = {"requirements.txt": "".join(f"{line}\n" for line in text)}
    return {path.replace("_", ".", 1): content.encode() for path, content in {**files, **more}.items()}


def planned(
    found: Finding,
    files: Given,
    index: FakePackageIndex,
    releases: Releases,
    installed: Mapping[str, str] | None = None,
    *paths: str,
) -> Proposal:
    facts = ServiceFacts(python="3.11", installed=installed or {})
    asked = knowledge(index, resolver=SmallResolver(releases))
    return propose([found], Planning(Project(files, paths), asked, facts))


def edits(proposal: Proposal) -> list[tuple[str, str, str | None, str | None]]:
    return [(edit.kind, edit.file, edit.name, edit.version) for edit in proposal.edits]


JINJA = ("3.1.4", "3.1.0", "3.0.3", "3.0.0", "2.11.3")
HAS_ESCAPE = {("jinja2", one, "jinja2"): frozenset({"escape", "Template"}) for one in JINJA if one < "3.1"}
JINJA_INDEX = FakePackageIndex(
    *versions_of("jinja2", *JINJA),
    names={**{("jinja2", one, "jinja2"): frozenset({"Template"}) for one in JINJA if one >= "3.1"}, **HAS_ESCAPE},
)
FLASK: Releases = {
    "flask": {"1.1.2": ["jinja2>=2.10"], "3.0.0": ["jinja2>=3.1.2"]},
    "jinja2": {one: [] for one in JINJA},
}


def lost_escape(*text: str, importer: str = "flask", present: str = "3.1.4") -> Proposal:
    found = removed("escape", "jinja2", importer)
    return planned(found, lines(*text), JINJA_INDEX, FLASK, {"flask": "1.1.2", "jinja2": present})


def test_what_lost_a_name_is_held_back_for_the_library_that_the_manifest_chose() -> None:
    proposal = lost_escape("flask==1.1.2")
    assert edits(proposal) == [("requirement_add", "requirements.txt", "jinja2", "==3.0.3")]
    assert "`flask` asks for it" in proposal.rationale
    assert proposal.edits[0].proof is not None


@pytest.mark.parametrize(
    ("listed", "specifier"),
    [
        ("jinja2", "<3.1"),
        ("jinja2>=2.10", ">=2.10,<3.1"),
        ("Jinja2==3.1.4", "==3.0.3"),
        ("jinja2~=3.1", "~=3.0.3"),
        ("jinja2>=3.1", ">=3.0,<3.1"),
    ],
)
def test_a_listed_distribution_is_pinned_in_the_style_of_its_line(listed: str, specifier: str) -> None:
    ((kind, _, _, version),) = edits(lost_escape(listed, importer=""))
    assert (kind, version) == ("requirement_pin", specifier)


def test_nothing_is_held_back_when_the_manifest_would_not_resolve() -> None:
    proposal = lost_escape("flask==3.0.0")
    assert proposal.edits == ()
    assert "cannot be resolved" in proposal.rationale


def test_a_name_of_a_newer_release_raises_a_pin_that_is_too_old() -> None:
    found = removed("override", "typing_extensions")
    index = FakePackageIndex(
        *versions_of("typing-extensions", "5.0.0", "4.12.2", "4.4.0", "4.3.0", module="typing_extensions"),
        names={
            ("typing-extensions", one, "typing_extensions"): frozenset({"override"} if one != "4.3.0" else {"other"})
            for one in ("5.0.0", "4.12.2", "4.4.0", "4.3.0")
        },
    )
    known: Releases = {"typing-extensions": {one: [] for one in ("5.0.0", "4.12.2", "4.4.0", "4.3.0")}}
    proposal = planned(found, lines("typing-extensions==4.3.0"), index, known, {"typing-extensions": "4.3.0"})
    assert edits(proposal) == [("requirement_pin", "requirements.txt", "typing-extensions", "==4.12.2")]


def test_a_misspelt_name_is_in_no_release_and_nothing_is_pinned() -> None:
    found = removed("escpae", "jinja2")
    proposal = planned(found, lines("jinja2"), JINJA_INDEX, FLASK, {"jinja2": "3.1.4"})
    assert proposal.edits == ()
    assert "no release of jinja2" in proposal.rationale


def test_a_log_that_the_index_contradicts_pins_nothing() -> None:
    proposal = lost_escape("flask==1.1.2", present="3.0.3")
    assert proposal.edits == ()
    assert "rebuild" in proposal.rationale


def test_a_module_that_makes_its_names_at_run_time_proves_nothing() -> None:
    index = FakePackageIndex(*versions_of("jinja2", *JINJA))
    found = removed("escape", "jinja2")
    assert planned(found, lines("jinja2"), index, FLASK, {"jinja2": "3.1.4"}).edits == ()


def test_a_name_that_such_a_module_shows_is_proven_and_one_it_does_not_show_is_not_excluded() -> None:
    shown = {("jinja2", one, "jinja2"): frozenset({"*", *(["escape"] * one.startswith("3.0"))}) for one in JINJA}
    index = FakePackageIndex(*versions_of("jinja2", *JINJA), names=shown)
    proposal = planned(removed("escape", "jinja2"), lines("jinja2"), index, FLASK, {"jinja2": "3.1.4"})
    assert edits(proposal) == [("requirement_pin", "requirements.txt", "jinja2", "<3.1")]


def test_yanked_releases_prereleases_and_builds_are_not_chosen() -> None:
    index = FakePackageIndex(
        *versions_of("jinja2", *JINJA),
        offers={
            "jinja2": [
                Offer("3.1.4"),
                Offer("3.0.3", yanked="broken"),
                Offer("3.0.0", wheel=False),
                Offer("2.12.0rc1"),
                Offer("2.11.3"),
            ]
        },
        names={("jinja2", "3.1.4", "jinja2"): frozenset({"Template"}), **HAS_ESCAPE},
    )
    found = removed("escape", "jinja2")
    proposal = planned(found, lines("jinja2==3.1.4"), index, FLASK, {"jinja2": "3.1.4"})
    assert edits(proposal) == [("requirement_pin", "requirements.txt", "jinja2", "==2.11.3")]


@pytest.mark.parametrize(
    ("found", "paths", "says"),
    [
        (removed("Invoice", "shop.models", provider=""), ("shop/models.py",), "service's own module"),
        (removed("Mapping", "collections", provider="<python>"), (), "change the code"),
        (removed("Mapping", "collections", "graphql", provider="<python>"), (), "newer release of it"),
        (finding(ATTRIBUTE_MISSING, "asyncio", name="coroutine", module="asyncio", importer=""), (), "change the code"),
        (finding(ATTRIBUTE_MISSING, "config", name="X", module="config", importer=""), ("config.py",), "own module"),
        (finding(ATTRIBUTE_MISSING, "lib", name="X", module="lib", importer=""), (), "could not be told"),
        (finding(CIRCULAR, "shop.models", name="X", module="shop.models", importer=""), (), "import each other"),
        (finding(SYMBOL, "fast", symbol="PyFoo"), (), "rebuild it without a cache"),
    ],
)
def test_what_no_release_would_change_is_explained_without_asking(
    found: Finding, paths: tuple[str, ...], says: str
) -> None:
    index = FakePackageIndex()
    proposal = planned(found, lines("flask"), index, {"flask": {"1.0": []}}, {"flask": "1.0"}, *paths)
    assert proposal.edits == ()
    assert says in proposal.rationale


WERKZEUG = FakePackageIndex(
    release("werkzeug", "3.0.0", modules=("werkzeug",)),
    release("werkzeug", "1.0.0", modules=("werkzeug",)),
    release("werkzeug", "0.16.1", modules=("werkzeug", "werkzeug.contrib", "werkzeug.contrib.cache")),
)


def test_a_submodule_that_a_release_lost_holds_its_distribution_back() -> None:
    known: Releases = {"werkzeug": {"3.0.0": [], "1.0.0": [], "0.16.1": []}}
    found = finding(MODULE_MISSING, "werkzeug.contrib")
    proposal = planned(found, lines("werkzeug"), WERKZEUG, known, {"werkzeug": "3.0.0"})
    assert edits(proposal) == [("requirement_pin", "requirements.txt", "werkzeug", "<1")]


def test_a_module_that_its_installed_distribution_lost_holds_it_back() -> None:
    index = FakePackageIndex(
        release("setuptools", "82.0.0", modules=("setuptools",)),
        release("setuptools", "81.0.0", modules=("setuptools", "pkg_resources")),
    )
    known: Releases = {"setuptools": {"82.0.0": [], "81.0.0": []}}
    found = finding(MODULE_MISSING, "pkg_resources")
    proposal = planned(found, lines("setuptools"), index, known, {"setuptools": "82.0.0"})
    assert edits(proposal) == [("requirement_pin", "requirements.txt", "setuptools", "<82")]


# --- versions that cannot be had ----------------------------------------------------------------------------


def unavailable(
    listed: str, *offers: Offer, subject: str = "flask", known: Sequence[str] = ("3.1.0", "2.3.3", "2.2.5")
) -> Proposal:
    index = FakePackageIndex(offers={subject: offers})
    found = finding(UNAVAILABLE, subject, requirement=listed)
    return planned(found, lines(listed), index, {subject: {one: [] for one in known}})


OFFERS = (Offer("3.1.0"), Offer("2.3.3"), Offer("2.2.5"))


@pytest.mark.parametrize(
    ("listed", "specifier"),
    [
        ("flask==2.2.99", "==2.2.5"),
        ("flask==2.9.0", "==2.3.3"),
        ("flask~=2.2.9", "~=2.2.5"),
        ("flask>=2.2.9,<2.3", ">=2.2,<2.3"),
        ("flask>=3.2", ">=3.1"),
    ],
)
def test_the_nearest_release_of_the_same_major(listed: str, specifier: str) -> None:
    assert edits(unavailable(listed, *OFFERS)) == [("requirement_pin", "requirements.txt", "flask", specifier)]


@pytest.mark.parametrize(
    ("listed", "offers", "says"),
    [
        ("flask==9.9.9", OFFERS, "3.1.0, of another major"),
        ("flask==2.3.3+local", OFFERS, "the public 2.3.3"),
        (
            "flask==1.0",
            (Offer("3.1.0"), Offer("1.0", installable=False, requires_python="<3.9")),
            "requires Python <3.9",
        ),
        ("flask==1.0", (Offer("3.1.0"), Offer("1.0", yanked="leaks")), "yanked (leaks)"),
        ("flask==2.3.3", OFFERS, "the build looks at another one"),
        ("flask==2.3.3", (), "no distribution named `flask`"),
    ],
)
def test_what_would_leave_the_major_or_the_index_is_explained(
    listed: str, offers: tuple[Offer, ...], says: str
) -> None:
    proposal = unavailable(listed, *offers)
    assert proposal.edits == ()
    assert says in proposal.rationale


def test_a_pin_whose_release_was_yanked_moves_within_its_series() -> None:
    offers = (Offer("2.3.3"), Offer("2.3.2", yanked="broken"))
    assert edits(unavailable("flask>=2.3.2,<2.3.3", *offers)) == [
        ("requirement_pin", "requirements.txt", "flask", ">=2.3.2,<2.4")
    ]


def test_a_misspelt_distribution_is_shown_and_never_replaced() -> None:
    proposal = unavailable("reqeusts==2.0", subject="reqeusts")
    assert proposal.edits == ()
    assert "misspelling of `requests`" in proposal.rationale


def test_a_name_that_the_tool_did_not_find_is_not_asked_for_again() -> None:
    index = FakePackageIndex(offers={"reqeusts": OFFERS})
    found = finding(UNAVAILABLE, "reqeusts", requirement="reqeusts==2.0", known="no")
    proposal = planned(found, lines("reqeusts==2.0"), index, {})
    assert "misspelling of `requests`" in proposal.rationale
    assert index.asked == []


def test_what_only_a_listed_distribution_asks_for_is_explained() -> None:
    found = finding(UNAVAILABLE, "click", requirement="click>=99")
    proposal = planned(found, lines("flask"), FakePackageIndex(), {})
    assert "one of the listed distributions asks for it" in proposal.rationale


def test_a_service_that_wants_another_python_than_its_image_is_explained() -> None:
    files = {**lines("flask"), "pyproject.toml": b"[project]\nname = 'shop'\n"}
    found = finding(REQUIRES_PYTHON, "shop", python="3.8.18", wanted=">=3.9")
    assert "newer base image" in planned(found, files, FakePackageIndex(), {}).rationale


# --- conflicts -----------------------------------------------------------------------------------------------

STACK: Releases = {
    "flask": {"1.1.4": ["werkzeug<2"], "2.0.3": ["werkzeug>=2.0"], "3.0.0": ["werkzeug>=3"]},
    "werkzeug": {"1.0.1": [], "2.0.3": [], "3.0.0": []},
    "requests": {"2.31.0": ["urllib3<3,>=1.21.1"], "2.0.0": []},
    "urllib3": {"1.20": [], "1.26.18": [], "2.0.0": []},
}
NEEDS = FakePackageIndex(
    requires={("flask", "2.0.3"): ["werkzeug>=2.0"], ("requests", "2.31.0"): ["urllib3<3,>=1.21.1"]}
)


def settled(files: Given, names: str, releases: Releases = STACK) -> Proposal:
    return planned(finding(CONFLICT, names=names), files, NEEDS, releases)


@pytest.mark.parametrize(
    ("listed", "names", "edit"),
    [
        (("flask==2.0.3", "werkzeug==1.0.1"), "flask werkzeug", ("werkzeug", "==2.0.3")),
        (("requests==2.31.0", "urllib3==1.20"), "requests urllib3", ("urllib3", "==1.26.18")),
        (("flask>=2.0,<2.1", "werkzeug<1.1"), "flask werkzeug", ("werkzeug", "<2.1")),
        (("flask==2.0.3", "werkzeug==1.0.1"), "", ("werkzeug", "==2.0.3")),
    ],
)
def test_one_line_is_changed_and_keeps_its_major_where_it_can(
    listed: tuple[str, ...], names: str, edit: tuple[str, str]
) -> None:
    ((kind, _, *changed),) = edits(settled(lines(*listed), names))
    assert (kind, *changed) == ("requirement_pin", *edit)


def test_a_constraint_in_the_way_is_changed_where_it_stands() -> None:
    files = lines("-c constraints.txt", "flask==2.0.3", constraints_txt="werkzeug==1.0.1\n")
    assert edits(settled(files, "flask werkzeug"))[0][:3] == ("requirement_pin", "constraints.txt", "werkzeug")


def test_a_distribution_that_is_listed_twice_is_a_persons_choice() -> None:
    proposal = settled(lines("flask==2.0.3", "flask==3.0.0"), "flask")
    assert proposal.edits == ()
    assert "listed more than once" in proposal.rationale


def test_what_two_lines_would_have_to_change_for_is_explained() -> None:
    releases: Releases = {"a": {"1.0": ["c<2"]}, "b": {"1.0": ["c>=2"]}, "c": {"1.0": [], "2.0": []}}
    proposal = settled(lines("a==1.0", "b==1.0"), "a b c", releases)
    assert proposal.edits == ()
    assert "no change of a single line" in proposal.rationale


def test_equally_good_changes_are_shown() -> None:
    releases: Releases = {
        "a": {"1.0": ["c<2"], "1.1": []},
        "b": {"1.0": ["c>=2"], "1.1": []},
        "c": {"1.0": [], "2.0": []},
    }
    proposal = settled(lines("a==1.0", "b==1.0"), "a b c", releases)
    assert proposal.edits == ()
    assert "`a==1.0` to ==1.1 or `b==1.0` to ==1.1" in proposal.rationale


# --- builds --------------------------------------------------------------------------------------------------


def built(listed: str, *offers: Offer, kind: str = BUILD_FAILED) -> Proposal:
    index = FakePackageIndex(offers={"old": offers})
    found = finding(kind, "old", distribution="old", error="an error")
    return planned(found, lines(listed), index, {"old": {one.version: [] for one in offers}})


@pytest.mark.parametrize("kind", [BUILD_FAILED, BUILD_MODULE_MISSING])
def test_a_build_that_fails_is_replaced_by_a_wheel_of_the_same_major(kind: str) -> None:
    offers = (Offer("3.0"), Offer("2.5", wheel=False), Offer("2.4"), Offer("2.0", wheel=False))
    assert edits(built("old==2.0", *offers, kind=kind)) == [("requirement_pin", "requirements.txt", "old", "==2.4")]


@pytest.mark.parametrize(
    ("offers", "says"),
    [
        ((Offer("3.0"), Offer("2.0", wheel=False)), "3.0 has one and is of another major"),
        ((Offer("2.0", wheel=False),), "no release of old has a wheel"),
        ((Offer("2.0", wheel=False), Offer("2.1", wheel=False), Offer("2.0.dev1")), "no release of old has a wheel"),
    ],
)
def test_a_build_without_a_wheel_to_take_is_explained(offers: tuple[Offer, ...], says: str) -> None:
    proposal = built("old==2.0", *offers)
    assert proposal.edits == ()
    assert says in proposal.rationale


# --- NumPy ---------------------------------------------------------------------------------------------------

DATED = {
    "numpy": [
        Offer("2.1.0", uploaded="2024-08-18T00:00:00Z"),
        Offer("1.26.4", uploaded="2024-02-05T00:00:00Z"),
        Offer("1.25.0", uploaded="2023-06-17T00:00:00Z"),
    ],
    "pandas": [Offer("2.0.3", uploaded="2023-06-28T00:00:00Z"), Offer("2.2.3", uploaded="2024-09-20T00:00:00Z")],
}
ABI: Releases = {"numpy": {"2.1.0": [], "1.26.4": [], "1.25.0": []}, "pandas": {"2.0.3": ["numpy"], "2.2.3": ["numpy"]}}


def incompatible(pandas: str, *listed: str) -> Proposal:
    index = FakePackageIndex(
        *versions_of("numpy", "2.1.0", "1.26.4"), *versions_of("pandas", "2.2.3", "2.0.3"), offers=DATED
    )
    found = finding(NUMPY, "numpy", provider="numpy", library="pandas")
    return planned(found, lines(*listed), index, ABI, {"numpy": "2.1.0", "pandas": pandas})


@pytest.mark.parametrize(
    ("listed", "edit"),
    [
        (("pandas==2.0.3",), ("requirement_add", "==1.26.4")),
        (("pandas<2.1", "numpy>=1.21"), ("requirement_pin", ">=1.21,<2")),
    ],
)
def test_numpy_is_held_to_the_major_of_the_librarys_day(listed: tuple[str, ...], edit: tuple[str, str]) -> None:
    ((kind, _, name, version),) = edits(incompatible("2.0.3", *listed))
    assert (kind, name, version) == (edit[0], "numpy", edit[1])


def test_a_library_made_with_the_present_numpy_was_built_elsewhere() -> None:
    proposal = incompatible("2.2.3", "pandas==2.2.3")
    assert proposal.edits == ()
    assert "without a cache" in proposal.rationale


# --- the parts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "version", "below", "new"),
    [
        ("", "1.2.3", None, ""),
        ("", "1.2.3", "2", "<2"),
        ("==1.0", "1.2.3", None, "==1.2.3"),
        ("==1.*", "1.2.3", "2", "==1.2.3"),
        (">=1.0,!=1.1", "1.2.3", None, ">=1.0,!=1.1"),
        (">=1.0,<3", "1.2.3", "2", ">=1.0,<2"),
        (">=2,<3", "1.2.3", None, ">=1.2,<3"),
        ("<1.1", "1.2.3", None, "<1.3"),
        ("~=1.1", "1.2.3", None, "~=1.1"),
        ("~=1.1", "2.2.3", None, "~=2.2.3"),
    ],
)
def test_a_specifier_changes_as_little_as_it_can(old: str, version: str, below: str | None, new: str) -> None:
    assert SpecifierSet(rewritten(SpecifierSet(old), Version(version), below=below)) == SpecifierSet(new)


def series(major: int, count: int) -> list[Version]:
    return [Version(f"{major}.{minor}") for minor in reversed(range(count))]


@pytest.mark.parametrize("last", range(30))
def test_the_last_release_with_a_name_is_found_among_many_with_few_looks(last: int) -> None:
    looks: list[Version] = []

    def holds(version: Version) -> bool:
        looks.append(version)
        return version.major == 1 and version.minor <= last

    assert newest_holding([*series(2, 5), *series(1, 30)], holds) == Version(f"1.{last}")
    assert len(looks) <= 20


def test_a_search_ends_after_so_many_looks() -> None:
    majors = [one for major in reversed(range(20)) for one in series(major, 5)]
    with pytest.raises(NoSafeEditError, match="looked into"):
        newest_holding(majors, lambda version: False)


def test_a_release_that_does_not_say_is_not_chosen() -> None:
    answers = {"2.0": None, "1.5": None, "1.4": True}
    assert newest_holding([Version(one) for one in answers], lambda one: answers[str(one)]) == Version("1.4")


def test_an_edit_says_what_else_changes_its_major() -> None:
    releases = {**FLASK, "other": {"1.0": ["jinja2<3.1"], "2.0": ["jinja2>=3.1"]}}
    index = JINJA_INDEX
    asked = knowledge(index, resolver=SmallResolver(releases))
    facts = ServiceFacts(python="3.11", installed={"jinja2": "3.1.4", "other": "2.0"})
    planning = Planning(Project(lines("jinja2==3.1.4", "other"), ()), asked, facts)
    assert "other 2.0 → 1.0" in propose([removed("escape", "jinja2")], planning).rationale
    unchanged = replace(planning, project=Project(lines("jinja2==3.1.4"), ()))
    assert "→" not in propose([removed("escape", "jinja2")], unchanged).rationale
