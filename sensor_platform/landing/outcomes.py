"""The outcome of every message (landed, quarantined or duplicate), counted by hour of arrival and device."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.text_codes import TextCodes
from sensor_platform.landing.ledger.manifest import DeviceCounts
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.landing.sequences import Range, union
from sensor_platform.reading.batch import Decoded

_COUNTS = ("received", "landed", "quarantined", "duplicate", "rejected_readings")
_NO_SEQUENCES = pl.DataFrame(
    schema={"hour": pl.Int64, "device": pl.Int64, "first_sequence": pl.Int64, "last_sequence": pl.Int64}
)
_FEW = 16
"""Up to this number of ranges in a segment are taken for a sequence with gaps, however sparse they are."""
_SUMS = [pl.col(name).sum() for name in _COUNTS]


@dataclass(slots=True)
class OutcomeCounts:
    """Counts of one segment, filled batch by batch. Every message has exactly one outcome."""

    devices: TextCodes
    """Shared with the readings; number 0 is `(unknown)`."""
    frames: list[pl.DataFrame] = field(default_factory=list)
    runs: list[pl.DataFrame] = field(default_factory=list)
    """Ranges of the devices' own numbers, by hour and device."""
    owners: list[pl.DataFrame] | None = None
    """position and device number of every message; None where nobody asks for them."""

    def add(self, batch: SegmentBatch, decoded: Decoded, devices: pl.Series, refused_readings: list[int]) -> None:
        """Count the messages of a batch.

        Args:
            batch: the messages.
            decoded: the decoded messages.
            devices: the number of each record's device.
            refused_readings: message of each reading rejected out of a landed message.
        """
        count = len(batch.messages)
        is_duplicate = np.zeros(count, np.bool_)
        is_duplicate[list(batch.duplicates)] = True
        is_landed = np.frombuffer(decoded.has_reading, np.uint8).astype(np.bool_) & ~is_duplicate
        messages = pl.DataFrame(
            {
                "hour": np.asarray(batch.messages.received_at, np.int64) // HOUR * HOUR,
                "device": self._devices(count, decoded, devices),
                "received": np.ones(count, np.int64),
                "landed": is_landed.astype(np.int64),
                "quarantined": (~is_landed & ~is_duplicate).astype(np.int64),
                "duplicate": is_duplicate.astype(np.int64),
                "rejected_readings": np.bincount(refused_readings, minlength=count).astype(np.int64)
                if refused_readings
                else np.zeros(count, np.int64),
            }
        )
        if self.owners is not None:
            position = pl.int_range(batch.position, batch.position + count, dtype=pl.Int64, eager=True)
            self.owners.append(pl.DataFrame({"position": position, "device": messages["device"]}))
        counted = messages.group_by("hour", "device").agg(_SUMS)
        self.frames.append(counted.join(self._sequences(batch, decoded, devices), ["hour", "device"], "left"))

    def owner_of_each(self) -> pl.DataFrame:
        """The position and device_id of every message, as they are counted."""
        frames = [pl.DataFrame(schema={"position": pl.Int64, "device": pl.Int64}), *(self.owners or [])]
        found = pl.concat(frames)
        return found.select("position", self.devices.series().gather(found["device"]).alias("device_id"))

    def counts(self) -> tuple[DeviceCounts, ...]:
        """All counts, by hour and device."""
        if not self.frames:
            return ()
        names = self.devices.series()
        found = (
            pl.concat(self.frames)
            .group_by("hour", "device")
            .agg(*_SUMS, pl.col("first_sequence").min(), pl.col("last_sequence").max())
        )
        rows = found.with_columns(device_id=names.gather(found["device"])).sort("hour", "device_id")
        columns = ("hour", "device_id", *_COUNTS, "first_sequence", "last_sequence")
        ranges = self._ranges(names)
        return tuple(
            DeviceCounts(**row, sequences=ranges.get((row["hour"], row["device_id"]), ()))
            for row in rows.select(columns).iter_rows(named=True)
        )

    def _ranges(self, names: pl.Series) -> dict[tuple[int, str], tuple[Range, ...]]:
        """Sequence ranges that arrived, by hour and device, of devices that number their messages."""
        found: dict[tuple[int, str], list[Range]] = {}
        if self.runs:
            runs = pl.concat(self.runs)
            devices = names.gather(runs["device"])
            for hour, device, first, last in zip(runs["hour"], devices, runs["first"], runs["last"], strict=True):
                found.setdefault((hour, device), []).append((first, last))
        return {key: tuple(union(ranges)) for key, ranges in found.items()}

    def _devices(
        self, count: int, decoded: Decoded, devices: pl.Series
    ) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """Number of the device of each message: of its first record, else of its first reject, else unknown."""
        found = np.zeros(count, np.int64)
        for index, why in reversed(decoded.rejected):
            if why.device_id is not None:
                found[index] = self.devices.of([why.device_id])[0]
        records = decoded.records
        if records.message:
            # of repeated indices the last assignment stays
            found[records.message[::-1]] = devices.to_numpy()[::-1]
        return found

    def _sequences(self, batch: SegmentBatch, decoded: Decoded, devices: pl.Series) -> pl.DataFrame:
        """Least and greatest of the devices' own message numbers, where they are whole numbers."""
        records = decoded.records
        if records.message_id.count(None) == len(devices):
            return _NO_SEQUENCES
        received_at = pl.Series(batch.messages.received_at, dtype=pl.Int64)
        frame = pl.DataFrame(
            {
                "hour": received_at.gather(pl.Series(records.message, dtype=pl.UInt32)) // HOUR * HOUR,
                "device": devices.cast(pl.Int64),
                "sequence": pl.Series(records.message_id, dtype=pl.String).cast(pl.Int64, strict=False),
            }
        )
        self.runs.append(_runs(frame.drop_nulls()))
        sequence = pl.col("sequence")
        return frame.group_by("hour", "device").agg(
            sequence.min().alias("first_sequence"), sequence.max().alias("last_sequence")
        )


def _runs(frame: pl.DataFrame) -> pl.DataFrame:
    """Unbroken ranges of numbers by hour and device; devices whose numbers are not a sequence have none."""
    keys = ["hour", "device"]
    ordered = frame.unique().sort(*keys, "sequence")
    follows = pl.all_horizontal(pl.col(key) == pl.col(key).shift() for key in keys) & (
        pl.col("sequence") - 1 == pl.col("sequence").shift()
    )
    runs = (
        ordered.with_columns(run=(~follows.fill_null(value=False)).cum_sum())
        .group_by(*keys, "run", maintain_order=True)
        .agg(pl.col("sequence").first().alias("first"), pl.col("sequence").last().alias("last"))
    )
    n = (pl.col("last") - pl.col("first") + 1).sum().over(keys)
    # a few numbers are not enough to decide; the ledger joins them with those before and after
    return runs.filter((n >= 2 * pl.len().over(keys)) | (pl.len().over(keys) <= _FEW)).drop("run")
