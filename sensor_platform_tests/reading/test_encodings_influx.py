"""Influx line protocol."""

import pytest

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.decoders import EXACT_TIME, BadRecord
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
            EXACT_TIME: 1_772_366_400_000_000,
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
    assert found == [{"tags.measurement": "a", "x": 1.0, EXACT_TIME: 1_772_366_400_000_000}]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b"# only a comment", "empty"),
        (b"\xff", "not UTF-8"),
        (b"a", "line 1: it has no fields"),
        (b"\nb", "line 2: it has no fields"),
        (b"a x=1,x=2", "two fields of one name"),
        (b"a,b=1,b=2 x=1", "two tags"),
        ("a x=\u0661".encode(), "is not a value"),
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


def test_a_quote_in_a_comment_or_a_tag_ends_with_its_line() -> None:
    lines = b'm,host=a v=1\n# pipe 5" wide\nm,host=a,size=3.5" v=2\nm,host=a v=3\n'
    assert [record["v"] for record in read(lines)] == [1.0, 2.0, 3.0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("bad", [b"m v=", b'm s="open', b'm s="a"b', b"m v=1 noon", b"m", b'm s="a" "b"'])
def test_a_bad_line_is_refused_alone(bad: bytes) -> None:
    found = read(b'm v=1\n%s\nm v=2,s="x"\n\nm s="two\nlines",v=3' % bad)
    assert [record["v"] for record in found if isinstance(record, dict)] == [1.0, 2.0, 3.0]  # type: ignore[attr-defined]
    assert [record.reason[:34] for record in found if isinstance(record, BadRecord)] == [  # type: ignore[attr-defined]
        "not Influx line protocol: line 2: "
    ]


def test_a_field_named_time_is_not_the_time_of_the_line() -> None:
    assert read(b"m time=5,v=1 1772366400000000000") == [
        {"tags.measurement": "m", "time": 5.0, "v": 1.0, EXACT_TIME: 1_772_366_400_000_000}
    ]
