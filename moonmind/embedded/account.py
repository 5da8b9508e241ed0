"""Whom PostgreSQL runs as: it refuses root, so root starts it as an unprivileged user.

A clone below `/root` must work without loosening the mode of any folder. So the server keeps the one capability that
lets it pass through folders it does not own, and nothing else of root.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED = "nobody"
PASS_THROUGH = (("dac_read_search", 2), ("dac_override", 1))
"""Capabilities (name, bit) that reach a folder below a closed one, the weaker first: containers often lack it."""
SETPCAP = 8
"""The bit of what root needs to let access(2) honour the above: `initdb` asks that of each program it runs."""


class AccountError(Exception):
    """PostgreSQL cannot be run by this user; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that PostgreSQL runs as: what its commands begin with, and who owns its files (None: we do)."""

    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None

    def give(self, *paths: Path) -> None:
        """Make these paths, newly made by us, the account's own."""
        if self.owner is not None:
            for path in paths:
                os.chown(path, *self.owner)


def choose_account() -> Account:
    """Our own account, or for root an unprivileged one. Raises AccountError when root cannot step down here."""
    if os.geteuid() != 0:
        return Account()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise AccountError(
            "PostgreSQL does not run as root, and `setpriv` (package util-linux) is not here to step down; "
            "call this as another user"
        )
    return stepped_down(setpriv, _owner(), _held_capabilities(Path("/proc/self/status").read_text().splitlines()))


def stepped_down(setpriv: str, owner: tuple[int, int], held: int) -> Account:
    """The account for root, given the bits of the capabilities that root holds here.

    Becoming somebody else makes a process outlive its parent again (see launch), so that is asked for once more.
    """
    keep = next((f"+{name}" for name, bit in PASS_THROUGH if held >> bit & 1), "-all")
    user, group = owner
    becoming = (f"--reuid={user}", f"--regid={group}", "--clear-groups", f"--inh-caps={keep}", f"--ambient-caps={keep}")
    honoured = ("--securebits=+no_setuid_fixup",) if held >> SETPCAP & 1 else ()
    return Account((setpriv, "--pdeathsig=INT", *becoming, *honoured), owner)


def _owner() -> tuple[int, int]:
    import pwd

    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise AccountError(
            f"PostgreSQL does not run as root, and there is no user `{UNPRIVILEGED}` to run it as; "
            "call this as another user"
        ) from None
    return entry.pw_uid, entry.pw_gid


def _held_capabilities(status: Iterable[str]) -> int:
    return next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), 0)
