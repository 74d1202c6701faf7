"""Imports and requeues after something was landed by a clock that was wrong: rows have the time of the clock."""

from pathlib import Path

import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.imports.withdraw import withdraw
from sensor_platform.kernel.clock import DAY, HOUR, to_micros
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import landing_paths, open_ledger, read_ledger
from sensor_platform.landing.quarantine.reconcile import Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.contract import Contract, TimeSource
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.imports.import_helpers import LIMITS, NOW, SLOT, imported, write_csv
from sensor_platform_tests.landing.homes import Message, land_all, mixed_messages, seal_segment

COLUMNS = ("device_id", "ts", "t")
jumps = pytest.mark.parametrize("jump", [-DAY, HOUR, 10 * DAY, 1095 * DAY])


def home_of(folder: Path, jump: int) -> Home:
    """A home with messages that were received and landed by a wrong clock."""
    home = Home(folder / "home")
    seal_segment(home, 1, mixed_messages(3), received_at=NOW + jump)
    land_all(home, now=NOW + jump + HOUR)
    return home


def counts(home: Home) -> list[list[tuple[object, ...]]]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        tables = ("counts", "arrivals")
        return [ledger.execute(f"select * from {name} where received <> 0 order by 1, 2").fetchall() for name in tables]


def received(home: Home, source: str) -> list[int]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = [path for path in landing_paths(ledger, home) if path.name.startswith(source)]
    frames = [pl.read_parquet(path, hive_partitioning=False)["received_at"] for path in paths]
    return sorted({to_micros(at) for frame in frames for at in frame})


@jumps
def test_imported_rows_arrive_by_the_clock_and_are_taken_back_as_if_they_had_never_been(
    tmp_path: Path, jump: int
) -> None:
    home = home_of(tmp_path, jump)
    before = counts(home)
    file = write_csv(tmp_path / "a.csv", COLUMNS, [("a", "2026-02-01T00:00:00", 1), ("a", "never", 1)])
    assert imported(home, file).readings == 1
    assert received(home, "import-") == [NOW]
    with read_ledger(home) as ledger:
        assert ledger is not None
        hour, other = NOW // HOUR * HOUR, (NOW + jump) // HOUR * HOUR
        found = dict(ledger.execute("select hour, received from arrivals where received > 0").fetchall())
    assert found[hour] == 2 + (60 if hour == other else 0)
    assert audit(home).is_whole
    withdraw(home, [str(file)], SLOT, lambda: NOW)
    assert (counts(home), audit(home).is_whole) == (before, True)


@jumps
def test_counts_of_requeued_messages_stay_in_the_hour_of_their_arrival(tmp_path: Path, jump: int) -> None:
    home = home_of(tmp_path, jump)
    seal_segment(home, 2, [Message(b'{"id":"d","ts":"2026-02-01 00:00:00","t":1}')], received_at=NOW)
    land_all(home, (Contract(name="c", topic="#", time=TimeSource(required=True, format="s")),), now=NOW + HOUR)
    with open_ledger(home) as ledger:
        done = Reconciler(home, ledger, SLOT, lambda: NOW)
        list(done.requeue(RowSelection(), Decoder([Contract(name="c", topic="#")], LIMITS), "v2"))
    assert NOW in received(home, "col-1772366400000-00000002")
    found = audit(home)
    assert (found.is_whole, found.missing) == (True, ())
    before = counts(home)
    rebuild_ledger(home)
    assert counts(home) == before
