"""What a provider's claims make of somebody."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from moonmind.access.keys import Person
from moonmind.access.openid import SignInRefusedError, person_of
from moonmind.config.settings import Oidc

KIM = {"preferred_username": "kim", "email": "Kim@Example.org", "email_verified": True}


def oidc(**changes: Any) -> Oidc:
    given = {"issuer": "https://id.example.org", "client_id": "moonmind", "roles": ("developers=operator", "a=b=admin")}
    return Oidc.model_validate({**given, **changes})


@pytest.mark.parametrize(
    ("claims", "settings", "owner", "roles"),
    [
        ({"groups": ["developers", "others"]}, {}, "kim", {"operator"}),
        ({"groups": "developers"}, {}, "kim", {"operator"}),
        ({"groups": ["a=b", "developers"]}, {}, "kim", {"operator", "admin"}),
        ({"realm_access": {"roles": ["developers"]}}, {"roles_claim": "realm_access.roles"}, "kim", {"operator"}),
        ({"https://a.example/roles": ["developers"]}, {"roles_claim": "https://a.example/roles"}, "kim", {"operator"}),
        ({"groups": ["developers"]}, {"owner_claim": "email"}, "Kim@Example.org", {"operator"}),
        ({"groups": ["developers"]}, {"email_domains": ["EXAMPLE.org"]}, "kim", {"operator"}),
    ],
)
def test_claims_make_a_person(claims: dict[str, Any], settings: dict[str, Any], owner: str, roles: set[str]) -> None:
    assert person_of({**KIM, **claims}, oidc(**settings)) == Person(owner, frozenset(roles))


@pytest.mark.parametrize(
    ("claims", "settings"),
    [
        ({"groups": []}, {}),
        ({"groups": ["Developers"]}, {}),
        ({"groups": [["developers"]]}, {}),
        ({"groups": "developers,leads"}, {}),
        ({"preferred_username": "kim\n"}, {}),
        ({"preferred_username": ""}, {}),
        ({"preferred_username": "k" * 64}, {}),
        ({"email_verified": False}, {"owner_claim": "email"}),
        ({"email_verified": "true"}, {"email_domains": ["example.org"]}),
        ({"email": None}, {"email_domains": ["example.org"]}),
        ({}, {"email_domains": ["another.org"]}),
        ({"email": "kim@example.org.evil.example"}, {"email_domains": ["example.org"]}),
    ],
)
def test_claims_that_make_nobody_are_refused(claims: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(SignInRefusedError):
        person_of({**KIM, "groups": ["developers"], **claims}, oidc(**settings))


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://id.example.org"},
        {"issuer": "http://localhost.evil.example"},
        {"client_id": None},
        {"roles": ()},
        {"roles": ("developers=root",)},
        {"roles": ("=admin",)},
    ],
)
def test_settings_that_would_let_nobody_or_anybody_in_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        oidc(**wrong)
