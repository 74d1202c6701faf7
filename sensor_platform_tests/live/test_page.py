"""The page in a real browser: values move, an alarm appears and is acknowledged, nothing of a device runs as code."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
import uvicorn

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.live.app import LiveApp
from sensor_platform_tests.live.browser import Tab, browser
from sensor_platform_tests.live.live_apps import app_of
from sensor_platform_tests.waiting import wait_for

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")

SITE = "name: River works\nlive: {engine: {settle: 0s}, requests_per_second: 10000}\n"
RULES = """
rules:
  - name: bearing-hot
    kind: threshold
    metric: temperature
    above: {warning: 75, critical: 90}
    runbook: Stop the pump and look at its bearing.
"""
CATALOG = "metric,unit,min,max\ntemperature,°C,-40,150\npressure,bar,0,20\nflow,m³/h,0,500\n"
HOSTILE = "<img src=x onerror=document.title='owned'>"
SHOTS = os.environ.get("SENSOR_PLATFORM_SCREENSHOTS")
"""A folder, to take the pictures of the docs anew."""

Post = Callable[[list[dict[str, object]]], None]


@pytest.fixture
def live(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[str, Post]]:
    text, rules = getattr(request, "param", (SITE, RULES))
    site = tmp_path / "site"
    (site / "catalog").mkdir(parents=True)
    (site / "site.yaml").write_text(text)
    (site / "rules.yaml").write_text(rules)
    (site / "catalog" / "metrics.csv").write_text(CATALOG)
    environ = {"SENSOR_PLATFORM_HOME": str(tmp_path / "home"), "SENSOR_PLATFORM_SITE": str(site)}
    argv = [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "live"]
    argv += ["--port", str(free_port())]
    process = subprocess.Popen(
        argv, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), "live must print its address when it is open"

        def post(rows: list[dict[str, object]]) -> None:
            request = urllib.request.Request(f"{url}/ingest", json.dumps(rows).encode(), method="POST")
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 202

        yield url, post
    finally:
        process.terminate()
        code = process.wait(20)
        process.stdout.close()
    assert code == 0, "told to stop, it stops in order"


class _Feed:
    """Pumps that send twice a second, after ten minutes of history."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._rng = random.Random(5)
        self._values = {number: 45 + self._rng.random() * 15 for number in range(60)}
        self._stop = threading.Event()
        self.is_hot = False
        self.start = time.time() - 900
        for second in range(0, 895, 15):
            post([row for step in range(0, 15, 5) for row in self._rows(self.start + second + step)])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _rows(self, at: float) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for number, value in self._values.items():
            self._values[number] = value + self._rng.gauss(0, 0.5) - (value - 55) * 0.02
            if self.is_hot and number == 7:
                self._values[number] = 93 + self._rng.random()
            rows.append(
                {
                    "device_id": f"pump-{number:02d}",
                    "plant": f"north-{number % 3}",
                    "timestamp": at,
                    "pressure": round(4 + self._rng.random(), 3),
                    "temperature": round(self._values[number], 2),
                    "flow": round(120 + 10 * self._rng.random(), 1),
                }
            )
        return rows

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            self._post(self._rows(time.time()))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_the_page_lives(live: tuple[str, Post], tmp_path: Path) -> None:
    url, post = live
    feed = _Feed(post)
    try:
        with browser(tmp_path, url) as tab:
            tab.size(1280, 800)
            tab.wait("document.querySelectorAll('#list .row .value').length > 20")
            assert tab.ask("document.querySelectorAll('#list .row').length") < 40, "only visible rows exist"
            first = tab.ask("document.querySelector('#list .values').textContent")
            tab.wait(f"document.querySelector('#list .values').textContent !== {json.dumps(first)}")
            tab.wait("document.querySelectorAll('#list svg path[d^=M]').length > 5")
            tab.wait("document.querySelector('#only-ok b').textContent === '60'")
            feed.is_hot = True
            post([{"device_id": HOSTILE, "temperature": 80}])
            tab.wait("document.querySelector('#alarm-count').textContent === '2'")
            tab.wait("document.title.startsWith('(2) ')")
            assert "alarm" in tab.ask("document.querySelector('#icon').getAttribute('href')"), "seen from another tab"
            tab.ask("document.querySelector('#only-critical').click()")
            tab.wait("[...document.querySelectorAll('#list .id')].map((each) => each.textContent).join() === 'pump-07'")
            tab.ask("document.querySelector('#only-critical').click()")
            tab.wait("document.querySelectorAll('#list .row').length > 10")
            tab.wait("document.querySelector('#list .row .id').textContent.length > 0")
            if SHOTS:
                time.sleep(3)
                tab.shoot(Path(SHOTS) / "live-overview.png")
            tab.ask("location.hash = '#/alarms'")
            tab.wait("document.querySelectorAll('#active .alarm').length === 2")
            tab.ask("window.line = document.querySelector('#active .alarm.l2'); window.before = line.textContent")
            tab.wait("document.querySelector('#active .alarm.l2').textContent !== window.before")
            assert tab.ask("document.querySelector('#active .alarm.l2') === window.line"), (
                "a click hits what it aimed at"
            )
            tab.ask("document.querySelector('#active .alarm.l2 button').click()")
            tab.wait("document.querySelector('#active .alarm.l2').classList.contains('seen')")
            tab.wait("document.querySelector('#past').textContent.includes('acknowledged')")
            if SHOTS:
                tab.shoot(Path(SHOTS) / "live-alarms.png")
            tab.ask("location.hash = '#/device/pump-07'")
            tab.wait("document.querySelectorAll('#values tbody tr').length === 3")
            tab.wait("document.querySelector('#chart canvas') !== null")
            tab.wait("document.querySelector('#device-alarms').textContent.includes('bearing-hot')")
            tab.wait("document.querySelector('#device-active .alarm.l2') !== null")
            assert tab.ask("document.querySelector('#values').textContent.includes('°C')")
            assert tab.ask("document.querySelector('#values tr.chosen').dataset.metric") == "temperature", (
                "it is in alarm"
            )
            tab.ask("document.querySelector('#values tr[data-metric=flow] button').click()")
            tab.wait("document.querySelector('#chart-title').textContent === 'flow, m³/h'")
            tab.ask("document.querySelector('#values tr[data-metric=temperature] button').click()")
            tab.wait("document.querySelector('#chart canvas') !== null")
            if SHOTS:
                time.sleep(25)
                tab.shoot(Path(SHOTS) / "live-device.png")
            tab.size(390, 800, mobile=True, dark=True)
            tab.ask("location.hash = '#/'")
            tab.wait("document.querySelectorAll('#list .row .value').length > 5")
            assert tab.ask("document.documentElement.scrollWidth <= innerWidth"), "nothing hangs over on a phone"
            assert tab.ask("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 29)", "dark when asked"
            if SHOTS:
                time.sleep(1)
                tab.shoot(Path(SHOTS) / "live-phone.png")
            tab.size(1280, 800)
            tab.ask("document.querySelector('#list').focus()")
            for key in ("ArrowDown", "ArrowDown", "Enter"):
                tab.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key)
            tab.wait("location.hash.startsWith('#/device/')")
            tab.ask("location.hash = '#/device/nobody'")
            tab.wait("document.querySelector('#device-id').textContent === 'nobody'")
            assert not tab.ask("document.querySelector('#device-state').textContent"), "nobody is not ok"
            tab.ask("location.hash = '#/pipeline'")
            tab.wait("document.querySelectorAll('#checks tbody tr').length > 4")
            tab.call("Input.dispatchKeyEvent", type="keyDown", key="2", code="Digit2")
            tab.wait("location.hash === '#/alarms'")
            assert tab.ask("document.title").endswith("live"), "a device's name is text, never code"
            assert tab.problems == []
    finally:
        feed.stop()


