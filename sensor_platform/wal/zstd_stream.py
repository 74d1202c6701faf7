"""Reading an archived segment forward. Unlike with the library's own stream, stopping in the middle is an error."""

from pathlib import Path
from typing import BinaryIO

import zstandard

from sensor_platform.wal.frames import DamagedSegment

_PIECE = 1 << 18


class ZstdStream:
    """Uncompressed bytes of a `.zst` file of one or more zstd frames."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._object = zstandard.ZstdDecompressor().decompressobj()
        self._is_inside = False
        self._piece = b""
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, fewer only at the end; all with -1.

        Raises:
            DamagedSegment: the file does not decompress, or stops in the middle.
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
        """Pass over bytes; compressed data cannot be sought."""
        while count > 0 and (piece := self.read(min(count, 1 << 20))):
            count -= len(piece)

    def _next(self) -> bytes | None:
        data = self._object.unused_data if self._object.eof else b""
        data = data or self._file.read(_PIECE)
        if not data:
            if self._is_inside:
                raise DamagedSegment(f"{self._path} stops in the middle", "its archiving was cut short; check the disk")
            return None
        if self._object.eof:
            self._object = zstandard.ZstdDecompressor().decompressobj()
        try:
            piece = self._object.decompress(data)
        except zstandard.ZstdError as error:
            raise DamagedSegment(f"{self._path} does not decompress: {error}", "check the disk") from error
        self._is_inside = not self._object.eof
        return piece
