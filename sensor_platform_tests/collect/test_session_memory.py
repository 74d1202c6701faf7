"""After a restart the collector remembers the session from its segments, wherever they are by then."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.collect.mqtt.session_record import SessionRecord, load_record, rebuild_redelivery, save_record
from sensor_platform.home import Home
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import BatchFacts, Header, encode_mqtt, segment_names
from sensor_platform.wal.segment_writer import SegmentWriter

Publish = Callable[..., bytes]


class Past:
    """Writes what an earlier life of a collector left behind."""

    def __init__(self, home: Home) -> None:
        self.home = home
        home.wal.mkdir(parents=True)
        self.names: Iterator[str] = segment_names("collector", home.wal)

    def segment(
        self, *batches: tuple[str, list[bytes]], header_session: str = "", unreleased: tuple[int, ...] = ()
    ) -> Path:
        header = Header(segment=next(self.names), created_at=0, session=header_session, unreleased=unreleased)
        writer = SegmentWriter(self.home.wal, header)
        for session, packets in batches:
            count = sum(packet[0] >> 4 == 3 for packet in packets)
            writer.append((encode_mqtt(BatchFacts(0, session, True, 4, count), packets),))
            writer.commit()
        return writer.seal()

    def archive(self, sealed: Path, *, keep: bool = False) -> None:
        target = self.home.raw / "2024-01-01" / f"{sealed.stem}.zst"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(zstandard.ZstdCompressor().compress(sealed.read_bytes()))
        if not keep:
            sealed.unlink()


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(Home(tmp_path))


def flag_of(redelivery: RedeliveryDetector, packet: bytes) -> int:
    return dict(redelivery.flags(packet, scan(packet, 0, 4), 4, is_session_present=True)).get(0, 0)


@pytest.mark.parametrize("place", ["wal", "raw", "both"])
def test_redeliveries_are_recognised_after_a_restart(past: Past, publish_packet: Publish, place: str) -> None:
    sealed = past.segment(("s", [publish_packet(b"t", b"a", packet_id=1), publish_packet(b"t", b"b", packet_id=2)]))
    if place != "wal":
        past.archive(sealed, keep=place == "both")
    redelivery = rebuild_redelivery(past.home, "collector", 100)
    assert redelivery.session == "s"
    assert flag_of(redelivery, publish_packet(b"t", b"a", packet_id=1, dup=True)) == EnvelopeFlag.DUPLICATE
    assert flag_of(redelivery, publish_packet(b"t", b"a", packet_id=2, dup=True)) == EnvelopeFlag.SUSPECT


def test_records_come_from_several_segments_in_order(past: Past, publish_packet: Publish) -> None:
    past.archive(past.segment(("s", [publish_packet(b"t", b"old", packet_id=1)])))
    past.segment(("s", [publish_packet(b"t", b"new", packet_id=1, dup=True), publish_packet(b"t", b"x", packet_id=2)]))
    redelivery = rebuild_redelivery(past.home, "collector", 100)
    assert flag_of(redelivery, publish_packet(b"t", b"old", packet_id=1, dup=True)) == EnvelopeFlag.SUSPECT
    assert flag_of(redelivery, publish_packet(b"t", b"x", packet_id=2, dup=True)) == EnvelopeFlag.DUPLICATE


def test_only_the_newest_session_is_remembered(past: Past, publish_packet: Publish) -> None:
    past.segment(("old", [publish_packet(b"t", b"a", packet_id=1)]))
    past.segment(("old", [publish_packet(b"t", b"b", packet_id=2)]), ("new", [publish_packet(b"t", b"c", packet_id=3)]))
    redelivery = rebuild_redelivery(past.home, "collector", 100)
    assert redelivery.session == "new"
    assert flag_of(redelivery, publish_packet(b"t", b"b", packet_id=2, dup=True)) == EnvelopeFlag.SUSPECT
    assert flag_of(redelivery, publish_packet(b"t", b"c", packet_id=3, dup=True)) == EnvelopeFlag.DUPLICATE


def test_unreleased_ids_come_from_the_header_and_what_followed(past: Past, publish_packet: Publish) -> None:
    past.segment(("s", [publish_packet(b"t", b"far back", packet_id=7, qos=2)]))
    past.segment(
        ("s", [publish_packet(b"t", b"a", packet_id=8, qos=2), b"\x62\x02\x00\x09"]),
        header_session="s",
        unreleased=(7, 9),
    )
    redelivery = rebuild_redelivery(past.home, "collector", 1)  # reads the newest segment only
    assert redelivery.unreleased == {7, 8}


def test_other_collectors_and_damaged_segments_are_passed_over(past: Past, publish_packet: Publish) -> None:
    past.segment(("s", [publish_packet(b"t", b"a", packet_id=1)]))
    (past.home.wal / f"{next(past.names)}.wal").write_bytes(b"damaged")
    other = past.segment(("theirs", [publish_packet(b"t", b"b", packet_id=1)]))
    other.rename(past.home.wal / "another-9999999999999-00000001.wal")
    assert rebuild_redelivery(past.home, "collector", 100).session == "s"


def test_a_first_start_remembers_nothing(past: Past) -> None:
    assert rebuild_redelivery(past.home, "collector", 100).session == ""


def test_the_session_record_belongs_to_one_client_id(tmp_path: Path) -> None:
    path = tmp_path / "c.session"
    assert load_record(path, "me") is None
    record = SessionRecord(session="s", client_id="me", filters={"a/#": 1})
    save_record(path, record)
    assert load_record(path, "me") == record
    assert load_record(path, "somebody else") is None
    path.write_bytes(b"{")
    assert load_record(path, "me") is None
