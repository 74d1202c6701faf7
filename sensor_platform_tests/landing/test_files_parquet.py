"""Landing and quarantine files."""

import msgspec
import polars as pl
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.files.parquet import file_entry, group_sizes, write_landing, write_quarantine
from sensor_platform.landing.rejects import RejectRows
from sensor_platform_tests.landing.pieces import NOON, decoded, piece_of

SLOT = 600_000_000


def test_a_landing_file_is_described_by_its_entry(home: Home) -> None:
    readings = LandingTable("seg")
    piece = piece_of(*(b'{"id":"a","ts":%d,"t":1}' % (NOON // 10**6 + seconds) for seconds in (1, 2, 700)))
    found = decoded(piece)
    readings.add(piece, found, readings.device_numbers(found))
    path = home.landing / "2026-03-01" / "seg.parquet"
    entry = write_landing(home, path, readings.table(SLOT))
    assert (entry.file, entry.kind, entry.rows) == ("landing/2026-03-01/seg.parquet", "landing", 3)
    assert entry.slots == {NOON: 2, NOON + SLOT: 1}
    assert (entry.first_event_at, entry.last_event_at) == (NOON + 1_000_000, NOON + 700_000_000)
    assert (entry.bytes, entry.sha256) == (path.stat().st_size, sha256(path))
    assert len(pl.read_parquet(path)) == 3
    assert "slot_start" not in pq.read_schema(path).names


def test_a_quarantine_file_has_no_slots(home: Home) -> None:
    refusals = RejectRows()
    piece = piece_of(b"\x00")
    refusals.add("seg", piece, decoded(piece))
    path = home.quarantine / "2026-03-01" / "seg.parquet"
    entry = write_quarantine(home, path, refusals.table())
    assert (entry.kind, entry.rows, entry.slots, entry.first_event_at) == ("quarantine", 1, {}, None)
    assert entry.messages == 1
    assert msgspec.structs.replace(entry, messages=None) == file_entry(home, path, "quarantine", 1)
    assert pl.read_parquet(path)["payload"].to_list() == [b"\x00"]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 700_000), max_size=12))
def test_row_groups_are_cut_at_slots_and_are_neither_tiny_nor_huge(slots: list[int]) -> None:
    sizes = group_sizes(slots)
    assert sum(sizes) == sum(slots)
    assert all(size >= 65_536 for size in sizes[:-1])
    assert all(size <= 524_288 for size in sizes)
