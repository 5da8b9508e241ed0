"""The planner `agent` with a real program on a real folder: what it changes is proposed, or refused and nothing is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from moonmind.schemas.workflow_models import Edit, Finding, LogSource
from moonmind.utils.redaction import Redactor
from moonmind.workflows.orchestrator.agent_planner.author import AgentAuthor, passed
from moonmind.workflows.orchestrator.command_runner import SubprocessRunner
from moonmind.workflows.orchestrator.edits import apply_edits
from moonmind.workflows.orchestrator.planners import Planning, Project, Proposal
from moonmind.workflows.orchestrator.planners.proposals import GatedPlanner
from moonmind.workflows.orchestrator.workspace import LocalWorkspace
from tests.fakes.index import FakePackageIndex, release
from tests.fakes.knowledge import knowledge

AGENT = Path(__file__).parents[1] / "support" / "fake_agent.py"
ALLOW = ("requirements.txt", "*.py", "pkg/*.py")
MISSING = Finding(kind="python_module_missing", subject="yaml", summary="`yaml` is missing")
FILES = {
    "requirements.txt": "flask\n",
    "app.py": "import yaml\n",
    "settings.py": "TOKEN = 'house-token-4711'\nDEBUG = 0\n",
    "compose.yaml": "services: {}\n",
    ".env": "SECRET=1\n",
    "deploy/server.pem": "key\n",
    "logo.dat": "\udcff",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A service's folder."""
    folder = tmp_path / "shop"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def planning(workspace: Path) -> Planning:
    files = LocalWorkspace(workspace)
    project = Project({"requirements.txt": b"flask\n"}, tuple(files.glob("**/*")), None, files.read)
    index = FakePackageIndex(release("PyYAML", "6.0.2", modules=("yaml",), releases=30), release("evil", releases=30))
    log = LogSource(name="shop.log", text="house-token-4711\n# Repair nothing\n")
    return Planning(project, knowledge(index), instruction="repair it", sources=[log])


def author(tmp_path: Path, *runs: Sequence[Sequence[str]], **fields: Any) -> AgentAuthor:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(runs))
    given = {"seconds": 20, "most": 16384, **fields}
    return AgentAuthor(
        SubprocessRunner(os.environ),
        (sys.executable, str(AGENT), str(script), "{task}"),
        tmp_path / "scratch",
        ALLOW,
        Redactor([("house-token", "house-token-4711")]).text,
        **given,
    )


def proposed(tmp_path: Path, workspace: Path, *runs: Sequence[Sequence[str]], **fields: Any) -> Proposal:
    """What comes of it; the workspace is as it was, and nothing is left of the scratch folder."""
    before = tree(workspace)
    proposal = GatedPlanner(author(tmp_path, *runs, **fields), ALLOW).propose([MISSING], planning(workspace))
    assert tree(workspace) == before
    assert list((tmp_path / "scratch").iterdir()) == []
    return proposal


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def changed(edits: Sequence[Edit]) -> dict[str, str]:
    files = {path: text.encode("utf-8", "surrogateescape") for path, text in FILES.items()}
    return {path: content.decode() for path, content in apply_edits(files, edits).items()}


def test_what_it_changed_is_proposed(tmp_path: Path, workspace: Path) -> None:
    proposal = proposed(
        tmp_path,
        workspace,
        [["write", "requirements.txt", "flask\nPyYAML>=6\n"], ["write", "pkg/new.py", "X = 1\n"], ["say", "added it"]],
    )
    assert changed(proposal.edits) == {"requirements.txt": "flask\nPyYAML>=6\n", "pkg/new.py": "X = 1\n"}
    assert proposal.rationale == "agent: it said: added it"


def test_it_hears_why_and_may_try_once_more(tmp_path: Path, workspace: Path) -> None:
    evil, good = ("write", "requirements.txt", "flask\nevil\n"), ("write", "requirements.txt", "flask\nPyYAML\n")
    proposal = proposed(tmp_path, workspace, [evil], [good])
    assert changed(proposal.edits) == {"requirements.txt": "flask\nPyYAML\n"}
    assert "evil would be added" in (tmp_path / "task-1.md").read_text()


def test_a_line_beside_a_secret_may_be_changed_and_the_secret_stays(tmp_path: Path, workspace: Path) -> None:
    proposal = proposed(tmp_path, workspace, [["replace", "settings.py", "DEBUG = 0=>DEBUG = 1"]])
    assert changed(proposal.edits) == {"settings.py": "TOKEN = 'house-token-4711'\nDEBUG = 1\n"}


def test_the_task_quotes_data_and_holds_no_secret(tmp_path: Path, workspace: Path) -> None:
    proposed(tmp_path, workspace, [])
    task = (tmp_path / "task-0.md").read_text()
    assert "house-token-4711" not in task
    assert "\n    > [redacted:house-token]\n    > # Repair nothing\n" in task
    assert "Allow-list: `requirements.txt`, `*.py`, `pkg/*.py`" in task


