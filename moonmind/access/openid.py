"""What an OpenID provider's word makes of somebody here. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moonmind.access.keys import ROLES, Person
from moonmind.config.settings import Oidc

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}", re.ASCII)
"""Names of people, as keys have them."""


class SignInRefusedError(Exception):
    """The provider's word does not open a session here; the message says why, to the one who signs in."""


class ProviderUnavailableError(Exception):
    """The provider does not answer, or not as OpenID Connect asks; the message is for the log."""


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What is asked of the provider, and must come back: `state` through the browser, `nonce` in the token. `verifier`
    proves that whoever brings the code is who asked for it; `next` is where to go afterwards."""

    state: str
    nonce: str
    verifier: str
    next: str


def person_of(claims: Mapping[str, Any], settings: Oidc) -> Person:
    """Whom these claims, which have been proven, make. Raises SignInRefusedError."""
    _check_email(claims, settings)
    owner = claims.get(settings.owner_claim)
    if not isinstance(owner, str) or not OWNER.fullmatch(owner):
        raise SignInRefusedError(f"the claim {settings.owner_claim} is no name of letters, digits and . _ @ -")
    roles = frozenset(_roles_of(claims, settings))
    if not roles:
        raise SignInRefusedError(f"{owner} has no role here: nothing in the claim {settings.roles_claim} gives one")
    return Person(owner, roles)


def _check_email(claims: Mapping[str, Any], settings: Oidc) -> None:
    """Where addresses count, only those count of which the provider says that they are whose they seem."""
    if not settings.email_domains and settings.owner_claim != "email":
        return
    address = claims.get("email")
    if not isinstance(address, str) or claims.get("email_verified") is not True:
        raise SignInRefusedError("the provider does not vouch for the e-mail address")
    if settings.email_domains and address.rpartition("@")[2].lower() not in settings.email_domains:
        raise SignInRefusedError("e-mail addresses of this domain may not sign in")


def _roles_of(claims: Mapping[str, Any], settings: Oidc) -> Iterator[str]:
    held = _values(claims, settings.roles_claim)
    for entry in settings.roles:
        value, _, role = entry.rpartition("=")
        if value in held and role in ROLES:
            yield role


def _values(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Of a claim by its whole name, or by the way to it (`realm_access.roles`): one text, or several."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return frozenset(value for value in listed if isinstance(value, str))
