"""Drift and late readings of the ledger by day."""

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import daily_rows, open_ledger
from sensor_platform_tests.landing.homes import T0, segment_name

SLOT = 600_000_000


def test_drift_is_found_by_its_arrival(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        ((at, *drift),) = daily_rows.drift_since(ledger, 0, 10)
        assert drift == ["a", "t", "type", "integer", "text"]
        assert daily_rows.drift_since(ledger, at + 1, 10) == []
        ((found_at, device, metric, *_, segment),) = daily_rows.drift_rows(ledger, at, at + 1)
        assert (found_at, device, metric, segment) == (at, "a", "t", segment_name(2))
        assert daily_rows.drift_rows(ledger, at + 1, at + DAY) == []


def test_the_fingerprint_of_a_day_changes_with_its_drift(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        before = daily_rows.drift_fingerprints(ledger)
        assert list(before) == [T0 // DAY]
        ledger.execute("delete from drift")
        assert daily_rows.drift_fingerprints(ledger) == {}


def test_late_readings_are_found_by_their_slot(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        assert daily_rows.late_fingerprints(ledger) == {}
        ledger.execute("insert into late_frozen values (?, ?, 7, ?)", (segment_name(1), T0, T0))
        one = daily_rows.late_fingerprints(ledger)
        assert list(one) == [T0 // DAY]
        ((slot, count, received_at, segment),) = daily_rows.late_rows(ledger, T0, T0 + SLOT)
        assert (slot, count, segment) == (T0, 7, segment_name(1))
        assert received_at is not None
        assert daily_rows.late_rows(ledger, T0 + SLOT, T0 + DAY) == []
        ledger.execute("update late_frozen set rows = 8")
        assert daily_rows.late_fingerprints(ledger) != one
