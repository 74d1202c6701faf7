"""Two makes of machines with payloads of their own, hourly means as one wide row, new sensors without notice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform_tests.scenarios.platforms import Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with running_scenario("smart_factory", tmp_path_factory.mktemp("factory"), START.date()) as scenario:
        sent = scenario.send(scenario.fleet(600.0, START))
        halves = [
            {"sensor_id": "press-01", "timestamp": START.timestamp() + 1, "temperature": 20.0},
            {"sensor_id": "x"},
        ]
        sent += scenario.send(ScheduledMessage(0.0, "sensors/data", json.dumps(half).encode()) for half in halves)
        scenario.wait_for_landed(sent)
        scenario.materialise(START.date(), START.date())
        yield scenario


def test_every_message_has_a_fate(factory: Scenario) -> None:
    fates = factory.fates()
    assert fates["received"] == fates["landed"] + fates["quarantined"] + fates["duplicate"]
    assert (fates["quarantined"], fates["duplicate"]) == (2, 0)


def test_a_row_without_both_temperature_and_humidity_is_not_clean(factory: Scenario) -> None:
    assert factory.ask("select count(*) from readings_clean where device_id = 'press-01' and value = 20.0") == [(0,)]
    rules = factory.ask("select rule from quarantine where topic = 'sensors/data' order by rule")
    assert rules == [("missing_required_metric",), ("no_time",)]


def test_an_hour_of_a_press_is_one_wide_row_with_its_means(factory: Scenario) -> None:
    rows = factory.ask(
        "select wide.device_id, wide.temperature, wide.humidity, own.mean from readings_1h_wide as wide"
        " join readings_1h as own using (device_id, window_start)"
        " where own.metric = 'temperature' and wide.device_id like 'press-%' order by 1"
    )
    assert [row[0] for row in rows] == [f"press-{n:02}" for n in range(1, 9)]
    for _, temperature, humidity, mean in rows:
        assert temperature == mean
        assert 60 < temperature < 76
        assert 30 < humidity < 52


def test_sensors_that_were_added_later_are_there_without_a_change_of_configuration(factory: Scenario) -> None:
    first = factory.ask("select metric, min(event_at) from readings_clean where device_id = 'press-03' group by 1")
    appeared = {metric: (at.replace(tzinfo=UTC) - START).total_seconds() for metric, at in first}
    assert appeared.keys() == {"temperature", "humidity", "vibration", "pressure"}
    assert appeared["temperature"] < 10
    assert 55 < appeared["vibration"] < 70


def test_the_other_make_joins_the_same_tables(factory: Scenario) -> None:
    makes = factory.ask(
        "select tags['make'] as make, count(distinct device_id) from readings_clean"
        " where metric = 'temperature' group by make order by make"
    )
    assert makes == [("motor", 4), ("press", 8)]
