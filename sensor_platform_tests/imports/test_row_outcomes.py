"""Rows that are refused whole."""

import polars as pl

from sensor_platform.imports.row_outcomes import REFUSED, RowRejects, rejects_frame

FRAME = pl.DataFrame({"id": ["a", "b", "c", "d"]})


def test_the_first_reason_of_a_row_counts() -> None:
    base = RowRejects(FRAME, FRAME["id"])
    assert base.kept() is None
    base.one(2, "no_time", "first")
    base.one(2, "bad_time", "second")
    base.where(pl.Series([True, False, True, False]), "no_device", lambda row: f"row {row}", "t")
    assert base.rows == {2: ("no_time", "first", None), 0: ("no_device", "row 0", "t")}
    kept = base.kept()
    assert kept is not None
    assert kept.to_list() == [False, True, False, True]
    base.where(base.all(), "no_readings", "nothing")
    assert set(base.rows) == {0, 1, 2, 3}


def test_refusals_are_a_table_with_the_device_of_each_row() -> None:
    table = rejects_frame({3: ("no_time", "so", None), 1: ("no_value", "thus", "t")}, FRAME["id"])
    assert table.rows() == [(3, "no_time", "so", "d", None), (1, "no_value", "thus", "b", "t")]
    assert table.schema == REFUSED
    assert rejects_frame({}, FRAME["id"]).schema == REFUSED
