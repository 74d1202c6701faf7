"""A non-blocking connection to a broker, plain or TLS."""

import contextlib
import select
import socket
import ssl

from sensor_platform.collect.config import Broker
from sensor_platform.errors import PlatformError, Unreachable, WrongUse

_READ_BYTES = 1 << 18


class BrokerSocket:
    """Bytes to and from one broker. Its methods raise ConnectionError if the connection has ended."""

    def __init__(self, broker: Broker, timeout_seconds: float = 10.0) -> None:
        self._socket = _dial(broker, timeout_seconds)
        self._socket.settimeout(0.0)

    def send_some(self, data: bytearray) -> None:
        """Send what the kernel accepts now, and remove it from `data`."""
        if not data:
            return
        try:
            with memoryview(data) as view:
                sent = self._socket.send(view[:_READ_BYTES])
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return
        except OSError as error:
            raise ConnectionError(f"sending failed: {error}") from error
        del data[:sent]

    def receive_some(self) -> bytes:
        """Read what has arrived; empty if nothing has."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            raise ConnectionError(f"receiving failed: {error}") from error
        if not data:
            raise ConnectionError("the broker closed the connection")
        return data

    def wait(self, seconds: float, *, writing: bool) -> None:
        """Wait until there is something to read (or room to write), at most `seconds`."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return  # decrypted already, so the kernel would not report it
        select.select([self._socket], [self._socket] if writing else [], [], seconds)

    def close(self) -> None:
        """Close the socket; the caller sends DISCONNECT before."""
        self._socket.close()


def _dial(broker: Broker, timeout_seconds: float) -> socket.socket:
    try:
        plain = socket.create_connection((broker.host, broker.port), timeout=timeout_seconds)
    except OSError as error:
        raise _no_broker(broker, error) from error
    with contextlib.ExitStack() as on_error:
        on_error.callback(plain.close)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _secured(plain, broker) if broker.tls else plain
        on_error.pop_all()
    return connection


def _secured(plain: socket.socket, broker: Broker) -> socket.socket:
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file)
        return context.wrap_socket(plain, server_hostname=broker.host)
    except ssl.SSLCertVerificationError as error:
        raise WrongUse(
            f"the certificate of {broker!r} is not trusted: {error.verify_message}",
            "name the authority's certificate in SENSOR_PLATFORM_BROKER_CA_FILE, and the host as the certificate does",
        ) from error
    except FileNotFoundError as error:
        raise WrongUse(
            f"no certificate file {broker.ca_file or broker.cert_file}", "correct SENSOR_PLATFORM_BROKER_*_FILE"
        ) from error
    except OSError as error:
        raise _no_broker(broker, error) from error


def _no_broker(broker: Broker, error: OSError) -> PlatformError:
    reason = error.strerror or str(error) or type(error).__name__
    return Unreachable(
        f"no broker at {broker!r}: {reason}",
        "start it, or correct SENSOR_PLATFORM_BROKER_URL (mqtt://user:password@host:port)",
    )
