"""Telegraf configurations become sites; what has no place here is listed with the reason."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.contracts.telegraf.converted_site import TelegrafSite
from sensor_platform.contracts.telegraf.read_config import read_telegraf
from sensor_platform.errors import WrongUse
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.model import Envelope, Reading
from sensor_platform.site import load_site
from sensor_platform_tests.contracts.telegraf_configs import HEAD, PIVOT
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

# the example of topic parsing in the plugin's README
PARSED = (
    HEAD
    + """
topics = ["telegraf/+/cpu/23"]
data_format = "value"
data_type = "float"
[[inputs.mqtt_consumer.topic_parsing]]
  topic = "telegraf/one/cpu/23"
  measurement = "_/_/measurement/_"
  tags = "tag/_/_/_"
  fields = "_/_/_/test"
  [inputs.mqtt_consumer.topic_parsing.types]
    test = "int"
"""
)


def read(site: TelegrafSite, topic: str, payload: bytes, limits: TimeLimits = LIMITS) -> list[Reading]:
    found = decode_message(site.contracts, Envelope(topic, payload, NOW, "s", 0), limits)
    assert all(isinstance(item, Reading) for item in found), found
    return [item for item in found if isinstance(item, Reading)]


def reasons(site: TelegrafSite) -> dict[str, str]:
    return {one.setting.rpartition("mqtt_consumer.")[2]: one.reason for one in site.unmapped}


def test_the_readme_example_of_topic_parsing_lands() -> None:
    site = read_telegraf(PARSED)
    (reading,) = read(site, "telegraf/one/cpu/23", b"45")
    assert (reading.metric, reading.value) == ("cpu", 45.0)
    assert reading.tags == {"tag": "telegraf", "test": "23", "measurement": "cpu"}
    assert reading.device_id == "23"
    assert set(reasons(site)) == {"topic_parsing.fields", "topic_parsing.tags"}
    (other,) = read(site, "telegraf/two/cpu/23", b"46")
    assert other.value == 46.0


def test_a_pivot_names_the_metric_and_a_tag_the_device() -> None:
    site = read_telegraf(PIVOT)
    found = [
        reading
        for field, value in (("temp", b"390"), ("rpm", b"45.0"), ("ph", b"1.45"))
        for reading in read(site, f"/sensors/CLE/v1/device5/{field}", value)
    ]
    assert [(r.device_id, r.metric, r.value) for r in found] == [
        ("device5", "temp", 390.0), ("device5", "rpm", 45.0), ("device5", "ph", 1.45),
    ]  # fmt: skip
    assert found[0].tags == {"site": "CLE", "version": "v1", "device_name": "device5", "measurement": "sensors"}
    assert [each.setting for each in site.unmapped] == ["inputs.mqtt_consumer.topic_parsing.tags"]


def test_json_with_tags_time_and_name_keys() -> None:
    site = read_telegraf(
        HEAD
        + """
topics = ["plant/+"]
data_format = "json"
tag_keys = ["device", "hall", "x_*"]
json_name_key = "kind"
json_time_key = "at"
json_time_format = "unix_ms"
json_timezone = "Europe/Berlin"
fieldexclude = ["noise"]
[inputs.mqtt_consumer.tags]
  site = "north"
"""
    )
    payload = b'{"device": "d1", "hall": 3, "kind": "press", "at": 1772366400000, "t": 1.5, "note": "x", "noise": 9}'
    (reading,) = read(site, "plant/a", payload)
    assert (reading.device_id, reading.metric, reading.value, reading.event_at) == ("d1", "t", 1.5, NOW)
    assert reading.tags == {"hall": "3", "measurement": "press", "site": "north", "device": "d1"}
    assert set(reasons(site)) == {"tag_keys"}


def test_json_v2_fields_and_objects() -> None:
    site = read_telegraf(
        HEAD
        + """
