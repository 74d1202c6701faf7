"""The environment and the site folder: what is accepted, and what a person reads when it is wrong."""

from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.settings import load_settings
from sensor_platform.site import DEFAULT_FRESHNESS, load_site


def _site(folder: Path, text: str) -> Path:
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    return folder


def test_nothing_configured_gives_the_default_site() -> None:
    settings = load_settings({})
    assert settings.home.root == Path("data").resolve()
    assert [s.topic for s in settings.site.collect.subscriptions] == ["sensors/#"]
    assert settings.site.freshness == DEFAULT_FRESHNESS
    assert (settings.broker.host, settings.broker.port, settings.broker.tls) == ("127.0.0.1", 1883, False)


def test_broker_url_with_login_and_tls() -> None:
    broker = load_settings({"SENSOR_PLATFORM_BROKER_URL": "mqtts://me:p%40ss@broker.example"}).broker
    assert (broker.host, broker.port, broker.tls) == ("broker.example", 8883, True)
    assert (broker.username, broker.password) == ("me", "p@ss")


def test_the_password_is_in_no_representation() -> None:
    settings = load_settings({"SENSOR_PLATFORM_BROKER_URL": "mqtt://me:hush@localhost"})
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.broker)


@pytest.mark.parametrize(
    "url", ["localhost:1883", "http://localhost", "mqtt://", "mqtt://host:notaport", "mqtt://host:99999"]
)
def test_a_wrong_broker_url_is_refused_with_a_hint(url: str) -> None:
    with pytest.raises(WrongUse, match="SENSOR_PLATFORM_BROKER_URL") as caught:
        load_settings({"SENSOR_PLATFORM_BROKER_URL": url})
    assert "mqtt://user:password@host:port" in caught.value.hint


def test_a_wrong_broker_url_never_shows_its_password() -> None:
    with pytest.raises(WrongUse) as caught:
        load_settings({"SENSOR_PLATFORM_BROKER_URL": "mqtt://me:hush@host:notaport"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("name: x\nstrat: 2020-01-01\n", 1, "strat"),
        ("name: x\ncollect:\n  subscriptions:\n    - topic: a\n      qos: 5\n", 5, "collect.subscriptions[0].qos"),
        ("collect:\n  seal_seconds: soon\n", 2, "collect.seal_seconds"),
        ("name: x\nslot_minutes: [1]\n", 2, "slot_minutes"),
        ("a: b: c\n", 1, "not YAML"),
    ],
)
def test_a_wrong_site_file_is_named_with_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(WrongUse) as caught:
        load_site(_site(tmp_path, text))
    assert f"site.yaml:{line}:" in caught.value.message
    assert key in caught.value.message


@pytest.mark.parametrize("minutes", [0, 7, 61, -10])
def test_a_slot_must_divide_an_hour(tmp_path: Path, minutes: int) -> None:
    with pytest.raises(WrongUse, match="slot_minutes"):
        load_site(_site(tmp_path, f"slot_minutes: {minutes}\n"))


def test_an_unknown_freshness_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="nothing"):
        load_site(_site(tmp_path, "freshness:\n  nothing: {warn_minutes: 1, fail_minutes: 2}\n"))


def test_a_missing_site_folder_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="does not exist"):
        load_site(tmp_path / "no")
    with pytest.raises(WrongUse, match=r"no site\.yaml"):
        load_site(tmp_path)


def test_a_home_with_a_site_of_its_own_is_read_by_it_unless_another_is_named(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    for folder, name in ((home / "site", "own"), (other, "other")):
        folder.mkdir(parents=True)
        (folder / "site.yaml").write_text(f"name: {name}\n")
    environ = {"SENSOR_PLATFORM_HOME": str(home)}
    assert load_settings(environ).site.name == "own"
    assert load_settings(environ).site_folder == home / "site"
    assert load_settings(environ | {"SENSOR_PLATFORM_SITE": str(other)}).site.name == "other"


def test_an_empty_site_file_takes_every_default(tmp_path: Path) -> None:
    assert load_site(_site(tmp_path, "")) == load_site(None)


def test_a_site_can_override_one_freshness_layer_only(tmp_path: Path) -> None:
    site = load_site(_site(tmp_path, "freshness:\n  landing: {warn_minutes: 1, fail_minutes: 2}\n"))
    assert site.freshness["landing"].fail_minutes == 2
    assert site.freshness["readings_1h"] == DEFAULT_FRESHNESS["readings_1h"]


def test_a_home_that_was_made_with_other_slots_is_refused_by_every_command(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with open_ledger(home) as ledger:
        keep_grid(ledger, 10)
    folder = _site(tmp_path, "slot_minutes: 5\n")
    with pytest.raises(WrongUse, match="slot_minutes is 5") as refusal:
        load_settings({"SENSOR_PLATFORM_HOME": str(home.root), "SENSOR_PLATFORM_SITE": str(folder)})
    assert "back to 10" in refusal.value.hint
