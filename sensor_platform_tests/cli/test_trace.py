"""From a row back to its messages, as a command."""

import json

import pytest

from sensor_platform.cli.trace import trace
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment

ASKED = ("--device", "a", "--metric", "t", "--at", "2026-03-01T12:00:30")


@pytest.fixture
def landed(home: Home) -> Home:
    bodies = [b'{"device_id":"a","ts":%d,"t":%d}' % (T0 // 10**6 + number, number) for number in range(3)]
    seal_segment(home, 1, [Message(body) for body in bodies])
    land_all(home)
    return home


@pytest.mark.usefixtures("landed")
def test_each_reading_is_shown_with_its_place_and_its_payload() -> None:
    lines = said(trace, *ASKED).splitlines()
    assert lines[0] == "readings_1h 2026-03-01 12:00:00 UTC: 3 readings"
    assert lines[1] == "2026-03-01T12:00:00.000000Z  t = 0.0  topic sensors/dev1"
    assert lines[2].endswith("segment col-1772366400000-00000001  position 0")
    assert lines[3].endswith('{"device_id":"a","ts":1772366400,"t":0}')


@pytest.mark.usefixtures("landed")
def test_no_more_than_the_limit_is_shown_and_the_rest_is_counted() -> None:
    assert said(trace, *ASKED, "--limit", "1").splitlines()[-1] == "2 more; see --limit"


@pytest.mark.usefixtures("landed")
def test_the_same_as_json_for_another_table() -> None:
    found = json.loads(said(trace, *ASKED[:-1], "2026-03-01T12:00:01", "--table", "readings_10s", "--json"))
    assert (found["table"], found["readings"]) == ("readings_10s", 3)
    assert found["window_start"] == "2026-03-01T12:00:00+00:00"
    assert [json.loads(each["message"]["payload"])["t"] for each in found["origins"]] == [0, 1, 2]


def test_what_the_archive_has_no_more_is_said(landed: Home) -> None:
    for file in landed.raw.glob("*/*"):
        file.unlink()
    assert said(trace, *ASKED).count("its message is no longer in the raw archive") == 3
