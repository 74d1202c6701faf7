"""What is forgotten is in no tier, and neither commands nor the broker bring it back."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.home import Home
from sensor_platform_tests.field.batch.rig import Place, make_place
from sensor_platform_tests.landing.forgets import readings, rejects, traces
from sensor_platform_tests.running import RunningBroker, running_collector

pytestmark = [pytest.mark.mosquitto, pytest.mark.timeout(900)]  # a rebuild on a busy machine
DEVICE = "patient-8271"
HOUR = 3600
SITE = "name: ward\nstart: 2020-01-01\ncollect:\n  seal_seconds: 0.3\n  subscriptions: [{topic: '#', qos: 1}]\n"
RULES = "rules:\n  - {name: fever, kind: threshold, metric: temperature, above: 38}\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    running = RunningBroker(tmp_path / "broker")
    running.start()
    yield running
    running.stop()


def messages(now: int) -> list[tuple[str, bytes]]:
    found = []
    for number in range(6):
        at = now - 6 * HOUR + number * 1800
        for device in (DEVICE, "pump"):
            body = {"device_id": device, "ts": at, "temperature": 36.5 + number, "rpc": number}
            found.append((f"ward/{device}", json.dumps(body).encode()))
    found.append(("test/x", json.dumps({"device_id": "bench", "ts": now - HOUR, "load": 1}).encode()))
    found.append((f"ward/{DEVICE}", f'{{"device_id":"{DEVICE}","ts":"never","temperature":1}}'.encode()))
    found.append((f"ward/{DEVICE}", b"\x00 not readable"))
    return found


def collect(place: Place, broker: RunningBroker, some: list[tuple[str, bytes]]) -> None:
    """Publish, collect and land."""
    with running_collector(place.home, broker.url, site=place.site, arguments=("collect", "--no-land")) as collector:
        with Publisher(broker.address, PublisherOptions(qos=1)) as publisher:
            for topic, body in some:
                publisher.publish(topic, body)
            assert publisher.drain()
        collector.wait_for_messages(len(some), 60)
        assert collector.stop() == 0
    place.must("land")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path / "ward", {"site.yaml": SITE, "rules.yaml": RULES})


def bring_back(place: Place, broker: RunningBroker, some: list[tuple[str, bytes]]) -> None:
    """Everything that could make it land again."""
    place.must("reland")
    collect(place, broker, some)
    place.must("land", "--rebuild-ledger")
    place.must("rebuild")


def columns(place: Place, name: str) -> dict[str, set[str]]:
    return {
        table: {row["x"] for row in place.rows(f"select distinct {name} as x from {table}") if row["x"]}
        for table in place.tables_with(name)
    }


def files_with(place: Place, column: str, name: str) -> list[str]:
    found = []
    for path in sorted(place.home.rglob("*.parquet")):
        frame = pl.read_parquet(path, hive_partitioning=False)
        if column in frame.columns and name in frame[column].to_list():
            found.append(str(path.relative_to(place.home)))
    return found


def is_whole(place: Place) -> bool:
    return bool(json.loads(place.must("audit", "--json").out)["difference"] == 0)


def test_a_device(place: Place, broker: RunningBroker) -> None:
    some = messages(int(time.time()))
    collect(place, broker, some)
    place.must("labels", "add", DEVICE, "sepsis", "--start", "2026-03-01T10:00")
    place.build()
    before = columns(place, "device_id")
    assert all(DEVICE in before[table] for table in ("readings_clean", "readings_1h", "alerts", "labels"))
    place.must("forget", "--device", DEVICE, "--yes")
    bring_back(place, broker, some)
    after = columns(place, "device_id")
    assert [table for table, names in after.items() if DEVICE in names] == []
    assert "pump" in after["readings_1h"]
    assert "pump" in after["alerts"]
    assert files_with(place, "device_id", DEVICE) == []
    assert traces(Home(place.home), DEVICE) == []
    assert DEVICE not in set(readings(Home(place.home))["device_id"])
    assert not any(DEVICE in topic for topic in rejects(Home(place.home))["topic"])
    assert is_whole(place)


@pytest.mark.soak
def test_a_metric_and_a_topic_of_some_hours(place: Place, broker: RunningBroker) -> None:
    now = int(time.time())
    some = messages(now)
    collect(place, broker, some)
    place.build()
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - hours * HOUR)) for hours in (24, 0))
    place.must("forget", "--metric", "rpc", "--from", begin, "--to", end, "--yes")
    place.must("forget", "--topic", "test/#", "--from", begin, "--to", end, "--yes")
    bring_back(place, broker, some)
    metrics, devices = columns(place, "metric"), columns(place, "device_id")
    assert [table for table, names in metrics.items() if "rpc" in names] == []
    assert [table for table, names in devices.items() if "bench" in names and table != "device_status"] == []
    assert {DEVICE, "pump"} <= devices["readings_1h"]
    assert set(readings(Home(place.home))["metric"]) == {"temperature"}
    assert is_whole(place)
