"""Telegraf's data formats as keys of a contract."""

from typing import Any

import pytest

from sensor_platform.contracts.telegraf.converted_site import MEASUREMENT, Notes
from sensor_platform.contracts.telegraf.formats import format_changes


def changes(plugin: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The keys, and the settings that are noted."""
    notes = Notes("p")
    made = format_changes(plugin, notes)
    assert made is not None
    return made, [note.setting.removeprefix("p.") for note in notes.found]


def test_json_keeps_numbers_and_named_tags() -> None:
    made, noted = changes({"data_format": "json", "tag_keys": ["site"], "json_name_key": "kind", "json_time_key": "at"})
    assert (made["encoding"], made["strings"], made["time"]) == ("json", "ignore", {"field": ["at"]})
    assert made["tags"] == {"site": {"field": ["site"]}, MEASUREMENT: {"field": ["kind"]}}
    assert noted == []


def test_a_query_is_a_path_of_samples_or_noted() -> None:
    made, noted = changes({"data_format": "json", "json_query": "data.points", "json_string_fields": ["state"]})
    assert (made["layout"], made["samples"], noted) == ("samples", "data.points", ["json_string_fields"])
    assert changes({"data_format": "json", "json_query": "data.#.x"})[1] == ["json_query"]


def test_json_v2_names_tags_and_fields_one_by_one() -> None:
    part = {
        "measurement_name": "press",
        "timestamp_path": "at",
        "timestamp_format": "unix_ms",
        "tag": [{"path": "meta.site"}],
        "field": [{"path": "m.t", "rename": "temperature"}, {"path": "m.h"}, {"path": "a.#.b"}],
    }
    made, noted = changes({"data_format": "json_v2", "json_v2": [part, {}]})
    assert made["tags"] == {MEASUREMENT: {"constant": "press"}, "site": {"field": ["meta.site"]}}
    assert made["time"] == {"field": ["at"], "format": "ms"}
    assert (made["rename"], made["metrics"]) == ({"m.t": "temperature", "m.h": "h"}, ["temperature", "h"])
    assert (made["unknown_fields"], noted) == ("ignore", ["json_v2", "json_v2.field"])


def test_an_object_of_json_v2_is_an_array_of_samples() -> None:
    thing = {
        "path": "points", "timestamp_key": "at", "tags": ["id"], "renames": {"t": "temperature", "id": "device"},
        "included_keys": ["at", "id", "t", "h"], "excluded_keys": ["junk"],
    }  # fmt: skip
    made, _ = changes({"data_format": "json_v2", "json_v2": [{"object": [thing]}]})
    assert (made["layout"], made["samples"], made["tags"]) == ("samples", "points", {"device": {"field": ["id"]}})
    assert (made["metrics"], made["ignore"]) == (["temperature", "h"], ["junk"])


def test_influx_is_the_default_and_has_a_precision() -> None:
    assert changes({})[0]["influx"] == {"precision": "ns"}
    assert changes({"influx_timestamp_precision": "1ms"})[0]["influx"] == {"precision": "ms"}
    assert changes({"influx_timestamp_precision": "1h"})[1] == ["influx_timestamp_precision"]


@pytest.mark.parametrize(("kind", "strings"), [("string", "text"), ("float", "number"), ("integer", "number")])
def test_a_single_value_is_text_or_a_number(kind: str, strings: str) -> None:
    made, _ = changes({"data_format": "value", "data_type": kind})
    assert (made["encoding"], made["strings"]) == ("plain", strings)


def test_csv_has_a_delimiter_columns_tags_and_a_time() -> None:
    plugin = {
        "data_format": "csv", "csv_delimiter": ";", "csv_column_names": ["id", "at", "t"], "csv_tag_columns": ["id"],
        "csv_timestamp_column": "at", "csv_timestamp_format": "unix", "csv_comment": "#",
    }  # fmt: skip
    made, noted = changes(plugin)
    assert made["csv"] == {"separator": ";", "columns": ["id", "at", "t"]}
    assert (made["tags"], made["time"]) == ({"id": {"field": ["id"]}}, {"field": ["at"], "format": "s"})
    assert noted == ["csv_comment"]
    assert changes({"data_format": "csv"})[1] == ["csv_column_names"]


def test_constant_tags_and_dropped_fields_hold_for_every_format() -> None:
    made, _ = changes({"tags": {"site": 7}, "name_override": "press", "fielddrop": ["junk"]})
    assert made["tags"] == {"site": {"constant": "7"}, MEASUREMENT: {"constant": "press"}}
    assert made["ignore"] == ["junk"]


def test_another_format_is_noted() -> None:
    notes = Notes("p")
    assert format_changes({"data_format": "grok"}, notes) is None
    assert [note.setting for note in notes.found] == ["p.data_format"]
