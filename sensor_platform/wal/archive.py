"""The raw archive: landed segments, byte for byte, as zstd. Also where the segments of a collector are now."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from sensor_platform.home import Home
from sensor_platform.kernel.durable import replacing
from sensor_platform.wal.frames import DamagedSegment
from sensor_platform.wal.segment_name import SegmentName, parse_name

_LEVEL = 1  # on sensor messages the files are as small as with level 3, at 40 % of its time
_READ_BYTES = 1 << 18


def archive_segment(sealed: Path, archived: Path) -> None:
    """Compress a sealed segment into the raw archive, durably.

    Raises:
        OSError: the archive cannot be written now.
    """
    with replacing(archived) as temporary, sealed.open("rb") as source, temporary.open("wb") as target:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        compressor.copy_stream(source, target, size=sealed.stat().st_size)


def newest_segments_first(home: Home, collector: str) -> Iterator[Path]:
    """Sealed and archived segments of one collector, each once; reads one day of the archive at a time."""
    seen: set[SegmentName] = set()
    files = list(home.wal.glob("*.wal"))
    for day in sorted(home.raw.glob("*"), reverse=True):
        files += day.glob("*.zst")
        yield from _in_order(files, collector, seen)
        files = []
    yield from _in_order(files, collector, seen)


def current_path(path: Path) -> Path:
    """Where a sealed segment is now: the lander of a killed collector may have archived it meanwhile."""
    if path.exists() or path.suffix == ".zst":
        return path
    archived = sorted(path.parent.parent.glob(f"raw/*/{path.stem}.zst"))
    return archived[0] if archived else path


def _in_order(files: list[Path], collector: str, seen: set[SegmentName]) -> Iterator[Path]:
    found = {name: path for path in files if (name := parse_name(path.stem)) and name.collector == collector}
    for name in sorted(found.keys() - seen, reverse=True):
        seen.add(name)
        yield found[name]


class ZstdStream:
    """Uncompressed bytes of a `.zst` file of one or more zstd frames, read forward.

    Unlike the stream of the zstandard library it raises an error where the file stops inside a zstd frame.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._object = zstandard.ZstdDecompressor().decompressobj()
        self._is_inside = False
        self._piece = b""
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer only at the end of the file; -1 reads all.

        Raises:
            DamagedSegment: the file cannot be decompressed, or stops inside a zstd frame.
        """
        out = self._piece[self._at :] if size < 0 else self._piece[self._at : self._at + size]
        self._at += len(out)
        if size < 0 or len(out) < size:
            pieces, have = [out], len(out)
            while (size < 0 or have < size) and (piece := self._next()) is not None:
                self._piece = piece
                self._at = len(piece) if size < 0 else min(len(piece), size - have)
                pieces.append(piece[: self._at])
                have += self._at
            out = b"".join(pieces)
        return out

    def skip(self, count: int) -> None:
        """Read `count` bytes and drop them: a compressed file has no seek."""
        while count > 0 and (piece := self.read(min(count, 1 << 20))):
            count -= len(piece)

    def _next(self) -> bytes | None:
        data = self._object.unused_data if self._object.eof else b""
        data = data or self._file.read(_READ_BYTES)
        if not data:
            if self._is_inside:
                raise DamagedSegment(
                    f"{self._path} stops inside a zstd frame", "the archive file is incomplete; check the disk"
                )
            return None
        if self._object.eof:
            self._object = zstandard.ZstdDecompressor().decompressobj()
        try:
            piece = self._object.decompress(data)
        except zstandard.ZstdError as error:
            raise DamagedSegment(f"{self._path} cannot be decompressed: {error}", "check the disk") from error
        self._is_inside = not self._object.eof
        return piece
