"""Names of Telegraf for times and devices."""

from typing import Any

import pytest

from sensor_platform.contracts.telegraf.converted_site import Notes, known_device, time_of


@pytest.mark.parametrize(
    ("form", "zone", "time"),
    [
        (None, None, {"field": ["at"]}),
        ("unix", None, {"field": ["at"], "format": "s"}),
        ("unix_ms", None, {"field": ["at"], "format": "ms"}),
        ("2006-01-02T15:04:05Z07:00", "Europe/Berlin", {"field": ["at"], "format": "iso", "timezone": "Europe/Berlin"}),
    ],
)
def test_a_time_has_a_format_and_a_zone(form: str | None, zone: str | None, time: dict[str, Any]) -> None:
    notes = Notes("plugin")
    assert time_of("at", form, zone, "format", notes) == time
    assert notes.found == []


def test_what_is_not_read_is_noted_with_the_plugin() -> None:
    notes = Notes("plugin")
    assert time_of("at", "Jan _2", "Local", "format", notes) == {"field": ["at"]}
    assert [note.setting for note in notes.found] == ["plugin.format"] * 2
    assert time_of(None, "unix", None, "format", notes) is None


def test_the_likeliest_tag_names_the_device() -> None:
    assert known_device({"host": 1, "machine": 2, "line": 3}) == "machine"
    assert known_device({"line": 3}) is None
