"""Following a collector: its committed bytes as they come, whatever happens to the files meanwhile.

A tail keeps its descriptor when the segment is sealed (renamed) and landed (unlinked), goes on in the raw archive at
the same offset where it has none, and raises `SegmentGone` where the bytes are gone for good. It never reads past the
committed offset.
"""

import os
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.wal.committed_offset import CommittedOffset, read_committed_offset
from sensor_platform.wal.frames import HEAD_BYTES, FrameKind, find_frame, read_frame
from sensor_platform.wal.segment_name import parse_name
from sensor_platform.wal.segment_reader import Batch, Frame, batch_of
from sensor_platform.wal.zstd_stream import ZstdStream

_MAX_TOPICS = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a tail has come. Everything before it has been handed out."""

    segment: str = ""
    offset: int = 0
    """In the uncompressed segment."""
    position: int = 0
    """Ordinal of the next message."""
    is_finished: bool = False
    """Nothing more will come in this segment."""


class LandedSegments(Protocol):
    """The segments of one collector that the ledger holds. `landing` implements it; this room does not import it."""

    def first_after(self, segment: str) -> str | None:
        """The oldest landed segment after the one named; None without one."""

    def newest(self) -> str | None:
        """The newest landed segment; None without one."""


class SegmentGone(PlatformError):
    """The segment that the tail stands in is neither in the WAL nor in the raw archive."""


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
            folder: where open segments and the mark are; the WAL folder unless told otherwise.
        """
        self._home = home
        self._collector = collector
        self._landed = landed
        self._folder = folder or home.wal
        self._file: BinaryIO | None = None
        self._held: BinaryIO | None = None
        """What `_file` reads from, where it decompresses or is in memory."""
        self._is_archive = False
        self._topics: dict[bytes, str] = {}
        self.place = place or Place(landed.newest() or "", 0, 0, is_finished=True)
        self.damaged_bytes = 0
        """Bytes passed over because they are no whole frame; the lander puts them aside."""
        self.lag_bytes = 0
        """Committed bytes of the open segment that have not been handed out."""

    def read(self, most: int = 4 << 20, until: Place | None = None) -> list[Batch]:
        """What was committed since the last call, about `most` bytes of it; empty where there is nothing new.

        Args:
            most: bytes.
            until: a place of an earlier tail, to read exactly as far as that one did.

        Raises:
            SegmentGone: the rest of the segment is gone.
            OSError: the disk does not allow it now; nothing is lost, call again.
        """
        mark = read_committed_offset(self._folder, self._collector)
        batches: list[Batch] = []
        room = most
        while room > 0:
            if self.place.is_finished and not self._next():
                break
            before = self.place.offset
            end, is_last = self._readable(mark)
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
        """Give up the segment that is gone and go on with the oldest that there is."""
        self._finish()

    def close(self) -> None:
        """Give up the descriptor; the place stays."""
        if self._held is not None:
            self._held.close()
        self._file = self._held = None

    def _readable(self, mark: CommittedOffset | None) -> tuple[int | None, bool]:
        """How far the segment may be read now (None: to the end of an archive), and whether that is all of it."""
        name = self.place.segment
        is_open = (self._folder / f"{name}.open").exists()
        if self._file is None:
            self._open()
        if self._is_archive:
            return None, True
        if is_open:
            end = mark.offset if mark is not None and mark.segment == name else self.place.offset
            self.lag_bytes = end - self.place.offset
            return end, False
        assert self._file is not None
        self.lag_bytes = 0
        return os.fstat(self._file.fileno()).st_size, True

    def _open(self) -> None:
        """Open the segment wherever it is; it may move while we look, so in the order in which it moves."""
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
            "live was stopped for longer than landing.raw_keep_days; it goes on from here, the tables have everything",
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
        """After bytes that are no frame: on to the next whole one, or to the end."""
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
        """Step to the oldest segment after this one; False where there is none yet."""
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
