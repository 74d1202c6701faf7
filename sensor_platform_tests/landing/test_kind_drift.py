"""Changes of devices that are written down."""

from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.kind_drift import decoder_drift, type_drift
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.memory import Memory
from sensor_platform.reading.value_kinds import Drift
from sensor_platform_tests.landing.pieces import NOON, decoded, piece_of


def changes(memory: Memory, *payloads: bytes, position: int = 0) -> list[tuple[str, str | None, str, str, int]]:
    piece = piece_of(*payloads, position=position)
    found, readings = decoded(piece), LandingTable("seg")
    readings.add(piece, found, readings.device_numbers(found))
    return [(each.device_id, each.metric, each.was, each.now, each.position) for each in type_drift(readings, memory)]


def test_a_new_kind_of_value_of_a_known_metric_is_a_change_once() -> None:
    memory = Memory()
    assert changes(memory, b'{"id":"a","t":1,"on":true}') == []
    assert changes(memory, b'{"id":"a","t":2}', b'{"id":"a","t":"warm"}', position=10) == [
        ("a", "t", "integer", "text", 11)
    ]
    assert changes(memory, b'{"id":"a","t":"hot"}', b'{"id":"a","t":3}') == []
    assert changes(memory, b'{"id":"b","t":"cold"}') == [], "of another device"


def test_what_decoding_found_of_a_duplicate_is_left_out() -> None:
    piece = piece_of(b"{}", b"{}", position=10, duplicates=[0])
    drift = [Drift(number, "a", None, "sequence_gap", "1", "3") for number in (0, 1)]
    (found,) = decoder_drift(piece, Decoded(drift=drift))
    assert (found.position, found.received_at, found.device_id) == (11, NOON + 1_000_000, "a")
    assert (found.what, found.was, found.now) == ("sequence_gap", "1", "3")
