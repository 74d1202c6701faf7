"""Counts when rows leave the quarantine."""

import polars as pl

from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger import DeviceCounts
from sensor_platform.landing.quarantine.recount import recount
from sensor_platform.landing.quarantine.redecode import Redecoded
from sensor_platform_tests.landing.pieces import NOON

ROWS = pl.DataFrame(
    {
        "scope": ["message", "message", "reading", "reading"],
        "device_id": [None, "b", "c", "c"],
        "position": [0, 1, 2, 2],
        "received_at": pl.Series([NOON] * 4).cast(pl.Datetime("us")),
    }
)


def counts(*rows: DeviceCounts) -> dict[str, tuple[int, int, int, int]]:
    return {row.device_id: (row.received, row.landed, row.quarantined, row.rejected_readings) for row in rows}


def again(*landed: tuple[int, str]) -> Redecoded:
    table = pl.DataFrame(landed, {"position": pl.Int64, "device_id": pl.String}, orient="row")
    return Redecoded(pl.DataFrame(), pl.DataFrame(), table)


def test_a_message_that_lands_is_counted_where_it_landed_and_no_more_where_it_was() -> None:
    change = recount(ROWS, ROWS.filter(pl.col("position") > 0), ROWS.clear(), again((0, "a")))
    assert (change.landed, change.rejected_readings) == (1, 0)
    assert counts(*change.counts) == {UNKNOWN_DEVICE: (-1, 0, -1, 0), "a": (1, 1, 0, 0)}
    assert {row.hour for row in change.counts} == {NOON}


def test_a_reading_that_lands_is_refused_no_more() -> None:
    change = recount(ROWS, ROWS.filter(pl.col("scope") == "message"), ROWS.clear(), again())
    assert (change.landed, change.rejected_readings) == (0, -2)
    assert counts(*change.counts) == {"c": (0, 0, 0, -2)}


def test_what_is_dropped_stays_counted() -> None:
    change = recount(ROWS, ROWS.clear(), ROWS, None)
    assert (change.landed, change.rejected_readings, change.counts) == (0, 0, ())
