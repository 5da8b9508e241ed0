"""The OpenID provider: its description, its keys, and the exchange of a code for a proven identity."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from moonmind.access.openid import ProviderUnavailableError, SignInRefusedError, SignInRequest
from moonmind.config.settings import Oidc

ALGORITHMS = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"),)
"""Of signatures that only the provider can make: neither `none` nor those by a shared secret."""
STEP_SECONDS = 5.0
ANSWER_SECONDS = 10.0
ANSWER_BYTES = 256 * 1024
KEPT_SECONDS = 600.0
NEW_KEYS_SECONDS = 60.0
"""A token with an unknown key has the keys asked for again, though not more often than this."""
LEEWAY_SECONDS = 60
FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


class Provider:
    """One provider, by its settings. Its description and keys are kept for a while."""

    def __init__(self, settings: Oidc) -> None:
        assert settings.issuer is not None
        assert settings.client_id is not None
        self._settings, self._issuer, self._client_id = settings, settings.issuer, settings.client_id
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def authorization_url(self, asked: SignInRequest, redirect_uri: str) -> str:
        """Where the browser is sent. Raises ProviderUnavailableError."""
        url: str = prepare_grant_uri(
            self._endpoint("authorization_endpoint"),
            self._client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=self._settings.scopes,
            state=asked.state,
            nonce=asked.nonce,
            code_challenge=create_s256_code_challenge(asked.verifier),
            code_challenge_method="S256",
        )
        return url

    def claims(self, code: str, asked: SignInRequest, redirect_uri: str) -> Mapping[str, Any]:
        """What the provider says of whoever brought this code. Raises SignInRefusedError, ProviderUnavailableError."""
        answer = self._exchange(code, asked, redirect_uri)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInRefusedError("the provider gave no identity for this sign-in")
        try:
            found = self._prove(token)
            claims = CodeIDToken(found.claims, found.header, self._expected(), self._params(asked, answer))
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignInRefusedError(f"the provider's token is not valid ({type(error).__name__})") from error
        return dict(claims)

    def _exchange(self, code: str, asked: SignInRequest, redirect_uri: str) -> dict[str, Any]:
        url = self._endpoint("token_endpoint")
        sent = {"code": code, "code_verifier": asked.verifier}
        body = prepare_token_request("authorization_code", redirect_uri=redirect_uri, **sent)
        secret = self._settings.client_secret
        auth = ClientAuth(self._client_id, secret.get_secret_value() if secret else None, self._auth_method())
        url, headers, body = auth.prepare("POST", url, dict(FORM), body)
        return _ask("POST", url, headers=headers, content=body)

    def _auth_method(self) -> str:
        if self._settings.client_secret is None:
            return "none"
        known = self._metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"

    def _prove(self, token: str) -> jwt.Token:
        """The token, if a key of the provider signed it; with its newest keys, when it is one that we do not know."""
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(token, self._keys(KEPT_SECONDS), registry=registry)
        except InvalidKeyIdError:
            return jwt.decode(token, self._keys(NEW_KEYS_SECONDS), registry=registry)

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
        }

    def _params(self, asked: SignInRequest, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"nonce": asked.nonce, "client_id": self._client_id, "access_token": answer.get("access_token")}

    def _keys(self, seconds: float) -> KeySet:
        try:
            return KeySet.import_key_set(self._kept_answer(self._endpoint("jwks_uri"), seconds))  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderUnavailableError(f"its keys are not usable: {type(error).__name__}") from error

    def _endpoint(self, name: str) -> str:
        url = self._metadata().get(name)
        if not isinstance(url, str) or urlsplit(url).scheme not in ("https", urlsplit(self._issuer).scheme):
            raise ProviderUnavailableError(f"its description has no usable {name}")
        return url

    def _metadata(self) -> dict[str, Any]:
        found = self._kept_answer(self._issuer.rstrip("/") + "/.well-known/openid-configuration", KEPT_SECONDS)
        if found.get("issuer") != self._issuer:
            raise ProviderUnavailableError("its description is of another issuer than the settings name")
        return found

    def _kept_answer(self, url: str, seconds: float) -> dict[str, Any]:
        """What is at that address, or was less than so many seconds ago."""
        with self._lock:
            at, kept = self._kept.get(url, (0.0, None))
            if kept is None or time.monotonic() - at > seconds:
                kept = _ask("GET", url, headers={"Accept": "application/json"})
                self._kept[url] = (time.monotonic(), kept)
            return kept


def _ask(method: str, url: str, **rest: Any) -> dict[str, Any]:
    """The JSON object that the provider answers. Raises ProviderUnavailableError, SignInRefusedError."""
    try:
        status, body = _read(method, url, **rest)
        answer = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise ProviderUnavailableError(f"{urlsplit(url).netloc}: {error or type(error).__name__}") from error
    if not isinstance(answer, dict):
        raise ProviderUnavailableError(f"{urlsplit(url).netloc}: answered no JSON object")
    if answer.get("error") == "invalid_grant":
        raise SignInRefusedError("the provider does not take this sign-in (any more): start again")
    if status != httpx.codes.OK:
        raise ProviderUnavailableError(f"{urlsplit(url).netloc}: answered {status}, {answer.get('error')!r:.100}")
    return answer


def _read(method: str, url: str, *, headers: Mapping[str, str], **rest: Any) -> tuple[int, bytes]:
    """Status and body, as far as time and memory allow. Nothing is unpacked, no redirect is followed."""
    end, body = time.monotonic() + ANSWER_SECONDS, b""
    plain = {**headers, "Accept-Encoding": "identity"}
    with httpx.stream(method, url, headers=plain, timeout=STEP_SECONDS, **rest) as answer:
        for piece in answer.iter_raw():
            body += piece
            if len(body) > ANSWER_BYTES or time.monotonic() > end:
                raise ValueError(f"more than {ANSWER_BYTES} bytes or {ANSWER_SECONDS:.0f} s")
    return answer.status_code, body
