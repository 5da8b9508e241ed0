"""The pages with everything behind them, and a browser before them: a house, its API on a real socket, a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from moonmind.workflows.orchestrator.ports import Command, Execute
from tests.fakes.runtime import FakeRuntime
from tests.servers import until
from tests.support.chromium import find_chromium
from tests.support.front import make_keys, serving, settings_of
from tests.support.house import House

SECONDS = 60_000
"""Milliseconds that a page may take on a busy machine."""


@dataclass
class LoudRuntime(FakeRuntime):
    """A build that says something, in colour and with markup, and goes on once the file `ready` is there."""

    ready: Path = field(default_factory=Path)

    def build(self, execute: Execute) -> None:
        """By a real command, so that its log grows while it runs."""
        loud = r"printf '\033[32mbuilding\033[0m <b>the shop</b>\n'"
        wait = f'while [ ! -e "{self.ready}" ]; do sleep 0.1; done'
        execute(Command(("/bin/sh", "-c", f"{loud}; {wait}; printf 'fin%s\\n' ished")))
        super().build(execute)


@dataclass(frozen=True, slots=True)
class Site:
    """An installation with people who have keys, at `url`; `complaints`: what browsers had to say against its pages."""

    house: House
    url: str
    keys: dict[str, str]
    browser: Browser
    complaints: list[str]

    def visit(self, who: str, **more: Any) -> Page:
        """A browser of this person's own, signed in as people do."""
        page = self.open(**more)
        page.goto(f"{self.url}/ui/sign-in")
        page.get_by_label("Your key").fill(self.keys[who])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/ui/services")
        return page

    def open(self, **more: Any) -> Page:
        """An empty page that writes down what goes wrong on it."""
        context: BrowserContext = self.browser.new_context(viewport={"width": 1280, "height": 800}, **more)
        context.set_default_timeout(SECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(f"{page.url}: {said.text}"))
        page.on("request", lambda sent: sent.url.startswith(self.url) or self.complaints.append(f"asked {sent.url}"))
        return page

    def wait_for(self, run: str, *statuses: str) -> None:
        """Until the run is in one of these states."""
        until(lambda: self.status(run) in statuses, seconds=60, what=f"run {run} is {' or '.join(statuses)}")

    def status(self, run: str) -> str:
        """As its row says."""
        return str(self.house.detail(UUID(run))["status"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    program = find_chromium()
    assert program, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def site(house: House, database_url: str, browser: Browser) -> Iterator[Site]:
    """The pages of this house, while a worker takes what is asked for."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.1):
            house.deliver()

    worker = threading.Thread(target=work)
    with serving(settings_of(house, database_url)) as url:
        worker.start()
        try:
            yield Site(house, url, make_keys(house), browser, [])
        finally:
            done.set()
            worker.join(60)
