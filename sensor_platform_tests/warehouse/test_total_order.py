"""Tables are a function of the readings: neither the order of rows nor the number of threads can change them."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.published import joined_views
from sensor_platform_tests.warehouse.landings import SCHEMA, Landing, SiteStub, fingerprints, reading, write_landing

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC
CATALOG = "metric,unit,kind,min,max,max_change_per_s,stuck_after_s\np,bar,,,,0.5,2\nq,,counter,,,,\n"


def tied(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Readings that agree in nearly everything by which they could be ordered."""
    return [
        reading(
            rng.choice("ab"),
            rng.choice("pq"),
            NOON + timedelta(seconds=rng.randrange(6)),
            rng.choice([None, 0.0, -0.0, 1.0, 2.5]),
            text=rng.choice([None, "x", "y"]),
            unit=rng.choice([None, "bar", "mbar"]),
            quality=rng.choice([None, "good", "bad", "uncertain"]),
            tags=rng.choice([[], [{"key": "k", "value": "1"}], [{"key": "k", "value": "2"}]]),
            message_id=rng.choice([None, "1", "2"]),
            topic=rng.choice(["t", "u"]),
            is_device_time=rng.random() < 0.7,
            is_suspect=rng.random() < 0.2,
            received_at=NOON + timedelta(minutes=1),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(3, 20))])
def test_readings_that_tie_in_all_that_tells_their_order(tmp_path: Path, seed: int) -> None:
    (tmp_path / "metrics.csv").write_text(CATALOG)
    rng = random.Random(seed)
    rows, found = tied(rng, 400), []
    for threads in (1, 2, 8):
        home = Home(tmp_path / f"home{threads}")
        Landing(home).land(rows)
        [path] = home.landing.glob("*/*.parquet")
        rng.shuffle(rows)
        frame = pl.DataFrame(rows, schema=SCHEMA).with_columns(segment=pl.lit("test-0-000001"))
        write_landing(frame.with_columns(position=pl.lit(7, pl.Int64)), path)
        config = WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, threads=threads)
        assert build(home, SiteStub(warehouse=config, catalog=tmp_path)).is_ok
        found.append(fingerprints(home))
    assert found[0]["readings_clean"][0] > 100
    assert found[1:] == found[:1] * 2


def test_the_peak_of_an_event_is_the_first_of_its_highest_hours() -> None:
    columns = "device_id, metric, window_start, score, is_anomaly, direction, deviation, reason"
    hours = [(NOON + timedelta(hours=hour), 5.0 if hour in {1, 2, 4} else 1.0, f"r{hour}") for hour in range(6)]
    for order in (hours, hours[::-1]):
        rows = ", ".join(
            f"('d', 'm', timestamp '{at}', {score}, true, '{why}', {score}, '{why}')" for at, score, why in order
        )
        with duckdb.connect() as connection:
            connection.execute(f"create table anomalies as select * from (values {rows}) as t ({columns})")
            for statement in joined_views.statements(["anomalies"]):
                connection.execute(statement)
            peak = connection.execute("select peak_at, peak_score, direction, reason from anomaly_events").fetchall()
        assert peak == [(NOON + timedelta(hours=1), 5.0, "r1", "r1")]
