"""A headless Chromium, driven by its own protocol."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from sensor_platform.collect.brokers.local import free_port

_QUIET = ("--no-first-run", "--disable-quic", "--disable-background-networking", "--disable-sync")
_COMPONENTS = "--disable-component-update"
"""A browser in a test talks to nobody but us."""


class Tab:
    """One page."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._count = 0
        self.problems: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=20))
            if answer.get("method") in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                problem = json.dumps(answer["params"])
                if '"source": "network"' not in problem:  # /readyz says 503 where no collector runs
                    self.problems.append(problem[:500])
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = 15.0) -> Any:
        """Its first true value."""
        end = time.monotonic() + seconds
        while not (found := self.ask(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)
        return found

    def size(self, width: int, height: int, *, mobile: bool = False, dark: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def shoot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(folder: Path, url: str) -> Iterator[Tab]:
    """A browser with one page open."""
    program = shutil.which("chromium")
    assert program is not None
    port = free_port()
    argv = [program, "--headless=new", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}"]
    argv += [f"--user-data-dir={folder / 'profile'}", *_QUIET, _COMPONENTS, "about:blank"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_socket_url(port), max_size=None) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log"):
                    tab.call(f"{domain}.enable")
                tab.call("Page.navigate", url=url)
                yield tab
        finally:
            process.terminate()
            process.wait(10)


def _socket_url(port: int) -> str:
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=2) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
        except (OSError, IndexError):
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.1)
