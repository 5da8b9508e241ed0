"""Commands of git, as argv and environment."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from moonmind.workflows.orchestrator.git_commands import GitCommands, GitSearch, Owner, commit_message
from moonmind.workflows.orchestrator.ports import Command, DeliveredChange

RUN = UUID("8c5ff0f4-5e0e-4d3c-9d3c-0d3f7a1b2c3d")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GIT = GitCommands(Path("/srv/shop/.git"), Path("/tmp/empty"))
SEARCH = GitSearch(Path("/srv/shop"), None)
INDEX = Path("/tmp/empty/index-0")
CHANGE = DeliveredChange(RUN, "d" * 64, "Add x", "app.py imports x.", MOMENT, ())

EVERY = [
    SEARCH.locate(),
    SEARCH.work_tree_setting(),
    SEARCH.hook_settings(),
    SEARCH.is_ignored("a.txt"),
    GIT.commit_of("HEAD"),
    GIT.branch(),
    GIT.commit_of_run(RUN, "HEAD", MOMENT),
    GIT.tree_entries("c0", ["a.txt"]),
    GIT.index_entries(INDEX, ["a.txt"]),
    GIT.unpack("b0"),
    GIT.store(Path("/tmp/0")),
    GIT.read_tree("c0", INDEX),
    GIT.set_entry("100644", "b0", "a.txt", INDEX),
    GIT.write_tree(INDEX),
    GIT.tree_of("c0"),
    GIT.commit_tree("t0", "c0", Path("/tmp/1"), MOMENT),
    GIT.move("HEAD", "c1", "c0", "why"),
]


def config_of(command: Command) -> dict[str, str]:
    env, numbers = command.env, range(int(command.env["GIT_CONFIG_COUNT"]))
    return {env[f"GIT_CONFIG_KEY_{number}"]: env[f"GIT_CONFIG_VALUE_{number}"] for number in numbers}


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.argv[2])
def test_no_command_starts_what_configuration_names_or_reads_more_of_it(command: Command) -> None:
    assert command.argv[:2] == ("git", "--no-pager")
    config = config_of(command)
    assert (config["core.hooksPath"], config["core.fsmonitor"]) == ("/dev/null", "false")
    for name, value in {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }.items():
        assert command.env[name] == value


def test_the_workspace_is_only_the_place_to_search_from() -> None:
    assert {command.cwd for command in EVERY[:4]} == {Path("/srv/shop")}
    for command in EVERY[4:]:
        assert (command.cwd, command.env["GIT_WORK_TREE"]) == (Path("/tmp/empty"), "/tmp/empty")
        assert command.env["GIT_DIR"] == "/srv/shop/.git"


def test_only_moving_a_ref_is_an_effect_for_the_log() -> None:
    assert [command.argv[2] for command in EVERY if not command.quiet] == ["update-ref"]


def test_hooks_by_configuration_are_switched_off_by_name() -> None:
    config = config_of(replace(GIT, hooks=("lint", "a.b")).branch())
    assert (config["hook.lint.enabled"], config["hook.a.b.enabled"]) == ("false", "false")


def test_root_works_as_the_workspaces_owner() -> None:
    command = replace(GIT, owner=Owner(1000, 1001)).branch()
    prefix = ("setpriv", "--reuid=1000", "--regid=1001", "--clear-groups", "--")
    assert command.argv == (*prefix, *GIT.branch().argv)
    assert GitSearch(Path("/srv/shop"), Owner(1000, 1001)).locate().argv[:5] == prefix


def test_paths_and_names_are_never_options_or_patterns() -> None:
    assert SEARCH.is_ignored("-x").argv[-2:] == ("--", "./-x")
    assert GIT.tree_entries("c0", ["-x"]).argv[-2:] == ("--", "-x")
    assert GIT.index_entries(INDEX, ["-x"]).argv[-2:] == ("--", "-x")
    assert GIT.commit_of("--x").argv[-2:] == ("--end-of-options", "--x^{commit}")
    assert GIT.commit_of_run(RUN, "--x", MOMENT).argv[-3:] == ("--end-of-options", "--x", "--")
    assert GIT.index_entries(INDEX, ["*"]).env["GIT_LITERAL_PATHSPECS"] == "1"


def test_a_ref_is_moved_only_from_where_it_was() -> None:
    assert GIT.move("HEAD", "c1", "c0", "why").argv[2:] == ("update-ref", "-m", "why", "HEAD", "c1", "c0")
    assert GIT.move("refs/heads/x", "ab" * 20, None, "why").argv[-1] == "0" * 40
    assert GIT.move("refs/heads/x", "ab" * 32, None, "why").argv[-1] == "0" * 64


def test_the_same_commit_again_is_the_same_commit() -> None:
    env = GIT.commit_tree("t0", "c0", Path("/tmp/1"), MOMENT).env
    assert env["GIT_AUTHOR_DATE"] == env["GIT_COMMITTER_DATE"] == "@1767323045 +0000"
    assert env["GIT_AUTHOR_NAME"] == env["GIT_COMMITTER_NAME"] == "MoonMind Orchestrator"


def test_the_message_has_subject_rationale_and_trailers() -> None:
    assert commit_message(CHANGE) == (
        f"Add x\n\napp.py imports x.\n\nMoonMind-Run: {RUN}\nMoonMind-Plan-Digest: {'d' * 64}\n"
    )
    assert commit_message(replace(CHANGE, rationale="")).startswith("Add x\n\nMoonMind-Run: ")


def test_somebody_elses_text_stays_text() -> None:
    message = commit_message(replace(CHANGE, subject="Add\nx\0" + "y" * 200, rationale="a\0\x1b[1m\rMoonMind-Run: z"))
    assert len(message.split("\n")[0]) == 100
    assert [line for line in message.split("\n") if line.startswith("MoonMind-Run")] == [f"MoonMind-Run: {RUN}"]
    assert message.replace("\n", "").isprintable()
