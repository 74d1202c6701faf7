"""Devices and metrics that only several levels of the topic, or several fields, tell apart."""

import re
from pathlib import Path

from sensor_platform_tests.field.ingest.landed import case_contracts, case_messages
from sensor_platform_tests.field.ingest.rig import imported_site, land_under, land_where_accepted

PRESSES = case_messages("ingest-07", "input-1.json", "input-2.json")
THERMOMETERS = case_messages("ingest-07", "input-3.json", "input-4.json")
AS_TODAY = case_contracts("ingest-07")
BY_TWO_LEVELS = 'name: plant\ntopic: plant/+/+/data\ndevice: {template: "{topic:1}/{topic:2}"}\n'
BY_THREE_FIELDS = 'name: rtl\ntopic: rtl_433/#\ndevice: {template: "{model}/{id}/{channel}"}\n'
METRIC_OF_TWO_LEVELS = (
    "name: broker\ntopic: $SYS/#\nencoding: plain\ndevice: {topic_level: 1}\n"
    'metric: {template: "{topic:-2}/{topic:-1}"}\n'
)
METRICS_BELOW_A_LEVEL = "name: shelly\ntopic: +/status/+\ndevice: {topic_level: 0}\nseries: [{topic_level: -1}]\n"
TELEGRAF = """
[[inputs.mqtt_consumer]]
servers = ["tcp://127.0.0.1:1883"]
topics = ["plant/+/+/data"]
qos = 1
data_format = "json"
[[inputs.mqtt_consumer.topic_parsing]]
  topic = "plant/+/+/data"
  tags = "_/line/machine/_"
"""


def test_ingest_07_a_device_is_named_by_two_levels_of_the_topic(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, PRESSES, AS_TODAY, [BY_TWO_LEVELS])
    assert {"line1/press", "line2/press"} in [landed.devices for landed in found], found[0].rows


def test_ingest_07_a_device_is_named_by_three_fields(tmp_path: Path) -> None:
    found = land_where_accepted(tmp_path, THERMOMETERS, AS_TODAY, [BY_THREE_FIELDS])
    assert {"Thermo-X/5/1", "Thermo-X/5/3"} in [landed.devices for landed in found], found[0].rows


def test_ingest_07_a_metric_is_named_by_two_levels_of_the_topic(tmp_path: Path) -> None:
    messages = [(f"$SYS/broker/load/messages/{way}/1min", b"5") for way in ("received", "sent")]
    one_level = "name: broker\ntopic: $SYS/#\nencoding: plain\ndevice: {topic_level: 1}\nmetric: {topic_level: -1}\n"
    found = land_where_accepted(tmp_path, messages, [one_level], [METRIC_OF_TWO_LEVELS])
    assert any(len({row.metric for row in landed.rows}) == 2 for landed in found), found[0].rows


def test_ingest_07_fields_of_two_switches_of_a_device_are_two_metrics(tmp_path: Path) -> None:
    messages = [(f"shelly2-a/status/switch:{n}", b'{"id":%d,"apower":%d}' % (n, n + 7)) for n in (0, 1)]
    one_level = "name: shelly\ntopic: +/status/+\ndevice: {topic_level: 0}\n"
    found = land_where_accepted(tmp_path, messages, [one_level], [METRICS_BELOW_A_LEVEL])
    series = [{row.metric for row in landed.rows if row.value in {7.0, 8.0}} for landed in found]
    assert any(len(metrics) == 2 for metrics in series), found[0].rows


def test_ingest_07_an_imported_configuration_keeps_devices_of_two_tags_apart_or_warns(tmp_path: Path) -> None:
    site, printed = imported_site(tmp_path, TELEGRAF)
    landed = land_under(site, PRESSES)
    assert len(landed.devices) == 2 or re.search(r"\bline\b|topic_parsing", printed), (landed.rows, printed)


def test_ingest_07_what_tells_devices_apart_can_be_kept_as_tags(tmp_path: Path) -> None:
    (landed,) = land_where_accepted(tmp_path, [*PRESSES, *THERMOMETERS], AS_TODAY)
    assert [row.tags["line"] for row in landed.of("temp")] == ["line1", "line2"]
    assert sorted(row.tags["channel"] for row in landed.of("temperature_C")) == ["1", "3"]