_VALUE_IS_SEEN = """(() => {
  const value = [...document.querySelectorAll('#list .value')].find((each) => each.textContent.startsWith('<img'));
  const number = document.createRange();
  number.selectNode(value.childNodes[1]);
  return number.getBoundingClientRect().right <= value.getBoundingClientRect().right;
})()"""

HOSTILE_RULES = f"""
rules:
  - {{name: "{HOSTILE}", kind: threshold, metric: "*", above: 75, runbook: "{HOSTILE}"}}
"""


@pytest.mark.parametrize(
    "live", [(SITE.replace("settle: 0s", "settle: 0s, most_series: 20"), HOSTILE_RULES)], indirect=True
)
def test_names_are_text_wherever_they_are_shown_and_a_crowd_is_told(live: tuple[str, Post], tmp_path: Path) -> None:
    url, post = live
    post([{"device_id": HOSTILE, HOSTILE: 80, "plant": HOSTILE}, {"device_id": "a/b#c?d%2Fe f", "m": 1}])
    with browser(tmp_path, url) as tab:
        tab.size(1280, 800)
        tab.wait("document.querySelectorAll('#list .row .value').length === 2")
        for view in ("#/", "#/alarms", f"#/device/{quote(HOSTILE, safe='')}", "#/pipeline"):
            tab.ask(f"location.hash = {json.dumps(view)}")
            time.sleep(1)
            assert tab.ask("document.querySelectorAll('img').length") == 0, "markup of a device is never made"
            assert tab.ask("document.title").startswith("(1) River works"), "nor does it run"
        tab.ask("location.hash = '#/'")
        assert tab.ask(_VALUE_IS_SEEN), "a long name gives way to its value"
        tab.ask(f"location.hash = '#/device/{quote(HOSTILE, safe='')}'")
        tab.wait("document.querySelector('#device-active .runbook')?.textContent.startsWith('<img')")
        tab.wait("document.querySelector('#values button')?.textContent.startsWith('<img')")
        tab.ask("location.hash = '#/'")
        assert tab.ask("document.querySelector('#notice').hidden")
        post([{"device_id": f"crowd-{number}", "m": 1} for number in range(500)])
        tab.wait("document.querySelector('#notice').textContent.includes('most_series')")
        tab.wait("document.querySelector('#found')?.textContent === '20 devices'")
        tab.size(390, 800, mobile=True)
        assert tab.ask("document.documentElement.scrollWidth <= innerWidth"), "long names break, nothing hangs over"
        assert tab.problems == []


