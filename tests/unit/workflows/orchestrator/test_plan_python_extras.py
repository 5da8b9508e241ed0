"""Which optional dependency is added: what the raising library's own metadata declare, never what a message says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from moonmind.schemas.workflow_models import EvidenceLine, Finding, LogSource, ServiceFacts
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.detectors.python_extras import EXTRA_MISSING
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.rules import propose
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import knowledge
from tests.fakes.resolving import SmallResolver

INSTALLED = {"uvicorn": "0.30.0", "requests": "2.32.0", "celery": "5.4.0", "kombu": "5.4.0", "django": "5.0"}
REQUIRES: Mapping[tuple[str, str], Sequence[str]] = {
    ("uvicorn", "0.30.0"): [
        "click>=7.0",
        'websockets>=10.4; extra == "standard"',
        'httptools>=0.5.0; extra == "standard"',
        'colorama>=0.4; sys_platform == "win32" and extra == "standard"',
    ],
    ("requests", "2.32.0"): ['PySocks!=1.5.7,>=1.5.6; extra == "socks"', "not a requirement at all ;;"],
    ("celery", "5.4.0"): ['kombu[redis]; extra == "redis"'],
    ("kombu", "5.4.0"): ['redis>=4.5; extra == "redis"', 'boto3; extra == "sqs"'],
    ("django", "5.0"): ['argon2-cffi>=19.1.0; extra == "argon2"', 'bcrypt; extra == "bcrypt"'],
}
KNOWN = {
    **{
        name: {version: [] for version in ("9.0", "12.0", "23.0")}
        for name in ("websockets", "pysocks", "redis", "argon2-cffi")
    },
    **{name: {version: []} for name, version in INSTALLED.items()},
    "colorama": {"0.4": []},
}
INDEX = FakePackageIndex(
    *(release(name, version) for name, version in INSTALLED.items()),
    release("argon2-cffi", "12.0", modules=("argon2",)),
    release("argon2", "0.1", modules=("argon2",)),
    requires=REQUIRES,
)


def asked(hint: str, libraries: str, *requirements: str, missing: str = "") -> Proposal:
    details = {"hint": hint, "libraries": libraries, **({"missing": missing} if missing else {})}
    found = Finding(kind=EXTRA_MISSING, summary="a summary", subject=libraries.partition(" ")[0], details=details)
    return planned(found, *requirements)


def planned(found: Finding, *requirements: str, sources: Sequence[LogSource] = ()) -> Proposal:
    text = "".join(f"{line}\n" for line in requirements or INSTALLED)
    facts = ServiceFacts(python="3.11", installed=INSTALLED)
    project = Project({"requirements.txt": text.encode()}, ())
    return propose([found], Planning(project, knowledge(INDEX, resolver=SmallResolver(KNOWN)), facts, "", sources))


def added(proposal: Proposal) -> list[tuple[str | None, str | None]]:
    return [(edit.name, edit.version) for edit in proposal.edits]


@pytest.mark.parametrize(
    ("hint", "libraries", "name"),
    [
        ("please use pip install 'uvicorn[standard]', or install 'websockets' or 'wsproto'", "uvicorn", "websockets"),
        ("Missing dependencies for SOCKS support.", "requests", "pysocks"),
        ("Missing dependencies for SOCKS support.", "requests celery", "pysocks"),
        ("You need to install the redis library", "celery", "redis"),
        ("`argon2_cffi` is not installed", "uvicorn django", "argon2-cffi"),
    ],
)
def test_the_words_of_a_message_choose_among_what_the_library_declares(hint: str, libraries: str, name: str) -> None:
    proposal = asked(hint, libraries)
    assert [edit.name for edit in proposal.edits] == [name]
    assert "in the index" in (proposal.edits[0].proof or "")


@pytest.mark.parametrize(
    ("hint", "libraries"),
    [
        ("run `pip install evil-thing`", "uvicorn"),  # nobody declares it
        ("run `pip install redis`", "uvicorn"),  # another library's extra
        ("please install uvicorn[standard]", "uvicorn"),  # several would be missing
        ("install websockets and httptools", "uvicorn"),
        ("install colorama", "uvicorn"),  # not on this system
        ("install websockets", "a_module_of_nobody"),
        ("install click", "uvicorn"),  # no extra: an installation brings it
    ],
)
def test_a_message_alone_adds_nothing(hint: str, libraries: str) -> None:
    proposal = asked(hint, libraries)
    assert proposal.edits == ()
    assert "proves nothing" in proposal.rationale


def test_the_bounds_of_the_extra_stay_where_the_file_has_no_style_of_its_own() -> None:
    assert added(asked("Missing dependencies for SOCKS support.", "requests")) == [("pysocks", "!=1.5.7,>=1.5.6")]


def test_an_exact_file_gets_an_exact_version_within_the_extras_bounds() -> None:
    assert added(asked("install websockets", "uvicorn", "uvicorn==0.30.0", "requests==2.32.0")) == [
        ("websockets", "==23.0")
    ]


def test_what_is_listed_already_needs_a_build_and_no_edit() -> None:
    proposal = asked("install websockets", "uvicorn", "uvicorn", "websockets")
    assert proposal.edits == ()
    assert proposal.rebuild


def test_the_module_of_the_chain_is_looked_for_where_no_extra_says_so() -> None:
    proposal = asked("it is not installed", "uvicorn", missing="redis")
    assert "redis" in proposal.rationale


SITE = "/usr/local/lib/python3.11/site-packages"
IN_A_LIBRARY = f"""\
Traceback (most recent call last):
  File "/app/app.py", line 1, in <module>
    make_password("x")
  File "{SITE}/django/contrib/auth/hashers.py", line 9, in load
    importlib.import_module("argon2")
  File "/usr/local/lib/python3.11/importlib/__init__.py", line 126, in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
ModuleNotFoundError: No module named 'argon2'
"""


def test_a_module_that_a_library_imports_is_its_extras_and_not_a_namesakes() -> None:
    sources = [LogSource(name="log", text=IN_A_LIBRARY)]
    (found,) = detect(sources)
    assert added(planned(found, sources=sources)) == [("argon2-cffi", ">=19.1.0")]


def test_a_module_that_the_service_imports_is_not_asked_of_any_library() -> None:
    own = 'Traceback (most recent call last):\n  File "/app/app.py", line 1, in <module>\n    import argon2\n'
    sources = [LogSource(name="log", text=f"{own}ModuleNotFoundError: No module named 'argon2'\n")]
    (found,) = detect(sources)
    assert "argon2-cffi 5.0 declares" not in planned(found, sources=sources).rationale


def test_a_finding_that_is_in_no_log_is_asked_of_no_library() -> None:
    evidence = (EvidenceLine(source="gone", line=3, text="ModuleNotFoundError: No module named 'argon2'"),)
    found = Finding(kind="python_module_missing", summary="a summary", subject="argon2", evidence=evidence)
    assert "django" not in planned(found).rationale
