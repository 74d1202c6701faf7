"""A small real home: messages sealed into segments and landed by the real lander, and Dagster on top of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson
from dagster import DagsterInstance, ExecuteInProcessResult

from sensor_platform.definitions import defs
from sensor_platform.devices.publisher_wire import publish_packet
from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.settings import Settings
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter

TODAY = datetime.now(UTC).date()


def at(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)


@dataclass
class Platform:
    """A home, its settings, and a Dagster instance of its own."""

    settings: Settings
    instance: DagsterInstance
    segments: int = 0

    @property
    def home(self) -> Home:
        return self.settings.home

    def arrive(self, *messages: tuple[str, datetime, float], received_at: datetime | None = None) -> None:
        """Land one segment of messages (device, event time, value of metric `t`); received at the newest event."""
        received = to_micros(received_at or max(when for _, when, _ in messages))
        self.segments += 1
        writer = SegmentWriter(self.home.wal, Header(segment=f"col-1-{self.segments:08d}", created_at=received))
        packets = [
            publish_packet(
                f"sensors/{device}".encode(),
                orjson.dumps({"device_id": device, "ts": when.timestamp(), "t": value}),
                qos=1,
                packet_id=number + 1,
            )
            for number, (device, when, value) in enumerate(messages)
        ]
        writer.append([encode_mqtt(BatchFacts(received, "session", True, 4, len(packets), ()), packets)])
        writer.commit()
        writer.seal()
        self.land(received + 1_000_000)

    def land(self, now: int) -> None:
        site = self.settings.site
        with open_lander(self.home, site.contracts, site.landing, site.start, site.slot_minutes, lambda: now) as lander:
            for _ in lander.land_sealed():
                pass

    def run(
        self,
        first: date,
        last: date | None = None,
        *,
        job: str = "days",
        tags: dict[str, str] | None = None,
        **more: Any,
    ) -> ExecuteInProcessResult:
        """Execute a job over a range of days, in this process."""
        days = {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: (last or first).isoformat()}
        return self.execute(job, days | (tags or {}), **more)

    def execute(self, job: str, tags: dict[str, str], **more: Any) -> ExecuteInProcessResult:
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            resources={"settings": self.settings},
            tags=tags,
            raise_on_error=False,
            **more,
        )

    def warehouse(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        import duckdb

        with duckdb.connect(str(self.home.warehouse_file), read_only=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def analysts(self, query: str) -> list[tuple[Any, ...]]:
        import duckdb

        with duckdb.connect(str(self.home.analytics_file), read_only=True) as connection:
            return connection.execute(query).fetchall()
