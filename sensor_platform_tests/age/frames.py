"""The messages of one hour of an aged home, as a table of readings and as payloads."""

from collections.abc import Sequence

import numpy as np
import orjson
import polars as pl

from sensor_platform.kernel.clock import HOUR, MINUTE
from sensor_platform.landing.files.landing_table import LANDING_COLUMNS
from sensor_platform.landing.rejects import QUARANTINE_SCHEMA
from sensor_platform_tests.age.plan import SEGMENT, SEGMENTS, SLOT_MINUTES, STUCK_AT, AgePlan, segment_of

GARBAGE = b"\x00 not a message"
_ORDER = ("slot_start", "device_id", "metric", "event_at", "received_at", "segment", "position")


def arrivals(plan: AgePlan, hour: int) -> pl.DataFrame:
    """Columns number, device_id, event_at and received_at (microseconds) of the good messages of an hour, as sent."""
    count, step = plan.readings(hour), plan.step(hour)
    number = np.arange(count, dtype=np.int64)
    minutes = hour + np.arange(60, dtype=np.int64) * MINUTE
    frames = [
        pl.DataFrame(
            {"number": number, "event_at": hour + number * step, "received_at": hour + number * step + 50_000}
        ),
        pl.DataFrame({"number": minutes // MINUTE, "event_at": plan.late(hour), "received_at": minutes + 1_000_000}),
    ]
    names = [frame.with_columns(device_id=pl.format("device-{}", pl.col("number") % plan.devices)) for frame in frames]
    stuck = pl.DataFrame({"number": minutes // MINUTE, "received_at": minutes + 2_000_000}).select(
        "number", pl.lit(STUCK_AT).alias("event_at"), "received_at", pl.lit("stuck").alias("device_id")
    )
    return pl.concat([*names, stuck]).sort("received_at", maintain_order=True)


def readings(plan: AgePlan, hours: Sequence[int]) -> pl.DataFrame:
    """The landing columns of some hours with `slot_start`, hour by hour in the order of a landing file."""
    sent = pl.concat([arrivals(plan, hour) for hour in hours])
    slot = SLOT_MINUTES * MINUTE
    number = ((pl.col("received_at") - plan.start) // SEGMENT).cast(pl.String).str.zfill(8)
    text = pl.lit(None, pl.String)
    return (
        sent.with_columns(segment=pl.lit(segment_of(plan, plan.start)[:-8]) + number)
        .with_columns(
            metric=pl.lit("temperature"), value=value(), text=text, unit=text, quality=text, message_id=text,
            topic=pl.format("sensors/{}", "device_id"), position=pl.int_range(pl.len()).over("segment") + 1,
            is_device_time=True, is_suspect=False, tags=no_tags(len(sent)),
            slot_start=pl.col("event_at") // slot * slot, hour=pl.col("received_at") // HOUR,
        )
        .sort("hour", *_ORDER)
        .with_columns(pl.col("event_at", "received_at").cast(pl.Datetime("us")))
        .select(LANDING_COLUMNS)
    )  # fmt: skip


def value() -> pl.Expr:
    """Of a reading, by its number."""
    return (20 + (pl.col("number") * 37 % 1_000) / 100).round(2)


def no_tags(rows: int) -> pl.Series:
    """A column of empty maps."""
    return pl.Series([{}] * rows, dtype=pl.Map(pl.String, pl.String))


def garbage(plan: AgePlan, hours: Sequence[int]) -> pl.DataFrame:
    """The quarantine rows of some hours: the first message of each segment."""
    times = [hour + number * SEGMENT for hour in hours for number in range(SEGMENTS)]
    columns: dict[str, object] = {
        "topic": "sensors/garbage", "payload": GARBAGE, "rule": "undecodable",
        "reason": "not JSON: unexpected character",
        "hint": "send JSON, or give the topic a contract with its encoding",
        "position": 0, "qos": 1, "retain": False, "scope": "message",
    }  # fmt: skip
    known = pl.DataFrame({"received_at": times, "segment": [segment_of(plan, at) for at in times]})
    return known.with_columns(pl.lit(each).alias(name) for name, each in columns.items()).select(
        (pl.col(name) if name in {*columns, *known.columns} else pl.lit(None)).cast(kind).alias(name)
        for name, kind in QUARANTINE_SCHEMA.items()
    )


def payloads(plan: AgePlan, hour: int) -> list[list[tuple[int, str, bytes]]]:
    """Receive time, topic and payload of the messages of each segment of an hour, as they are on the wire."""
    parts: list[list[tuple[int, str, bytes]]] = [
        [(hour + number * SEGMENT, "sensors/garbage", GARBAGE)] for number in range(SEGMENTS)
    ]
    for row in arrivals(plan, hour).with_columns(value=value()).iter_rows(named=True):
        body = orjson.dumps({"ts": row["event_at"] / 1e6, "temperature": row["value"]})
        at = row["received_at"]
        parts[(at - hour) // SEGMENT].append((at, f"sensors/{row['device_id']}", body))
    return parts
