"""What else was seen after ingest: a rebuild without anomalies, and devices of old history that are called online."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensor_platform_tests.field.batch.rig import Place, make_place, write_csv


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch also seen")
def test_batch_also_seen_a_device_of_imported_history_is_not_online(built: Place) -> None:
    rows = built.rows("select device_id, state, last_at from device_status where device_id like 'meter-%'")
    if len(rows) != 4:
        pytest.fail(f"set-up: {rows}")
    online = {row["device_id"]: row["last_at"] for row in rows if row["state"] == "online"}
    assert not online, f"devices that were last heard of in old history: {online}"


@pytest.mark.field_slow
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch also seen")
def test_batch_also_seen_a_rebuild_publishes_anomalies(tmp_path: Path) -> None:
    site = "name: rebuilt\nstart: 2025-01-01\nanomaly:\n  metrics: [power]\n"
    place = make_place(tmp_path, {"site.yaml": site})
    rng = random.Random(4)
    begin = datetime(2025, 3, 2, tzinfo=UTC)
    rows = [("hall-1", begin + timedelta(hours=hour), round(10 + rng.gauss(0, 1), 3)) for hour in range(20 * 24)]
    place.must("import", write_csv(tmp_path / "power.csv", ("device_id", "ts", "power"), rows))
    place.must("rebuild")
    (hours,) = place.rows("select count(*) as n from readings_1h")
    if hours["n"] != len(rows):
        pytest.fail(f"set-up: {hours['n']} hours are published")
    (scored,) = place.rows("select count(*) as n from anomalies")
    assert scored["n"] > 0, "the rebuild has published no anomaly score of 20 days"
