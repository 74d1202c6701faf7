"""Messages received over HTTP: written to segments of their own and answered only after fsync; the lander lands them.

Open segments are in `ingest/`, where no collector's recovery looks; sealed ones go to `wal/` for the lander.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, LockHeld
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import Header, WalFolders, WalWriter, encode_records, open_wal

log = logging.getLogger(__name__)
_SEAL_SECONDS = 2.0
_SEAL_BYTES = 32 << 20
_MAX_WAITING_BYTES = 64 << 20
"""Above it the answer is 503 and the sender tries again."""
_MAX_GROUP = 500
"""Requests in one group commit."""

_Request = tuple[Sequence[Envelope], "Future[int]"]


class Busy(Exception):
    """Too many bytes wait to be written."""


@dataclass(slots=True)
class IngestWriter:
    """One thread that writes, fsyncs and seals; requests that arrive together share an fsync."""

    home: Home
    name: str
    """Name of the collector in segment names."""
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    messages: int = 0
    """Messages committed."""
    bytes: int = 0
    """Payload bytes committed."""
    problem: str = ""
    """Why messages cannot be written or sealed now; empty where nothing is wrong."""
    _queue: "queue.SimpleQueue[_Request | None]" = field(default_factory=queue.SimpleQueue)
    _waiting_bytes: int = 0
    _waiting_lock: threading.Lock = field(default_factory=threading.Lock)
    _lock: LockFile | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Take the lock, recover what a killed process left, and start the thread.

        Raises:
            WrongUse: another process takes messages for this home.
            OSError: the home cannot be written.
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
        folders = WalFolders(open=self.home.ingest, sealed=self.home.wal)
        wal = open_wal(folders, self.name, self._header, own_only=True)
        self._thread = threading.Thread(target=self._run, args=(wal,), name="ingest", daemon=True)
        self._thread.start()

    def put(self, envelopes: Sequence[Envelope], size: int) -> "Future[int]":
        """Queue messages; the future returns their number once they are on disk, or raises the OSError of the disk.

        Args:
            envelopes: the messages of one request.
            size: of the request, bytes.

        Raises:
            Busy: too many bytes wait.
        """
        with self._waiting_lock:
            if self._waiting_bytes + size > _MAX_WAITING_BYTES:
                raise Busy
            self._waiting_bytes += size
        future: Future[int] = Future()
        future.add_done_callback(lambda _: self._release(size))
        self._queue.put((envelopes, future))
        return future

    def stop(self) -> None:
        """Write what waits, seal, release the lock."""
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(10.0)
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _release(self, size: int) -> None:
        with self._waiting_lock:
            self._waiting_bytes -= size

    def _run(self, wal: WalWriter) -> None:
        is_open = True
        while is_open:
            batch = self._next(0.2 if wal.name else _SEAL_SECONDS)
            is_open = None not in batch
            self._write(wal, [request for request in batch if request is not None])
            self._seal(wal, is_due=not is_open or wal.is_seal_due(_SEAL_SECONDS, _SEAL_BYTES))
        wal.close()

    def _next(self, seconds: float) -> list[_Request | None]:
        """All waiting requests, at most one group; waits up to `seconds` for the first."""
        batch = []
        try:
            batch.append(self._queue.get(timeout=seconds))
            while len(batch) < _MAX_GROUP:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _write(self, wal: WalWriter, requests: Sequence[_Request]) -> None:
        """Commit the requests and answer them. Where that fails all are answered with the error: the senders retry."""
        if not requests:
            return
        for envelopes, _ in requests:
            wal.add(encode_records(envelopes, begins_group=wal.is_empty))
        try:
            wal.commit()
        except OSError as error:
            wal.discard()
            self.problem = f"{type(error).__name__}: {error}"
            log.warning("cannot take messages now: %s", self.problem)
            for _, future in requests:
                future.set_exception(error)
            return
        self.problem = ""
        for envelopes, future in requests:
            self.messages += len(envelopes)
            self.bytes += sum(len(envelope.payload) for envelope in envelopes)
            future.set_result(len(envelopes))

    def _seal(self, wal: WalWriter, *, is_due: bool) -> None:
        error = wal.seal() if is_due else wal.mend()
        if error is not None and is_due:
            self.problem = f"{type(error).__name__}: {error}"
            log.warning("a segment cannot be sealed now, it is tried again: %s", self.problem)

    def _header(self, name: str) -> Header:
        return Header(segment=name, created_at=self.clock())