@contextmanager
def _served(app: LiveApp, port: int) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(app.web, port=port, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def test_without_a_connection_the_page_says_that_what_it_shows_is_old(tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as process:
        process.enter_context(_served(app_of(tmp_path / "home", site="before"), port))
        with browser(tmp_path, f"http://127.0.0.1:{port}") as tab:
            tab.wait("document.querySelector('#link')?.textContent === 'live'")
            assert not tab.ask("document.body.classList.contains('lost')")
            process.close()  # the process stops
            tab.wait("document.querySelector('#link').textContent.startsWith('not connected')")
            tab.wait("getComputedStyle(document.querySelector('main')).opacity < 1")
            time.sleep(2)  # longer than the first pauses before it tries again
            assert tab.ask("document.querySelector('#site').textContent") == "before", "what was shown stays"
            process.enter_context(_served(app_of(tmp_path / "home", site="after"), port))
            tab.wait("document.querySelector('#site')?.textContent === 'after'", 30)
            tab.wait("document.querySelector('#link')?.textContent === 'live'")
            assert not tab.ask("document.body.classList.contains('lost')")


def test_five_thousand_devices_scroll_without_jank(live: tuple[str, Post], tmp_path: Path) -> None:
    url, post = live
    for start in range(0, 5_000, 1_000):
        post([{"device_id": f"pump-{number:04}", "temperature": 50} for number in range(start, start + 1_000)])
    with browser(tmp_path, url) as tab:
        tab.size(1280, 800)
        tab.wait("document.querySelector('#found')?.textContent === '5,000 devices'")
        tab.ask("document.querySelector('#list').focus()")
        tab.call("Input.dispatchKeyEvent", type="keyDown", key="End", code="End")
        tab.wait("document.querySelector('#list').textContent.includes('pump-4999')")
        tab.wait("document.querySelectorAll('#list .row .value').length > 10")
        tab.call("Performance.enable", timeDomain="threadTicks")
        before = _task_seconds(tab)
        for step in range(60):
            tab.ask(f"document.querySelector('#list').scrollTop = {step * 7919 % 200_000}")
            tab.ask("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert tab.ask("document.querySelectorAll('#list .row').length") < 40
        assert (_task_seconds(tab) - before) / 60 < 0.05, "no long task, without a graphics card too"


def _task_seconds(tab: Tab) -> float:
    """What the page's thread has worked so far: CPU time, whatever else the machine does."""
    metrics = {each["name"]: each["value"] for each in tab.call("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def test_hours_that_are_anomalous_are_marked_on_the_chart_beside_the_forecast(
    live: tuple[str, Post], tmp_path: Path
) -> None:
    url, post = live
    now = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    published = tmp_path / "home" / "published"
    published.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(published / "analytics.duckdb")) as tables:
        tables.execute(
            "create table readings_1h as select 'pump' as device_id, 'temperature' as metric, w as window_start,"
            " 60::bigint as n, 60 * v as sum, v - 2 as min, v + 2 as max, v as mean, v as first, v as last,"
            " w as first_at, w as last_at, w::date as day"
            " from (select ?::timestamp - i * interval 1 hour as w, 50 + 8 * sin(i / 4) + if(i in (20, 21), 30, 0) as v"
            " from range(1, 120) t(i))",
            [now],
        )
        tables.execute(
            "create table predictions as select device_id, metric, window_start - interval 1 hour as issued_at,"
            " window_start + interval 2 hour as target_at, mean as value, mean - 5 as lower, mean + 5 as upper"
            " from readings_1h"
        )
        tables.execute(
            "create table anomalies as select device_id, metric, window_start, mean as value, 9.0 as score,"
            " 4.0 as threshold, mean > 65 as is_anomaly, 'far from ordinary' as reason from readings_1h"
        )
    post([{"device_id": "pump", "timestamp": time.time(), "temperature": 51.0}])
    with browser(tmp_path, url) as tab:
        tab.size(1280, 800)
        tab.wait("document.querySelectorAll('#list .row .value').length > 0")
        tab.ask("location.hash = '#/device/pump'")
        tab.wait("document.querySelector('#values tr.chosen')?.dataset.metric === 'temperature'")
        wide = "import('/static/chart.js').then(({ wide }) => [wide(600, 600), wide(600, 900)].join())"
        assert tab.ask(wide) == "540,660,600,900", "one reading is drawn with minutes around it, not years"
        tab.ask("document.querySelector('#spans [data-span=\"30d\"]').click()")
        tab.wait("document.querySelector('#chart-note').textContent.includes('2 anomalous hours')")
        tab.wait("document.querySelector('#chart canvas') !== null")
        assert tab.ask("document.querySelector('#chart .u-legend').textContent.includes('anomaly')")
        if SHOTS:
            time.sleep(1)
            tab.shoot(Path(SHOTS) / "live-anomalies.png")
        assert tab.problems == []
