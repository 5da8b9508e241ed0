"""A small OpenID provider on this machine, which can be told to be wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT, SECRET = "moonmind", "the-client's-secret"


class FakeProvider:
    """Lets everybody in as Kim, who is a developer. `wrong` holds what the next tokens have instead; None: nothing."""

    def __init__(self) -> None:
        self.keys = [ECKey.generate_key("P-256", {"kid": "first", "use": "sig"})]
        self.wrong: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.padding = ""
        self.asked: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: str, headers: Any) -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        parts = urlsplit(path)
        self.calls.append(parts.path)
        match method, parts.path:
            case "GET", "/.well-known/openid-configuration":
                return 200, {}, json.dumps({**self.description(), **self.metadata}) + self.padding
            case "GET", "/keys":
                return 200, {}, json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "GET", "/authorize":
                return self.authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
            case "POST", "/token":
                return self.exchange({name: values[0] for name, values in parse_qs(body).items()}, headers)
        return 404, {}, "{}"

    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }

    def authorize(self, asked: dict[str, str]) -> tuple[int, dict[str, str], str]:
        code = secrets.token_urlsafe(16)
        self.asked[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return 303, {"Location": f"{asked['redirect_uri']}?{back}"}, ""

    def exchange(self, sent: dict[str, str], headers: Any) -> tuple[int, dict[str, str], str]:
        asked = self.asked.pop(sent["code"], None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_ours = asked is not None and asked["code_challenge"] == proof and asked["code_challenge_method"] == "S256"
        if headers["Authorization"] != basic:
            return 401, {}, json.dumps({"error": "invalid_client"})
        if not is_ours or sent["redirect_uri"] != asked["redirect_uri"]:
            return 400, {}, json.dumps({"error": "invalid_grant"})
        return 200, {}, json.dumps({"token_type": "Bearer", "access_token": "at", "id_token": self.token(asked)})

    def token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "4711",
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "preferred_username": "kim",
            "groups": ["staff", "developers"],
            "email": "kim@example.org",
            "email_verified": True,
        }
        claims = {name: value for name, value in {**claims, **self.wrong}.items() if value is not None}
        header = {"alg": "ES256", "kid": self.keys[-1].kid, **self.header}
        if header["alg"] == "none":
            return ".".join(_packed(part) for part in (header, claims)) + "."
        key = OctKey.import_key(SECRET) if header["alg"] == "HS256" else self.keys[-1]
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def _packed(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@contextmanager
def provider() -> Iterator[FakeProvider]:
    """A running one."""
    fake = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, headers, body = fake.answer(self.command, self.path, self.rfile.read(length).decode(), self.headers)
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(body)),
                "Content-Type": "application/json",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
