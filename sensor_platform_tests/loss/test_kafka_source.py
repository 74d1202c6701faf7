"""Kafka as the source: nothing that it delivered is lost or landed twice, whatever is killed."""

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from sensor_platform.home import Home
from sensor_platform.landing.ledger import read_ledger, totals
from sensor_platform_tests.kafka_cluster import MockKafka, mock_kafka
from sensor_platform_tests.running import RunningCollector, wait_until

COUNT = 6_000


@pytest.fixture(scope="module")
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        yield cluster


def test_kills_lose_nothing_that_kafka_delivered_and_land_nothing_twice(kafka: MockKafka, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "site.yaml").write_text(
        "name: kafka-test\nstart: 2026-01-01\ncollect:\n  seal_seconds: 0.3\n"
        f'  kafka: {{servers: "{kafka.servers}", topics: [plant], group: loss}}\n'
    )
    home = Home(tmp_path / "home")
    collector = RunningCollector(home.root, "mqtt://127.0.0.1:1", site=site, arguments=("collect",))
    rng = random.Random(4)
    base = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    sent = 0
    kills = 0
    try:
        while sent < COUNT:
            some = range(sent, sent + 1500)
            bodies = [json.dumps({"device_id": f"d{n % 7}", "n": n, "timestamp": base + n}) for n in some]
            kafka.send("plant", [(b"d%d" % (n % 7), body.encode(), {}) for n, body in zip(some, bodies, strict=True)])
            sent += len(some)
            collector.start()
            time.sleep(rng.uniform(0.1, 0.9))
            if sent < COUNT:
                collector.kill()
                kills += 1
        wait_until(lambda: landed(home) == COUNT, "everything landed", 60)
    finally:
        collector.stop()
    assert kills == COUNT // 1500 - 1
    files = [str(path) for path in home.landing.rglob("*.parquet")]
    with duckdb.connect() as connection:
        numbers = connection.execute(
            "select count(*), count(distinct value), min(value), max(value) from read_parquet(?) where metric = 'n'",
            [files],
        ).fetchone()
    assert numbers == (COUNT, COUNT, 0.0, COUNT - 1.0)
    with read_ledger(home) as ledger:
        assert ledger is not None
        found = totals(ledger)
    assert found.messages == found.landed + found.duplicate
    assert found.quarantined == 0


def landed(home: Home) -> int:
    with read_ledger(home) as ledger:
        return int(totals(ledger).landed) if ledger else 0
