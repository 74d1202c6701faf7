"""CSV payloads."""

import pytest

from sensor_platform.reading.encodings import UndecodableError
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
        (b"a,b\n1,2\n1,2,3", "row 2 has 3 cells for 2 columns"),
        (b'a,b\n1,"open', "not CSV"),
    ],
)
def test_anything_else_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        csv_reader(CsvForm())(payload)
