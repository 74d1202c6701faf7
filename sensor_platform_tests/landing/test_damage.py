"""A broken segment lands its whole frames; what is broken is put aside and reported, and nothing stops."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.wal import read_batches, read_frames
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment, tables

MESSAGES = [Message(b'{"id":"d","t":%d,"seq":%d}' % (i, i)) for i in range(40)]


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0x10
    path.write_bytes(content)


def frame_ends(path: Path) -> list[int]:
    return [frame.end for frame in read_frames(path)]


@pytest.mark.parametrize("place", ["header", "first", "middle", "last"])
def test_a_flipped_bit_costs_its_frame_and_no_other(home: Home, place: str) -> None:
    sealed = seal_segment(home, 1, MESSAGES, batch=10)
    ends = [0, *frame_ends(sealed)]
    number = {"header": 0, "first": 1, "middle": 2, "last": 4}[place]
    start, end = ends[number], ends[number + 1]
    flip(sealed, start + 20)
    broken = sealed.read_bytes()[start:end]
    (manifest,) = land_all(home)
    assert manifest.landed == (40 if place == "header" else 30)
    assert [(damage.start, damage.bytes) for damage in manifest.damage] == [(start, end - start)]
    assert [path.read_bytes() for path in (home.root / "aside").iterdir()] == [broken]
    assert tables(home)["damage"] == [(manifest.segment, start, end - start)]
    found = audit(home)
    assert (found.difference, found.damaged_bytes) == (0, end - start)
    assert not sealed.exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=3))
def test_wherever_bits_flip_the_other_messages_land(
    tmp_path_factory: pytest.TempPathFactory, places: list[float]
) -> None:
    home = Home(tmp_path_factory.mktemp("flip"))
    sealed = seal_segment(home, 1, MESSAGES, batch=10)
    ends = [0, *frame_ends(sealed)]
    size = sealed.stat().st_size
    offsets = {int(place * size) for place in places}
    for offset in offsets:
        flip(sealed, offset)
    hit = {number for number in range(1, 5) if any(ends[number] <= offset < ends[number + 1] for offset in offsets)}
    (manifest,) = land_all(home)
    assert manifest.messages == manifest.landed == 10 * (4 - len(hit))
    assert audit(home).difference == 0
    assert sum(damage.bytes for damage in manifest.damage) > 0


def test_a_file_that_is_no_segment_at_all_lands_nothing_and_is_kept(home: Home) -> None:
    path = home.wal / "col-1772366400000-00000001.wal"
    path.write_bytes(b"what is this?" * 100)
    (manifest,) = land_all(home)
    assert (manifest.messages, len(manifest.damage)) == (0, 1)
    assert next((home.root / "aside").iterdir()).read_bytes() == b"what is this?" * 100


def test_a_segment_of_a_newer_format_waits_and_does_not_hold_up_others(home: Home) -> None:
    from sensor_platform_tests.landing.homes import lander_of

    newer = seal_segment(home, 1, MESSAGES)
    rewrite_format(newer)
    seal_segment(home, 2, MESSAGES)
    with lander_of(home) as lander:
        assert [manifest.segment[-1] for manifest in lander.land_sealed()] == ["2"]
        assert list(lander.unreadable) == [newer.stem]
    assert newer.exists()


def rewrite_format(path: Path) -> None:
    from sensor_platform.wal import Header
    from sensor_platform.wal.segment_writer import SegmentWriter

    path.unlink()
    writer = SegmentWriter(path.parent, Header(format=99, segment=path.stem, created_at=0))
    writer.commit()
    writer.seal()


def test_an_archived_copy_of_a_damaged_segment_reads_like_the_segment(home: Home) -> None:
    sealed = seal_segment(home, 1, MESSAGES, batch=10)
    flip(sealed, frame_ends(sealed)[1] + 20)
    before = [batch.payloads for batch in read_batches(sealed, damage=[])]
    (manifest,) = land_all(home)
    archived = home.root / next(entry.file for entry in manifest.files if entry.kind == "raw")
    assert [batch.payloads for batch in read_batches(archived, damage=[])] == before
