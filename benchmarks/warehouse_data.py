"""Landing files and ledger commits for the warehouse benchmarks, made by DuckDB because they are large."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.ledger import FileEntry, Manifest, commit_segment, open_ledger
from sensor_platform.warehouse.config import WarehouseConfig

SLOT = 600_000_000


_ROOMY = WarehouseConfig(memory_limit="6GB", chunk_readings=50_000_000)


@dataclass(frozen=True)
class BenchSite:
    """The part of a site that the warehouse needs."""

    start: date = date(2010, 1, 1)
    slot_minutes: int = 10
    warehouse: WarehouseConfig = _ROOMY
    catalog: Path | None = None


def land(
    home: Home,
    name: str,
    start: datetime,
    hours: float,
    devices: int,
    metrics: int,
    cadence_seconds: float,
    *,
    with_message_id: bool = True,
) -> int:
    """One landing file of `devices * metrics` series, sorted as the lander sorts; returns its readings."""
    path = home.landing / f"{start:%Y-%m-%d}" / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    series = devices * metrics
    count = round(hours * 3600 / cadence_seconds) * series
    query = """
        select 'device-' || (i % $devices) as device_id, 'metric_' || ((i // $devices) % $metrics) as metric,
            $start + to_microseconds(cast((i // $series) * $step + i % $series * 37 as bigint)) as event_at,
            event_at + interval 50 milliseconds as received_at,
            round(20 + 5 * sin(i / 1e5) + random(), 3) as value, cast(null as varchar) as text,
            cast(null as varchar) as unit, cast(null as varchar) as quality,
            cast(map {} as map(varchar, varchar)) as tags,
            case when $with_id then cast(i // $series as varchar) end as message_id,
            'sensors/device-' || (i % $devices) as topic, $name as segment, i as position,
            true as is_device_time, false as is_suspect
        from range($count) t(i)
        order by time_bucket(interval 10 minutes, event_at), device_id, metric, event_at
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            f"copy ({query}) to '{path}' (format parquet, compression zstd)",
            {
                "devices": devices,
                "metrics": metrics,
                "series": series,
                "step": int(cadence_seconds * 1e6),
                "start": start,
                "name": name,
                "count": count,
                "with_id": with_message_id,
            },
        )
        slots = dict(
            connection.execute(
                "select epoch_us(time_bucket(interval 10 minutes, event_at)), count(*) from read_parquet(?) group by 1",
                [str(path)],
            ).fetchall()
        )
    _commit(home, path, name, count, slots)
    return count


def _commit(home: Home, path: Path, name: str, rows: int, slots: dict[int, int]) -> None:
    entry = FileEntry(
        file=str(path.relative_to(home.root)),
        kind="landing",
        rows=rows,
        bytes=path.stat().st_size,
        sha256=sha256(path),
        slots=slots,
    )
    manifest = Manifest(
        segment=name,
        written_at=0,
        contract_version="bench",
        messages=rows,
        landed=rows,
        quarantined=0,
        duplicate=0,
        readings=rows,
        rejected_readings=0,
        newest_event_at=max(slots),
        files=(entry,),
        counts=(),
        arrivals={},
    )
    with open_ledger(home) as ledger:
        commit_segment(ledger, manifest)


def at(day: date, hours: float = 0) -> datetime:
    """Plain UTC time of a day."""
    return datetime(day.year, day.month, day.day) + timedelta(hours=hours)  # noqa: DTZ001 - plain UTC
