from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.staleness.chunks import chunks
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading

rows_by_hour = st.dictionaries(st.integers(0, 5 * 24 - 1).map(lambda hour: hour * HOUR), st.integers(1, 50))


@given(rows_by_hour, st.integers(1, 200))
def test_chunks_cover_the_range_without_gap_or_overlap(rows: dict[int, int], most: int) -> None:
    found = chunks(0, 5 * DAY, rows, most)
    assert found[0].start == 0
    assert found[-1].end == 5 * DAY
    assert all(left.end == right.start for left, right in pairwise(found))
    assert [chunk.with_whole for chunk in found] == [False] * (len(found) - 1) + [True]


@given(rows_by_hour, st.integers(1, 200))
def test_only_a_single_hour_or_nothing_exceeds_the_limit(rows: dict[int, int], most: int) -> None:
    for chunk in chunks(0, 5 * DAY, rows, most):
        held = {start: count for start, count in rows.items() if chunk.start <= start < chunk.end}
        assert sum(held.values()) <= most or len(held) == 1


def test_days_stay_whole_where_they_fit() -> None:
    found = chunks(0, 3 * DAY, {0: 5, DAY: 5, 2 * DAY: 5}, 10)
    assert [(chunk.start, chunk.end) for chunk in found] == [(0, 2 * DAY), (2 * DAY, 3 * DAY)]


def test_without_rows_there_is_one_chunk() -> None:
    assert len(chunks(0, DAY, {}, 10)) == 1


def test_stale_windows_are_cut_by_the_readings_that_landing_has_of_them(
    home: Home, landing: Landing, noon: datetime
) -> None:
    """Those of a warehouse file that was lost count too, whatever the ledger's copy of its state says."""
    site = SiteStub(warehouse=WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, chunk_readings=100))
    for hour in range(3):
        at = noon + timedelta(hours=hour)
        landing.land([reading("d", "m", at + timedelta(seconds=n), n / 3) for n in range(90)])
    report = build(home, site, days=(noon.date(), noon.date()), position=3)
    assert report.is_ok
    assert report.chunks == 3
    before = fingerprints(home)
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site, position=4).chunks == 1
    home.warehouse_file.write_bytes(b"no database")
    report = build(home, site, days=(noon.date(), noon.date()), position=4)
    assert report.chunks == 3
    assert fingerprints(home)["readings_clean"][0] == before["readings_clean"][0] + 1
