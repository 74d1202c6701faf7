"""Following a collector."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.wal import Header
from sensor_platform.wal.archive import archive_segment
from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform.wal.tail import Place, SegmentGone, Tail
from sensor_platform_tests.wal.written import NOON, batch


class Landed:
    """Segments of the collector that the ledger holds."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def first_after(self, segment: str) -> str | None:
        return min((name for name in self.names if name > segment), default=None)

    def newest(self) -> str | None:
        return max(self.names, default=None)


NOTHING_LANDED = Landed()


class Collector:
    """Writes segments as a collector does."""

    def __init__(self, home: Home) -> None:
        self.home = home
        home.wal.mkdir(parents=True)
        self.mark = CommittedOffsetFile(home.wal, "col")
        self.seq = 0
        self.begin()

    def begin(self) -> None:
        self.seq += 1
        header = Header(segment=f"col-1772366400000-{self.seq:08d}", created_at=NOON)
        self.writer = SegmentWriter(self.home.wal, header)

    def write(self, *payloads: bytes, is_committed: bool = True) -> None:
        self.writer.append([batch(payloads)])
        if is_committed:
            self.mark.publish(self.writer.name, self.writer.commit())

    def seal(self) -> Path:
        sealed = self.writer.seal()
        self.begin()
        return sealed


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(Home(tmp_path))


def payloads(tail: Tail, most: int = 1 << 20) -> list[bytes]:
    return [payload for each in tail.read(most) for payload in each.payloads]


def test_what_is_committed_is_handed_out_once_and_nothing_before(collector: Collector) -> None:
    tail = Tail(collector.home, "col", NOTHING_LANDED)
    assert payloads(tail) == []
    collector.write(b"1")
    collector.write(b"2", is_committed=False)
    assert payloads(tail) == [b"1"]
    assert payloads(tail) == []
    collector.write(b"3")
    assert payloads(tail) == [b"2", b"3"]
    tail.close()


def test_it_goes_on_from_segment_to_segment_and_numbers_messages_in_each(collector: Collector) -> None:
    tail = Tail(collector.home, "col", NOTHING_LANDED)
    collector.write(b"1", b"2")
    collector.seal()
    collector.write(b"3")
    found = tail.read()
    assert [(each.position, each.payloads) for each in found] == [(0, [b"1", b"2"]), (0, [b"3"])]
    assert (tail.place.segment, tail.place.position) == (collector.writer.name, 1)
    tail.close()


def test_a_segment_that_is_landed_and_archived_meanwhile_is_read_to_its_end(collector: Collector) -> None:
    collector.write(b"1")
    tail = Tail(collector.home, "col", NOTHING_LANDED)
    assert payloads(tail) == [b"1"]
    tail.close()
    collector.write(b"2")
    sealed = collector.seal()
    archived = collector.home.raw / "2026-03-01" / f"{sealed.stem}.zst"
    archived.parent.mkdir(parents=True)
    archive_segment(sealed, archived)
    sealed.unlink()
    again = Tail(collector.home, "col", NOTHING_LANDED, tail.place)
    assert payloads(again) == [b"2"]
    again.close()


def test_no_more_is_read_than_asked_for(collector: Collector) -> None:
    for number in range(10):
        collector.write(b"%d" % number)
    tail = Tail(collector.home, "col", NOTHING_LANDED)
    first = payloads(tail, most=200)
    assert 0 < len(first) < 10
    assert first + payloads(tail) == [b"%d" % number for number in range(10)]
    tail.close()


def test_what_is_gone_for_good_is_a_gap_that_can_be_skipped(collector: Collector) -> None:
    collector.write(b"1")
    sealed = collector.seal()
    collector.write(b"2")
    tail = Tail(collector.home, "col", NOTHING_LANDED, Place(sealed.stem, 0, 0))
    sealed.unlink()
    with pytest.raises(SegmentGone, match="neither in the WAL nor in the raw archive"):
        tail.read()
    tail.skip_gap()
    assert payloads(tail) == [b"2"]
    tail.close()


def test_damage_is_passed_over_and_counted(collector: Collector) -> None:
    collector.write(b"1")
    collector.write(b"2")
    sealed = collector.seal()
    content = bytearray(sealed.read_bytes())
    content[content.index(b"a/b")] ^= 1
    sealed.write_bytes(content)
    tail = Tail(collector.home, "col", NOTHING_LANDED)
    assert payloads(tail) == [b"2"]
    assert tail.damaged_bytes == len(batch([b"1"]))
    tail.close()


def test_a_segment_that_landed_while_nobody_looked_is_read_in_its_turn(collector: Collector) -> None:
    collector.write(b"1")
    first = collector.seal()
    collector.write(b"2")
    second = collector.seal()
    collector.write(b"3")
    archived = collector.home.raw / "2026-03-01" / f"{second.stem}.zst"
    archived.parent.mkdir(parents=True)
    archive_segment(second, archived)
    second.unlink()
    tail = Tail(collector.home, "col", Landed(second.stem), Place(first.stem, 0, 0))
    assert payloads(tail) == [b"1", b"2", b"3"]
    tail.close()


def test_a_new_tail_starts_behind_what_is_landed(collector: Collector) -> None:
    collector.write(b"1")
    landed = collector.seal()
    collector.write(b"2")
    tail = Tail(collector.home, "col", Landed(landed.stem))
    assert payloads(tail) == [b"2"]
    tail.close()
