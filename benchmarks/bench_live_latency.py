"""From publish to webhook, WebSocket and API at 10,000 messages a second through mosquitto, and what live costs acks.

    python benchmarks/bench_live_latency.py [--rate 10000] [--seconds 10] [--rounds 3]

Ten times a second a message makes a new device fire an alarm, whose webhook is received here; another device's value is
counted up and watched by a WebSocket client; the API is asked twenty times a second. All devices send three metrics, so
the live engine takes in three times the rate. Ack latency (publish to fsync) is measured without and with live in
turn, and the ratio is that of each pair; figures are medians of the rounds.
Publisher, broker, collector, live process and this script share the machine: compare figures of one run only.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from bench_collect_latency import _latencies, _watch  # type: ignore[import-not-found]
from collect_runs import COMMAND, collector  # type: ignore[import-not-found]
from websockets.sync.client import connect

from sensor_platform.collect.brokers.local import free_port, local_broker

_PUBLISH = """
import sys, time
from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import Publisher, PublisherOptions
port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
every = max(1, int(rate / 10))
body = b',"device_id":"d%d","temperature":21.53,"humidity":50.12}'
with Publisher(Broker(port=port), PublisherOptions(window=30000)) as publisher:
    started = time.monotonic()
    number = 0
    while (now := time.monotonic()) < started + seconds:
        due = int((now - started) * rate)
        while number < due:
            if number % every == 0:
                now_us = time.time_ns() // 1000
                ask, what = number // every, (b'alarm-%d' % (number // every), b"beacon")[number // every % 2]
                tail = b',"device_id":"%s","wall":%d,"timestamp":%d,"alarm":%d}' % (what, now_us, now_us, ask % 2 == 0)
            else:
                tail = body % (number % 1000)
            publisher.publish("sensors/x", b'{"sent":%d' % time.monotonic_ns() + tail)
            number += 1
        publisher.pump(0.001)
    assert publisher.drain()
"""
_RULES = """
rules:
  - {name: bench, kind: threshold, metric: alarm, above: 0.5, severity: critical,
     message: "{device}"}
channels: {hook: {url: "json://127.0.0.1:%d/x", per_minute: 100000}}
routes: [{channels: [hook]}]
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    pairs = [
        [one_round(options.rate, options.seconds, with_live=each) for each in (False, True)]
        for _ in range(options.rounds)
    ]
    alone, beside = zip(*pairs, strict=True)
    ratios = [on["fsync"]["p50"] / off["fsync"]["p50"] for off, on in pairs]
    result = {
        "benchmark": "live_latency",
        "rate": options.rate,
        "rounds": options.rounds,
        "publish_to_webhook_milliseconds": medians(beside, "hook") | {"aim": "p50 50, p99 150"},
        "publish_to_websocket_milliseconds": medians(beside, "socket") | {"aim": "p99 250"},
        "api_latest_milliseconds": medians(beside, "api") | {"aim": "p99 10"},
        "publish_to_fsync_milliseconds": {"live_off": medians(alone, "fsync"), "live_on": medians(beside, "fsync")},
        "ack_ratio_p50": {
            "value": round(median(ratios), 2),
            "all": [round(each, 2) for each in ratios],
            "aim": "<= 1.2",
        },
        "live_cpu_cores": median([each["cores"] for each in beside]),
        "live_resident_megabytes": median([each["rss"] for each in beside]),
    }
    print(json.dumps(result))


def medians(rounds: Sequence[dict[str, Any]], what: str) -> dict[str, float]:
    """The figures of a summary, each the median of the rounds."""
    return {name: median([each[what][name] for each in rounds]) for name in rounds[0][what]}


