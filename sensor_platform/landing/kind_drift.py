"""Drift of a segment: kinds of values that a metric of a device never had before, and gaps in sequences."""

from collections.abc import Iterator

from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.ledger.manifest import DriftEntry
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.memory import Memory
from sensor_platform.reading.value_kinds import names

MAX_DRIFT = 10_000
"""Maximum number of events kept per segment: a sender that keeps changing names must not fill the ledger."""


def type_drift(readings: LandingTable, memory: Memory) -> Iterator[DriftEntry]:
    """Events for kinds that are new to a metric which already had another. `memory` records all kinds."""
    for device, metric, kind, position, received_at in readings.seen_kinds():
        known = memory.kinds_of(device, metric)
        if known & kind:
            continue
        memory.add_kinds(device, metric, known | kind)
        if known:
            yield DriftEntry(
                position=position,
                received_at=received_at,
                device_id=device,
                metric=metric,
                what="type",
                was=names(known),
                now=names(kind),
            )


def decoder_drift(batch: SegmentBatch, decoded: Decoded) -> Iterator[DriftEntry]:
    """Events that the decoder found, without those of duplicates."""
    for found in decoded.drift:
        if found.message not in batch.duplicates:
            yield DriftEntry(
                position=batch.position + found.message,
                received_at=batch.messages.received_at[found.message],
                device_id=found.device_id,
                metric=found.metric,
                what=found.what,
                was=found.was,
                now=found.now,
            )
