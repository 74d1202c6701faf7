"""Quarantined messages, decoded once more."""

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.quarantine.redecode import Redecoded, redecode
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
    land_all(home, [STRICT])
    (file,) = home.quarantine.glob("*/*.parquet")
    with open_ledger(home) as ledger:
        return redecode(home, ledger, pl.read_parquet(file), decoder(contract), 600_000_000)


def test_what_is_good_now_is_landed_with_its_own_position_and_receive_time(home: Home) -> None:
    found = decoded(home, LOOSE)
    assert found.readings.select("device_id", "metric", "value", "text", "position").rows() == [
        ("a", "t", 1.0, None, 0),
        ("b", "h", None, "wet", 1),
    ]
    assert found.readings["received_at"].dt.hour().unique().to_list() == [12]
    assert (found.landed_messages, found.landed.rows()) == (1, [(0, "a")])


def test_what_is_still_refused_stays_with_the_reasons_of_today(home: Home) -> None:
    found = decoded(home, LOOSE)
    assert found.refused.select("position", "rule", "scope").rows() == [(2, "undecodable", "message")]


def test_under_the_same_contract_nothing_changes(home: Home) -> None:
    found = decoded(home, STRICT)
    assert (len(found.readings), found.landed_messages) == (0, 0)
    assert found.refused["position"].to_list() == [0, 1, 2]
