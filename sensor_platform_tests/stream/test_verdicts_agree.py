"""Verdicts that look back are those of the tables, and survive a restart in the middle."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from sensor_platform.home import Home
from sensor_platform.live.engine.catalog_view import catalog_of
from sensor_platform.stream.columns import BAD, Readings
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.verdicts import Validator
from sensor_platform.warehouse.build import build
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

CATALOG = (
    "metric,unit,min,max,max_change_per_s,compare_within_s,stuck_after_s\n"
    "flow,l,-100,100,2.5,30,\nlevel,m,,,,,45\nboth,m,0,50,1,600,20\nfree,m,0,10,,,\n"
)
NOON = datetime(2026, 1, 2, 12)  # noqa: DTZ001 - plain UTC, like the columns
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
Row = tuple[str, str, int, float]


def stream(seed: int, count: int) -> list[Row]:
    """device, metric, microseconds after noon, value: in order of time; standing still, jumping, out of range, tied."""
    rng = random.Random(seed)
    rows = []
    for metric in ("flow", "level", "both", "free"):
        for device in ("a", "b"):
            at, value = 0, 5.0
            for _ in range(count):
                at += rng.choice(
                    [0, 1_000_000, 4_000_000, 9_500_000, 700_000_000 if rng.random() < 0.05 else 2_000_000]
                )
                value = value if rng.random() < 0.75 else rng.choice([5.0, 6.0, 7.25, 30.0, 200.0, -3.0])
                rows.append((device, metric, at, value))
    return sorted(rows, key=lambda row: (row[2], row[3]))


def verdicts(rows: list[Row], folder: Path, sizes: random.Random) -> list[bool]:
    """Whether each is bad, live, in batches of random size with a restart before each."""
    catalog = catalog_of(folder)
    index = SeriesIndex()
    validator = Validator(catalog, index)
    found: list[bool] = []
    start = 0
    while start < len(rows):
        some = rows[start : start + sizes.randrange(1, 60)]
        again = Validator(catalog, index)
        again.look_back.load(validator.look_back.dump())
        validator = again
        device = index.device_numbers([row[0] for row in some])
        metric = np.array([index.metric_number(row[1]) for row in some], np.int64)
        count = len(some)
        columns = Readings(
            index.numbers(device, metric),
            np.arange(start, start + count),
            np.array([row[2] for row in some], np.int64),
            np.array([row[2] for row in some], np.int64),
            np.array([row[3] for row in some], np.float64),
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint64),
            np.ones(count, np.bool_),
        )
        order = np.lexsort((columns.message, columns.series))
        verdict = validator.validate(columns.pick(order)).verdict
        back = np.empty(count, np.int64)
        back[order] = np.arange(count)
        found += (verdict[back] == BAD).tolist()
        start += count
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_verdicts_that_look_back_are_those_of_the_tables(tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "metrics.csv").write_text(CATALOG)
    rows = stream(seed, 150)
    home = Home(tmp_path / "home")
    Landing(home, 600_000_000).land(
        [reading(device, metric, NOON + timedelta(microseconds=at), value) for device, metric, at, value in rows]
    )
    assert build(home, SiteStub(catalog=folder)).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        table = warehouse.execute(
            f"select device_id, metric, epoch_us(event_at) - {(NOON - EPOCH) // timedelta(microseconds=1)}, value,"
            " verdict = 'bad', rule from readings_clean"
        ).fetchall()
    live = [(*row, is_bad) for row, is_bad in zip(rows, verdicts(rows, folder, random.Random(seed)), strict=True)]
    assert sorted(live) == sorted(row[:5] for row in table)
    rules = {row[5] for row in table}
    assert {"changes_too_fast", "stuck", "above_range", None} <= rules, "or it was not compared"
