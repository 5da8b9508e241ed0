"""Whom PostgreSQL runs as."""

from pathlib import Path

import pytest

from moonmind.embedded import account
from moonmind.embedded.account import Account, AccountError, choose_account, stepped_down

DAC_OVERRIDE, DAC_READ_SEARCH, SETPCAP = 1 << 1, 1 << 2, 1 << 8


@pytest.mark.parametrize(
    ("held", "kept"),
    [(DAC_OVERRIDE | DAC_READ_SEARCH, "+dac_read_search"), (DAC_OVERRIDE, "+dac_override"), (0, "-all")],
)
def test_root_keeps_the_weakest_capability_that_passes_through_closed_folders(held: int, kept: str) -> None:
    chosen = stepped_down("/usr/bin/setpriv", (65534, 65534), held)
    assert chosen.prefix[5:] == (f"--inh-caps={kept}", f"--ambient-caps={kept}")
    assert chosen.prefix[:5] == (
        "/usr/bin/setpriv",
        "--pdeathsig=INT",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    )
    assert "--securebits=+no_setuid_fixup" in stepped_down("/usr/bin/setpriv", (1, 1), held | SETPCAP).prefix
    assert chosen.owner == (65534, 65534)


def test_anybody_else_runs_it_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(account.os, "geteuid", lambda: 1000)
    assert choose_account() == Account()
    choose_account().give(tmp_path)


def test_root_without_a_way_to_step_down_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    monkeypatch.setattr(account.shutil, "which", lambda name: None)
    with pytest.raises(AccountError, match=r"`setpriv` .* call this as another user"):
        choose_account()
