"""CSV payloads."""

import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.decoders import BadRecord
from sensor_platform.reading.encodings.delimited import CsvForm, csv_reader


def test_the_first_line_names_the_columns() -> None:
    payload = b'\xef\xbb\xbfid, t ,on,note\na,1.5,true,"x, y"\nb,,false,\n'
    assert csv_reader(CsvForm())(payload) == [
        {"id": "a", "t": 1.5, "on": True, "note": "x, y"},
        {"id": "b", "t": None, "on": False, "note": None},
    ]


def test_columns_of_the_contract_name_every_row_and_an_empty_name_is_passed_over() -> None:
    read = csv_reader(CsvForm(separator=";", columns=("id", "", "t")))
    assert read(b"a;junk;1\nb;junk;2") == [{"id": "a", "t": 1}, {"id": "b", "t": 2}]


def test_a_short_row_lacks_its_last_cells_and_blank_lines_are_passed_over() -> None:
    assert csv_reader(CsvForm())(b"id,t\na\n\nb,1\n") == [{"id": "a"}, {"id": "b", "t": 1}]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"\xff", "not UTF-8"),
        (b"a,a\n1,2", "each once"),
        (b",\n1,2", "must name every column"),
        (b"a,b\n1,2,3", "line 2 has 3 cells for 2 columns"),
        (b'a,b\n1,"open', "not CSV"),
    ],
)
def test_anything_else_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        csv_reader(CsvForm())(payload)


@pytest.mark.parametrize("bad", [b"1,2,3", b'"a"b,1', b'1,"open'])
def test_a_bad_row_is_refused_alone(bad: bytes) -> None:
    found = csv_reader(CsvForm())(b"id,t\na,1\n%s\nb,2\n" % bad)
    assert [row["t"] for row in found if isinstance(row, dict)] == [1, 2]  # type: ignore[attr-defined]
    assert ["line 3" in row.reason for row in found if isinstance(row, BadRecord)] == [True]  # type: ignore[attr-defined]


def test_what_names_something_stays_text_digit_by_digit() -> None:
    read = csv_reader(CsvForm(), frozenset({"id", "at"}))
    assert read(b"ID,at,t\n 007 ,01022024,007\n7,,1e3\n") == [
        {"ID": "007", "at": "01022024", "t": 7},
        {"ID": "7", "at": None, "t": 1000.0},
    ]


def test_a_column_without_a_name_in_the_first_line_is_kept_to_be_refused() -> None:
    assert csv_reader(CsvForm())(b",t\n0,1\n") == [{"": 0, "t": 1}]
