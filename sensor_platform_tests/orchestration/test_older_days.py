"""Days without a partition: none is asked for, and a person reads why."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.orchestration.planning.older_days import with_partition
from sensor_platform.warehouse.dirty import DirtyDay

EPOCH = date(2026, 3, 1)
days = st.integers(-40, 40).map(lambda number: EPOCH + timedelta(days=number))


def dirty(*some: date) -> list[DirtyDay]:
    return [DirtyDay(day=day, position=1, windows=1, readings=1, models=()) for day in some]


@given(st.lists(days, unique=True), days, days)
def test_each_dirty_day_is_known_or_waits_or_is_left_out(some: list[date], first_known: date, start: date) -> None:
    known, older = with_partition(dirty(*some), first_known, start)
    assert sorted([one.day for one in known] + [*older.waiting, *older.left_out]) == sorted(some)
    assert all(one.day >= max(first_known, start) for one in known)
    assert all(start <= day < first_known for day in older.waiting)
    assert all(day < start for day in older.left_out)
    assert bool(older.sentences) == bool(older.waiting or older.left_out)


def test_a_person_reads_what_to_do() -> None:
    _, older = with_partition(dirty(date(2026, 1, 1), date(2026, 2, 1), date(2026, 2, 2)), EPOCH, date(2026, 2, 1))
    waits, left_out = older.sentences
    assert (
        waits
        == "2 older days (2026-02-01 to 2026-02-02) wait: reload the code location, whose first partition is 2026-03-01"
    )
    assert left_out.startswith("1 older day (2026-01-01) are left out")
    assert "`start`" in left_out
