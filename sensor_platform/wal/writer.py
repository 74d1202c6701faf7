"""The WAL writer of MQTT, Kafka and HTTP: frames wait in memory, are written and fsynced together, and only then count.

A failing disk never loses a committed frame. Frames that were not committed stay in memory, the torn segment is cut
back to its committed part, and the next commit writes them into a new segment. Nothing may be acknowledged before
`commit` returns. What happens to the frames of a failed commit is the caller's decision:

- A collector keeps them, stops reading and calls `commit` again: its broker waits.
- The HTTP endpoint calls `discard` and answers with an error: its client sends them again.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.frames import Header
from sensor_platform.wal.recovery import recover_segments
from sensor_platform.wal.segment_name import segment_names
from sensor_platform.wal.segment_writer import SegmentWriter, cut_file, delete_segment, seal_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WalFolders:
    """Where one writer keeps its segments. Both folders are on the same file system."""

    open: Path
    """Segments that are being written, the committed offset and the boot record."""
    sealed: Path
    """Segments for the lander: the `wal` folder of the home."""


def open_wal(
    folders: WalFolders,
    collector: str,
    new_header: Callable[[str], Header],
    *,
    clock: Callable[[], float] = time.monotonic,
    own_only: bool = False,
) -> "WalWriter":
    """Recover and seal what a killed process left, and return a writer that has no segment yet.

    Only for the process that holds the lock of what is recovered.

    Args:
        folders: exist already.
        collector: name of the collector, the first part of segment names.
        new_header: returns the header for a segment name, with the session at that time.
        clock: monotonic seconds.
        own_only: recover only segments of this collector, because another process may be writing others.

    Raises:
        WrongUse: the collector's name cannot be part of a file name.
        OSError: a folder cannot be read or written.
    """
    names = segment_names(collector, folders.open)
    for left in recover_segments(folders.open, folders.sealed, collector if own_only else None):
        log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
    return WalWriter(folders, names, CommittedOffsetFile(folders.open, collector), new_header, clock)


class WalWriter:
    """The segments of one running process. Not thread-safe."""

    def __init__(
        self,
        folders: WalFolders,
        names: Iterator[str],
        committed: CommittedOffsetFile,
        new_header: Callable[[str], Header],
        clock: Callable[[], float],
    ) -> None:
        """See `open_wal`, which is how a process of the platform makes one.

        Args:
            folders: exist already.
            names: new segment names.
            committed: where the committed offset is published.
            new_header: returns the header for a segment name.
            clock: monotonic seconds.
        """
        self.folders = folders
        self._names = names
        self._committed = committed
        self._new_header = new_header
        self._clock = clock
        self._segment: SegmentWriter | None = None
        self._opened_at = 0.0
        self._torn: list[tuple[Path, int]] = []
        self._unsealed: list[tuple[Path, int]] = []
        self._pending: list[bytes] = []
        self.pending_bytes = 0
        self.segments = 0
        """Segments that this writer has sealed."""

    @property
    def name(self) -> str:
        """Name of the open segment; empty without one."""
        return self._segment.name if self._segment else ""

    @property
    def is_empty(self) -> bool:
        """True where no frame waits: the next one begins a group."""
        return not self._pending

    def is_seal_due(self, seconds: float, size: int) -> bool:
        """True where the open segment is at least `seconds` old or `size` bytes large."""
        segment = self._segment
        return segment is not None and (self._clock() - self._opened_at >= seconds or segment.size >= size)

    def add(self, frame: bytes) -> None:
        """Queue a frame; it is safe only after the next `commit`."""
        self._pending.append(frame)
        self.pending_bytes += len(frame)

    def commit(self) -> None:
        """Write and fsync the queued frames.

        Raises:
            OSError: nothing was committed. The frames are kept for the next call; see `discard`.
        """
        if not self._pending:
            return
        self._cut_torn()
        segment = self._segment or self._open()
        try:
            segment.append(self._pending)
            offset = segment.commit()
        except BaseException:
            self._abandon(segment)
            raise
        self.discard()
        with contextlib.suppress(OSError):  # only readers of the running process use it: they lag, nothing is lost
            self._committed.publish(segment.name, offset)

    def discard(self) -> None:
        """Drop the queued frames. After a failed commit only for a caller that reports the failure to the sender."""
        self._pending = []
        self.pending_bytes = 0

    def seal(self) -> OSError | None:
        """Hand the open segment over to the lander; if that fails `mend` tries again. The result is that of `mend`."""
        segment, self._segment = self._segment, None
        if segment:
            segment.close()
            self._unsealed.append((segment.path, segment.committed))
        return self.mend()

    def mend(self) -> OSError | None:
        """Cut and seal what could not be cut or sealed before; call it regularly. Returns the error that stopped it."""
        try:
            if not self._pending:  # otherwise the next commit does it
                self._cut_torn()
            while self._unsealed:
                path, committed = self._unsealed[0]
                seal_file(path, committed, self.folders.sealed)
                self._unsealed.pop(0)
                self.segments += 1
        except OSError as error:
            return error
        return None

    def close(self) -> None:
        """Close the files. A segment that is still open stays for the next start; `seal` hands it over first."""
        if self._segment:
            self._segment.close()
        self._committed.close()

    def _open(self) -> SegmentWriter:
        name = next(self._names)
        try:
            self._segment = SegmentWriter(self.folders.open, self._new_header(name))
        except BaseException:
            self._torn.append((self.folders.open / f"{name}.open", 0))
            raise
        self._opened_at = self._clock()
        return self._segment

    def _abandon(self, segment: SegmentWriter) -> None:
        """After a failed write or fsync nothing about this descriptor can be trusted."""
        self._segment = None
        self._torn.append((segment.path, segment.committed))
        segment.close()

    def _cut_torn(self) -> None:
        """Before frames are written a second time, remove their first, unacknowledged copy."""
        while self._torn:
            path, committed = self._torn[0]
            if committed:
                cut_file(path, committed)
                self._unsealed.append((path, committed))
            else:
                delete_segment(path)
            self._torn.pop(0)