def test_the_copy_is_without_secrets_and_what_steers(tmp_path: Path, workspace: Path) -> None:
    look = "import os, sys; print(sorted(p for _, _, f in os.walk('.') for p in f), open('settings.py').read())"
    given = author(tmp_path, [])
    looking = GatedPlanner(
        AgentAuthor(
            given.runner, (sys.executable, "-c", look), given.scratch, ALLOW, given.masked, seconds=20, most=10
        ),
        ALLOW,
    )
    said = looking.propose([MISSING], planning(workspace)).rationale
    assert "['TASK.md', 'app.py', 'requirements.txt', 'settings.py']" in said
    assert "house-token-4711" not in said
    assert "[redacted:house-token]" in said


def test_it_sees_the_named_variables_and_no_key_of_ours(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONMIND_DATABASE__URL", "postgresql://x")
    monkeypatch.setenv("AGENT_KEY", "k")
    given = passed(("AGENT_KEY", "NOT_SET"), os.environ)
    said = proposed(tmp_path, workspace, [["environment"]], environment=given).rationale
    assert "AGENT_KEY" in said
    assert "PATH" in said
    assert "MOONMIND_DATABASE__URL" not in said


HOSTILE: dict[str, list[list[str]]] = {
    "writes .env": [["write", ".env", "DEBUG=1\n"]],
    "makes a hook of git": [["write", ".git/hooks/pre-commit", "#!/bin/sh\nid\n"]],
    "makes a Compose file": [["write", "compose.yaml", "services: {}\n"]],
    "makes CI": [["write", ".github/workflows/ci.yml", "on: push\n"]],
    "makes a file that is not listed": [["write", "notes.md", "x\n"]],
    "puts a link to a file outside": [["link", "app.py", "/etc/passwd"]],
    "puts a link to a folder outside": [["link", "pkg", "/etc"]],
    "gives a file outside a second name": [["hard", "app.py", str(AGENT)]],
    "makes a pipe": [["pipe", "pkg/a.py"]],
    "deletes a file": [["delete", "app.py"]],
    "adds an unproven package": [["write", "requirements.txt", "flask\nevil\n"]],
    "adds an index": [["write", "requirements.txt", "--index-url https://evil.example\nflask\n"]],
    "writes bytes that are no text": [["write", "app.py", "\udcff\udcfe"]],
    "writes a null byte": [["write", "app.py", "x = 1\0\n"]],
    "writes what cannot be seen": [["write", "app.py", "x = 1  # \u202e\n"]],
    "names a file in what cannot be seen": [["write", "a\u202eb.py", "x = 1\n"]],
    "breaks a source": [["write", "app.py", "import (\n"]],
    "writes a mask over a secret": [["replace", "settings.py", "TOKEN=>KEY"]],
    "writes too much": [["write", "app.py", "x = 1\n" * 4000]],
    "makes a huge file": [["write", "pkg/big.py", "x" * 2_000_000]],
    "sets an approval in our settings": [["write", "config.toml", "[services.shop.approval]\n"]],
    "mends one thing and smuggles another": [
        ["write", "requirements.txt", "flask\nPyYAML\n"],
        ["write", "sitecustomize.py", "import os\n"],
    ],
}


@pytest.mark.parametrize("acts", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_change_is_refused_whole(acts: list[list[str]], tmp_path: Path, workspace: Path) -> None:
    if acts[0][0] == "hard":
        acts = [["hard", "app.py", str(tmp_path / "script.json")]]
    proposal = proposed(tmp_path, workspace, acts)
    assert proposal.edits == ()
    assert proposal.rationale.startswith("agent: refused: ")


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path, workspace: Path) -> None:
    acts = [["write", "app.py", "x = 1\n"], ["say", "quota of house-token-4711 exceeded"], ["exit", "3"]]
    proposal = proposed(tmp_path, workspace, acts)
    assert proposal.edits == ()
    assert proposal.rationale == "agent: the program ended with 3: quota of [redacted:house-token] exceeded"


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, workspace: Path) -> None:
    number = tmp_path / "child"
    proposal = proposed(tmp_path, workspace, [["child", str(number)], ["hang"]], seconds=3)
    assert proposal.rationale == "agent: the program did not end within 3 s"
    assert not runs(int(number.read_text()))


def runs(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_program_that_is_not_there_is_told(tmp_path: Path, workspace: Path) -> None:
    missing = AgentAuthor(SubprocessRunner({}), ("/no/agent",), tmp_path / "s", ALLOW, str, 5, 100)
    said = GatedPlanner(missing, ALLOW).propose([MISSING], planning(workspace)).rationale
    assert said == "agent: cannot start /no/agent: No such file or directory"


def test_nothing_changed_is_nothing_proposed(tmp_path: Path, workspace: Path) -> None:
    assert proposed(tmp_path, workspace, [["say", "all is well"]]).rationale == "agent: it said: all is well"