def one_round(rate: float, seconds: float, *, with_live: bool) -> dict[str, Any]:
    with TemporaryDirectory() as name, local_broker(Path(name) / "broker", kind="mosquitto") as broker:
        port = int(broker.url.rpartition(":")[2])
        found: dict[str, Any] = {}
        consumer = collector(Path(name) / "home", port, "live: {page_per_second: 10, requests_per_second: 100000}\n")
        hooks: list[tuple[float, str]] = []
        with _receiver(hooks) as hook_port:
            (consumer.folder / "site" / "rules.yaml").write_text(_RULES % hook_port)
            consumer.start(is_ready_printed=True)
            live = _Live(consumer.environ) if with_live else None
            try:
                publisher = subprocess.Popen([sys.executable, "-c", _PUBLISH, str(port), str(rate), str(seconds)])
                seen = _watch(consumer.folder / "wal", publisher)
                if live:
                    time.sleep(1)
                    found = live.stop(seconds)
            finally:
                consumer.stop()
        found["fsync"] = summary(_latencies(consumer.folder / "wal", seen)[0])
        found["hook"] = summary([(at - float(sent)) * 1e3 for at, sent in hooks])
        return found


class _Live:
    """The live process with its WebSocket client and its API client."""

    def __init__(self, environ: dict[str, str]) -> None:
        argv = [*COMMAND, "live", "--port", str(free_port())]
        self.process = subprocess.Popen(
            argv, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self._is_over = threading.Event()
        self._socket: list[float] = []
        self._api: list[float] = []
        self._threads = [threading.Thread(target=run) for run in (self._watch_beacon, self._ask)]
        for thread in self._threads:
            thread.start()
        self._cpu = self._cpu_seconds()

    def stop(self, seconds: float) -> dict[str, Any]:
        self._is_over.set()
        cores = (self._cpu_seconds() - self._cpu) / seconds
        rss = psutil.Process(self.process.pid).memory_info().rss / 1e6
        for thread in self._threads:
            thread.join(10)
        self.process.terminate()
        self.process.wait(30)
        figures = {"socket": summary(self._socket), "api": summary(self._api)}
        return figures | {"cores": round(cores, 2), "rss": round(rss)}

    def _cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def _watch_beacon(self) -> None:
        number = None
        while number is None and not self._is_over.wait(0.1):
            with urllib.request.urlopen(f"{self.url}/api/devices?search=beacon", timeout=5) as answer:
                devices = json.load(answer)["devices"]
            number = devices[0][0] if devices else None
        newest = 0.0
        with connect(f"ws{self.url.removeprefix('http')}/ws") as socket:
            socket.send(json.dumps({"device": number}))
            while not self._is_over.is_set():
                try:
                    update = json.loads(socket.recv(timeout=0.5))
                except TimeoutError:
                    continue
                wall = next((row["value"] for row in update.get("device", ()) if row["metric"] == "wall"), 0.0)
                if wall > newest:
                    newest = wall
                    self._socket.append((time.time() - wall / 1e6) * 1e3)

    def _ask(self) -> None:
        while not self._is_over.wait(0.05):
            started = time.perf_counter()
            with urllib.request.urlopen(f"{self.url}/api/latest?device=d7", timeout=5) as answer:
                answer.read()
            self._api.append((time.perf_counter() - started) * 1e3)


class _receiver:  # noqa: N801 - used as a context
    """Webhooks, with the time of their arrival and the device's own time of sending."""

    def __init__(self, found: list[tuple[float, str]]) -> None:
        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                found.append((at, _micros(body["at"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _micros(text: str) -> str:
    from datetime import datetime

    return str(datetime.fromisoformat(text).timestamp())


def summary(values: list[float]) -> dict[str, float]:
    """Count and percentiles."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0, "p50": 0.0, "p99": 0.0}
    at = {
        "p50": len(ordered) // 2,
        "p95": len(ordered) * 95 // 100,
        "p99": min(len(ordered) - 1, len(ordered) * 99 // 100),
    }
    return {"n": len(ordered)} | {name: round(ordered[row], 1) for name, row in at.items()}


if __name__ == "__main__":
    main()
