"""After `land --rebuild-ledger`: successful runs of before are not taken for tries that did not help."""

from datetime import UTC, datetime, timedelta

from sensor_platform_tests.field.core.homes import MINUTE, T0, land, position, reopen, seal, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, rebuild_ledger
from sensor_platform_tests.field.core.tables import asked_for, dirty, done_runs_of, site_with

NOW = datetime.fromtimestamp(T0 / 1e6, UTC)


def test_core_25_a_ledger_made_anew_is_built_without_waiting_for_an_hour(home: Home) -> None:
    site = site_with()
    for seq in range(1, 11):
        seal(home, seq, series("d", T0 - seq * 1_000_000, 1))
    land(home, T0 + 1000)
    for _ in range(30):  # as a changed catalog, a reland or a restored file does
        reopen(home, T0 - T0 % (10 * MINUTE))
    runs = done_runs_of(home, NOW, 10)
    rebuild_ledger(home)
    need(position(home) == 10, "the new ledger counts its positions from 1")
    days = dirty(home, site)
    need([one.day for one in days] == [NOW.date()], "the day has work")
    late = NOW + timedelta(minutes=10)
    assert asked_for(days, runs, late, site), "ten minutes later nothing is asked for: the day waits for an hour"
