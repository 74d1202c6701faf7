"""Landing files of imported readings."""

from datetime import datetime
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.imports.landing_writer import LandingWriter
from sensor_platform.imports.row_outcomes import Dictionaries
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.files.landing_table import LANDING_COLUMNS

NOON = 1_772_366_400_000_000
SLOT = 600_000_000
AT = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as files have it


def written(folder: Path, rows: list[tuple[str, str, int, float]]) -> tuple[pl.DataFrame, object]:
    """A landing file of (device, metric, seconds after noon, value), and its entry."""
    names = Dictionaries()
    code = names.topics.one("import/h.csv")
    readings = pl.DataFrame(
        {
            "device": pl.Series([names.devices.one(row[0]) for row in rows], dtype=pl.UInt32),
            "metric": pl.Series([names.metrics.one(row[1]) for row in rows], dtype=pl.UInt32),
            "event_at": [NOON + row[2] * 1_000_000 for row in rows],
            "position": range(len(rows)),
            "value": [row[3] for row in rows],
            "topic": pl.Series([code] * len(rows), dtype=pl.UInt32),
        }
    ).with_columns(slot=(pl.col("event_at") // SLOT).cast(pl.Int32))
    home = Home(folder)
    path = home.landing / "2026-03-01" / "import-1.parquet"
    path.parent.mkdir(parents=True)
    entry = LandingWriter(home, names, "import-1", NOON, SLOT).write(path, readings)
    assert (entry.sha256, entry.file) == (sha256(path), "landing/2026-03-01/import-1.parquet")
    assert entry.slots == {NOON: 3, NOON + SLOT: 1}
    assert (entry.first_event_at, entry.last_event_at, entry.rows) == (NOON, NOON + 600_000_000, 4)
    return pl.read_parquet(path), entry


def test_readings_are_in_order_of_slot_device_metric_and_time(tmp_path: Path) -> None:
    frame, _ = written(tmp_path, [("b", "t", 600, 4.0), ("b", "t", 1, 3.0), ("a", "t", 2, 2.0), ("b", "h", 0, 1.0)])
    assert frame.select("device_id", "metric", "value").rows() == [
        ("a", "t", 2.0),
        ("b", "h", 1.0),
        ("b", "t", 3.0),
        ("b", "t", 4.0),
    ]
    assert tuple(frame.columns) == LANDING_COLUMNS[:-1]
    assert frame["event_at"].to_list()[1] == frame["received_at"].to_list()[0] == AT
    assert set(frame["segment"]) == {"import-1"}
    assert set(frame["topic"]) == {"import/h.csv"}
