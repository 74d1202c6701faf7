"""A damaged landing file is no reason to give up a healthy warehouse file."""

import os
import random
from pathlib import Path

import duckdb
import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series, verified
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, PlatformError
from sensor_platform_tests.field.core.tables import ask, asked, built, site_with

COLUMNS = "device_id, metric, event_at, value, text, topic, segment, position, is_suspect, received_at"


def flip_a_bit(path: Path) -> None:
    """Harm the file where the engine calls it corrupt, as for 1 in 8 of its errors after a flipped bit.

    Time and size stay as they are.
    """
    whole, times, rng = path.read_bytes(), path.stat(), random.Random(5)
    with duckdb.connect() as connection:
        for _ in range(5000):
            at, bit = rng.randrange(4, len(whole)), 1 << rng.randrange(8)
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            try:
                connection.execute(f"create or replace temp table t as select {COLUMNS} from read_parquet('{path}')")
            except duckdb.Error as error:
                if "corrupt" in str(error).lower():
                    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
                    return
    pytest.fail("no flipped bit makes the file corrupt to the engine")


def day_of_machines(start: int) -> list[object]:
    """Seven devices with two metrics."""
    return [
        {"device_id": f"dev{i % 7}", "ts": start / 1e6 + i / 10, "temp": i * 0.37, "state": "RUN"} for i in range(3000)
    ]


@pytest.mark.field_slow
def test_core_03_a_flipped_bit_in_an_old_landing_file_costs_no_warehouse(home: Home) -> None:
    site = site_with()
    for seq in (1, 2):
        send(home, seq, day_of_machines(T0 + (seq - 1) * DAY), T0 + (seq - 1) * DAY + HOUR)
    built(home, site)
    verified(home, T0 + 2 * DAY)
    flip_a_bit(next(home.landing.glob("2026-03-01/*.parquet")))
    send(home, 3, series("dev1", T0 + 1_000_000, 1), T0 + 2 * DAY)
    need(any("2026-03-01" in str(path) for path in home.landing.glob("*/*.parquet")), "the harmed file is in use")
    try:
        asked(home, site)
    except PlatformError as error:
        said = error.message
    else:
        said = "it went through"
    aside = sorted(path.name for path in home.root.glob("aside/warehouse.duckdb*"))
    assert not aside, f"the build set the warehouse aside: {aside}; {said}"
    days = ask(home.warehouse_file, "select count(distinct cast(window_start as date)) from readings_1d")
    assert days == [(2,)], "days that were built are gone"
