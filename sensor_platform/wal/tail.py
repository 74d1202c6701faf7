"""Follows a collector: returns its committed messages as they are written, while its files are moved.

A tail keeps its descriptor when the segment is sealed (renamed) and landed (deleted), continues in the raw archive at
the same offset where it has none, and raises `SegmentGone` where the bytes no longer exist. It never reads past the
committed offset.
"""

import os
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.wal.archive import ZstdStream
from sensor_platform.wal.committed_offset import CommittedOffset, read_committed_offset
from sensor_platform.wal.frames import HEAD_BYTES, FrameKind, find_frame, read_frame
from sensor_platform.wal.segment_name import parse_name
from sensor_platform.wal.segment_reader import Batch, Frame, batch_of

_MAX_TOPICS = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tail is in the WAL. All messages before it have been returned."""

    segment: str = ""
    offset: int = 0
    """In the uncompressed segment."""
    position: int = 0
    """Ordinal of the next message."""
    is_finished: bool = False
    """The segment has no more messages."""


class LandedSegments(Protocol):
    """The segments of one collector in the ledger. `landing` implements it; this room does not import `landing`."""

    def first_after(self, segment: str) -> str | None:
        """Name of the oldest landed segment after `segment`; None without one."""

    def newest(self) -> str | None:
        """Name of the newest landed segment; None without one."""


class SegmentGone(PlatformError):
    """The segment that the tail reads is neither in the WAL nor in the raw archive."""


class Tail:
    """Follows one collector of one home. Not thread-safe."""

    def __init__(
        self,
        home: Home,
        collector: str,
        landed: LandedSegments,
        place: Place | None = None,
        folder: Path | None = None,
    ) -> None:
        """A tail that continues at `place`, or starts at the oldest segment that is still in the WAL.

        Args:
            home: the data folder.
            collector: its name.
            landed: the collector's segments in the ledger.
            place: where an earlier tail stopped.
            folder: where open segments and the committed offset are; the WAL folder by default.
        """
        self._home = home
        self._collector = collector
        self._landed = landed
        self._folder = folder or home.wal
        self._file: BinaryIO | None = None
        self._held: BinaryIO | None = None
        """The file on disk, where `_file` decompresses it or is in memory."""
        self._is_archive = False
        self._topics: dict[bytes, str] = {}
        self.place = place or Place(landed.newest() or "", 0, 0, is_finished=True)
        self.damaged_bytes = 0
        """Bytes skipped because they are not a whole frame; the lander keeps them aside."""
        self.lag_bytes = 0
        """Committed bytes of the open segment that have not been returned."""

    def read(self, most: int = 4 << 20, until: Place | None = None) -> list[Batch]:
        """Messages that were committed since the last call, about `most` bytes; empty where there are none.

        Args:
            most: maximum size, bytes.
            until: a place of an earlier tail, to read exactly as far as that tail did.

        Raises:
            SegmentGone: the rest of the segment is gone.
            OSError: the disk fails now; nothing is lost, call again.
        """
        committed = read_committed_offset(self._folder, self._collector)
        batches: list[Batch] = []
        room = most
        while room > 0:
            if self.place.is_finished and not self._next():
                break
            before = self.place.offset
            end, is_last = self._readable(committed)
            if until is not None and until.segment == self.place.segment:
                end, is_last = until.offset, until.is_finished
                if before >= end:
                    break
            batches += self._read_to(min(end, before + room) if end is not None else before + room, end)
            room -= self.place.offset - before
            if end is not None and self.place.offset >= end and is_last:
                self._finish()
            elif self.place.offset == before and not self.place.is_finished:
                break
        return batches

    def skip_gap(self) -> None:
        """Skip a segment that is gone and continue with the oldest one after it."""
        self._finish()

    def close(self) -> None:
        """Close the file; the place stays."""
        if self._held is not None:
            self._held.close()
        self._file = self._held = None

    def _readable(self, committed: CommittedOffset | None) -> tuple[int | None, bool]:
        """Offset up to which the segment may be read (None: to the end of an archive), and whether it is complete."""
        name = self.place.segment
        is_open = (self._folder / f"{name}.open").exists()
        if self._file is None:
            self._open()
        if self._is_archive:
            return None, True
        if is_open:
            end = committed.offset if committed is not None and committed.segment == name else self.place.offset
            self.lag_bytes = end - self.place.offset
            return end, False
        assert self._file is not None
        self.lag_bytes = 0
        return os.fstat(self._file.fileno()).st_size, True

    def _open(self) -> None:
        """Open the segment. It may be moved meanwhile, so its places are tried in the order in which it moves."""
        name = self.place.segment
        for path in (self._folder / f"{name}.open", self._home.wal / f"{name}.wal", *self._archived(name)):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            self._held = file
            self._is_archive = path.suffix == ".zst"
            self._file = cast("BinaryIO", ZstdStream(file, path)) if self._is_archive else file
            if isinstance(self._file, ZstdStream):
                self._file.skip(self.place.offset)
            else:
                self._file.seek(self.place.offset)
            return
        raise SegmentGone(
            f"segment {name} is neither in the WAL nor in the raw archive",
            "live was stopped for longer than landing.raw_keep_days; it continues after them, the tables are complete",
        )

    def _archived(self, name: str) -> list[Path]:
        return sorted(self._home.raw.glob(f"*/{name}.zst"))

    def _read_to(self, end: int, whole: int | None) -> list[Batch]:
        """Batches of the frames before `end`, at least one frame where `whole` allows it."""
        assert self._file is not None
        batches: list[Batch] = []
        place = self.place
        while place.offset < end:
            found = read_frame(self._file, None if whole is None else whole - place.offset)
            if isinstance(found, bytes):
                place = self._pass_damage(found, place, whole)
                if place.is_finished:
                    break
                continue
            kind, body = found
            place = replace(place, offset=place.offset + HEAD_BYTES + len(body))
            if kind != FrameKind.HEADER:
                batch = batch_of(Frame(kind, body, place.offset), place.position, self._topics)
                place = replace(place, position=place.position + len(batch))
                batches.append(batch)
        if len(self._topics) > _MAX_TOPICS:
            self._topics.clear()
        if self._is_archive and place.is_finished:
            self.close()
        self.place = place
        return batches

    def _pass_damage(self, found: bytes, place: Place, whole: int | None) -> Place:
        """Skip bytes that are not a frame, up to the next whole frame or to the end."""
        assert self._file is not None
        rest = found + self._file.read(-1 if whole is None else max(0, whole - place.offset - len(found)))
        skip = find_frame(rest)
        self.damaged_bytes += len(rest) if skip is None else skip
        if skip is None:
            is_end = whole is None
            return replace(place, offset=place.offset + len(rest), is_finished=is_end)
        if isinstance(self._file, ZstdStream):
            self._file = cast("BinaryIO", BytesIO(rest[skip:]))
        else:
            self._file.seek(place.offset + skip)
        return replace(place, offset=place.offset + skip)

    def _finish(self) -> None:
        self.close()
        self.place = replace(self.place, is_finished=True)

    def _next(self) -> bool:
        """Move to the oldest segment after this one; False where there is none yet."""
        # the WAL before the ledger: what is landed between the two looks is then in the ledger
        self.close()
        names = [name for name in self._waiting() if name > self.place.segment]
        landed = self._landed.first_after(self.place.segment)
        if landed is not None:
            names.append(landed)
        if not names:
            return False
        self.place = Place(min(names))
        return True

    def _waiting(self) -> list[str]:
        folders = {self._folder, self._home.wal}
        files = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
        stems = [path.stem for path in files if path.suffix in {".open", ".wal"}]
        return [stem for stem in stems if (name := parse_name(stem)) and name.collector == self._collector]
