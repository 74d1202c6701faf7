"""Influx line protocol."""

import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.influx import influx_reader

read = influx_reader("ns")


def test_a_line_is_a_record_of_tags_fields_and_a_time_in_microseconds() -> None:
    line = b'weather,station=n,room=a\\ b t=1.5,n=2i,u=3u,on=true,say="a, \\"b\\"" 1772366400000000123'
    assert read(line) == [
        {
            "tags.measurement": "weather",
            "tags.station": "n",
            "tags.room": "a b",
            "t": 1.5,
            "n": 2,
            "u": 3,
            "on": True,
            "say": 'a, "b"',
            "time": 1_772_366_400_000_000,
        }
    ]


def test_a_single_field_value_is_named_after_its_measurement() -> None:
    assert read(b"temp value=20") == [{"tags.measurement": "temp", "metric": "temp", "value": 20.0}]


def test_blank_lines_and_comments_are_passed_over_and_quoted_line_breaks_are_not() -> None:
    found = read(b'# a comment\n\na x=1\r\nb say="two\nlines"\n')
    assert found == [{"tags.measurement": "a", "x": 1.0}, {"tags.measurement": "b", "say": "two\nlines"}]


@pytest.mark.parametrize(
    ("precision", "time"),
    [("s", b"1772366400"), ("ms", b"1772366400000"), ("us", b"1772366400000000"), ("ns", b"1772366400000000999")],
)
def test_times_have_the_precision_of_the_contract(precision: str, time: bytes) -> None:
    found = influx_reader(precision)(b"a x=1 " + time)  # type: ignore[arg-type] # as the cases have it
    assert found == [{"tags.measurement": "a", "x": 1.0, "time": 1_772_366_400_000_000}]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"# only a comment", "empty"),
        (b"\xff", "not UTF-8"),
        (b"a", "line 1: it has no fields"),
        (b"a x=1\nb", "line 2: it has no fields"),
        (b",tag=a x=1", "no measurement"),
        (b"a x", "is not a field"),
        (b"a,tag x=1", "is not a tag"),
        (b"a x=one", "is not a value"),
        (b"a x=1_0", "is not a value"),
        (b'a x="open', "a quote is not closed"),
        (b"a x=1 noon", "is not a time"),
    ],
)
def test_a_line_that_is_wrong_is_refused_with_its_number(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        read(payload)
