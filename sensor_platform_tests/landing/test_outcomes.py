"""Every message has exactly one fate."""

from typing import Any

from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.outcomes import OutcomeCounts
from sensor_platform.landing.rejects import RejectRows
from sensor_platform_tests.landing.pieces import HOUR, NOON, decoded, piece_of


def counts(*pieces: Any) -> dict[tuple[str, int], dict[str, Any]]:
    """Counts by device and hour after noon."""
    readings, refusals = LandingTable("seg"), RejectRows()
    fates = OutcomeCounts(readings.devices)
    for piece in pieces:
        found = decoded(piece)
        fates.add(piece, found, readings.device_numbers(found), refusals.add("seg", piece, found))
    names = ("received", "landed", "quarantined", "duplicate", "rejected_readings", "sequences")
    return {
        (row.device_id, (row.hour - NOON) // HOUR): {name: getattr(row, name) for name in names}
        for row in fates.counts()
    }


def test_messages_are_counted_by_device_and_fate() -> None:
    piece = piece_of(
        b'{"id":"a","t":1}',
        b'{"id":"a","t":1,"h":NaN}',
        b'{"id":"b","t":NaN}',
        b'{"id":"b","t":1}',
        b"\x00",
        duplicates=[3],
    )
    found = counts(piece)
    assert found["a", 0] == {
        "received": 2, "landed": 2, "quarantined": 0, "duplicate": 0, "rejected_readings": 1, "sequences": (),
    }  # fmt: skip
    assert (found["b", 0]["quarantined"], found["b", 0]["duplicate"], found["b", 0]["received"]) == (1, 1, 2)
    (unknown,) = [row for (device, _), row in found.items() if device not in {"a", "b"}]
    assert (unknown["received"], unknown["quarantined"]) == (1, 1)


def test_pieces_are_summed_by_hour_of_arrival() -> None:
    found = counts(
        piece_of(b'{"id":"a","t":1}'), piece_of(b'{"id":"a","t":1}'), piece_of(b'{"id":"a","t":1}', at=NOON + HOUR)
    )
    assert {key: row["received"] for key, row in found.items()} == {("a", 0): 2, ("a", 1): 1}


def test_the_devices_own_numbers_are_kept_as_ranges() -> None:
    bodies = [b'{"id":"a","t":1,"seq":%d}' % number for number in (1, 2, 3, 6, 7)]
    bodies += [b'{"id":"b","t":1,"seq":"x%d"}' % number for number in range(3)]
    found = counts(piece_of(*bodies))
    assert found["a", 0]["sequences"] == ((1, 3), (6, 7))
    assert found["b", 0]["sequences"] == ()


def test_nothing_received_is_nothing_counted() -> None:
    assert counts() == {}
