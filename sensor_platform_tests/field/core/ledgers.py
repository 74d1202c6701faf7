"""Ledgers of long histories, written directly: landing them would take hours."""

import sqlite3
from contextlib import closing

from sensor_platform_tests.field.core.homes import DAY, MINUTE, T0
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import WHOLE, Home, Site, generation, models, read_ledger

SLOT = 10 * MINUTE
TODAY = T0 - T0 % DAY


def with_segments(home: Home, count: int) -> None:
    """So many segments of one message each, five seconds apart, as committed; the newest is of a while ago."""
    names = (f"old-1772000000000-{seq:08d}" for seq in range(count))
    rows = (
        (name, seq + 1000, T0 - (count - seq) * 5_000_000, "0123456789abcdef", 500, 500, 0, 0, 1500, 0, T0)
        for seq, name in enumerate(names)
    )
    with closing(sqlite3.connect(home.ledger_file)) as connection:
        connection.executemany(
            "insert into segments (segment, position, committed_at, contract_version, messages, landed, quarantined,"
            " duplicate, readings, rejected_readings, newest_event_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.commit()


def with_history(home: Home, site: Site, days: int) -> None:
    """A ledger of so many days of which everything is built, but for the newest slot, which was touched again."""
    with read_ledger(home) as ledger:
        need(ledger is not None, "there is a ledger")
        made = generation(ledger) if ledger else ""
    slots = range(TODAY - (days - 1) * DAY, TODAY + DAY // 2, SLOT)
    with closing(sqlite3.connect(home.ledger_file)) as connection:
        connection.execute("delete from slots")
        connection.execute("delete from warehouse_state")
        connection.executemany("insert into slots values (?, ?)", ((at, n + 1) for n, at in enumerate(slots)))
        for model in models(site.warehouse.large_piece).values():
            windows = {model.floor(at, SLOT) for at in slots} if model.grain != "whole" else {WHOLE}
            rows = ((model.name, at, made, len(slots) + 1) for at in windows)
            connection.executemany("insert into warehouse_state values (?, ?, ?, ?)", rows)
        connection.execute("insert or replace into slots values (?, ?)", (slots[-1], len(slots) + 2))
        connection.commit()


def with_nothing_built(home: Home, site: Site, days: int) -> None:
    """The same history as it is after an import, or in a ledger that was made anew."""
    with_history(home, site, days)
    with closing(sqlite3.connect(home.ledger_file)) as connection:
        connection.execute("delete from warehouse_state")
        connection.commit()
