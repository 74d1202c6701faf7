"""Rows of a landing file are in order of slot, device, metric, time and position, whatever their order of arrival."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.landing.files.row_order import is_in_time_order, row_order

_RECORDS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=12)


def _order(records: list[tuple[int, int, int]], readings: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Row numbers by the module, and by a plain sort of the whole key."""
    frame = pl.DataFrame(
        {
            "slot_start": [slot for slot, _, _ in records],
            "rank": [device for _, device, _ in records],
            "event_at": [at for _, _, at in records],
            "position": list(range(len(records))),
        }
    )
    rows = pl.DataFrame({"record": [record for record, _ in readings], "metric": [metric for _, metric in readings]})
    ranks = pl.Series([1, 0, 2])
    keys = [(*records[record][:2], ranks[metric], records[record][2], record) for record, metric in readings]
    return row_order(rows, frame, ranks).to_list(), sorted(range(len(keys)), key=lambda row: (keys[row], row))


@given(records=_RECORDS, data=st.data())
def test_the_order_is_that_of_a_plain_sort(records: list[tuple[int, int, int]], data: st.DataObject) -> None:
    reading = st.tuples(st.integers(0, len(records) - 1), st.integers(0, 2))
    found, expected = _order(records, data.draw(st.lists(reading, min_size=1, max_size=20)))
    assert found == expected


def test_time_order_is_judged_within_a_group_only() -> None:
    rows = pl.DataFrame({"group": [1, 1, 2], "event_at": [5, 6, 1], "position": [0, 1, 2]})
    assert is_in_time_order(rows)
    assert not is_in_time_order(rows.with_columns(event_at=pl.Series([6, 5, 1])))
