"""What notifications are sent to in tests: webhook receivers with moods, and a mail server."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from sensor_platform.collect.brokers.local import free_port


@dataclass
class Hook:
    """A webhook receiver."""

    url: str = ""
    mood: str = "well"
    """`well`, `refuses` (500) or `hangs`."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    received_at: list[float] = field(default_factory=list)
    tries: int = 0

    @property
    def keys(self) -> list[str]:
        return [key for body in self.bodies for key in body["keys"]]


@contextmanager
def hook() -> Iterator[Hook]:
    """A receiver on a free port of this machine."""
    found = Hook()
    gone = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.tries += 1
            body = self.rfile.read(int(self.headers["content-length"]))
            if found.mood == "hangs":
                gone.wait(30)
                return
            if found.mood == "well":
                found.received_at.append(time.time())
                found.bodies.append(json.loads(body))
                found.headers.append(dict(self.headers))
            self.send_response(500 if found.mood == "refuses" else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.url = f"json://127.0.0.1:{server.server_address[1]}/alarms"
    try:
        yield found
    finally:
        gone.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mail:
    """An SMTP server; `letters` as they came."""

    controller: Controller = field(init=False)
    letters: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.controller.port}?from=a@example.org&to=b@example.org&format=text"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.letters.append(envelope.content)
        return "250 fine"


@contextmanager
def mail() -> Iterator[Mail]:
    """A server that is up."""
    found = Mail()
    found.controller.start()
    try:
        yield found
    finally:
        found.controller.stop()
