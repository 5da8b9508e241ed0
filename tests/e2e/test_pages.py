"""The pages in a real browser, over a real API and a worker: what people do with them, and how they look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from api_service.ui.views.ansi import render_line
from moonmind.workflows.orchestrator.ports import StepFailedError
from tests.support.browser import LoudRuntime, Site, chromium, site
from tests.support.house import BROKEN, House

pytestmark = [pytest.mark.browser]

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "test-output" / "screenshots"
PHONE = {"width": 360, "height": 740}
LONG = "the shop answers 500 since the deploy of tonight: find the missing module and add it; " * 8
UNBROKEN = "fix_" + "x" * 300
HOSTILE = "fix <script>alert(1)</script> \u202e it"

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def place(tmp_path: Path, database: Engine, database_url: str, browser: Browser) -> Iterator[Site]:
    """A protected shop whose build waits for a file; whatever a browser complained of fails the test."""
    house = House(tmp_path, database, approval='{ requirement = "pre-run" }')
    house.runtime = LoudRuntime(house.manifest, ready=tmp_path / "ready")
    with site(house, database_url, browser) as opened:
        yield opened
        (tmp_path / "ready").touch()
    assert opened.complaints == []


def run_of(page: Page) -> str:
    """The run whose page this is."""
    page.wait_for_url(re.compile(r"/ui/runs/[0-9a-f-]{36}"))
    return str(UUID(page.url.rpartition("/")[2].partition("#")[0]))


def badge(page: Page, words: str) -> None:
    """The run's state, as its head says it, without the page being loaded again."""
    expect(page.locator("#run-head .badge")).to_have_text(words)


def break_shop(place: Site) -> None:
    place.house.manifest.write_bytes(BROKEN)
    place.house.runtime.image = place.house.runtime.running = BROKEN.decode()


def test_the_whole_story(place: Site) -> None:
    kim = place.visit("kim")
    kim.get_by_role("link", name="New run for shop").click()
    kim.get_by_label("Instruction").fill("fix the missing dependency")
    kim.get_by_role("button", name="Preview the change").click()
    run_of(kim)
    expect(kim.get_by_text("This is a preview: nothing was changed")).to_be_visible()
    expect(kim.locator(".diff-split .code.added")).to_contain_text("python-dateutil>=2.9")
    assert place.house.manifest.read_bytes() == BROKEN

    preview = kim.url
    kim.get_by_role("button", name="Run it").click()
    kim.wait_for_url(lambda url: url != preview and not url.endswith("/run"))
    badge(kim, "Waiting for approval")
    expect(kim.locator("#approval")).to_contain_text("You asked for this run, so somebody else must answer.")
    run = run_of(kim)

    ann = place.visit("ann")
    ann.get_by_role("link", name="Approvals").click()
    ann.get_by_role("link", name=f"Look at run {run[:8]} and decide").click()
    ann.get_by_label("Comment").fill("one line, pinned: go ahead")
    ann.get_by_role("button", name="Approve").click()
    expect(ann.get_by_text("Your approval is on record.")).to_be_visible()

    log = kim.locator("#log-build-1")
    expect(log).to_contain_text("building <b>the shop</b>")
    expect(log.locator(".fg2")).to_have_text("building")
    expect(log).not_to_contain_text("finished")
    badge(kim, "Running")
    (place.house.home / "ready").touch()
    expect(log).to_contain_text("finished")
    badge(kim, "Succeeded")
    expect(kim.locator("#answers-live")).to_contain_text("one line, pinned: go ahead")
    evidence = kim.get_by_role("link", name="Evidence bundle")
    assert evidence.get_attribute("href") == f"/orchestrator/runs/{run}/evidence"
    with kim.expect_download() as got:
        kim.get_by_role("link", name="plan.json").click()
    assert b"python-dateutil" in Path(got.value.path()).read_bytes()

    kim.get_by_role("button", name="Sign out").click()
    expect(kim.get_by_text("You are signed out.")).to_be_visible()
    kim.goto(f"{place.url}/ui/runs/{run}")
    expect(kim.get_by_label("Your key")).to_be_visible()


def test_reject_retry_and_cancel(place: Site) -> None:
    run = str(place.house.submit())
    place.wait_for(run, "awaiting_approval")
    ann = place.visit("ann")
    ann.goto(f"{place.url}/ui/runs/{run}")
    ann.get_by_label("Comment").fill("not during the sale")
    ann.get_by_role("button", name="Reject").click()
    badge(ann, "Failed")
    expect(ann.locator("#callout")).to_contain_text("Approval rejected")

    oli = place.visit("oli")
    oli.goto(f"{place.url}/ui/runs/{run}")
    expect(oli.locator("#answers-live")).to_contain_text("not during the sale")
    oli.get_by_role("button", name="Retry").click()
    oli.wait_for_url(lambda url: run not in url)
    badge(oli, "Waiting for approval")
    oli.get_by_text("Cancel the run").click()
    oli.get_by_role("button", name="Cancel it now").click()
    badge(oli, "Cancelled")
    assert place.house.manifest.read_bytes() == BROKEN


