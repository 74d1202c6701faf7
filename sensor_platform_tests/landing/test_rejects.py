"""Rows of the quarantine."""

from sensor_platform.landing.rejects import QUARANTINE_SCHEMA, RejectRows
from sensor_platform_tests.landing.pieces import decoded, piece_of


def test_a_message_with_nothing_good_is_one_row_and_a_refused_reading_of_a_landed_one_its_own() -> None:
    piece = piece_of(b"\x00", b'{"id":"a","t":1,"h":NaN,"p":NaN}', b'{"id":"a","t":1}', position=10)
    refusals = RejectRows()
    assert refusals.add("seg", piece, decoded(piece)) == [1, 1]
    table = refusals.table()
    assert len(refusals) == len(table) == 3
    assert table.select("position", "scope", "rule", "metric").rows() == [
        (10, "message", "undecodable", None),
        (11, "reading", "not_a_number", "h"),
        (11, "reading", "not_a_number", "p"),
    ]
    assert table["payload"].to_list()[0] == b"\x00"
    assert table.select("qos", "retain", "segment", "topic").row(0) == (1, False, "seg", "sensors/dev")
    assert all(table["hint"].to_list())


def test_several_reasons_of_one_message_are_summed_up() -> None:
    piece = piece_of(b'{"id":"a","t":NaN,"h":NaN}')
    refusals = RejectRows()
    assert refusals.add("seg", piece, decoded(piece)) == []
    (row,) = refusals.table().iter_rows(named=True)
    assert row["reason"].startswith("nothing good in it; first of 2 refusals: ")
    assert row["device_id"] == "a"


def test_a_duplicate_has_no_row() -> None:
    piece = piece_of(b"\x00", duplicates=[0])
    refusals = RejectRows()
    refusals.add("seg", piece, decoded(piece))
    assert len(refusals) == 0
    assert refusals.table().schema == QUARANTINE_SCHEMA
