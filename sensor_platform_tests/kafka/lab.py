"""A home with a collector that reads a real Kafka, numbered records, and what has become of them."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
import msgspec
from confluent_kafka import Producer  # type: ignore[import-not-found,unused-ignore]
from confluent_kafka.admin import (  # type: ignore[import-not-found,unused-ignore,attr-defined]
    AdminClient,
    NewTopic,
)

from sensor_platform_tests.running import COMMAND, RunningCollector, wait_until

DEVICES = 20


@dataclass
class Topics:
    """Topics of a cluster: made, deleted, filled."""

    servers: str

    def __post_init__(self) -> None:
        """Make the clients."""
        quiet: dict[str, Any] = {"bootstrap.servers": self.servers, "log_level": 0}
        self.admin = AdminClient(quiet)
        self.producer = Producer(quiet | {"enable.idempotence": True, "linger.ms": 5})

    def create(self, topic: str, partitions: int = 1, copies: int = 1, **settings: str) -> None:
        """A new, empty topic, with all its leaders."""
        named = {name.replace("_", "."): value for name, value in settings.items()}
        self.admin.create_topics([NewTopic(topic, partitions, copies, config=named)])[topic].result(30)

        def has_leaders() -> bool:
            found = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
            return len(found) == partitions and all(each.leader >= 0 for each in found.values())

        wait_until(has_leaders, f"leaders of {topic}")

    def delete(self, topic: str) -> None:
        """Delete a topic, and wait until it is gone."""
        self.admin.delete_topics([topic])[topic].result(30)
        wait_until(lambda: topic not in self.admin.list_topics(timeout=10).topics, f"the end of {topic}")

    def anew(self, topic: str, partitions: int = 1) -> None:
        """Delete a topic and make it again."""
        self.delete(topic)
        time.sleep(1)
        self.create(topic, partitions)

    def send(self, topic: str, numbers: Iterable[int], *, at: float | None = None, rate: float = 0) -> None:
        """Numbered records, keyed by device, all acknowledged.

        Args:
            topic: must exist.
            numbers: of the records.
            at: time of all of them, seconds since the epoch; None for now.
            rate: records a second; 0 for as fast as possible.
        """
        problems: list[str] = []

        def told(error: object, _message: object) -> None:
            if error:
                problems.append(str(error))

        begin = time.monotonic()
        for count, n in enumerate(numbers):
            moment = round((time.time() if at is None else at) * 1000)
            key, value = record(n, moment)
            self.produce(topic, value, key, timestamp=moment, on_delivery=told)
            if rate and count % 100 == 0 and (ahead := count / rate - (time.monotonic() - begin)) > 0:
                time.sleep(ahead)
        assert self.producer.flush(60) == 0
        assert not problems, problems[:3]

    def produce(self, topic: str, value: bytes, key: bytes | None = None, **more: Any) -> None:
        """Queue one record, with patience."""
        while True:
            try:
                self.producer.produce(topic, value, key, **more)
                self.producer.poll(0)
                return
            except BufferError:
                self.producer.poll(0.1)


def record(n: int, milliseconds: int) -> tuple[bytes, bytes]:
    """Key and value of number n."""
    device = f"d{n % DEVICES}"
    return device.encode(), json.dumps({"device_id": device, "timestamp": milliseconds, "n": n}).encode()


class Lab(RunningCollector):
    """One home and its collector with its lander."""

    def __init__(self, folder: Path, kafka: dict[str, Any], **environ: str) -> None:
        site = folder / "site"
        site.mkdir(parents=True, exist_ok=True)
        settings = {"name": "kafka", "start": "2020-01-01", "collect": {"seal_seconds": 0.5, "kafka": kafka}}
        (site / "site.yaml").write_bytes(msgspec.yaml.encode(settings))
        super().__init__(
            folder / "home", "mqtt://127.0.0.1:1", site=site, command=COMMAND, arguments=("collect",), environ=environ
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.stdout is not None and not self.process.stdout.closed:
            self.kill()

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command in this home."""
        done = subprocess.run(
            [*COMMAND, *words], check=False, env=self._environ, text=True, capture_output=True, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    def numbers(self) -> Counter[int]:
        """How often each number is landed."""
        return Counter(int(n) for (n,) in self.rows("select value from landing where metric = 'n'"))

    def rows(self, sql: str) -> list[Any]:
        """Rows of a query on `landing`; none where nothing is landed."""
        files = [str(each) for each in self.home.landing.rglob("*.parquet")]
        if not files:
            return []
        with duckdb.connect() as connection:
            connection.from_parquet(files, union_by_name=True).create_view("landing")
            return connection.execute(sql).fetchall()

    def wait_landed(self, count: int, seconds: float = 30.0) -> None:
        """Until so many numbers are landed, repeats included."""
        end = time.monotonic() + seconds
        while sum(self.numbers().values()) < count and time.monotonic() < end:
            time.sleep(0.2)

    def tally(self, expected: Iterable[int]) -> dict[str, int]:
        """Missing, doubled, and rows that are out of order within their device."""
        found, wanted = self.numbers(), set(expected)
        back = self.rows(
            "select count(*) from (select value, lag(value) over (partition by device_id order by segment, position)"
            " as before from landing where metric = 'n') where value < before"
        )
        return {
            "missing": len(wanted - set(found)),
            "doubled": sum(times > 1 for times in found.values()),
            "disordered": back[0][0] if back else 0,
        }
