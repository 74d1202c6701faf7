"""A load that follows local time is as easy to forecast after the clocks change as one that does not."""

import json
import random
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sensor_platform_tests.field.batch.rig import Place, make_place, write_csv

ZONE_OF_THE_SITE = ("--timezone", "Europe/Berlin")
"""The name of the option is completed by the change that adds it."""
CHANGE = datetime(2025, 10, 27, tzinfo=UTC)
"""The day after the clocks change in Berlin."""


def write_load(path: Path, zone: tzinfo) -> Path:
    """Two halls by the hour for ten weeks: 20 from 7 to 16 on weekdays of the zone, else 2."""
    rng = random.Random(3)
    rows: list[tuple[object, ...]] = []
    for hour in range(10 * 168):
        at = CHANGE - timedelta(weeks=9) + timedelta(hours=hour)
        local = at.astimezone(zone)
        is_on = 7 <= local.hour < 16 and local.weekday() < 5
        rows += [(at, hall, round((20 if is_on else 2) + rng.gauss(0, 0.3), 2)) for hall in ("a", "b")]
    return write_csv(path, ("ts", "hall", "load"), rows)


def evaluated(place: Place, file: Path, *more: str) -> float:
    """Mean absolute error of what is served, judged on the week after the change."""
    columns = ("--time", "ts", "--series", "hall", "--target", "load", "--horizon", "6")
    said = place.run("evaluate", file, *columns, "--test-from", CHANGE.date().isoformat(), "--json", *more)
    assert said.code == 0, f"the seasons of forecasts are those of UTC alone: {said.text}"
    (load,) = json.loads(said.out)["forecast"]
    buckets = [row for row in load["rows"] if row["horizons"] != "all"]
    rows = sum(row["rows"] for row in buckets)
    if rows != load["tested_rows"]:
        pytest.fail(f"set-up: the horizons hold {rows} of {load['tested_rows']} forecasts")
    return float(sum(row["mae_served"] * row["rows"] for row in buckets) / rows)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 16")
def test_batch_16_the_week_after_the_change_is_as_easy_as_any(tmp_path: Path) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: halls\nstart: 2025-01-01\n"})
    local = evaluated(place, write_load(tmp_path / "local.csv", ZoneInfo("Europe/Berlin")), *ZONE_OF_THE_SITE)
    steady = evaluated(place, write_load(tmp_path / "utc.csv", timezone(timedelta(hours=2))))
    assert local < 1.5 * steady, f"error {local:.3f} after the change, {steady:.3f} on a clock that does not change"
