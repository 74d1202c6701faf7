"""Telegraf's topic_parsing."""

from typing import Any

import pytest

from sensor_platform.contracts.telegraf.converted_site import MEASUREMENT, Notes
from sensor_platform.contracts.telegraf.topics import levels_of, topic_changes


def changes(parsing: dict[str, str], pivot: str | None = None, **given: Any) -> tuple[dict[str, Any], Notes]:
    notes = Notes("mqtt_consumer")
    made = topic_changes(
        {"topic": "plant/+/press/+", **parsing}, {"encoding": "json", "tags": {}, **given}, pivot, notes
    )
    return made, notes


def test_names_of_a_pattern_are_at_their_levels() -> None:
    assert levels_of("_/site/_/device") == {"site": 1, "device": 3}
    assert levels_of("_/_") == levels_of("") == {}


def test_tags_come_from_the_topic_and_one_of_them_names_the_device() -> None:
    made, notes = changes({"tags": "_/site/_/machine", "measurement": "_/_/measurement"})
    assert made["tags"] == {"site": {"topic_level": 1}, "machine": {"topic_level": 3}, MEASUREMENT: {"topic_level": 2}}
    assert made["device"] == {"topic_level": 3}
    assert "{topic:1}/{topic:3}" in notes.found[0].reason


def test_without_a_tag_that_names_a_device_the_last_free_level_does_and_it_is_noted() -> None:
    made, notes = changes({"tags": "_/site"})
    assert made["device"] == {"topic_level": 3}
    assert [note.setting for note in notes.found] == ["mqtt_consumer.topic_parsing.tags"]


def test_a_plain_payload_is_named_by_the_pivot_or_the_measurement_or_the_last_level() -> None:
    pattern = {"tags": "_/device/_/field", "measurement": "_/_/measurement"}
    assert changes(pattern, "field", encoding="plain")[0]["metric"] == {"topic_level": 3}
    assert changes(pattern, encoding="plain")[0]["metric"] == {"topic_level": 2}
    assert changes({"tags": "_/device"}, encoding="plain")[0]["metric"] == {"topic_level": -1}
    assert "field" not in changes(pattern, "field", encoding="plain")[0]["tags"]


@pytest.mark.parametrize("given", [{}, {"device": {"field": ["id"]}}])
def test_fields_of_a_topic_become_tags_and_that_is_noted(given: dict[str, Any]) -> None:
    made, notes = changes({"fields": "_/speed"}, **given)
    assert made["tags"]["speed"] == {"topic_level": 1}
    assert "not a measured value" in notes.found[0].reason
