"""Webhook receivers with the moods that the field has: they take and fail, they drip, they send elsewhere."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """What a receiver was sent."""

    url: str = ""
    mood: str = "well"
    """`well`, `refuses` (500), `takes and fails` (takes it, and the answer is 500), `drips` or `redirects`."""
    target: str = ""
    """Where `redirects` sends to."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Idempotency-Key of each body."""
    dripped: int = 0
    """Bytes that a dripping answer got rid of."""


DRIPS, DRIP_SECONDS = 24, 0.1


def mentions(body: dict[str, Any], device: str) -> bool:
    """Whether a body is about a device, in any field."""
    return device in json.dumps(body)


def _drip(found: Webhook, receiver: BaseHTTPRequestHandler) -> None:
    receiver.send_response(200)
    receiver.send_header("content-length", str(DRIPS))
    receiver.end_headers()
    for _ in range(DRIPS):
        time.sleep(DRIP_SECONDS)
        try:
            receiver.wfile.write(b"x")
            receiver.wfile.flush()
        except OSError:
            return
        found.dripped += 1


def _answer(found: Webhook, receiver: BaseHTTPRequestHandler) -> None:
    body = receiver.rfile.read(int(receiver.headers["content-length"]))
    if found.mood != "refuses":
        found.bodies.append(json.loads(body))
        found.keys.append(receiver.headers.get("Idempotency-Key", ""))
    if found.mood == "drips":
        return _drip(found, receiver)
    codes = {"refuses": 500, "takes and fails": 500, "redirects": 307}
    receiver.send_response(codes.get(found.mood, 200))
    if found.mood == "redirects":
        receiver.send_header("location", found.target)
    receiver.send_header("content-length", "0")
    receiver.end_headers()
    return None


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on a free port of this machine."""
    found = Webhook()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _answer(found, self)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.url = f"json://127.0.0.1:{server.server_address[1]}/alarms"
    found.target = f"http://127.0.0.1:{server.server_address[1]}/alarms"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
