"""What this installation knows to be secret: in its settings, its key files and its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from moonmind.config.settings import Settings
from moonmind.utils.redaction import Redactor
from moonmind.utils.redaction.known import password_of_url, secrets_of_environment

KEY_FILES = {"admin-key": "admin.key", "signing-key": "signing.key"}
"""Name of the mask → file below `var/`."""


def make_redactor(settings: Settings, environment: Mapping[str, str]) -> Redactor:
    """For every sink of this process: masks what is known here, as of now, and what looks like a secret."""
    urls = {"database-password": settings.database.url, "broker-password": settings.broker.url}
    known = [(name, password_of_url(url.get_secret_value()) or "") for name, url in urls.items()]
    if settings.oidc.client_secret is not None:
        known.append(("oidc-client-secret", settings.oidc.client_secret.get_secret_value()))
    known += [(name, _first_line(settings.var / file)) for name, file in KEY_FILES.items()]
    return Redactor([*known, *secrets_of_environment(environment).items()])


def _first_line(file: Path) -> str:
    """Empty where there is no such file, or not for this process."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
