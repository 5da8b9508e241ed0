"""Instructions and names: whatever they hold is data, or refused."""

from __future__ import annotations

import uuid

import pytest

from moonmind.config.errors import SettingsError
from moonmind.config.settings import load_settings
from tests.attacks.tally import Tally
from tests.attacks.town import RUNS, Town

HOSTILE = [
    ";$(touch {canary})",
    "`touch {canary}`",
    "fix it\ntouch {canary}\n",
    "fix it\r\nX-Injected: 1\r\n\r\n",
    "'; DROP TABLE orchestrator_runs; --",
    "\x1b[2J\x1b]0;owned\x07 fix",
    "fix \u202egnp.exe\u2066 it\u200b",
    "{{7*7}} ${{jndi:ldap://127.0.0.1/a}} %s%n <script>alert(1)</script>",
    "../../../../etc/passwd",
    "--upload-pack=touch {canary}",
    "x" * 4000,
    "💥" * 4000,
]
NO_NAMES = [
    *(
        "../shop",
        "shop/../shop",
        "/etc/passwd",
        "shop;id",
        "$(id)",
        "sh op",
        "Shop",
        "SHOP",
        "-shop",
        "_shop",
        "shop\n",
    ),
    *("s" * 64, "шоп", "ſhop", "sh\u200bop", "shop.", "--help", "shop'--", "*", "%", "", " "),
]


def test_hostile_instructions_are_data(town: Town, tally: Tally) -> None:
    canary = town.folder / "canary"
    texts = [text.replace("{canary}", str(canary)) for text in HOSTILE]
    for text in texts:
        run = tally.case(lambda text=text: town.submit("mirror", text, dry_run=True))
        assert town.show(run)["instruction"] == text
        town.call("POST", f"{RUNS}/{run}/cancel")
    ended = tally.case(lambda: town.wait(town.submit("mirror", " ".join(texts[:10])[:4000], dry_run=True)))
    assert ended["status"] == "succeeded", ended["failure"]
    assert not canary.exists()


def test_instructions_that_are_none_are_refused(town: Town, tally: Tally) -> None:
    for text in ("", " ", "\t\n", "\u200b", "\u2800", "a\0b", "x" * 4001, 7, None, ["fix"], {"a": 1}, True):
        body = {"instruction": text, "target_service": "shop"}
        answer = tally.case(lambda body=body: town.call("POST", RUNS, json=body))
        assert (answer.status_code, "error" in answer.json()) == (422, True), text


@pytest.mark.parametrize("name", NO_NAMES)
def test_names_of_no_service_are_refused_everywhere(name: str, town: Town, tally: Tally) -> None:
    answer = tally.case(lambda: town.call("POST", RUNS, json={"instruction": "fix", "target_service": name}))
    assert answer.status_code in (400, 422)
    gate = tally.case(lambda: town.client.put(
        "/orchestrator/approval-gates/" + "".join(f"%{byte:02X}" for byte in name.encode()),
        json={"requirement": "none"}, headers={"Authorization": f"Bearer {town.admin}"},
    ))  # fmt: skip
    assert gate.status_code in (404, 405)


@pytest.mark.parametrize("name", [name for name in NO_NAMES if name and "\n" not in name and "'" not in name])
def test_a_profile_cannot_have_such_a_name(name: str, town: Town, tally: Tally) -> None:
    home = town.folder / f"config-{uuid.uuid4().hex}"
    home.mkdir()
    table = f"""[services.'{name}']\nruntime = "process"\nworkspace = "w"\nallow = ["a"]\n"""
    process = f"""[services.'{name}'.process]\ncommand = ["a"]\nhealth = [{{ http = "http://127.0.0.1/" }}]\n"""
    (home / "config.toml").write_text(table + process)
    with pytest.raises(SettingsError):
        tally.case(lambda: load_settings(home, {}))
