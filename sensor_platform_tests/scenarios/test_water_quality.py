"""Water plants: long readings, validation with inclusive limits, plants as tags, windows of a minute."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform_tests.scenarios.platforms import Scenario, running_scenario

START = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
AT = START.timestamp() + 3600
LIMITS = {
    "pH": (0, 14),
    "BOD": (0, 2000),
    "COD": (0, 5000),
    "TSS": (0, 10000),
    "TDS": (0, 50000),
    "temperature": (-10, 100),
}


def reading(parameter: str, value: Any, **also: Any) -> ScheduledMessage:
    body = {"sensorId": "edge", "plantId": "south", "parameter": parameter, "value": value, "timestamp": AT} | also
    return ScheduledMessage(
        0.0, "water/http", json.dumps({key: each for key, each in body.items() if each is not None}).encode()
    )


@pytest.fixture(scope="module")
def water(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with running_scenario("water_quality", tmp_path_factory.mktemp("water"), START.date()) as scenario:
        sent = scenario.send(scenario.fleet(300.0, START))
        for parameter, limits in LIMITS.items():
            sent += scenario.send(reading(parameter, limit, sensorId=f"on-{limit}") for limit in limits)
            sent += scenario.send(
                reading(parameter, limit, sensorId=f"past-{limit}") for limit in (limits[0] - 0.001, limits[1] + 0.001)
            )
        refused = [
            reading("pH", 7.0, sensorId=None),
            reading("pH", "soon"),
            reading("pH", float("nan")),
            reading("pH", None),
        ]
        sent += scenario.send([*refused, reading("COD", "12.5")])
        scenario.wait_for_landed(sent)
        scenario.materialise(START.date(), START.date())
        yield scenario


def test_what_is_no_measurement_is_quarantined_with_a_reason_and_a_hint(water: Scenario) -> None:
    rows = water.ask("select rule, hint from quarantine order by rule")
    assert len(rows) == 4
    assert all(rule and hint for rule, hint in rows)
    assert water.fates()["quarantined"] == 4


def test_a_number_written_as_text_is_a_number(water: Scenario) -> None:
    assert water.ask("select value from readings_clean where device_id = 'edge' and metric = 'COD'") == [(12.5,)]


def test_limits_are_inclusive(water: Scenario) -> None:
    verdicts = dict(water.ask("select verdict, count(*) from readings_clean where device_id like 'on-%' group by 1"))
    assert verdicts == {"good": 12}
    verdicts = dict(water.ask("select verdict, count(*) from readings_clean where device_id like 'past-%' group by 1"))
    assert verdicts == {"bad": 12}


def test_a_plant_that_is_not_named_is_the_default_one(water: Scenario) -> None:
    plants = dict(water.ask("select tags['plant'], count(distinct device_id) from readings_clean group by 1"))
    assert (plants["north"], plants["default"]) == (2, 1)


def test_minutes_by_plant_and_parameter_come_from_the_minute_table(water: Scenario) -> None:
    [(count, low, high, mean, latest)] = water.ask(
        "select sum(n), min(min), max(max), sum(sum) / sum(n), max_by(last, last_at) from readings_1m"
        f" where device_id like 'north-%' and metric = 'BOD' and window_start = timestamp '{START:%Y-%m-%d %H:%M}:00'"
    )
    assert count == 12
    assert low <= mean <= high
    assert low <= latest <= high
