"""The write-ahead order: frames wait in memory, are written and fsynced together, and only then count as ours.

A failing disk never loses a frame: what was not committed stays in memory, the torn segment is cut back to its
committed part, and the frames go into a new one. The caller stops reading meanwhile; nothing is acknowledged before
`commit` returns.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sensor_platform.wal import CommittedOffsetFile, Header, SegmentWriter, cut_file, discard_file, seal_file


class WalWriter:
    """The segments of one running collector. Not thread-safe."""

    def __init__(
        self,
        wal: Path,
        names: Iterator[str],
        mark: CommittedOffsetFile,
        new_header: Callable[[str], Header],
        clock: Callable[[], float],
    ) -> None:
        """A journal in the folder `wal`.

        Args:
            wal: exists already.
            names: new segment names.
            mark: where the committed offset is published.
            new_header: header for a segment name, with the session as it is now.
            clock: monotonic seconds.
        """
        self.wal = wal
        self._names = names
        self._mark = mark
        self._new_header = new_header
        self._clock = clock
        self._writer: SegmentWriter | None = None
        self._opened_at = 0.0
        self._torn: list[tuple[Path, int]] = []
        self._unsealed: list[tuple[Path, int]] = []
        self._pending: list[bytes] = []
        self.pending_bytes = 0
        self.segments = 0
        """Segments sealed by this journal."""

    @property
    def name(self) -> str:
        """Of the open segment; empty without one."""
        return self._writer.name if self._writer else ""

    @property
    def size(self) -> int:
        """Bytes of the open segment."""
        return self._writer.size if self._writer else 0

    @property
    def age(self) -> float:
        """Seconds since the open segment was created; 0 without one."""
        return self._clock() - self._opened_at if self._writer else 0.0

    @property
    def is_clean(self) -> bool:
        """True where nothing waits to be written or sealed."""
        return not (self._pending or self._torn or self._unsealed or self._writer)

    def add(self, frame: bytes) -> None:
        """Take a frame; it is safe only after the next `commit`."""
        self._pending.append(frame)
        self.pending_bytes += len(frame)

    def commit(self) -> None:
        """Write and fsync what waits.

        Raises:
            OSError: nothing was committed; everything is kept for the next call.
        """
        if not self._pending:
            return
        self._cut_torn()
        writer = self._writer or self._open()
        try:
            writer.append(self._pending)
            offset = writer.commit()
        except BaseException:
            self._give_up(writer)
            raise
        self._pending = []
        self.pending_bytes = 0
        with contextlib.suppress(OSError):  # the mark is a hint for readers: they lag, nothing is lost
            self._mark.publish(writer.name, offset)

    def seal(self) -> None:
        """Hand the open segment over to the lander; on failure it is tried again by `mend`."""
        writer, self._writer = self._writer, None
        if writer:
            writer.close()
            self._unsealed.append((writer.path, writer.committed))
        self.mend()

    def mend(self) -> None:
        """Seal what could not be sealed before; call now and then."""
        while self._unsealed:
            path, committed = self._unsealed[0]
            try:
                seal_file(path, committed)
            except OSError:
                return
            self._unsealed.pop(0)
            self.segments += 1

    def _open(self) -> SegmentWriter:
        name = next(self._names)
        try:
            self._writer = SegmentWriter(self.wal, self._new_header(name))
        except BaseException:
            self._torn.append((self.wal / f"{name}.open", 0))
            raise
        self._opened_at = self._clock()
        return self._writer

    def _give_up(self, writer: SegmentWriter) -> None:
        """After a failed write or fsync nothing about this descriptor can be trusted."""
        self._writer = None
        self._torn.append((writer.path, writer.committed))
        writer.close()

    def _cut_torn(self) -> None:
        """Before frames are written a second time, take their first, unacknowledged copy away."""
        while self._torn:
            path, committed = self._torn[0]
            if committed:
                cut_file(path, committed)
                self._unsealed.append((path, committed))
            else:
                discard_file(path)
            self._torn.pop(0)
