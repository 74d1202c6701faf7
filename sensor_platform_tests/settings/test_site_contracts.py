"""Contracts as a site and its data folder complete them: the default one at the end, and what names a device."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.ledger import device_rule_of, keep_device_rule, open_ledger
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.decode import Decoder
from sensor_platform.settings import load_settings
from sensor_platform.site import Site, load_site
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

NOW = to_micros(datetime(2026, 11, 1, tzinfo=UTC))


def site_of(folder: Path, text: str = "", *contracts: str) -> Site:
    (folder / "contracts").mkdir(parents=True)
    (folder / "site.yaml").write_text(text)
    for place, contract in enumerate(contracts):
        (folder / "contracts" / f"{place}.yaml").write_text(contract)
    return load_site(folder)


def read(site: Site, topic: str, payload: bytes, **more: Any) -> list[str]:
    """Devices, or the rules of the refusals."""
    batch = MessageBatch([topic], [payload], [NOW], **more)
    decoded = Decoder(site.contracts, TimeLimits(0, 10**9)).decode(batch)
    return sorted({*decoded.records.device_id, *(why.rule for _, why in decoded.rejected)})


@pytest.mark.parametrize(("text", "found"), [("", ["x"]), ("contracts: {strict: true}", ["no_contract"])])
def test_topics_that_no_contract_names_are_refused_only_where_the_site_is_strict(
    tmp_path: Path, text: str, found: list[str]
) -> None:
    site = site_of(tmp_path / "site", text, "name: a\ntopic: a/#\n")
    assert read(site, "sensors/x", b'{"t":1}') == found


def test_without_any_contract_a_strict_site_refuses_everything(tmp_path: Path) -> None:
    assert site_of(tmp_path / "site", "contracts: {strict: true}").contracts == ()


@pytest.mark.parametrize(
    ("subscription", "topic", "device"),
    [
        ("sensors/#", "sensors/hall/dev1", "hall/dev1"),
        ("sensors/#", "sensors/dev1", "dev1"),
        ("'#'", "tele/a/SENSOR", "tele/a/SENSOR"),
    ],
)
@pytest.mark.parametrize("contracts", [(), ("name: own\ntopic: '#'\nencoding: json\n",)])
def test_a_device_without_a_name_is_its_topic_below_the_subscription(
    tmp_path: Path, subscription: str, topic: str, device: str, contracts: tuple[str, ...]
) -> None:
    text = f"collect: {{subscriptions: [{{topic: {subscription}}}]}}"
    assert read(site_of(tmp_path / "site", text, *contracts), topic, b'{"id":0,"t":1}') == [device]


def test_a_contract_that_states_the_device_is_not_touched(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", "", "name: own\ntopic: '#'\ndevice: {field: [id], topic_level: 0}\n")
    assert read(site, "a/b", b'{"id":"7","t":1}') == ["7"]
    assert read(site, "a/b", b'{"t":1}') == ["a"]


def test_the_key_of_a_kafka_record_names_the_device(tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", "collect: {kafka: {topics: [machines]}}")
    assert read(site, "machines", b'{"t":1}', keys={0: b"press-7"}) == ["press-7"]
    assert read(site, "machines", b'{"t":1}') == ["machines"]


def devices_of(home: Home, folder: Path) -> list[str]:
    environ = {"SENSOR_PLATFORM_HOME": str(home.root), "SENSOR_PLATFORM_SITE": str(folder)}
    return read(load_settings(environ).site, "tele/a/SENSOR", b'{"t":1}')


def test_a_new_data_folder_keeps_the_new_rule_also_after_its_ledger_is_lost(tmp_path: Path) -> None:
    site_of(tmp_path / "site")
    home = Home(tmp_path / "home")
    seal_segment(home, 1, [Message(b'{"t":1}')])
    land_all(home)
    home.ledger_file.unlink()
    assert devices_of(home, tmp_path / "site") == ["tele/a/SENSOR"]


def test_a_data_folder_of_before_keeps_the_old_rule_until_the_site_says_otherwise(tmp_path: Path) -> None:
    site_of(tmp_path / "site")
    home = Home(tmp_path / "home")
    seal_segment(home, 1, [Message(b'{"t":1}')])
    land_all(home)
    (home.ledger / "device_rule").unlink()
    assert devices_of(home, tmp_path / "site") == ["SENSOR"]
    with open_ledger(home) as ledger:
        keep_device_rule(ledger, home)
    home.ledger_file.unlink()
    assert device_rule_of(home) == "last_level"
    site_of(tmp_path / "other", "contracts: {unnamed_devices: topic}")
    assert devices_of(home, tmp_path / "other") == ["tele/a/SENSOR"]


def test_a_site_may_ask_for_the_old_rule(tmp_path: Path) -> None:
    site_of(tmp_path / "site", "contracts: {unnamed_devices: last_level}")
    assert devices_of(Home(tmp_path / "home"), tmp_path / "site") == ["SENSOR"]
