"""Counts of what is in the quarantine."""

import polars as pl

from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.quarantine.recount import counted, counted_rejects, counted_whole
from sensor_platform_tests.landing.pieces import HOUR, NOON

ROWS = pl.DataFrame(
    {
        "scope": ["message", "message", "reading", "reading", "reading"],
        "device_id": [None, "b", "c", "c", "c"],
        "position": [0, 1, 2, 2, 3],
        "received_at": pl.Series([NOON, NOON, NOON, NOON + 1, NOON + HOUR]).cast(pl.Datetime("us")),
    }
)


def test_a_whole_message_is_received_and_quarantined_where_it_names_no_device_too() -> None:
    assert counted_whole(ROWS) == [
        counted(NOON, UNKNOWN_DEVICE, received=1, quarantined=1),
        counted(NOON, "b", received=1, quarantined=1),
    ]


def test_a_rejected_reading_of_a_landed_message_is_no_message() -> None:
    assert counted_rejects(ROWS) == [
        counted(NOON, "c", rejected_readings=2),
        counted(NOON + HOUR, "c", rejected_readings=1),
    ]
