"""One side of a comparison."""

from sensor_platform.contracts.comparison_side import Side
from sensor_platform_tests.landing.pieces import HOUR, NOON, decoder, piece_of


def body(device: str, seconds: int, value: str) -> bytes:
    return b'{"id":"%s","ts":%d,"t":%s}' % (device.encode(), NOON // 10**6 + seconds, value.encode())


def test_everything_decoded_is_summed_up_by_hour_of_event_time() -> None:
    side = Side(decoder())
    side.add(piece_of(body("a", 0, "1"), body("a", 1, "2"), body("b", 0, "5")))
    side.add(piece_of(body("a", 2, "4"), body("a", -10, '"warm"'), at=NOON))
    assert (side.landed, side.readings) == (5, 5)
    assert side.hours().select("device_id", "metric", "hour", "total", "numbers", "rows").rows() == [
        ("a", "t", NOON - HOUR, 0.0, 0, 1),
        ("a", "t", NOON, 7.0, 3, 3),
        ("b", "t", NOON, 5.0, 1, 1),
    ]


def test_refusals_are_counted_by_rule_with_one_example_each() -> None:
    side = Side(decoder())
    side.add(piece_of(b"\xff" + b"x" * 500, b"[", b'{"id":"a","t":NaN,"h":1}'))
    assert side.rules == {"undecodable": 2, "not_a_number": 1}
    example = side.examples["undecodable"]
    assert (example.topic, example.payload[:4]) == ("sensors/dev", "\\xff")
    assert len(example.payload) < 300
    assert side.landed == 1


def test_without_traffic_there_is_nothing() -> None:
    assert Side(decoder()).hours().is_empty()
