"""Readings of one message that are repeats of each other: which one is kept depends neither on threads nor on files."""

import pyarrow.parquet as pq
import pytest

from sensor_platform_tests.field.core.homes import HOUR, T0, land, seal
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, Site
from sensor_platform_tests.field.core.tables import ask, asked, site_with

KEPT = "select count(*), sum(value)::int, sum(hash(device_id, event_at, message_id, value)) from readings_clean"


def kept_after_rebuild(home: Home, site: Site) -> tuple[int, int, int]:
    """Readings, sum of values and a hash of a warehouse that is made anew."""
    home.warehouse_file.unlink(missing_ok=True)
    need(asked(home, site).is_ok, "the build succeeds")
    [(count, total, digest)] = ask(home.warehouse_file, KEPT)
    return count, total, digest


def seal_arrays(home: Home, seq: int, count: int) -> None:
    """Each message is an array of three records with one sequence number."""
    messages = [
        [{"device_id": f"d{i % 50}", "metric": "p", "value": value, "seq": seq * 100_000 + i} for value in (1, 2, 3)]
        for i in range(count)
    ]
    seal(home, seq, messages, T0 + seq * 1000)


def test_core_10_the_same_readings_give_the_same_tables_in_any_order_of_rows(home: Home) -> None:
    site = site_with(warehouse={"threads": 1})
    seal_arrays(home, 1, 20)
    land(home, T0 + HOUR)
    before = kept_after_rebuild(home, site)
    need(before[0] == 20, "one reading of each message is kept")
    [path] = home.landing.glob("*/*.parquet")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.take(list(reversed(range(len(table))))), path)
    assert kept_after_rebuild(home, site) == before, "the reading that is kept is the one that the file has first"


@pytest.mark.field_slow
def test_core_10_the_same_landing_files_give_the_same_tables_with_any_number_of_threads(home: Home) -> None:
    for seq in range(1, 5):  # fewer readings do not reach the engine's second thread
        seal_arrays(home, seq, 20_000)
    land(home, T0 + HOUR)
    found = [kept_after_rebuild(home, site_with(warehouse={"threads": threads})) for threads in (1, 2, 8, 8)]
    need(found[0][0] == 80_000, "one reading of each message is kept")
    assert len(set(found)) == 1, f"readings, sum of values and hash of each build: {found}"
