"""What a service would miss next: told from its own files and the traceback, each with a proof of its own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from moonmind.schemas.workflow_models import Finding, LogSource, ServiceFacts
from moonmind.workflows.orchestrator.detectors import detect
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.imports import LONGEST, unconditional_imports
from moonmind.workflows.orchestrator.planners.next_imports import MOST_FILES, next_imports, workspace_file
from moonmind.workflows.orchestrator.planners.rules import propose
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import FakeResolver, knowledge

INDEX = (
    release("pyyaml", modules=("yaml",)),
    release("redis", modules=("redis",)),
    release("requests", modules=("requests",)),
    release("google-cloud-storage", modules=("google.cloud.storage",)),
    release("celery"),
    release("brandnew", releases=1),
)


def project(files: Mapping[str, str], requirements: str = "flask\n", **manifests: str) -> Project:
    contents = {path: text.encode() for path, text in {"requirements.txt": requirements, **manifests, **files}.items()}
    named = {path: contents[path] for path in contents if not path.endswith(".py")}
    return Project(named, tuple(contents), None, contents.get)


def failure(module: str, *frames: tuple[str, int, str], statement: str = "") -> Finding:
    shown = "".join(f'  File "{path}", line {line}, in {where}\n    code\n' for path, line, where in frames)
    shown = shown.removesuffix("    code\n") + f"    {statement or 'import ' + module}\n"
    text = f"Traceback (most recent call last):\n{shown}ModuleNotFoundError: No module named '{module}'\n"
    (finding,) = detect([LogSource(name="log", text=text)])
    return finding


def proposed(
    finding: Finding, given: Project, *, installed: Mapping[str, str] | None = None, resolved: tuple[str, ...] = ()
) -> Proposal:
    resolver = FakeResolver(dict.fromkeys(resolved, "1.0"))
    facts = ServiceFacts(python="3.11", installed=installed or {})
    return propose([finding], Planning(given, knowledge(FakePackageIndex(*INDEX), resolver=resolver), facts))


def names(proposal: Proposal) -> list[str | None]:
    return [edit.name for edit in proposal.edits]


def paths(given: Project, *frames: str) -> list[str]:
    return [place.statement.module for place in next_imports(frames, "failed", given)]


APP = "import os\nimport yaml\nimport redis\nfrom requests import get\n"


def test_all_that_is_missing_is_added_in_one_round_each_with_its_place_and_proof() -> None:
    proposal = proposed(failure("yaml", ("/app/app.py", 2, "<module>")), project({"app.py": APP}))
    assert names(proposal) == ["pyyaml", "redis", "requests"]
    assert "app.py:3 imports it next" in proposal.edits[1].reason
    assert all(edit.proof and "provides" in edit.proof for edit in proposal.edits)


def test_what_is_installed_listed_locked_or_brought_by_another_is_not_added() -> None:
    finding, files = failure("yaml", ("/app/app.py", 2, "<module>")), {"app.py": APP}
    assert names(proposed(finding, project(files), installed={"Redis": "5.0"})) == ["pyyaml", "requests"]
    assert names(proposed(finding, project(files, "redis>=5\n"))) == ["pyyaml", "requests"]
    locked = {"poetry.lock": '[[package]]\nname = "redis"\nversion = "5.0"\n'}
    assert names(proposed(finding, project(files, **locked))) == ["pyyaml", "requests"]
    assert names(proposed(finding, project(files), resolved=("redis", "requests"))) == ["pyyaml"]


def test_a_doubtful_one_is_explained_and_left_out_while_the_proven_are_added() -> None:
    app = "import yaml\nimport brandnew\nimport urllib2\nimport redis\n"
    proposal = proposed(failure("yaml", ("/app/app.py", 1, "<module>")), project({"app.py": app}))
    assert names(proposal) == ["pyyaml", "redis"]
    assert "`brandnew` (app.py:2) will be missing next" in proposal.rationale
    assert "Python 3 has it as `urllib.request`" in proposal.rationale


def test_what_is_proven_is_added_also_when_nothing_provides_the_failed_import_itself() -> None:
    app = "import brandnew\nimport redis\n"
    proposal = proposed(failure("brandnew", ("/app/app.py", 1, "<module>")), project({"app.py": app}))
    assert [edit.name for edit in proposal.edits] == ["redis"]
    assert "brandnew" in proposal.edits[0].reason


def test_a_distribution_that_another_import_needs_is_enough_for_the_failed_one_too() -> None:
    both = release("gdata", modules=("gdata", "atom"))
    index = FakePackageIndex(release("atom", modules=("atom",)), both)
    failed = failure("atom", ("/app/app.py", 1, "<module>"))
    given = project({"app.py": "import atom\nimport gdata\n"})
    proposal = propose([failed], Planning(given, knowledge(index)))
    assert [edit.name for edit in proposal.edits] == ["gdata"]


def test_several_names_of_one_namespace_are_several_distributions() -> None:
    app = "import yaml\nfrom google.cloud import storage\n"
    proposal = proposed(failure("yaml", ("/app/app.py", 1, "<module>")), project({"app.py": app}))
    assert names(proposal) == ["pyyaml", "google-cloud-storage"]


def test_a_statement_over_several_lines_is_read_from_the_services_own_file() -> None:
    app = "from google.cloud import (\n    storage,\n)\nimport redis\n"
    finding = failure("google", ("/app/app.py", 1, "<module>"), statement="from google.cloud import (")
    assert names(proposed(finding, project({"app.py": app}))) == ["google-cloud-storage", "redis"]


def test_what_stands_behind_the_failed_import_on_its_line_comes_next_too() -> None:
    app = "import json, yaml, redis\n"
    finding = failure("yaml", ("/app/app.py", 1, "<module>"), statement="import json, yaml, redis")
    assert names(proposed(finding, project({"app.py": app}))) == ["pyyaml", "redis"]


@pytest.mark.parametrize(
    ("files", "importer", "statement", "name"),
    [
        ({"shop/celery.py": "from celery import Celery\n"}, "shop/celery.py", "from celery import Celery", "celery"),
        (
            {"shop/celery.py": "app = None\n", "shop/jobs.py": "from celery import shared_task\n"},
            "shop/jobs.py",
            "from celery import shared_task",
            "celery",
        ),
        (
            {"shop/celery.py": "app = None\n", "shop/jobs.py": "from celery import app\n"},
            "shop/jobs.py",
            "from celery import app",
            None,
        ),
        ({"shop/celery.py": "", "shop/jobs.py": "import celery\n"}, "shop/jobs.py", "import celery", None),
        ({"shop/celery.py": "", "jobs.py": "import celery\n"}, "jobs.py", "import celery", "celery"),
        ({"celery.py": "", "jobs.py": "import celery\n"}, "jobs.py", "import celery", None),
    ],
)
def test_an_inner_module_of_a_known_name_is_told_from_the_library_by_who_imports_what(
    files: dict[str, str], importer: str, statement: str, name: str | None
) -> None:
    finding = failure("celery", (f"/app/{importer}", 1, "<module>"), statement=statement)
    proposal = proposed(finding, project({"shop/__init__.py": "", **files}))
    assert names(proposal) == ([name] if name else [])


@pytest.mark.parametrize(("beside", "added"), [("import redis", ["atom", "redis"]), ("import gdata", [])])
def test_what_another_distribution_of_the_service_may_bring_is_not_taken_from_elsewhere(
    beside: str, added: list[str]
) -> None:
    finding = failure("atom", ("/app/app.py", 1, "<module>"))
    index = FakePackageIndex(*INDEX, release("atom"), release("gdata", releases=2))
    planning = Planning(project({"app.py": f"import atom\n{beside}\n"}), knowledge(index), ServiceFacts(python="3.11"))
    assert names(propose([finding], planning)) == added


def test_an_import_that_no_list_knows_is_not_added_when_something_installed_may_provide_it() -> None:
    app = "import yaml\nimport brandnew\n"
    finding = failure("yaml", ("/app/app.py", 1, "<module>"))
    proposal = proposed(finding, project({"app.py": app}), installed={"python-brandnew": "1.0"})
    assert "brandnew" not in proposal.rationale


def test_an_import_inside_a_function_says_nothing_of_what_stands_below_it() -> None:
    finding = failure("yaml", ("/app/web.py", 9, "<module>"), ("/app/app.py", 2, "load"))
    given = project({"app.py": APP, "web.py": "import app\n"})
    assert names(proposed(finding, given)) == ["pyyaml"]


def test_the_outer_files_go_on_below_their_own_place_and_own_modules_are_followed() -> None:
    files = {
        "main.py": "import early\nfrom shop import db\nimport late\nfrom shop.views import page\n",
        "shop/__init__.py": "",
        "shop/db.py": "import failed\nimport of_db\n",
        "shop/views.py": "import of_views\nfrom . import forms\nfrom .deep.er import x\n",
        "shop/forms.py": "import of_forms\n",
        "shop/deep/__init__.py": "import of_deep\n",
        "shop/deep/er.py": "import of_er\n",
        "unused.py": "import of_unused\n",
    }
    found = paths(project(files), "/srv/main.py:2", "/srv/shop/db.py:1")
    assert found == ["of_db", "late", "of_views", "of_forms", "of_deep", "of_er"]


def test_a_script_finds_its_neighbours_and_modules_from_the_root_and_src() -> None:
    files = {
        "bin/run.py": "import failed\nimport helper\nimport shop\nimport lib_of_src\n",
        "bin/helper.py": "import of_helper\n",
        "shop.py": "import of_shop\n",
        "src/lib_of_src/__init__.py": "import of_src\n",
    }
    assert paths(project(files), "/app/bin/run.py:1") == ["of_helper", "of_shop", "of_src"]


def test_a_circle_of_imports_and_many_files_come_to_an_end() -> None:
    circle = {"a.py": "import failed\nimport b\n", "b.py": "import a\nimport outside\n"}
    assert paths(project(circle), "/app/a.py:1") == ["outside"]
    chain = {f"m{number}.py": f"import m{number + 1}\nimport x{number}\n" for number in range(MOST_FILES * 2)}
    assert len(paths(project(chain), "/app/m0.py:0")) == MOST_FILES


@pytest.mark.parametrize(
    ("path", "files", "file"),
    [
        ("/app/x.py", {"x.py", "y.py"}, "x.py"),
        ("/app/shop/x.py", {"shop/x.py", "x.py"}, "shop/x.py"),
        ("/app/x.py", {"src/x.py"}, "src/x.py"),
        ("/app/x.py", {"x.py", "old/x.py"}, "x.py"),
        ("/app/x.py", {"a/x.py", "b/x.py"}, None),
        ("C:\\app\\shop\\x.py", {"shop/x.py"}, "shop/x.py"),
        ("/usr/local/lib/python3.11/site-packages/celery/app.py", {"app.py"}, None),
        ("<frozen importlib._bootstrap>", {"x.py"}, None),
        ("/app/z.py", {"x.py"}, None),
    ],
)
def test_paths_of_a_container_are_those_of_the_workspace_with_the_longest_common_end(
    path: str, files: set[str], file: str | None
) -> None:
    assert workspace_file(path, frozenset(files)) == file


CONDITIONAL = '''\
"""Text: import in_text"""
from __future__ import annotations
import plain, second.part as other
from package.inner import (
    one,
    two,
)
from . import sibling
from starred import *
if TYPE_CHECKING:
    import for_types
try:
    import fast
except ImportError:
    import slow
try:
    import tried
except ValueError:
    pass
finally:
    import last
with suppress(ImportError):
    import muted
with warnings.catch_warnings():
    import within
def later():
    import inside
'''


def test_only_imports_that_happen_whenever_the_file_is_loaded_count() -> None:
    found = [(one.module, one.name, one.line, one.level) for one in unconditional_imports(CONDITIONAL.encode())]
    assert found == [
        ("__future__", "annotations", 2, 0),
        ("plain", None, 3, 0),
        ("second.part", None, 3, 0),
        ("package.inner", "one", 4, 0),
        ("package.inner", "two", 4, 0),
        ("", "sibling", 8, 1),
        ("starred", None, 9, 0),
        ("tried", None, 17, 0),
        ("last", None, 21, 0),
        ("within", None, 25, 0),
    ]


@pytest.mark.parametrize("source", [b"", b"print 'two'\n", b"\0", b"(" * 5000, b"# " + b"x" * LONGEST, b"\xff\xfe"])
def test_what_is_no_python_3_has_no_imports(source: bytes) -> None:
    assert unconditional_imports(source) == []
