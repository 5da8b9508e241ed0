"""The pages with everything behind them, and a browser before them: a house, its API on a real socket, a worker."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.front import make_keys, serving, settings_of
from tests.support.house import House

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Where the browser is, None without one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True, slots=True)
class Site:
    """An installation with people who have keys. `url` of its API."""

    house: House
    url: str
    keys: dict[str, str]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser, without a window."""
    program = find_chromium()
    assert program, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def site(house: House, database_url: str) -> Iterator[Site]:
    """The pages of this house, while a worker takes what is asked for."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.1):
            house.deliver()

    worker = threading.Thread(target=work)
    with serving(settings_of(house, database_url)) as url:
        worker.start()
        try:
            yield Site(house, url, make_keys(house))
        finally:
            done.set()
            worker.join(30)


def sign_in(page: Page, place: Site, who: str) -> None:
    """By the page, as people do."""
    page.goto(f"{place.url}/ui/sign-in")
    page.get_by_label("Your key").fill(place.keys[who])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/ui/services")


def shoot(page: Page, folder: Path, name: str) -> None:
    """A picture of the whole page, as test output."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
