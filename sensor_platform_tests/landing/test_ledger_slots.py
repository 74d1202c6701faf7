"""Questions to the ledger about slots."""

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import open_ledger, read_ledger, reopen_slots, slots
from sensor_platform_tests.landing.homes import T0

SLOT = 600_000_000
EVER = (-(1 << 60), 1 << 60)


def test_slots_have_the_newest_position_that_touched_them(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        assert slots.slots_between(ledger, T0, T0 + SLOT) == {T0: 1}
        assert slots.slots_after(ledger, 0) == {T0: 1, T0 + SLOT: 2}
        assert slots.slots_after(ledger, 1) == {T0 + SLOT: 2}
        assert slots.newest_slots(ledger, 1) == [(T0 + SLOT, 2)]


def test_slots_that_may_not_be_built_again_are_left_out(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        reopen_slots(ledger, [T0], {})
        assert slots.slots_after(ledger, 2) == {T0: 3}
        ledger.execute("insert into held_slots values (?, 'x')", (T0 + SLOT,))
        assert slots.slots_after(ledger, 0) == {T0: 3}
        ledger.execute("insert into meta values ('landing_floor', ?)", (str(T0 + SLOT),))
        assert slots.slots_between(ledger, *EVER) == {}
        assert slots.touched_days(ledger, *EVER) == [T0 // DAY * DAY], "retained or not"


def test_the_extent_of_what_was_landed(home: Home, landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        assert slots.touched_extent(ledger) == (T0, T0 + SLOT)
        assert slots.touched_days(ledger, T0 + DAY, T0 + 2 * DAY) == []
    with open_ledger(Home(home.root / "empty")) as empty:
        assert slots.touched_extent(empty) is None


def test_visible_readings_are_counted_by_slot(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        assert slots.readings_by_slot(ledger, *EVER) == {T0: 1, T0 + SLOT: 2}
        ledger.execute("update files set replaced_at = 1 where segment = (select max(segment) from segments)")
        assert slots.readings_by_slot(ledger, *EVER) == {T0: 1, T0 + SLOT: 1}
