"""Local times without an offset in the hour that a year repeats: the two passes are told apart by the receive time."""

from datetime import UTC, datetime, timedelta

from sensor_platform_tests.field.core.homes import land, readings, seal
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Contract, Home, TimeSource

BERLIN = Contract(name="c", topic="#", time=TimeSource(timezone="Europe/Berlin"))
FIRST, SECOND = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
"""Both are 02:30 in Berlin."""


def test_core_29_readings_of_the_repeated_hour_keep_their_hour(home: Home) -> None:
    for seq, at in enumerate((FIRST, SECOND), 1):
        received = round(at.timestamp() * 1e6) + 1_000_000
        seal(home, seq, [{"device_id": "d", "v": seq, "ts": "2026-10-25T02:30:00"}], received)
        land(home, received + 1_000_000, (BERLIN,))
    found = readings(home).sort("value")["event_at"].to_list()
    need(len(found) == 2, "both readings have landed")
    need(found[0] == FIRST.replace(tzinfo=None), "the first pass is read as summer time")
    assert found[1] - found[0] == timedelta(hours=1), f"readings of 00:30 and 01:30 UTC have the times {found}"
