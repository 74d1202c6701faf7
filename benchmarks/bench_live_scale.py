"""Five thousand devices of three metrics, fifty rules, twenty open pages, one of which never reads; then a crowd.

    python benchmarks/bench_live_scale.py [--devices 5000] [--seconds 10] [--crowd 100000]

Every device sends once a second, by HTTP. Each page watches sixty rows. Figures: CPU and memory of the live process,
updates a second that the reading pages get, and memory after a crowd of devices that nobody knows appears at once.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from websockets.sync.client import connect

from sensor_platform.collect.brokers.local import free_port

_RULE = """  - {name: r%d, kind: threshold, metric: temperature, devices: "d%d*", above: {warning: 95, critical: 99}}
"""
_SITE = """
live:
  requests_per_second: 100000
  most_body_bytes: 50000000
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--crowd", type=int, default=100_000)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        site = Path(name) / "site"
        site.mkdir()
        (site / "site.yaml").write_text(_SITE)
        (site / "rules.yaml").write_text("rules:\n" + "".join(_RULE % (n, n % 10) for n in range(50)))
        environ = {"SENSOR_PLATFORM_HOME": str(Path(name) / "home"), "SENSOR_PLATFORM_SITE": str(site)}
        argv = [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "live"]
        argv += ["--port", str(free_port())]
        live = subprocess.Popen(
            argv, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert live.stdout is not None
        try:
            result = _measure(live, live.stdout.readline().strip(), options)
        finally:
            live.terminate()
            live.wait(60)
    print(json.dumps({"benchmark": "live_scale", "devices": options.devices, "rules": 50} | result))


def _measure(live: "subprocess.Popen[str]", url: str, options: argparse.Namespace) -> dict[str, Any]:
    process = psutil.Process(live.pid)
    _post(url, options.devices, 0, "d")
    time.sleep(2)
    over = threading.Event()
    counts = [0] * 19
    pages = [threading.Thread(target=_page, args=(url, counts, n, over)) for n in range(19)]
    lazy = connect(f"ws{url.removeprefix('http')}/ws", max_queue=1)
    lazy.send(json.dumps({"rows": list(range(60))}))
    for page in pages:
        page.start()
    time.sleep(1)
    before, cpu, started = list(counts), sum(process.cpu_times()[:2]), time.monotonic()
    for second in range(options.seconds):
        _post(url, options.devices, second + 1, "d")
        time.sleep(max(0.0, started + second + 1 - time.monotonic()))
    spent = time.monotonic() - started
    per_second = [(count - old) / spent for count, old in zip(counts, before, strict=True)]
    cores = (sum(process.cpu_times()[:2]) - cpu) / spent
    rss = process.memory_info().rss / 1e6
    over.set()
    for page in pages:
        page.join()
    lazy.close()
    begin = time.monotonic()
    for start in range(0, options.crowd, 20_000):
        _post(url, min(20_000, options.crowd - start), start, f"crowd{start}-")
    while _series(url) < min(200_000, 3 * (options.crowd + options.devices)) and time.monotonic() - begin < 60:
        time.sleep(0.2)
    return {
        "cpu_cores": round(cores, 2),
        "resident_megabytes": round(rss),
        "updates_per_second_slowest_page": round(min(per_second), 1),
        "crowd": options.crowd,
        "crowd_seconds": round(time.monotonic() - begin, 1),
        "series_followed": _series(url),
        "crowd_resident_megabytes": round(process.memory_info().rss / 1e6),
    }


def _page(url: str, counts: list[int], number: int, over: threading.Event) -> None:
    with connect(f"ws{url.removeprefix('http')}/ws") as socket:
        socket.send(json.dumps({"rows": list(range(60 * number, 60 * number + 60))}))
        while not over.is_set():
            try:
                socket.recv(timeout=0.5)
                counts[number] += 1
            except TimeoutError:
                continue


def _post(url: str, devices: int, second: int, prefix: str) -> None:
    at = time.time()
    lines = [
        b'{"device_id":"%s%d","seq":%d,"timestamp":%.3f,"temperature":%d,"pressure":3.2,"vibration":0.7}'
        % (prefix.encode(), number, second, at, 20 + (number + second) % 81)
        for number in range(devices)
    ]
    request = urllib.request.Request(f"{url}/ingest", b"\n".join(lines), {"content-type": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def _series(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    line = next(each for each in text.splitlines() if each.startswith("sensor_platform_live_series "))
    return int(float(line.split()[1]))


if __name__ == "__main__":
    main()
