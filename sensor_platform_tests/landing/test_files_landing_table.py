"""Readings of a segment as columns."""

from sensor_platform.landing.files.landing_table import LANDING_COLUMNS, LandingTable
from sensor_platform.reading.value_kinds import ValueKind
from sensor_platform_tests.landing.pieces import NOON, decoded, piece_of

SLOT = 600_000_000


def test_readings_are_in_order_of_slot_device_metric_time_and_position() -> None:
    readings = LandingTable("seg")
    bodies = [(b"b", 700, b'"t":1'), (b"b", 5, b'"t":2'), (b"a", 9, b'"t":3,"h":"wet"'), (b"b", 4, b'"t":5')]
    for number, (device, seconds, rest) in enumerate(bodies):
        body = b'{"id":"%s","ts":%d,%s}' % (device, NOON // 10**6 + seconds, rest)
        piece = piece_of(body, position=number)
        found = decoded(piece)
        readings.add(piece, found, readings.device_numbers(found))
    table = readings.table(SLOT)
    assert tuple(table.columns) == LANDING_COLUMNS
    assert table.select("device_id", "metric", "value", "text", "position").rows() == [
        ("a", "h", None, "wet", 2),
        ("a", "t", 3.0, None, 2),
        ("b", "t", 5.0, None, 3),
        ("b", "t", 2.0, None, 1),
        ("b", "t", 1.0, None, 0),
    ]
    assert table["slot_start"].to_list() == [NOON] * 4 + [NOON + SLOT]
    assert set(table["segment"]) == {"seg"}


def test_readings_of_duplicates_are_left_out() -> None:
    readings = LandingTable("seg")
    piece = piece_of(b'{"id":"a","t":1}', b'{"id":"a","t":2}', duplicates=[0])
    found = decoded(piece)
    readings.add(piece, found, readings.device_numbers(found))
    assert readings.table(SLOT)["value"].to_list() == [2.0]


def test_each_kind_of_value_is_seen_where_it_came_first() -> None:
    readings = LandingTable("seg")
    piece = piece_of(b'{"id":"a","t":1}', b'{"id":"a","t":"x"}', b'{"id":"a","t":2}', position=10)
    found = decoded(piece)
    readings.add(piece, found, readings.device_numbers(found))
    assert list(readings.seen_kinds()) == [
        ("a", "t", ValueKind.INTEGER, 10, NOON),
        ("a", "t", ValueKind.TEXT, 11, NOON + 1_000_000),
    ]


def test_without_readings_there_is_an_empty_table() -> None:
    readings = LandingTable("seg")
    assert readings.table(SLOT).is_empty()
    assert list(readings.seen_kinds()) == []
