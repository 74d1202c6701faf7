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


def arrivals(plan: AgePlan, hours: Sequence[int]) -> pl.DataFrame:
    """Columns number, device_id, event_at and received_at (microseconds) of the good messages of hours, as sent."""
    numbers = [np.arange(plan.readings(hour), dtype=np.int64) for hour in hours]
    regular = np.concatenate([hour + each * plan.step(hour) for hour, each in zip(hours, numbers, strict=True)])
    minutes = np.concatenate([hour + np.arange(60, dtype=np.int64) * MINUTE for hour in hours])
    late = np.concatenate([plan.late(hour) for hour in hours])
    device = pl.format("device-{}", pl.col("number") % plan.devices)
    frames = [
        pl.DataFrame({"number": np.concatenate(numbers), "event_at": regular, "received_at": regular + 50_000}),
        pl.DataFrame({"number": minutes // MINUTE, "event_at": late, "received_at": minutes + 1_000_000}),
        pl.DataFrame(
            {
                "number": minutes // MINUTE,
                "event_at": np.full_like(minutes, STUCK_AT),
                "received_at": minutes + 2_000_000,
            }
        ),
    ]
    names = [device, device, pl.lit("stuck")]
    sent = [frame.with_columns(device_id=name) for frame, name in zip(frames, names, strict=True)]
    return pl.concat(sent).sort("received_at", maintain_order=True)


def readings(plan: AgePlan, hours: Sequence[int]) -> pl.DataFrame:
    """The landing columns of some hours with `slot_start`, hour by hour in the order of a landing file."""
    sent = arrivals(plan, hours)
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
    return pl.Series([{}], dtype=pl.Map(pl.String, pl.String)).new_from_index(0, rows)


def garbage(plan: AgePlan, hours: Sequence[int]) -> pl.DataFrame:
    """The quarantine rows of some hours: the first message of each segment."""
    times = [hour + number * SEGMENT for hour in hours for number in range(SEGMENTS)]
    columns: dict[str, object] = {
        "topic": "sensors/garbage", "payload": GARBAGE, "rule": "undecodable",
        "reason": "not JSON: unexpected character",
        "hint": "send JSON, or give the topic a contract with its encoding",
        "position": 0, "qos": 1, "retain": False, "scope": "message",
    }  # fmt: skip
    no_properties = pl.lit([], QUARANTINE_SCHEMA["user_properties"]).alias("user_properties")
    known = pl.DataFrame({"received_at": times, "segment": [segment_of(plan, at) for at in times]})
    texts = [pl.lit(each).alias(name) for name, each in columns.items()]
    return known.with_columns(*texts, no_properties).select(
        (pl.lit(None) if name in {"device_id", "metric", "key"} else pl.col(name)).cast(kind).alias(name)
        for name, kind in QUARANTINE_SCHEMA.items()
    )


def payloads(plan: AgePlan, hour: int) -> list[list[tuple[int, str, bytes]]]:
    """Receive time, topic and payload of the messages of each segment of an hour, as they are on the wire."""
    parts: list[list[tuple[int, str, bytes]]] = [
        [(hour + number * SEGMENT, "sensors/garbage", GARBAGE)] for number in range(SEGMENTS)
    ]
    for row in arrivals(plan, [hour]).with_columns(value=value()).iter_rows(named=True):
        body = orjson.dumps({"ts": row["event_at"] / 1e6, "temperature": row["value"]})
        at = row["received_at"]
        parts[(at - hour) // SEGMENT].append((at, f"sensors/{row['device_id']}", body))
    return parts
