"""Which paths a run may write: the allow-list, and what no pattern opens."""

from __future__ import annotations

import pytest

from moonmind.workflows.orchestrator.policies import matches, refuse_path

ALLOW = ("requirements.txt", "requirements/*.txt", "pyproject.toml", "Dockerfile", "conf/**", "src/**/*.py")


@pytest.mark.parametrize(
    "path",
    [
        "requirements.txt",
        "requirements/prod.txt",
        "conf/a.ini",
        "conf/deep/er/a.ini",
        "src/a.py",
        "src/shop/views/a.py",
    ],
)
def test_listed_paths_are_allowed(path: str) -> None:
    assert refuse_path(path, ALLOW) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("setup.py", "not on the service's allow-list"),
        ("requirements/deep/prod.txt", "not on"),
        ("sub/requirements.txt", "not on"),
        ("Requirements.txt", "not on"),
        ("REQUIREMENTS/prod.txt", "not on"),
        ("conf", "not on"),
        ("srcx/a.py", "not on"),
        ("src/node_modules/x/a.py", "not on"),
        ("src/venv/a.py", "not on"),
        ("", "relative"),
        ("/etc/passwd", "relative"),
        ("conf\\a.ini", "relative"),
        ("../requirements.txt", "`..`"),
        ("conf/../setup.py", "`..`"),
        ("conf/./a.ini", "`.`"),
        ("conf//a.ini", "empty"),
        ("conf/", "empty"),
        ("conf/a\0.ini", "cannot be seen"),
        ("conf/a\n.ini", "cannot be seen"),
        ("conf/a\u202etxt.ini", "cannot be seen"),
        ("conf/a\u200b.ini", "cannot be seen"),
        ("conf/.git/config", "git's own"),
        ("conf/.GIT/hooks/pre-commit", "git's own"),
        ("conf/.gitmodules", "git's own"),
        ("conf/.gitattributes", "git's own"),
        ("conf/GIT~1/config", "git's own"),
        ("conf/.git./config", "another one"),
        ("conf/.git /config", "another one"),
        ("conf/a.ini::$DATA", "another one"),
        ("conf/.env", "environment files"),
        ("conf/.env.production", "environment files"),
        ("conf/.ENV", "environment files"),
        ("conf/server.pem", "keys"),
        ("conf/server.KEY", "keys"),
        ("conf/id_rsa", "keys"),
        ("conf/id_ed25519.pub", "keys"),
        ("conf/compose.yaml", "exact name"),
        ("conf/docker-compose.override.yml", "exact name"),
        ("conf/Compose.YAML", "exact name"),
        ("conf/config.toml", "exact name"),
        ("conf/.hidden", "hidden"),
        ("conf/.ssh/config", "hidden"),
        ("src/.venv/a.py", "hidden"),
        ("conf/r\u0435quirements.txt", "may look like others"),
        ("conf/\uff41.ini", "may look like others"),
    ],
)
def test_other_paths_are_refused_with_the_reason(path: str, reason: str) -> None:
    assert reason in (refuse_path(path, ALLOW) or "allowed")


@pytest.mark.parametrize("path", ["compose.yaml", "config.toml", ".python-version", "conf/größe.ini"])
def test_an_exact_name_opens_what_a_pattern_does_not(path: str) -> None:
    assert refuse_path(path, ["**"]) is not None
    assert refuse_path(path, [path]) is None


@pytest.mark.parametrize("path", [".git/config", ".gitignore", ".env", "deploy/id_rsa", "tls.key"])
def test_git_environment_and_keys_stay_closed_even_by_exact_name(path: str) -> None:
    assert refuse_path(path, [path, "**"]) is not None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("*.txt", ".txt", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("**/*.py", "a/.b/c.py", False),
        ("a?.txt", "ab.txt", True),
        ("a?.txt", "a/.txt", False),
        ("a[b].txt", "a[b].txt", True),
        ("a[b].txt", "ab.txt", False),
        ("a.txt", "axtxt", False),
        ("a**", "a/b", False),
    ],
)
def test_globs_mean_whole_paths(pattern: str, path: str, expected: bool) -> None:
    assert matches(path, pattern) is expected
