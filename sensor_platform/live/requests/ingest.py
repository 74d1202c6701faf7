"""Messages received over HTTP: written to segments of their own and answered only after fsync; the lander lands them.

Open segments are in `ingest/`, where no collector's recovery looks; sealed ones go to `wal/` for the lander.

The thread ends only when it is stopped. A disk that is full at the start, or any error later, is an answer to the
requests that meet it, and is tried again.
"""

import logging
import queue
import threading
import time
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
_PAUSE_SECONDS = 0.2
_LAST_SEAL_SECONDS = 5.0
"""How long the end waits for a disk that refuses to seal; then the next start, or `land`, seals."""

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
        """Take the lock and start the thread, which first recovers what a killed process left.

        Raises:
            WrongUse: another process takes messages for this home.
            OSError: the lock file cannot be written.
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
        wal = self._open()
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
            if self._thread.is_alive():
                return  # it still writes: the lock goes with the process
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _release(self, size: int) -> None:
        with self._waiting_lock:
            self._waiting_bytes -= size

    def _open(self) -> WalWriter | None:
        """Recover and open the WAL; None where the disk does not allow it now."""
        try:
            folders = WalFolders(open=self.home.ingest, sealed=self.home.wal)
            wal = open_wal(folders, self.name, self._header, own_only=True)
        except OSError as error:
            self._note(error)
            return None
        self.problem = ""
        return wal

    def _run(self, wal: WalWriter | None) -> None:
        is_open = True
        while is_open:
            batch = self._next(_PAUSE_SECONDS if wal is None or wal.name else _SEAL_SECONDS)
            is_open = None not in batch
            # once it runs a request cannot be given up any more: who gave up sends it again
            requests = [each for each in batch if each is not None and each[1].set_running_or_notify_cancel()]
            try:
                wal = wal or self._open()
                self._serve(wal, requests, is_last=not is_open)
            except OSError as error:
                self._refuse(wal, requests, error)
            except Exception as error:
                log.exception("a fault while taking messages")  # whatever it is, the next requests must find a thread
                self._refuse(wal, requests, error)
        self._finish(wal)

    def _serve(self, wal: WalWriter | None, requests: Sequence[_Request], *, is_last: bool) -> None:
        if wal is None:
            raise OSError(self.problem)
        self._write(wal, requests)
        self._seal(wal, is_due=is_last or wal.is_seal_due(_SEAL_SECONDS, _SEAL_BYTES))

    def _finish(self, wal: WalWriter | None) -> None:
        """Seal what the disk refused to seal, and answer who came too late."""
        end = time.monotonic() + _LAST_SEAL_SECONDS
        while wal is not None and wal.mend() is not None and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
        if wal is not None:
            wal.close()
        for request in self._next(0.0):
            if request is not None and request[1].set_running_or_notify_cancel():
                request[1].set_exception(OSError("the live process stops"))

    def _refuse(self, wal: WalWriter | None, requests: Sequence[_Request], error: Exception) -> None:
        """Answer what is not answered yet with the error."""
        if wal is not None:
            wal.discard()
        self._note(error)
        for _, future in requests:
            if not future.done():
                future.set_exception(error if isinstance(error, OSError) else OSError(self.problem))

    def _note(self, error: Exception) -> None:
        problem = str(error) if str(error) == self.problem else f"{type(error).__name__}: {error}"
        if problem != self.problem:
            log.warning("cannot take messages now: %s", problem)
        self.problem = problem

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
        """Commit the requests and answer them.

        Raises:
            Exception: nothing was committed; the senders are told and send again.
        """
        if not requests:
            return
        for envelopes, _ in requests:
            wal.add(encode_records(envelopes, begins_group=wal.is_empty))
        wal.commit()
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