def test_a_run_is_approved_by_keyboard_alone(place: Site) -> None:
    run = str(place.house.submit())
    place.wait_for(run, "awaiting_approval")
    page = place.open()
    page.goto(f"{place.url}/ui/sign-in?next=/ui/approvals")
    expect(page.get_by_label("Your key")).to_be_focused()
    page.keyboard.type(place.keys["ann"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, f"Look at run {run[:8]} and decide")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/runs/{run}*")
    tab_to(page, "Approve")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your approval is on record.")).to_be_visible()
    place.wait_for(run, "running", "succeeded")


def test_nothing_needs_a_script(place: Site) -> None:
    kim = place.visit("kim", java_script_enabled=False)
    kim.get_by_role("link", name="New run for shop").click()
    kim.get_by_label("Instruction").fill("fix the missing dependency")
    kim.get_by_role("button", name="Run without a preview").click()
    run = run_of(kim)
    place.wait_for(run, "awaiting_approval")
    kim.reload()
    badge(kim, "Waiting for approval")
    kim.get_by_text("Cancel the run").click()
    kim.get_by_role("button", name="Cancel it now").click()
    badge(kim, "Cancelled")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name has the focus, which must be seen."""
    wanted = page.locator(f'[aria-label="{name}"], button:has-text("{name}")').first
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            assert wanted.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab never comes to {name}")


def test_lists_follow_without_taking_the_focus(place: Site) -> None:
    page = place.visit("vic")
    page.goto(f"{place.url}/ui/runs")
    expect(page.get_by_text("No runs yet")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("depend")
    run = str(place.house.submit(dry_run=True))
    expect(page.locator(f'a[href="/ui/runs/{run}"]')).to_be_visible()
    expect(page.get_by_label("Text in the instruction")).to_be_focused()
    expect(page.get_by_label("Text in the instruction")).to_have_value("depend")
    link = page.locator(f'a[href="/ui/runs/{run}"]')
    link.focus()
    place.wait_for(run, "succeeded")
    expect(page.locator("#runs .badge")).to_have_text("Succeeded")
    expect(link).to_be_focused()


LINES = [
    "plain",
    "\x1b[31mred\x1b[0m then",
    "\x1b[1;92mbold\x1b[22m not",
    "\x1b[44mon blue\x1b[49m off",
    "\x1b[38;5;196mred \x1b[38;5;240mgrey \x1b[38;2;0;250;0mgreen",
    "\x1b[48;5mbroken \x1b[999mknows no such",
    "\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07 \x1b]0;never ends",
    "<script>alert(1)</script> & a\u202eb \x9b31m \x07 \U000e0041 \u200b",
    "10%\r50%\r100%\r",
    "x" * 5000,
]
"""What a log may hold, hostile or not."""


def test_a_live_line_looks_like_a_stored_one(place: Site) -> None:
    page = place.open()
    page.goto(f"{place.url}/ui/sign-in")
    live = page.evaluate("lines => lines.map(line => MoonLog.line(line, null)[0].innerHTML)", LINES)
    assert [html.replace(",", "") for html in live] == [f"{render_line(line)[0]}\n".replace(",", "") for line in LINES]


def furnish(place: Site) -> dict[str, str]:
    """Every page there is, by name, in an installation where something of each kind happened."""
    house = place.house
    (house.home / "ready").touch()
    done = submit_and_answer(place, "fix the missing dependency", "approve", "Looked at it: one line, pinned.")
    break_shop(place)
    preview = str(house.submit(UNBROKEN, dry_run=True))
    place.wait_for(preview, "succeeded")
    rejected = submit_and_answer(place, HOSTILE, "reject", HOSTILE)
    house.runtime.fails["restart"] = StepFailedError("restart_failed", "the port is taken: " + "x" * 200)
    undone = submit_and_answer(place, LONG, "approve", "")
    house.runtime.fails.clear()
    waits = str(house.submit(LONG, priority="high"))
    place.wait_for(waits, "awaiting_approval")
    runs = {"done": done, "preview": preview, "rejected": rejected, "undone": undone, "waits": waits}
    lists = {name: f"/ui/{name}" for name in ("services", "runs", "approvals", "keys", "policy", "system")}
    others = {"new-run": "/ui/runs/new", "empty": "/ui/runs?q=nothing", "not-found": "/ui/nothing"}
    return lists | {f"run-{name}": f"/ui/runs/{run}" for name, run in runs.items()} | others


def submit_and_answer(place: Site, instruction: str, decision: str, comment: str) -> str:
    """A run that came to its end, by somebody's word on its page."""
    run = str(place.house.submit(instruction))
    place.wait_for(run, "awaiting_approval")
    page = place.visit("ann")
    page.goto(f"{place.url}/ui/runs/{run}")
    page.get_by_label("Comment").fill(comment)
    page.get_by_role("button", name=decision.capitalize()).click()
    place.wait_for(run, "succeeded", "failed", "rolled_back")
    page.context.close()
    return run


@pytest.mark.timeout(600)
def test_every_page_is_whole_in_light_dark_and_on_a_phone(place: Site) -> None:
    pages = furnish(place)
    stranger = place.open()
    stranger.goto(f"{place.url}/ui/sign-in")
    faults = look_at(stranger, "sign-in")
    page = place.visit("ada")
    for name, path in pages.items():
        page.goto(place.url + path)
        faults += look_at(page, name)
    assert faults == []
    missing = [said for said in place.complaints if "404" in said]
    assert len(missing) == 1, "the page that is not there says so"
    place.complaints.remove(missing[0])


def look_at(page: Page, name: str) -> list[str]:
    """What is wrong with a page, and pictures of it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    faults = []
    page.set_viewport_size({"width": 1280, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        only = None if scheme == "light" else {"runOnly": ["color-contrast"]}
        found = Axe().run(page, options=only).response["violations"]
        faults += [f"{name}, {scheme}: {one['id']} {one['nodes'][0]['html'][:200]}" for one in found]
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png", full_page=True)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for details in page.locator("main details").all():
        details.evaluate("element => { element.open = true; }")
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > PHONE["width"]:
        faults.append(f"{name}: {width} px wide on a phone")
    page.screenshot(path=PICTURES / f"{name}-phone.png", full_page=True)
    return faults
