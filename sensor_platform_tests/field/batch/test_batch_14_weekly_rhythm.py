"""A load of weekdays is watched: forty times the usual load is an anomaly, and an ordinary weekend is not."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.field.batch.hours import MONDAY, watch, write_hours

WEEKS = 11
START = MONDAY.replace(tzinfo=None)
WEDNESDAY = START + timedelta(weeks=WEEKS - 2, days=2)
SUNDAY = START + timedelta(weeks=WEEKS - 1, days=6)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Three halls that draw 10 kW from 8 to 17 on weekdays, else 1; and what two of them do besides."""
    rng = random.Random(2)
    hours = [START + timedelta(hours=hour) for hour in range(WEEKS * 168)]
    values = {
        hall: [(10 if 8 <= at.hour < 17 and at.weekday() < 5 else 1) + rng.gauss(0, 0.15) for at in hours]
        for hall in ("hall-1", "hall-2", "hall-3")
    }
    for number, at in enumerate(hours):
        if WEDNESDAY + timedelta(hours=10) <= at < WEDNESDAY + timedelta(hours=14):
            values["hall-1"][number] = 400 + rng.gauss(0, 5)
        if SUNDAY + timedelta(hours=9) <= at < SUNDAY + timedelta(hours=16):
            values["hall-2"][number] = 10 + rng.gauss(0, 0.15)
    home = Home(tmp_path_factory.mktemp("office"))
    found = watch(home, write_hours(home, "power", values))
    if len(found) < 1000:
        pytest.fail(f"set-up: only {len(found)} hours have a score")
    return found


def flagged(scores: list[dict[str, Any]], hall: str, first: datetime, hours: int) -> list[dict[str, Any]]:
    own = [row for row in scores if row["device_id"] == hall]
    return [row for row in own if first <= row["window_start"] < first + timedelta(hours=hours) and row["is_anomaly"]]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 14")
def test_batch_14_a_threshold_can_be_exceeded(scores: list[dict[str, Any]]) -> None:
    thresholds = [row["threshold"] for row in scores if row["window_start"] >= SUNDAY]
    most = max(row["score"] for row in scores)
    assert max(thresholds) < most, f"threshold {max(thresholds)}, largest score {most}: nothing can be an anomaly"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 14")
def test_batch_14_forty_times_the_usual_load_is_an_anomaly(scores: list[dict[str, Any]]) -> None:
    found = flagged(scores, "hall-1", WEDNESDAY + timedelta(hours=10), 4)
    assert len(found) == 4, f"{len(found)} of the four hours of 400 kW are flagged"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 14")
def test_batch_14_a_sunday_with_the_load_of_a_weekday_is_an_anomaly(scores: list[dict[str, Any]]) -> None:
    found = flagged(scores, "hall-2", SUNDAY + timedelta(hours=9), 7)
    assert len(found) >= 4, f"{len(found)} of seven hours of a Sunday at 10 kW are flagged"
    ordinary = flagged(scores, "hall-3", SUNDAY - timedelta(days=1), 48)
    assert len(ordinary) <= 5, f"{len(ordinary)} of 48 hours of an ordinary weekend are flagged"
