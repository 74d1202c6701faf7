"""Messages that come by HTTP: into segments of their own, answered only after fsync. The lander lands them too.

Open segments are in `ingest/`, where no collector's recovery looks; sealed ones are moved to `wal/` for the lander.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.kernel.locks import LockFile, LockHeld
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import (
    CommittedOffsetFile,
    Header,
    SegmentWriter,
    cut_file,
    encode_records,
    recover_segment,
    segment_names,
)

log = logging.getLogger(__name__)
_SEAL_SECONDS = 2.0
_SEAL_BYTES = 32 << 20
_MOST_WAITING = 64 << 20
"""Bytes; beyond it the answer is 503 and the sender tries again."""


class Busy(Exception):
    """More is waiting to be written than we are willing to hold."""


@dataclass(slots=True)
class IngestWriter:
    """One thread that writes, fsyncs and seals; requests that come together share an fsync."""

    home: Home
    name: str
    """Of the collector in segment names."""
    clock: Callable[[], int]
    messages: int = 0
    bytes: int = 0
    problem: str = ""
    _queue: "queue.SimpleQueue[tuple[Sequence[Envelope], Future[int]] | None]" = field(
        default_factory=queue.SimpleQueue
    )
    _waiting: int = 0
    _lock: LockFile | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the lock, hand over what a killed process left, begin.

        Raises:
            WrongUse: another process takes messages for this home.
        """
        self.home.wal.mkdir(parents=True, exist_ok=True)
        self._lock = LockFile(self.home.ingest / f"{self.name}.lock")
        try:
            self._lock.take()
        except LockHeld as error:
            self._lock.close()
            raise WrongUse(
                f"another live process already takes messages for {self.home.root}", "stop it first"
            ) from error
        for left in sorted(self.home.ingest.glob(f"{self.name}-*.open")):
            recovered = recover_segment(left)
            if recovered.path is not None:
                self._hand_over(recovered.path)
        for left in sorted(self.home.ingest.glob(f"{self.name}-*.wal")):
            self._hand_over(left)
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._thread.start()

    def put(self, envelopes: Sequence[Envelope], size: int) -> "Future[int]":
        """Write messages; the future has their number once they are on disk.

        Raises:
            Busy: too much is waiting.
        """
        if self._waiting + size > _MOST_WAITING:
            raise Busy
        self._waiting += size
        future: Future[int] = Future()
        future.add_done_callback(lambda _: self._less(size))
        self._queue.put((envelopes, future))
        return future

    def stop(self) -> None:
        """Write what waits, seal, give the lock back."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(10.0)
        if self._lock is not None:
            self._lock.close()

    def _less(self, size: int) -> None:
        self._waiting -= size

    def _run(self) -> None:
        names = segment_names(self.name, self.home.ingest)
        mark = CommittedOffsetFile(self.home.ingest, self.name)
        writer: SegmentWriter | None = None
        opened_at = 0.0
        is_open = True
        while is_open:
            batch = self._next(_SEAL_SECONDS if writer is None else 0.2)
            is_open = None not in batch
            work = [item for item in batch if item is not None]
            if work:
                try:
                    if writer is None:
                        writer, opened_at = SegmentWriter(self.home.ingest, self._header(next(names))), time.monotonic()
                    self._write(writer, mark, work)
                except OSError as error:
                    self.problem = f"{type(error).__name__}: {error}"
                    log.warning("cannot take messages now: %s", self.problem)
                    self._give_up(writer)
                    writer = None
                    for _, future in work:
                        future.set_exception(error)
            age = time.monotonic() - opened_at
            if writer is not None and (not is_open or age > _SEAL_SECONDS or writer.size > _SEAL_BYTES):
                self._seal(writer)
                writer = None
        mark.close()

    def _next(self, seconds: float) -> list[tuple[Sequence[Envelope], "Future[int]"] | None]:
        """Everything that waits, at least one unless the time passes."""
        batch = []
        try:
            batch.append(self._queue.get(timeout=seconds))
            while len(batch) < 500:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _write(
        self, writer: SegmentWriter, mark: CommittedOffsetFile, work: Sequence[tuple[Sequence[Envelope], "Future[int]"]]
    ) -> None:
        writer.append([encode_records(envelopes) for envelopes, _ in work])
        offset = writer.commit()
        mark.publish(writer.name, offset)
        self.problem = ""
        for envelopes, future in work:
            self.messages += len(envelopes)
            self.bytes += sum(len(envelope.payload) for envelope in envelopes)
            future.set_result(len(envelopes))

    def _header(self, name: str) -> Header:
        return Header(segment=name, created_at=self.clock())

    def _seal(self, writer: SegmentWriter) -> None:
        try:
            self._hand_over(writer.seal())
        except OSError as error:
            self.problem = f"{type(error).__name__}: {error}"
            log.warning("a segment could not be handed over: %s; the next start does it", self.problem)

    def _give_up(self, writer: SegmentWriter | None) -> None:
        """After an error: what was committed is handed over, the rest is gone and was never acknowledged."""
        if writer is None:
            return
        writer.close()
        try:
            if writer.committed:
                cut_file(writer.path, writer.committed)
                self._hand_over(writer.seal())
            else:
                writer.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a segment could not be handed over: %s; the next start does it", error)

    def _hand_over(self, sealed: "os.PathLike[str]") -> None:
        target = self.home.wal / os.path.basename(sealed)  # noqa: PTH119 - of a PathLike
        os.replace(sealed, target)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
        fsync_folder(self.home.wal)
        fsync_folder(self.home.ingest)
