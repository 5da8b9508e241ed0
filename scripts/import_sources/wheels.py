"""Released packages, fetched by pip for as long as they are read."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from import_sources import Source


@contextmanager
def downloaded(source: Source, *, python: str = "3.11") -> Iterator[Path]:
    """The wheel of the source's version; `python` is one that the release supports."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", python, "--dest", folder]
        requirement = f"{source.package}=={source.version}"
        subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        yield wheel
