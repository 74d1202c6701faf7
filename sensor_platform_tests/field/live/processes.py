"""`sensor-platform` as processes: a live process over HTTP, and commands."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensor_platform_tests.field.live.base import need, site_files

TOKEN = "a-token-that-is-long-enough-0123456789"
COMMAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()")


class LiveRefused(Exception):
    """The live process ended instead of serving."""


@dataclass(frozen=True)
class RunningLive:
    """A live process that serves."""

    url: str
    home: Path
    process: "subprocess.Popen[str]"
    log: Path
    token: str

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, seconds: float = 20
    ) -> tuple[int, bytes]:
        """Code and body of an answer, whatever the code is."""
        known = {"authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(f"{self.url}{path}", body, known | dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def get(self, path: str) -> Any:
        """JSON of an answer that works."""
        code, body = self.ask(path)
        need(code == 200, f"GET {path} answers {code} {body[:200]!r}")
        return json.loads(body)

    def post(self, *messages: Mapping[str, Any]) -> None:
        """Messages by HTTP; they are on disk afterwards."""
        code, body = self.ask("/ingest?topic=sensors/x", json.dumps(messages).encode())
        need(code == 202, f"/ingest answers {code} {body[:200]!r}")


@contextmanager
def running_live(
    folder: Path,
    rules: Mapping[str, Any] | None = None,
    *,
    token: str = "",
    prefix: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    **live: Any,
) -> Iterator[RunningLive]:
    """Start it, wait for its address, and stop it afterwards.

    Args:
        folder: gets site, home and log.
        rules: what rules.yaml holds.
        token: empty for none.
        prefix: comes before the command.
        environ: more variables.
        live: section of site.yaml.

    Raises:
        LiveRefused: it ended instead of serving.
    """
    config: dict[str, Any] = {"engine": {"settle": "0s"}, "requests_per_second": 10_000} | live
    own = (
        site_files(folder, rules or {}, {"live": config}) | {"SENSOR_PLATFORM_LIVE_TOKEN": token} | dict(environ or {})
    )
    log = folder / "live.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*prefix, *COMMAND, "live", "--port", "0"],
            env=os.environ | own,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url.startswith("http://127.0.0.1:"):
            raise LiveRefused(log.read_text(errors="replace")[-2000:])
        yield RunningLive(url, folder / "home", process, log, token)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def command(environ: Mapping[str, str], *arguments: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run `sensor-platform ...`; returns code, stdout and stderr."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )
