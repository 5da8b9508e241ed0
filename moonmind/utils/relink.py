"""`python -m moonmind.utils.relink LINK TARGET`: let a symbolic link point elsewhere, in one step.

A program of its own, since changes of a service are commands under the run's lock; and `ln -sf` first removes the link.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def relink(link: Path, target: str) -> None:
    """Replace `link`, whatever it pointed at; at no moment is there none."""
    new = link.with_name(f"{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    os.replace(new, link)


if __name__ == "__main__":
    relink(Path(sys.argv[1]), sys.argv[2])
