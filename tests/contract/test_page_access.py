"""What pages are given to build on: who looks, where nobody is led to, and forms that prove where they come from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.testclient import TestClient

from api_service.api.routing import Use
from api_service.api.security import FIRST_PAGE, safe_next
from api_service.api.signing_in import sign_in, sign_out
from api_service.main import create_app
from api_service.ui.visitors import Operator, Viewer
from moonmind.config.settings import Settings


@pytest.fixture
def browser(settings: Settings) -> Iterator[TestClient]:
    """It follows no redirects by itself; the app has three pages and two forms."""
    app = create_app(settings)

    @app.get("/ui/looked-at")
    def page(visitor: Viewer) -> dict[str, str]:
        return {"who": visitor.owner, "proof": visitor.csrf}

    @app.post("/ui/changed")
    def change(visitor: Operator, word: str = Form()) -> dict[str, str]:
        return {"word": word}

    @app.post("/ui/enter")
    def enter(request: Request, context: Use, key: str = Form(), next: str = Form("")) -> Response:  # noqa: A002
        response = RedirectResponse(safe_next(next), 303)
        sign_in(request, response, context, key)
        return response

    @app.post("/ui/leave")
    def leave(visitor: Viewer, request: Request, context: Use) -> Response:
        response = RedirectResponse("/ui/sign-in", 303)
        sign_out(request, response, context)
        return response

    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


def test_from_sign_in_to_sign_out(browser: TestClient, settings: Settings) -> None:
    led = browser.get("/ui/looked-at?run=1&step=patch")
    assert (led.status_code, led.headers["Location"]) == (
        303,
        "/ui/sign-in?next=%2Fui%2Flooked-at%3Frun%3D1%26step%3Dpatch",
    )
    assert browser.post("/ui/changed", data={"word": "x"}).headers["Location"] == "/ui/sign-in?next=%2Fui%2Fservices"
    assert browser.post("/ui/enter", data={"key": "mm_wrong"}).json()["error"] == "key_refused"
    key = (settings.var / "admin.key").read_text().strip()
    entered = browser.post("/ui/enter", data={"key": key, "next": "/ui/looked-at?run=1"})
    assert (entered.status_code, entered.headers["Location"]) == (303, "/ui/looked-at?run=1")
    page = browser.get("/ui/looked-at").json()
    assert page["who"] == "admin"
    for proof in ({}, {"csrf_token": ""}, {"csrf_token": page["proof"] + "x"}):
        refused = browser.post("/ui/changed", data={"word": "x", **proof})
        assert (refused.status_code, refused.json()["error"]) == (403, "csrf_refused")
        assert browser.post("/ui/leave", data=proof).status_code == 403
    proof = {"csrf_token": page["proof"]}
    assert browser.post("/ui/changed", data={"word": "x", **proof}).json() == {"word": "x"}
    assert browser.post("/ui/changed", data={"word": "x"}, headers={"X-CSRF-Token": page["proof"]}).status_code == 200
    elsewhere = {"Origin": "https://evil.example"}
    assert browser.post("/ui/changed", data={"word": "x", **proof}, headers=elsewhere).status_code == 403
    assert browser.post("/ui/enter", data={"key": key}, headers=elsewhere).status_code == 403
    many = {f"field{number}": "x" for number in range(200)}
    assert browser.post("/ui/leave", data={**many, **proof}).status_code == 400
    assert browser.post("/ui/leave", data=proof).status_code == 303
    assert browser.get("/ui/looked-at").status_code == 303


def test_a_key_in_a_header_is_no_session_of_a_page(browser: TestClient, settings: Settings) -> None:
    key = (settings.var / "admin.key").read_text().strip()
    assert browser.get("/ui/looked-at", headers={"Authorization": f"Bearer {key}"}).status_code == 303


@pytest.mark.parametrize("path", ["/ui", "/ui/runs", "/ui/runs/0-1_a.b", "/ui/runs?status=failed&q=a%20b", "/ui/a/b/c"])
def test_pages_of_ours_are_gone_back_to(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "path",
    [
        *("", None, "/", "//evil", "///evil", "/\\evil", "\\\\evil", "https://evil", "//evil/ui/runs", "javascript:x"),
        *("/ui//evil", "/ui/../evil", "/ui/..", "/ui/.", "/uix", "/ui/%2e%2e/x", "/ui/%2f%2fevil", "/ui/%5cevil"),
        *("/ui/runs#x", "/ui/\tx", "/ui/runs\n", "/ui/runs\r\nSet-Cookie: a=b", " /ui/runs", "ui/runs", "/ui/x@evil"),
        *("/ui?next=//evil\\", "/ui/rüns", "/ui/runs?a=<b>", "http:/ui/runs", "/ui:80/x"),
    ],
)  # fmt: skip
def test_nothing_else_is_gone_to_after_a_sign_in(path: str | None) -> None:
    assert safe_next(path) == FIRST_PAGE
