import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.staleness.propagation import Built
from sensor_platform.warehouse.staleness.state import record
from sensor_platform_tests.warehouse.landings import Landing, SiteStub

READERS = 20
PUBLISHES = [8, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
DEVICES = 50

# Every row of an hour carries the number of the publish that wrote it, and every device is in it: a piece that is half
# of one publish and half of another, or a part of one, shows as an hour with two numbers or too few rows.
READER = """
import duckdb, sys, time
file, stop, devices = sys.argv[1], sys.argv[2], int(sys.argv[3])
from pathlib import Path
asked = wrong = 0
kept = duckdb.connect(file, read_only=True)
while not Path(stop).exists():
    for connection in (kept, duckdb.connect(file, read_only=True)):
        rows = connection.execute(
            "select window_start, count(*), count(distinct n), count(distinct device_id) from readings_1m"
            " group by window_start"
        ).fetchall()
        asked += 1
        wrong += len(rows) != 6
        wrong += any(row[1:] != (devices, 1, devices) for row in rows)
        if connection is not kept:
            connection.close()
    time.sleep(0.3)
print(asked, wrong)
"""


@pytest.mark.parametrize("publishes", PUBLISHES)
def test_twenty_readers_through_many_publishes_see_no_error_and_no_half_piece(
    landing: Landing, home: Home, site: SiteStub, publishes: int
) -> None:
    publish(home, site)
    rewrite(home, site, 0)
    publish(home, site)
    stop = home.root / "stop"
    command = [sys.executable, "-c", READER, str(home.analytics_file), str(stop), str(DEVICES)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(READERS)
    ]
    try:
        time.sleep(1)
        for number in range(1, publishes + 1):
            rewrite(home, site, number)
            assert publish(home, site).tables["readings_1m"].files == 6
    finally:
        stop.touch()
        outputs = [reader.communicate(timeout=120) for reader in readers]
    asked = [int(out.split()[0]) for out, error in outputs if not error]
    assert [error for _, error in outputs if error] == []
    assert [int(out.split()[1]) for out, _ in outputs] == [0] * READERS
    assert min(asked) >= 4
    with duckdb.connect(str(home.analytics_file), read_only=True) as connection:
        assert connection.execute("select distinct n from readings_1m").fetchall() == [(publishes,)]


def rewrite(home: Home, site: Any, number: int) -> None:
    """Every hour of a day anew in readings_1m, with its state, as a build would: this test is about publishing."""
    start = datetime(2026, 1, 2)  # noqa: DTZ001 - plain UTC
    micros = int((start - datetime(1970, 1, 1)) / timedelta(microseconds=1))  # noqa: DTZ001
    with open_warehouse(home, site.warehouse) as connection:
        connection.begin()
        connection.execute("delete from readings_1m")
        connection.execute(
            "insert into readings_1m by name select 'd' || d as device_id, 'm' as metric, w as slot_start,"
            " w as window_start, ? as n from range(?) t(d), range(?::timestamp, ?::timestamp, interval 1 hour) h(w)",
            [number, DEVICES, start, start + timedelta(hours=6)],
        )
        record(connection, "readings_1m", {micros + hour * 3_600_000_000: Built("g", number) for hour in range(6)})
        connection.commit()
