"""Quarantined messages, decoded once more."""

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.integrity.shared_files import RowFiles
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.quarantine.redecode import Redecoded, redecode
from sensor_platform.landing.rejects import read_rejects
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment
from sensor_platform_tests.landing.pieces import decoder

STRICT = Contract(name="strict", topic="#", device=ValueSource(field=("device",)), strings="number")
LOOSE = Contract(name="loose", topic="#", device=ValueSource(field=("device", "id")))
MESSAGES = [
    Message(b'{"id":"a","t":1}'),
    Message(b'{"device":"b","t":1,"h":"wet"}'),
    Message(b"\x00"),
    Message(b'{"device":"c","t":2}'),
]


def decoded(home: Home, contract: Contract) -> Redecoded:
    """What the refused messages of a home become under a contract."""
    seal_segment(home, 1, MESSAGES)
    (manifest,) = land_all(home, [STRICT])
    (file,) = home.quarantine.glob("*/*.parquet")
    with open_ledger(home) as ledger:
        return redecode(RowFiles(home, ledger), manifest, read_rejects(file), decoder(contract), 600_000_000)


def rows(readings: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(readings.select("device_id", "metric", "value", "text", "position").rows(), key=repr)


def test_what_is_good_now_is_added_with_its_own_position_and_receive_time(home: Home) -> None:
    found = decoded(home, LOOSE)
    assert rows(found.added) == [("a", "t", 1.0, None, 0), ("b", "h", None, "wet", 1)]
    assert found.added["received_at"].dt.hour().unique().to_list() == [12]
    assert found.landed.rows() == [(0, "a")]
    assert found.removed.is_empty(), "what had landed is the same"
    assert rows(found.known) == [("b", "t", 1.0, None, 1)]


def test_what_is_still_refused_stays_with_the_reasons_of_today(home: Home) -> None:
    found = decoded(home, LOOSE)
    assert found.refused.select("position", "rule", "scope").rows() == [(2, "undecodable", "message")]


def test_under_the_same_contract_nothing_changes(home: Home) -> None:
    found = decoded(home, STRICT)
    assert not found.is_change
    assert found.counts == ()
    assert found.refused["position"].to_list() == [0, 1, 2]


def test_what_a_message_gave_under_another_name_goes_when_it_lands_anew(home: Home) -> None:
    renamed = Contract(name="n", topic="#", device=ValueSource(field=("device", "id")), rename={"t": "temperature"})
    found = decoded(home, renamed)
    assert rows(found.removed) == [("b", "t", 1.0, None, 1)]
    assert rows(found.added) == [
        ("a", "temperature", 1.0, None, 0),
        ("b", "h", None, "wet", 1),
        ("b", "temperature", 1.0, None, 1),
    ]


def test_a_message_is_counted_for_the_device_that_it_has_now(home: Home) -> None:
    found = decoded(home, Contract(name="o", topic="#", device=ValueSource(constant="all")))
    changes = {
        row.device_id: (row.received, row.landed, row.quarantined, row.rejected_readings) for row in found.counts
    }
    assert changes == {UNKNOWN_DEVICE: (-1, 0, -1, 0), "b": (-1, -1, 0, -1), "all": (2, 2, 0, 0)}
