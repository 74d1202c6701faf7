"""The raw archive, and the segments of a collector wherever they are now."""

from io import BytesIO
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.wal import DamagedSegment, open_segment
from sensor_platform.wal.archive import ZstdStream, archive_segment, current_path, newest_segments_first
from sensor_platform_tests.wal.written import write_segment


def test_an_archived_segment_has_the_very_same_bytes(tmp_path: Path) -> None:
    sealed = write_segment(tmp_path / "wal", [b"x" * 1_000] * 50)
    archived = tmp_path / "raw" / "2026-03-01" / "s.zst"
    archived.parent.mkdir(parents=True)
    archive_segment(sealed, archived)
    with open_segment(archived) as file:
        assert file.read(-1) == sealed.read_bytes()
    assert archived.stat().st_size < sealed.stat().st_size
    assert list(archived.parent.iterdir()) == [archived]
    assert zstandard.get_frame_parameters(archived.read_bytes()).has_checksum


def stream(data: bytes) -> ZstdStream:
    return ZstdStream(BytesIO(data), Path("s.zst"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=3), st.lists(st.integers(0, 200), max_size=6))
def test_reads_of_any_size_and_skips_give_the_bytes_of_all_frames(parts: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(parts)
    file = stream(b"".join(zstandard.compress(part) for part in parts))
    at = 0
    for number, size in enumerate(sizes):
        if number % 2:
            file.skip(size)
        else:
            assert file.read(size) == whole[at : at + size]
        at = min(at + size, len(whole))
    assert file.read() == whole[at:]
    assert file.read(5) == b""


def test_a_file_that_stops_in_the_middle_is_damaged() -> None:
    with pytest.raises(DamagedSegment, match="stops inside a zstd frame"):
        stream(zstandard.compress(b"x" * 1_000)[:-3]).read()


def test_a_file_that_is_something_else_is_damaged() -> None:
    with pytest.raises(DamagedSegment, match="cannot be decompressed"):
        stream(b"something else").read()


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def name(seq: int, collector: str = "col") -> str:
    return f"{collector}-1772366400000-{seq:08d}"


def test_segments_of_one_collector_come_newest_first_and_each_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    older = touch(home.raw / "2026-02-28" / f"{name(1)}.zst")
    archived = touch(home.raw / "2026-03-01" / f"{name(2)}.zst")
    touch(home.raw / "2026-03-01" / f"{name(3)}.zst")
    sealed = touch(home.wal / f"{name(4)}.wal")
    touch(home.wal / f"{name(5, 'other')}.wal")
    touch(home.raw / "2026-02-28" / f"{name(2)}.zst")
    found = list(newest_segments_first(home, "col"))
    assert [path.stem for path in found] == [name(seq) for seq in (4, 3, 2, 1)]
    assert (found[0], found[2], found[3]) == (sealed, archived, older)


def test_without_an_archive_the_sealed_ones_are_found(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sealed = touch(home.wal / f"{name(1)}.wal")
    assert list(newest_segments_first(home, "col")) == [sealed]


def test_a_segment_that_was_archived_meanwhile_is_where_it_is_now(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sealed = touch(home.wal / f"{name(1)}.wal")
    assert current_path(sealed) == sealed
    archived = touch(home.raw / "2026-03-01" / f"{name(1)}.zst")
    sealed.unlink()
    assert current_path(sealed) == current_path(archived) == archived
    archived.unlink()
    assert current_path(sealed) == sealed
