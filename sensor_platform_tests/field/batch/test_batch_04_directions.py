"""Directions are averaged as directions: a wind between 350 and 10 degrees is a north wind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import make_place, write_csv

SITE = "name: mast\nstart: 2025-01-01\n"
CATALOG_THAT_WOULD_EXPRESS_IT = "metric,unit,kind\nwind_direction,deg,angle\n"
"""The word is completed by the change that adds it."""
CIRCLE = (350, 355, 0, 5, 10)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 4")
def test_batch_04_the_mean_of_directions_around_north_is_north(tmp_path: Path) -> None:
    place = make_place(tmp_path, {"site.yaml": SITE, "catalog/metrics.csv": CATALOG_THAT_WOULD_EXPRESS_IT})
    noon = datetime(2025, 3, 28, 12, tzinfo=UTC)
    rows = [("mast-1", noon + timedelta(minutes=minute), CIRCLE[minute % 5]) for minute in range(60)]
    place.must("import", write_csv(tmp_path / "wind.csv", ("device_id", "ts", "wind_direction"), rows))
    said = place.run("dbt", "run", "--quiet")
    assert said.code == 0, f"the catalog cannot name a direction: {said.text}"
    place.must("publish")
    (hour,) = place.rows("select mean, stddev from readings_1h where metric = 'wind_direction'")
    away = abs((hour["mean"] + 180) % 360 - 180)
    assert away < 1, f"mean of directions between 350 and 10: {hour['mean']}"
    assert hour["stddev"] is None or hour["stddev"] < 10, f"spread of directions within 20 degrees: {hour['stddev']}"
