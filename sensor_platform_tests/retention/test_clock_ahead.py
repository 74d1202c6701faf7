"""A clock that is wrong: nothing young is deleted, and a floor in the future can be moved back."""

import json

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.ledger import landing_floor, late_frozen_rows, open_ledger
from sensor_platform.landing.long_steps import long_steps
from sensor_platform.retention import apply
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment
from sensor_platform_tests.warehouse.landings import SiteStub

MIDNIGHT = T0 // DAY * DAY
YEARS = 3 * 365 * DAY
SITE = SiteStub()
KEEP = RetentionConfig(
    landing_days=5, readings_clean_days=2, readings_10s_days=2, readings_1m_days=2, readings_1h_days=4
)


def send(home: Home, day: int, *, at: int | None = None) -> None:
    """A reading of noon of a day, which arrives then or at another time."""
    noon = MIDNIGHT + day * DAY + 12 * HOUR
    payload = b'{"id":"a","ts":%d,"t":%d}' % (noon // 10**6, day)
    arrived = noon if at is None else at
    seal_segment(home, 1000 + day, [Message(payload)], received_at=arrived)
    land_all(home, now=arrived)


def made(home: Home) -> None:
    assert build(home, SITE).is_ok
    publish(home, SITE)


def retain(home: Home, now: int, *, is_confirmed: bool = False) -> apply.Retention:
    return apply.apply(home, SITE, KEEP, 7, now, is_confirmed=is_confirmed)


def floor(home: Home) -> int | None:
    with open_ledger(home) as ledger:
        found = landing_floor(ledger)
    return None if found is None else (found - MIDNIGHT) // DAY


def files(home: Home) -> int:
    return len(list(home.landing.glob("*/*.parquet")))


@pytest.mark.parametrize("jump", [-DAY, HOUR, 10 * DAY, YEARS])
def test_a_jump_of_the_clock_alone_deletes_what_a_right_one_deletes(home: Home, jump: int) -> None:
    for day in range(4):
        send(home, day)
    made(home)
    found = retain(home, MIDNIGHT + 3 * DAY + 13 * HOUR + jump)
    assert found.days == retain(home, MIDNIGHT + 3 * DAY + 13 * HOUR).days or jump < 0 or found.days != ()
    assert (found.landing, found.floor, floor(home), files(home)) == ((), None, None, 4)


def test_a_wrong_clock_of_the_collector_too_deletes_two_days_at_most_and_the_rest_waits(home: Home) -> None:
    for day in range(4):
        send(home, day)
    made(home)
    now = MIDNIGHT + 3 * DAY + 13 * HOUR
    retain(home, now)
    send(home, 4, at=now + YEARS)
    made(home)
    assert retain(home, now + YEARS).landing == ()
    assert (floor(home), files(home)) == (None, 5)
    (step,) = long_steps(home, KEEP.landing_days, now + YEARS)
    assert (step.what, step.days) == ("today", 3 * 365 - 2)
    assert "retention --apply --yes" in step.hint
    assert long_steps(home, KEEP.landing_days, now) == (), "the clock is right again"
    for day in range(5, 7):
        send(home, day)
    made(home)
    retain(home, MIDNIGHT + 6 * DAY + 13 * HOUR)
    assert floor(home) == 1, "as if nothing had happened"


def test_a_floor_that_may_not_move_so_far_waits_and_is_named(home: Home) -> None:
    for day in range(12):
        send(home, day)
        if day == 7:
            made(home)
            retain(home, MIDNIGHT + 7 * DAY + 13 * HOUR)
    assert floor(home) == 2
    made(home)
    now = MIDNIGHT + 11 * DAY + 13 * HOUR
    short = RetentionConfig(**dict.fromkeys(KEEP.__struct_fields__, 1))
    with open_ledger(home) as ledger:  # as if it had moved a moment ago
        floors = [[now, landing_floor(ledger), 11]]
        ledger.execute("update meta set value = ? where key = 'landing_floors'", (json.dumps(floors),))
    done = apply.apply(home, SITE, short, 7, now)
    assert floor(home) == 4
    assert [(kept.table, kept.day) for kept in done.kept] == [("landing", day_of(MIDNIGHT + 4 * DAY))]
    (step,) = long_steps(home, 1, now)
    assert (step.what, step.days) == ("landing floor", 6)
    apply.apply(home, SITE, short, 7, now, is_confirmed=True)
    assert floor(home) == 10
    assert long_steps(home, 1, now) == ()


def test_a_floor_in_the_future_is_named_deletes_nothing_and_goes_back_when_confirmed(home: Home) -> None:
    for day in range(3):
        send(home, day)
    made(home)
    with open_ledger(home) as ledger:
        frozen = MIDNIGHT + YEARS
        rows = [("landing_floor", str(frozen)), ("landing_floors", json.dumps([[MIDNIGHT + 3 * DAY, frozen]]))]
        ledger.executemany("insert into meta values (?, ?)", rows)
        for (file,) in ledger.execute("select file from files where kind = 'landing'").fetchall()[:2]:
            (home.root / file).unlink()
            ledger.execute("delete from file_slots where file = ?", (file,))
            ledger.execute("delete from files where file = ?", (file,))
    for day in (3, 4):
        send(home, day)
    made(home)
    now = MIDNIGHT + 4 * DAY + 13 * HOUR
    assert days_built(home) == [0, 1, 2], "what came since has changed nothing"
    (step,) = long_steps(home, KEEP.landing_days, now)
    assert (step.what, step.at, step.due) == ("landing floor", day_of(frozen), day_of(now))
    assert retain(home, now).files == 0
    planned = apply.plan(home, SITE, KEEP, 7, now, is_confirmed=True)
    assert planned == retain(home, now, is_confirmed=True)
    assert (planned.lowered, floor(home)) == (day_of(MIDNIGHT + 2 * DAY), 2)
    with open_ledger(home) as ledger:
        assert late_frozen_rows(ledger) == 0
    made(home)
    assert days_built(home) == [0, 1, 2, 3, 4]
    assert long_steps(home, KEEP.landing_days, now) == ()


def days_built(home: Home) -> list[int]:
    import duckdb

    with duckdb.connect(str(home.warehouse_file), read_only=True) as connection:
        rows = connection.execute("select epoch_us(window_start) from readings_1d order by 1").fetchall()
    return [(at - MIDNIGHT) // DAY for (at,) in rows]
