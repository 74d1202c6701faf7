"""The questions that other rooms ask the ledger, on a home of two segments and three slots."""

import pytest

from sensor_platform.home import Home
from sensor_platform.landing import ledger as asked
from sensor_platform.landing.ledger import StateRow, open_ledger, read_ledger
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

SLOT, DAY = 600_000_000, 24 * HOUR
TODAY = T0 // DAY * DAY


@pytest.fixture
def filled(home: Home) -> Home:
    """Three readings of one hour and, a second segment, one reading of the day before."""
    now, before = T0 // 1_000_000, (T0 - DAY) // 1_000_000
    seal_segment(home, 1, [Message(b'{"id": "a", "t": 1, "ts": %d}' % (now + shift)) for shift in (0, 1, 600)])
    seal_segment(home, 2, [Message(b'{"id": "a", "t": 1, "ts": %d}' % before)])
    land_all(home)
    return home


def test_slots_and_their_readings(filled: Home) -> None:
    first, second, early = (at // SLOT * SLOT for at in (T0, T0 + SLOT, T0 - DAY))
    with read_ledger(filled) as ledger:
        assert ledger is not None
        assert asked.readings_by_slot(ledger, 0, 1 << 60) == {early: 1, first: 2, second: 1}
        assert asked.readings_by_slot(ledger, first, second) == {first: 2}
        assert asked.touched_extent(ledger) == (early, second)
        assert asked.newest_slots(ledger, 2) == [(second, 1), (first, 1)]
        assert asked.touched_days(ledger, 0, 1 << 60) == [TODAY - DAY, TODAY]
        assert asked.touched_days(ledger, TODAY, 1 << 60) == [TODAY]


def test_files_and_what_is_in_them(filled: Home) -> None:
    with read_ledger(filled) as ledger:
        assert ledger is not None
        both = asked.landing_paths(ledger, filled)
        sizes = [path.stat().st_size for path in both]
        names = [str(path.relative_to(filled.root)) for path in both]
        assert len(both) == 2
        assert asked.landing_bytes(ledger, 0, 1 << 60) == sum(sizes)
        assert asked.landing_bytes(ledger, TODAY, 1 << 60) == sizes[0]
        assert dict(asked.first_slots(ledger, 0, 1 << 60)) == {
            names[0]: T0 // SLOT * SLOT,
            names[1]: (T0 - DAY) // SLOT * SLOT,
        }
        assert asked.last_file_of_days(ledger) == {TODAY - DAY: names[1], TODAY: names[0]}
        assert [file.file for file in asked.files_wholly_before(ledger, TODAY)] == [names[1]]
        assert len(asked.raw_files_since(ledger, filled, 0)) == 2
        assert asked.raw_files_since(ledger, filled, 1 << 60) == []
        assert asked.newest_event(ledger, 1) == T0 - DAY
        assert asked.newest_event(ledger, 2) == T0 + SLOT


def test_the_copy_of_the_warehouse_s_state_is_added_to_and_replaced(filled: Home) -> None:
    rows = [StateRow("m", start, "g", position) for start, position in ((0, 1), (10, 2), (20, 3))]
    with open_ledger(filled) as ledger:
        asked.copy_state(ledger, rows)
        asked.copy_state(ledger, [StateRow("m", 10, "g", 7)])
        assert asked.built_windows(ledger, "m", 0, 20) == [rows[0], StateRow("m", 10, "g", 7)]
        assert asked.built_position(ledger, "m", 10, "g") == 7
        assert asked.built_position(ledger, "m", 10, "another generation") is None
        asked.replace_state(ledger, rows[2:])
        assert asked.built_windows(ledger, "m", 0, 1 << 60) == rows[2:]
        asked.replace_state(ledger)
        assert asked.built_windows(ledger, "m", 0, 1 << 60) == []


def test_an_import_knows_its_files(filled: Home) -> None:
    with open_ledger(filled) as ledger:
        ledger.execute("insert into imports select 'digest', segment, 'name', 1, 0, 'm' from segments limit 1")
        assert [(file.sha256, file.mapping) for file in asked.imported(ledger)] == [("digest", "m")]
        newest = asked.totals(ledger).newest_committed_at
        assert newest is not None
        assert asked.next_commit_time(ledger, 0) == newest + 1
        assert asked.next_commit_time(ledger, newest + 5) == newest + 5
