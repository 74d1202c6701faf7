import sqlite3
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE
from sensor_platform.landing.ledger import StateRow, copy_state, generation, open_ledger, slots_between
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models, models
from sensor_platform.warehouse.staleness import look
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

YEARS = 2


def test_without_a_ledger_no_day_is_dirty(home: Home, site: SiteStub) -> None:
    assert dirty_days(home, site) == ()


def test_a_day_carries_its_evidence(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    position = landing.land([reading("d", "m", noon + timedelta(days=1, minutes=n), 1.0) for n in range(15)])
    first, second = dirty_days(home, site, dbt_models())
    assert (first.day, first.position, first.readings) == (noon.date(), 1, 1)
    assert (second.day, second.position, second.readings) == (noon.date() + timedelta(days=1), position, 15)
    assert first.models == (*dbt_models()[:-1],)
    assert second.models == dbt_models()


def test_what_was_found_clean_is_not_looked_at_again(
    landing: Landing, home: Home, site: SiteStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of slots: no look reads them all, and a new slot is found among them."""
    looked_at: list[int] = []

    def counting(*arguments: Any) -> Any:
        found = slots_between(*arguments)
        looked_at.append(len(found))
        return found

    monkeypatch.setattr(look, "slots_between", counting)
    newest = long_history(home)
    assert dirty_days(home, site, dbt_models()) == ()
    assert looked_at == []  # the database compares what is clean
    looked_at.clear()
    assert dirty_days(home, site, dbt_models()) == ()
    assert sum(looked_at) == 0
    landing.land([reading("d", "m", newest, 1.0)])
    assert [day.day for day in dirty_days(home, site, dbt_models())] == [newest.date()]
    assert sum(looked_at) <= 3 * 144


def test_another_set_of_tables_has_not_been_found_clean(home: Home, site: SiteStub) -> None:
    long_history(home, days=3)
    assert dirty_days(home, site, dbt_models()) == ()
    assert len(dirty_days(home, site, [*dbt_models(), "features"])) == 3


def test_a_new_generation_makes_every_day_dirty(home: Home, site: SiteStub) -> None:
    long_history(home, days=3)
    assert dirty_days(home, site, dbt_models()) == ()
    with sqlite3.connect(home.ledger_file) as ledger:
        ledger.execute("update meta set value = 'another' where key = 'generation'")
    ledger.close()
    assert len(dirty_days(home, site, dbt_models())) == 3


def long_history(home: Home, days: int = YEARS * 365) -> datetime:
    """A ledger of so many days, all of it built; returns the start of the newest slot."""
    first = (date(2020, 1, 1) - date(1970, 1, 1)).days * DAY
    slots = range(first, first + days * DAY, 10 * MINUTE)
    with open_ledger(home) as ledger:
        made = generation(ledger)
        ledger.execute("begin")
        ledger.executemany("insert into slots values (?, 1)", [(slot,) for slot in slots])
        ledger.execute(
            "insert into segments (segment, position, committed_at, contract_version, messages, landed, quarantined,"
            " duplicate, readings, rejected_readings)"
            " values ('old', 1, 0, '', 0, 0, 0, 0, 0, 0)"
        )
        ledger.execute("commit")
        for name in dbt_models():
            windows = sorted({models()[name].floor(slot, 10 * MINUTE) for slot in slots})
            copy_state(ledger, [StateRow(name, window, made, 1) for window in windows])
    return datetime(1970, 1, 1) + timedelta(microseconds=slots[-1])  # noqa: DTZ001 - plain UTC
