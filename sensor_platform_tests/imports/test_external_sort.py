"""The external sort."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.imports import external_sort as module
from sensor_platform.imports.external_sort import SortedRuns

batches = st.lists(st.lists(st.integers(0, 99), max_size=12), max_size=6)


@settings(max_examples=20, deadline=None)
@given(batches)
def test_readings_in_any_order_come_back_by_slot_and_no_slot_is_in_two_pieces(some: list[list[int]]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RUN_ROWS", 10)
        patch.setattr(module, "PIECE_ROWS", 8)
        runs = SortedRuns(Path(folder), 10)
        for batch in some:
            runs.add(pl.DataFrame({"event_at": batch}, schema={"event_at": pl.Int64}))
        pieces = list(runs.pieces())
        read = [runs.read(*piece)["event_at"].to_list() for piece in pieces]
    flat = [at for batch in some for at in batch]
    assert runs.count == len(flat)
    assert sorted(at for piece in read for at in piece) == sorted(flat)
    for (first, last), found in zip(pieces, read, strict=True):
        assert {at // 10 for at in found} <= set(range(first, last + 1))
    assert [slot for piece in pieces for slot in piece] == sorted(slot for piece in pieces for slot in piece)
    assert all(len(found) >= 8 for found in read[:-1])


def test_what_fits_into_one_run_stays_in_memory(tmp_path: Path) -> None:
    runs = SortedRuns(tmp_path, 10)
    runs.add(pl.DataFrame({"event_at": [25, 5]}))
    assert list(runs.pieces()) == [(0, 2)]
    assert list(tmp_path.iterdir()) == []
