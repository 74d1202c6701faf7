"""Retained messages that the broker sends again land once, and two copies are never repeats of each other."""

import msgspec
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

SECONDS = T0 // 1_000_000


def timed(device: str, value: float, *, retain: bool, at: int = SECONDS) -> Message:
    return Message(b'{"id":"%s","ts":%d,"t":%g,"h":1}' % (device.encode(), at, value), retain=retain)


def untimed(value: float) -> Message:
    return Message(b'{"id":"u","t":%g}' % value, retain=True)


def rows(home: Home) -> pl.DataFrame:
    files = list(home.landing.glob("*/*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]).sort("segment", "position", "metric")


def outcomes(
    home: Home, *segments: list[Message], contracts: tuple[Contract, ...] = (DEFAULT_CONTRACT,)
) -> list[tuple[int, int, int]]:
    """Landed, quarantined and duplicate of each segment; segments arrive an hour apart."""
    for number, messages in enumerate(segments, 1):
        seal_segment(home, number, messages, T0 + number * HOUR)
    manifests = land_all(home, contracts, now=T0 + 100 * HOUR)
    assert audit(home).is_whole
    return [(each.landed, each.quarantined, each.duplicate) for each in manifests]


def test_a_copy_of_a_message_that_landed_when_it_was_published_is_a_duplicate(home: Home) -> None:
    live, kept = timed("a", 1, retain=False), timed("a", 1, retain=True)
    assert outcomes(home, [live], [kept], [kept, kept]) == [(1, 0, 0), (0, 0, 1), (0, 0, 2)]
    assert len(rows(home)) == 2


def test_a_copy_that_was_never_seen_lands_once_at_its_own_time(home: Home) -> None:
    kept = timed("a", 1, retain=True)
    assert outcomes(home, [kept, kept], [kept]) == [(1, 0, 1), (0, 0, 1)]
    found = rows(home)
    assert found["event_at"].to_list() == found["received_at"].to_list(), "its arrival says nothing about the device"
    assert found["event_at"].dt.epoch("us").to_list() == [T0, T0]
    assert found["tags"].to_list() == [{"retained": "true"}] * 2


@pytest.mark.parametrize(
    "other", [timed("b", 1, retain=True), timed("a", 2, retain=True), timed("a", 1, retain=True, at=SECONDS + 1)]
)
def test_another_reading_is_no_repeat(home: Home, other: Message) -> None:
    assert outcomes(home, [timed("a", 1, retain=False)], [other]) == [(1, 0, 0), (1, 0, 0)]


def test_a_message_is_a_repeat_only_as_a_whole(home: Home) -> None:
    more = Message(b'{"id":"a","ts":%d,"t":1,"h":1,"new":5}' % SECONDS, retain=True)
    assert outcomes(home, [timed("a", 1, retain=False)], [more]) == [(1, 0, 0), (1, 0, 0)]


def test_a_message_that_is_published_twice_lands_twice(home: Home) -> None:
    live = timed("a", 1, retain=False)
    assert outcomes(home, [live], [live]) == [(1, 0, 0), (1, 0, 0)]


def test_what_has_no_time_is_quarantined_each_time_or_taken_as_the_contract_says(home: Home) -> None:
    assert outcomes(home, [untimed(1)], [untimed(1)]) == [(0, 1, 0), (0, 1, 0)]
    quarantine = pl.concat([pl.read_parquet(file) for file in home.quarantine.glob("*/*.parquet")])
    assert quarantine["rule"].to_list() == ["retained_without_time"] * 2


def test_an_accepted_copy_without_a_time_is_a_reading_of_each_session(home: Home) -> None:
    accepting = msgspec.structs.replace(DEFAULT_CONTRACT, retained="accept")
    assert outcomes(home, [untimed(1)], [untimed(1)], contracts=(accepting,)) == [(1, 0, 0), (1, 0, 0)]


def test_a_damaged_landing_file_does_not_stop_the_lander(home: Home) -> None:
    seal_segment(home, 1, [timed("a", 1, retain=False)])
    land_all(home)
    (file,) = home.landing.glob("*/*.parquet")
    file.write_bytes(b"damaged")
    seal_segment(home, 2, [timed("a", 1, retain=True)], T0 + 60_000_000)
    (manifest,) = land_all(home)
    assert (manifest.landed, manifest.duplicate) == (1, 0)


def test_every_reading_of_an_uncertain_message_is_uncertain(home: Home) -> None:
    contract = msgspec.structs.replace(DEFAULT_CONTRACT, retained="uncertain")
    payload = b'{"id":"a","metric":"p","value":1,"extra":2}'
    assert outcomes(home, [Message(payload, retain=True), Message(payload)], contracts=(contract,)) == [(2, 0, 0)]
    found = rows(home).select("position", "metric", "quality").rows()
    assert found == [(0, "extra", "uncertain"), (0, "p", "uncertain"), (1, "extra", None), (1, "p", None)]
