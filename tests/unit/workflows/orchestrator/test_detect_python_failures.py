"""What the detectors see in logs of real tools: each text is what such a program prints, and the recorded cases."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource
from moonmind.workflows.orchestrator.detectors import (
    detect,
    python_abi,
    python_builds,
    python_extras,
    python_names,
    python_packaging,
)
from moonmind.workflows.orchestrator.detectors.lines import read_lines
from moonmind.workflows.orchestrator.detectors.python_abi import NUMPY, SIZE_CHANGED, SYMBOL
from moonmind.workflows.orchestrator.detectors.python_builds import BUILD_FAILED
from moonmind.workflows.orchestrator.detectors.python_extras import EXTRA_MISSING
from moonmind.workflows.orchestrator.detectors.python_modules import BUILD_MODULE_MISSING, MODULE_MISSING, NAME_MISSING
from moonmind.workflows.orchestrator.detectors.python_names import ATTRIBUTE_MISSING, CIRCULAR
from moonmind.workflows.orchestrator.detectors.python_packaging import CONFLICT, REQUIRES_PYTHON, UNAVAILABLE

CASES = sorted((Path(__file__).parents[3] / "data" / "failures").glob("python-*"))
SITE = "/usr/local/lib/python3.11/site-packages"


def traceback(*frames: str, raised: str) -> str:
    lines = "".join(f'  File "{file}", line 1, in <module>\n    a statement\n' for file in frames)
    return f"Traceback (most recent call last):\n{lines}{raised}\n"


def found(log: str) -> Finding:
    (finding,) = detect([LogSource(name="log", text=log)])
    return finding


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_recorded_failure_is_seen_for_what_it_is(case: Path) -> None:
    expected = json.loads((case / "case.json").read_text(encoding="utf-8"))["expect"]["kind"]
    seen = detect([LogSource(name="log", text=(case / "log.txt").read_text(encoding="utf-8"))])
    assert [finding.kind for finding in seen] == ([expected] if expected else [])


def test_the_one_who_asks_for_a_removed_name_is_the_deepest_other_library() -> None:
    log = traceback(
        "/app/app.py",
        f"{SITE}/flask/__init__.py",
        raised=f"ImportError: cannot import name 'escape' from 'jinja2' ({SITE}/jinja2/__init__.py)",
    )
    finding = found(log)
    assert finding.kind == NAME_MISSING
    assert finding.details == {"name": "escape", "module": "jinja2", "importer": "flask", "provider": "jinja2"}


def test_a_module_that_computes_its_attributes_is_not_the_one_who_asks() -> None:
    log = traceback(
        "/app/app.py",
        f"{SITE}/numpy/__init__.py",
        raised="AttributeError: module 'numpy' has no attribute 'float'.\n`np.float` was an alias.",
    )
    finding = found(log)
    assert finding.kind == ATTRIBUTE_MISSING
    assert finding.details == {"name": "float", "module": "numpy", "importer": ""}


@pytest.mark.parametrize(
    ("raised", "kind", "provider"),
    [
        (
            "ImportError: cannot import name 'Order' from partially initialized module 'shop.models' "
            "(most likely due to a circular import) (/app/shop/models.py)",
            CIRCULAR,
            "",
        ),
        ("ImportError: cannot import name 'Order' from 'shop.models' (/app/shop/models.py)", NAME_MISSING, ""),
        (
            "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3.11/collections.py)",
            NAME_MISSING,
            "<python>",
        ),
        ("ImportError: cannot import name 'x' from 'plugins' (unknown location)", NAME_MISSING, None),
    ],
)
def test_whose_file_lacks_a_name(raised: str, kind: str, provider: str | None) -> None:
    finding = found(traceback("/app/app.py", raised=raised))
    assert (finding.kind, finding.details.get("provider")) == (kind, provider)


def test_a_name_that_its_library_says_was_moved() -> None:
    log = traceback(
        "/app/app.py",
        f"{SITE}/pydantic/_migration.py",
        raised="pydantic.errors.PydanticImportError: `BaseSettings` has been moved to the `pydantic-settings` package.",
    )
    finding = found(log)
    assert finding.kind == NAME_MISSING
    assert (finding.details["name"], finding.details["module"], finding.details["importer"]) == (
        "BaseSettings",
        "pydantic",
        "",
    )


def test_the_last_import_of_a_chain_counts() -> None:
    first = traceback(
        "/app/app.py", raised="ImportError: cannot import name 'a' from 'flask' (/x/site-packages/flask.py)"
    )
    second = traceback("/app/app.py", raised="ModuleNotFoundError: No module named 'simplejson'")
    joint = "\nDuring handling of the above exception, another exception occurred:\n\n"
    assert found(f"{first}{joint}{second}").kind == MODULE_MISSING


@pytest.mark.parametrize(
    ("log", "names"),
    [
        (
            "The conflict is caused by:\n    The user requested Werkzeug==1.0.1\n"
            "    flask[async] 2.0.3 depends on Werkzeug>=2.0\n\nERROR: ResolutionImpossible: see the manual\n",
            "werkzeug flask",
        ),
        (
            "ERROR: pip's dependency resolver does not currently take into account all the packages of it.\n"
            "flask 2.0.3 requires Werkzeug>=2.0, but you have werkzeug 1.0.1 which is incompatible.\n",
            "flask werkzeug",
        ),
        (
            "  × No solution found when resolving dependencies:\n"
            "  ╰─▶ Because flask==2.0.3 depends on werkzeug>=2.0 and you require\n"
            "      flask==2.0.3, we can conclude that you require werkzeug>=2.0.\n",
            "flask werkzeug",
        ),
        (
            "Resolving dependencies...\n\nBecause shop depends on flask (2.0.3) which depends on Werkzeug (>=2.0), "
            "werkzeug is required.\nSo, because shop depends on werkzeug (1.0.1), version solving failed.\n",
            "flask werkzeug",
        ),
    ],
)
def test_the_distributions_of_a_conflict(log: str, names: str) -> None:
    finding = found(log)
    assert finding.kind == CONFLICT
    assert set(names.split()) <= set(finding.details["names"].split())


@pytest.mark.parametrize(
    ("log", "subject"),
    [
        (
            "ERROR: Could not find a version that satisfies the requirement Flask==2.3.99 (from versions: 0.1, 3.1)\n"
            "ERROR: No matching distribution found for Flask==2.3.99\n",
            "flask",
        ),
        (
            "  × No solution found when resolving dependencies:\n"
            "  ╰─▶ Because there is no version of flask==2.3.99 and you require\n      flask==2.3.99, it fails.\n",
            "flask",
        ),
        ("Because no versions of requests match 2.99.0\n and so, version solving failed.\n", "requests"),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because nothing-like-it was not found in the package registry and you require it, it fails.\n",
            "nothing-like-it",
        ),
    ],
)
def test_a_version_that_cannot_be_had(log: str, subject: str) -> None:
    finding = found(log)
    assert (finding.kind, finding.subject) == (UNAVAILABLE, subject)


def test_a_project_that_wants_another_python() -> None:
    finding = found("ERROR: Package 'shop' requires a different Python: 3.8.18 not in '>=3.9'\n")
    assert finding.kind == REQUIRES_PYTHON
    assert finding.details == {"python": "3.8.18", "wanted": ">=3.9"}


@pytest.mark.parametrize(
    ("log", "kind", "subject"),
    [
        (
            "Collecting Old==1.0\n"
            + "".join(
                f"      {line}\n"
                for line in traceback(
                    "/tmp/pip-build-env-x/overlay/setuptools/build_meta.py", raised="KeyError: '__version__'"
                ).splitlines()
            )
            + "      [end of output]\nERROR: Failed to build 'Old' when getting requirements to build wheel\n",
            BUILD_FAILED,
            "old",
        ),
        ("error in anyjson setup command: use_2to3 is invalid.\n", BUILD_FAILED, "anyjson"),
        (
            "× Cannot import build backend 'setuptools.build_meta:__legacy__'.\n"
            "╰─> ModuleNotFoundError: No module named 'distutils'\n"
            "ERROR: Failed to build 'numpy' when calling build backend hook get_requires_for_build_wheel\n",
            BUILD_FAILED,
            "numpy",
        ),
        (
            "  × Failed to build `pycocotools==2.0.0`\n"
            + traceback(
                "/srv/cache/builds-v0/.tmpX/site-packages/setuptools/build_meta.py",
                raised="ModuleNotFoundError: No module named 'numpy'",
            ),
            BUILD_MODULE_MISSING,
            "numpy",
        ),
    ],
)
def test_a_build_that_is_older_than_its_tools(log: str, kind: str, subject: str) -> None:
    finding = found(log)
    assert (finding.kind, finding.subject) == (kind, subject)


def test_a_build_that_lacks_a_program_of_the_system_is_not_its_own_fault() -> None:
    raised = "FileNotFoundError: [Errno 2] No such file or directory: 'cargo'"
    log = traceback("/tmp/pip-build-env-x/overlay/setuptools/build_meta.py", raised=raised)
    assert detect([LogSource(name="log", text=log)]) == []


@pytest.mark.parametrize(
    ("raised", "kind", "subject"),
    [
        ("ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96", NUMPY, "numpy"),
        ("ImportError: numpy.core.multiarray failed to import (auto-generated because you didn't)", NUMPY, "numpy"),
        ("ValueError: greenlet.greenlet size changed, may indicate binary incompatibility.", SIZE_CHANGED, "greenlet"),
        (f"ImportError: {SITE}/fast/_c.so: undefined symbol: PyFoo_Bar", SYMBOL, "fast"),
    ],
)
def test_a_compiled_module_that_does_not_fit(raised: str, kind: str, subject: str) -> None:
    finding = found(traceback("/app/app.py", f"{SITE}/fast/__init__.py", raised=raised))
    assert (finding.kind, finding.subject) == (kind, subject)


@pytest.mark.parametrize(
    "raised",
    [
        'RuntimeError: Form data requires "python-multipart" to be installed. ',
        "ImportError: email-validator is not installed, run `pip install 'pydantic[email]'`",
        "requests.exceptions.InvalidSchema: Missing dependencies for SOCKS support.",
        "ImportError: Using http2=True, but the 'h2' package is not installed.",
        "RuntimeError: Install Flask with the 'async' extra in order to use async views.",
        "NotImplementedError: Algorithm 'RS256' could not be found. Do you have cryptography installed?",
        "RuntimeError: gevent worker requires gevent 24.10.1 or higher",
        "passlib.exc.MissingBackendError: bcrypt: no backends available -- recommend you install one",
    ],
)
def test_a_library_that_asks_for_an_optional_dependency(raised: str) -> None:
    assert found(traceback("/app/app.py", f"{SITE}/library/part.py", raised=raised)).kind == EXTRA_MISSING


@pytest.mark.parametrize(
    "log",
    [
        traceback("/app/app.py", raised="RuntimeError: run `pip install something-else`"),  # the service's own words
        traceback("/app/app.py", f"{SITE}/library/part.py", raised="TypeError: f() requires 2 arguments"),
        traceback("/app/app.py", f"{SITE}/library/part.py", raised="KeyError: 'installation'"),
    ],
)
def test_other_failures_ask_for_nothing(log: str) -> None:
    assert detect([LogSource(name="log", text=log)]) == []


@pytest.mark.parametrize(
    "line",
    [
        "ERROR: No matching distribution found for " + "a" * 9_000,
        "    " + "a-" * 4_000 + " depends on",
        "Because " + "there are no versions of " * 400 + "version solving failed",
        "ValueError: " + "numpy." * 1_500,
        "ImportError: cannot import name 'x' from '" + "a." * 4_000,
    ],
)
def test_a_hostile_line_costs_no_time(line: str) -> None:
    log = f"The conflict is caused by:\n{(line + chr(10)) * 50}version solving failed\n"
    lines = list(read_lines(LogSource(name="log", text=log)))
    started = process_time()
    for module in (python_abi, python_builds, python_extras, python_names, python_packaging):
        module.find(lines)
    assert process_time() - started < 1


@pytest.mark.parametrize(
    "failure",
    [
        "× Cannot import build backend 'x'\n╰─> y\n",
        'Traceback (most recent call last):\n  File "pip-install-x/a.py", line 1\nKeyError: x\n',
    ],
)
def test_a_log_of_nothing_but_failed_builds_costs_no_time(failure: str) -> None:
    lines = list(read_lines(LogSource(name="log", text=failure * (256 * 1024 // len(failure)))))
    started = process_time()
    assert python_builds.find(lines)
    assert process_time() - started < 3


def test_a_failed_build_is_of_what_its_own_program_had_begun_with() -> None:
    log = "Collecting demjson==2.2.4\n" + "compiling\n" * 300 + "other-1 | Collecting flask==3.0\nCollecting x-y==1\n"
    failed = "× Cannot import build backend 'x'\n╰─> y\n"
    (one,) = python_builds.find(
        list(read_lines(LogSource(name="log", text=log.replace("Collecting x-y==1\n", failed))))
    )
    assert one.finding.details["distribution"] == "demjson"
    (one,) = python_builds.find(list(read_lines(LogSource(name="log", text=log + failed))))
    assert (one.finding.subject, one.finding.details["version"]) == ("x-y", "1")
