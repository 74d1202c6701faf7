"""The socket that paho opened, with a large read buffer and one queue for writing.

Reading: `fill` takes all that the kernel has; `BulkReadPath` parses it first and gives paho only the packets that are
not messages, so that paho can never acknowledge a message. Writing: paho's packets and our replies leave through one
queue, so that they cannot interleave.
"""

import socket
import ssl
import time

_READ = 1 << 20
_LINGER_SECONDS = 2.0


class Wire:
    """Replaces the socket of a paho client."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._offered = b""
        self._out = bytearray()
        self.is_at_end = False
        """The broker closed the connection, or an error ended it."""
        self.error: OSError | None = None

    def fill(self) -> bytes:
        """All that can be read now, about 1 MiB at most; empty where there is nothing, or at the end."""
        pieces: list[bytes] = []
        size = 0
        while size < _READ and not self.is_at_end:
            try:
                piece = self._sock.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:
                self.is_at_end, self.error = True, error
                break
            if not piece:
                self.is_at_end = True
                break
            pieces.append(piece)
            size += len(piece)
            if not isinstance(self._sock, ssl.SSLSocket):
                break  # one recv empties a plain socket's queue; TLS hands out one record at a time
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def offer(self, packet: bytes) -> None:
        """Let paho read this packet, and nothing else."""
        self._offered += packet

    def recv(self, size: int) -> bytes:
        """For paho: the packets that were offered."""
        if not self._offered:
            if self.is_at_end:
                return b""
            raise BlockingIOError
        piece, self._offered = self._offered[:size], self._offered[size:]
        return piece

    def send(self, data: bytes | bytearray) -> int:
        """For paho and for replies: queues everything, sends what the kernel accepts now."""
        self._out += data
        self.flush()
        return len(data)

    @property
    def wants_write(self) -> bool:
        """True while bytes wait for the kernel."""
        return bool(self._out)

    def flush(self) -> None:
        """Send what is queued, as far as the kernel accepts it."""
        while self._out and not self.is_at_end:
            try:
                sent = self._sock.send(self._out)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._out.clear()
                self.error = error  # reading finds the end, and with TLS the reason, after what came before it
                return
            del self._out[:sent]

    def fileno(self) -> int:
        """File descriptor of the real socket."""
        return self._sock.fileno()

    def pending(self) -> int:
        """Bytes that TLS has already decrypted; select does not report them."""
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature
        """For paho."""
        self._sock.setblocking(flag)

    def close(self) -> None:
        """For paho. Waits until what was sent has arrived: closing with unread bytes would reset the connection."""
        self.flush()
        if not self.is_at_end and self.error is None:
            self._linger()
        self.is_at_end = True
        self._sock.close()

    def _linger(self) -> None:
        """Shut down writing, and read without acknowledging anything until the broker closes."""
        try:
            self._sock.settimeout(_LINGER_SECONDS)
            if self._out:
                self._sock.sendall(self._out)
            self._sock.shutdown(socket.SHUT_WR)
            end = time.monotonic() + _LINGER_SECONDS
            while time.monotonic() < end and self._sock.recv(_READ):
                pass
        except OSError as error:
            self.error = error
