"""What this installation knows to be secret: in its settings, its key files and its environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from moonmind.config.settings import Settings
from moonmind.utils.redaction import Redactor
from moonmind.utils.redaction.known import password_of_url, secrets_of_environment

KEY_FILES = {"admin-key": "admin.key", "signing-key": "signing.key", "evidence-key": "evidence.key"}
"""Name of the mask → file below `var/`."""


def make_redactor(settings: Settings, environment: Mapping[str, str]) -> Redactor:
    """For every sink of this process: masks what is known here, as of now, and what looks like a secret."""
    urls = {"database-password": settings.database.url, "broker-password": settings.broker.url}
    known = [(name, password_of_url(url.get_secret_value()) or "") for name, url in urls.items()]
    if settings.oidc.client_secret is not None:
        known.append(("oidc-client-secret", settings.oidc.client_secret.get_secret_value()))
    known.append(("llm-key", llm_key(settings) or ""))
    known += [(name, _first_line(settings.var / file)) for name, file in KEY_FILES.items()]
    return Redactor([*known, *secrets_of_environment(environment).items()])


def llm_key(settings: Settings) -> str | None:
    """The key of the planner `llm`'s endpoint; None where none is set, or its file is not for this process."""
    llm = settings.planners.llm
    if llm.key is not None:
        return llm.key.get_secret_value()
    return (_first_line(settings.home / llm.key_file) or None) if llm.key_file else None


def _first_line(file: Path) -> str:
    """Empty where there is no such file, or not for this process."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""