topics = ["a/one"]
data_format = "json_v2"
[[inputs.mqtt_consumer.json_v2]]
  measurement_name = "m"
  timestamp_path = "when"
  timestamp_format = "unix"
  [[inputs.mqtt_consumer.json_v2.tag]]
    path = "who.id"
    rename = "device"
  [[inputs.mqtt_consumer.json_v2.field]]
    path = "data.temp"
    rename = "temperature"
    type = "float"
  [[inputs.mqtt_consumer.json_v2.field]]
    path = "data.list.#.x"
"""
    )
    (reading,) = read(site, "a/one", b'{"who": {"id": "d"}, "when": 1772366400, "data": {"temp": 3, "other": 4}}')
    assert (reading.device_id, reading.metric, reading.value) == ("d", "temperature", 3.0)
    assert set(reasons(site)) == {"json_v2.field"}


def test_influx_and_csv() -> None:
    influx = read_telegraf(HEAD + 'topics = ["telegraf/host01/cpu"]\ninflux_timestamp_precision = "1s"\n')
    (reading,) = read(influx, "telegraf/host01/cpu", b"cpu,host=h1,cpu=cpu0 usage_idle=99.5 1772366400")
    assert (reading.device_id, reading.metric, reading.value, reading.event_at) == (
        "h1",
        "cpu/cpu=cpu0/usage_idle",
        99.5,
        NOW,
    )
    table = read_telegraf(
        HEAD
        + """
topics = ["csv/+"]
data_format = "csv"
csv_column_names = ["device", "when", "t"]
csv_delimiter = ";"
csv_tag_columns = ["device"]
csv_timestamp_column = "when"
csv_timestamp_format = "2006-01-02T15:04:05Z07:00"
"""
    )
    found = read(table, "csv/x", b"d1;2026-03-01T12:00:00Z;1\nd2;2026-03-01T12:00:00Z;2\n")
    assert [(r.device_id, r.value) for r in found] == [("d1", 1.0), ("d2", 2.0)]


def test_what_has_no_place_is_listed_with_a_reason() -> None:
    site = read_telegraf("""
[agent]
[[outputs.influxdb_v2]]
[[inputs.cpu]]
[[inputs.mqtt_consumer]]
servers = ["ws://b:9001", "tcp://c:1883"]
topics = ["$share/g/a/#", "a/b", "c/+"]
data_format = "xml"
persistent_session = true
password = "secret"
weird = 1
""")
    said = reasons(site)
    assert {"outputs.influxdb_v2", "inputs.cpu", "servers", "topics", "qos", "data_format", "weird", "password"} <= set(
        said
    )
    assert all(said.values())
    assert [one["topic"] for one in site.subscriptions] == ["a/#", "c/+"]
    assert "secret" not in str(site)


@pytest.mark.parametrize("text", ["[[", "[agent]\n", ""])
def test_what_is_no_such_configuration_is_wrong_use(text: str) -> None:
    with pytest.raises(WrongUse):
        read_telegraf(text)


def test_the_command_writes_a_site_that_loads(tmp_path: Path) -> None:
    conf = tmp_path / "telegraf.conf"
    conf.write_text(PIVOT.replace("qos = 1", 'username = "u"\nqos = 1'))
    result = CliRunner().invoke(cli, ["import", str(conf), "--to", str(tmp_path / "site")])
    assert result.exit_code == 0, result.output
    assert "set SENSOR_PLATFORM_BROKER_URL=mqtt://u:PASSWORD@127.0.0.1:1883" in result.output
    site = load_site(tmp_path / "site")
    assert [subscription.topic for subscription in site.collect.subscriptions] == ["/sensors/#"]
    assert site.contracts == (*read_telegraf(PIVOT).contracts, site.contracts[-1])
    again: Any = CliRunner().invoke(cli, ["import", str(conf), "--to", str(tmp_path / "site")])
    assert isinstance(again.exception, WrongUse)
    assert Contract(name="x", topic="#").device == ValueSource(
        field=("device_id", "sensor_id", "generator_id", "id"), topic_level=-1
    )
