"""Which values an installation knows to be secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from moonmind.config.known_secrets import make_redactor
from moonmind.config.settings import load_settings
from moonmind.utils.redaction.known import secrets_of_environment

MASKED = {
    "SHOP_TOKEN": ("abc-123-def", "shop-token"),
    "DB_PASSWORD": ("pässwörd-1", "db-password"),
    "AWS_SECRET_ACCESS_KEY": ("wJalrXUtnFEMI/K7MDENG", "aws-secret-access-key"),
    "PIP_INDEX_URL": ("https://kim:s3cr3t%2Fpw@index.example/simple", "pip-index-url"),
    "SENTRY_DSN": ("key-1234567", "sentry-dsn"),
}
PLAIN = {
    "PATH": "/usr/bin:/bin",
    "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
    "GIT_AUTHOR_NAME": "Kim-Example-1",
    "PASSWORD_FILE": "/run/secrets/db",
    "USE_TOKEN": "true",
    "TOKEN_LIMIT": "128000",
    "API_URL": "https://api.example:8443/v1",
    "KEYBOARD_LAYOUT": "us-intl-104",
}


def test_secrets_of_the_environment_are_told_by_name_and_by_urls() -> None:
    found = secrets_of_environment({name: value for name, (value, _) in MASKED.items()} | PLAIN)
    assert set(found) == {kind for _, kind in MASKED.values()}
    assert found["pip-index-url"] == "s3cr3t/pw"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (value, _) in MASKED.items() if "URL" not in name])
def test_each_is_masked_under_the_name_of_its_variable(name: str, value: str, tmp_path: Path) -> None:
    redactor = make_redactor(load_settings(tmp_path, {}), {name: value, **PLAIN})
    assert redactor.text(f"it says {value}!") == f"it says [redacted:{MASKED[name][1]}]!"


def test_passwords_of_settings_and_keys_in_files_are_known(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "signing.key").write_text("x9-signing-secret-of-this-home\n")
    environment = {
        "MOONMIND_DATABASE__URL": "postgresql+psycopg://moonmind:db-s3cret@127.0.0.1/moonmind",
        "MOONMIND_BROKER__URL": "amqp://moonmind:mq-s3cret@127.0.0.1//",
    }
    redactor = make_redactor(load_settings(tmp_path, environment), {})
    shown = "db-s3cret, mq-s3cret, x9-signing-secret-of-this-home, moonmind at 127.0.0.1"
    assert redactor.text(shown) == (
        "[redacted:database-password], [redacted:broker-password], [redacted:signing-key], moonmind at 127.0.0.1"
    )
