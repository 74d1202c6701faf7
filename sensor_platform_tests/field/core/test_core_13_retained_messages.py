"""A retained message without a time of its own is no good reading of the moment in which a session begins."""

import time
from pathlib import Path

import paho.mqtt.publish
import pytest

from sensor_platform_tests.field.core.homes import HOUR, T0, land, readings, seal
from sensor_platform_tests.field.core.needs import need, precondition
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.running import RunningBroker, running_collector

UNTIMED = {"device_id": "dead", "t": 21.5}
TIMED = {"device_id": "alive", "ts": T0 / 1e6, "t": 21.5}


def good_readings(home: Home) -> list[str]:
    """Devices of readings that nothing marks as doubtful."""
    found = readings(home)
    if found.is_empty():
        return []
    doubtful = found["quality"].is_in(["uncertain", "bad"]).fill_null(value=False) | found["is_suspect"]
    return sorted(found.filter(~doubtful)["device_id"].to_list())


def test_core_13_each_new_session_does_not_make_a_good_reading_of_one_retained_message(home: Home) -> None:
    for session in range(3):
        seal(home, session + 1, [UNTIMED], T0 + session * HOUR, retain=True)
        land(home, T0 + session * HOUR + 1_000_000)
    assert good_readings(home) == []


def test_core_13_a_retained_message_with_its_own_time_is_a_reading_of_that_time(home: Home) -> None:
    seal(home, 1, [TIMED], T0 + HOUR, retain=True)
    land(home, T0 + HOUR)
    assert good_readings(home) == ["alive"]


@pytest.mark.mosquitto
def test_core_13_what_mosquitto_retained_is_no_good_reading_of_now(
    home: Home, tmp_path: Path, broker: RunningBroker
) -> None:
    payload = b'{"device_id": "dead", "t": 21.5}'
    paho.mqtt.publish.single("sensors/dead", payload, 1, retain=True, hostname="127.0.0.1", port=broker.port)
    with precondition("the retained message is collected"), running_collector(home.root, broker.url) as collector:
        collector.wait_for_messages(1)
        need(collector.stop() == 0, "the collector stops")
    land(home, time.time_ns() // 1000)
    assert good_readings(home) == []
