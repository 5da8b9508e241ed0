"""Where the browser is."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The program, None without one."""
    return next(filter(None, map(shutil.which, NAMES)), None)
