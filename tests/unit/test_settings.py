"""Environment over file over defaults; what is unknown is refused."""

from pathlib import Path

import pytest

from moonmind.config.home import find_home
from moonmind.config.settings import SettingsError, load_settings

SHOP = """
[services.shop]
runtime = "process"
workspace = "shop"
allow = ["requirements.txt"]
process = { command = ["python"], health = [{ http = "http://127.0.0.1:{port}/" }] }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("[api]\nport = 9000\nhost = 'a'\n" + SHOP)
    return tmp_path


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(home: Path) -> None:
    settings = load_settings(home, {"MOONMIND_API__PORT": "9001", "PORT": "1", "MOONMIND_STATSD__HOST": ""})
    assert (settings.api.port, settings.api.host, settings.api.body_limit) == (9001, "a", 65536)
    assert settings.statsd.host is None
    assert settings.artifact_root == home / "var" / "artifacts"


def test_a_services_runtime_can_be_chosen_by_the_environment(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"services.shop: .*a table `compose` is needed"):
        load_settings(home, {"MOONMIND_SERVICES__SHOP__RUNTIME": "compose"})


def test_the_shared_statsd_names_are_understood(home: Path) -> None:
    for prefix in ("STATSD", "ORCHESTRATOR_STATSD"):
        statsd = load_settings(home, {f"{prefix}_HOST": "metrics", f"{prefix}_PORT": "9"}).statsd
        assert (statsd.host, statsd.port) == ("metrics", 9)


@pytest.mark.parametrize(
    ("file", "env", "says"),
    [
        ("[api]\nprot = 1", {}, "api.prot: unknown key"),
        ("[apis]\nport = 1", {}, "apis: unknown key"),
        ("", {"MOONMIND_API__PROT": "1"}, "MOONMIND_API__PROT: unknown key"),
        ("", {"MOONMIND_TYPO": "1"}, "MOONMIND_TYPO: unknown key"),
        ("", {"MOONMIND_API__PORT": "many"}, "MOONMIND_API__PORT: "),
        ("api = 1", {"MOONMIND_API__PORT": "1"}, "`api` is a value in config.toml, not a table"),
        ("[api", {}, "config.toml: "),
        ("[services.Shop]", {}, "services.Shop"),
        (SHOP.replace('"requirements.txt"', '"../x"'), {}, "without `..`"),
        (SHOP.replace('"process"', '"podman"'), {}, "services.shop.runtime"),
        (SHOP + "approval = { requirement = 'sometimes' }", {}, "services.shop.approval.requirement"),
    ],
)
def test_what_is_not_usable_is_named(home: Path, file: str, env: dict[str, str], says: str) -> None:
    (home / "config.toml").write_text(file)
    with pytest.raises(SettingsError) as refused:
        load_settings(home, env)
    assert says in str(refused.value)


def test_a_secret_is_not_in_the_message(home: Path) -> None:
    env = {"MOONMIND_DATABASE__URL": "postgresql://u:hunter2@h/d", "MOONMIND_DATABASE__POOL_SIZE": "x"}
    with pytest.raises(SettingsError) as refused:
        load_settings(home, env)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(load_settings(home, {"MOONMIND_DATABASE__URL": env["MOONMIND_DATABASE__URL"]}))


def test_home_is_given_or_the_nearest_folder_upward_or_the_users(home: Path, tmp_path: Path) -> None:
    below = home / "a" / "b"
    below.mkdir(parents=True)
    assert find_home(below, {}) == home.resolve()
    assert find_home(below, {"MOONMIND_HOME": str(below)}) == below.resolve()
    assert find_home(Path("/"), {"XDG_DATA_HOME": "/data"}) == Path("/data/moonmind")
