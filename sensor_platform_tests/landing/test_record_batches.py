"""A sealed segment as the lander reads it."""

from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.record_batches import SegmentReader, join
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import read_batches
from sensor_platform_tests.landing.homes import T0, Message, seal_segment


def segment(folder: Path, count: int = 10, **more: int) -> Path:
    flags = {3: EnvelopeFlag.DUPLICATE, 5: EnvelopeFlag.SUSPECT}
    messages = [Message(b"%d" % number, flag=flags.get(number, EnvelopeFlag.NONE)) for number in range(count)]
    return seal_segment(Home(folder), 1, messages, batch=2, **more)


def test_messages_come_in_large_pieces_in_their_order(tmp_path: Path) -> None:
    pieces = list(SegmentReader(segment(tmp_path)).batches(4))
    assert [(piece.position, len(piece.messages)) for piece in pieces] == [(0, 4), (4, 4), (8, 2)]
    assert [payload for piece in pieces for payload in piece.messages.payloads] == [b"%d" % n for n in range(10)]
    assert (pieces[0].duplicates, pieces[1].suspects) == ({3}, {1})


def test_several_batches_are_one_piece(tmp_path: Path) -> None:
    piece = join(list(read_batches(segment(tmp_path)))[1:4])
    assert (piece.position, piece.messages.payloads) == (2, [b"%d" % number for number in range(2, 8)])
    assert (piece.duplicates, piece.suspects) == ({1}, {3})
    assert piece.messages.received_at == [T0 + 1_000 * (1 + number // 2) for number in range(6)]


def test_arrivals_are_the_collectors_own_count_by_hour(tmp_path: Path) -> None:
    path = segment(tmp_path, received_at=T0 + HOUR - 1_500)
    assert SegmentReader(path).arrivals() == {T0: 4, T0 + HOUR: 6}
    first = next(read_batches(path))
    assert SegmentReader(path).arrivals(first.end) == {T0: 2}


def test_damage_is_passed_over_and_told_also_where_it_is_the_header(tmp_path: Path) -> None:
    path = segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    intake = SegmentReader(path)
    (piece,) = intake.batches(100)
    assert len(piece.messages) == 10
    assert [found.offset for found in intake.damage] == [0]
    assert sum(intake.arrivals().values()) == 10
