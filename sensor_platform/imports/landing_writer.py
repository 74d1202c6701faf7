"""Landing files of imported readings: same columns, order and encodings as those of segments.

Names stay codes, which become Parquet dictionaries: 5 million readings per second and core.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sensor_platform.home import Home
from sensor_platform.imports.row_outcomes import Dictionaries
from sensor_platform.kernel.durable import replacing, sha256
from sensor_platform.landing.files.parquet import LANDING_ENCODINGS, group_sizes
from sensor_platform.landing.files.row_order import is_in_time_order
from sensor_platform.landing.files.text_codes import TextCodes
from sensor_platform.landing.ledger import FileEntry

_TEXT = pa.string()
_TIME = pa.timestamp("us")
_TAGS = pa.map_(_TEXT, _TEXT)


@dataclass(frozen=True, slots=True)
class LandingWriter:
    """Writes the landing files of one import."""

    home: Home
    names: Dictionaries
    segment: str
    received_at: int
    slot: int
    """Length of a slot in microseconds."""

    def write(self, path: Path, readings: pl.DataFrame) -> FileEntry:
        """Sort and write one landing file.

        Args:
            path: where to.
            readings: from `SortedRuns.read`, at least one.
        """
        readings = self.ordered(readings)
        counted = readings.group_by("slot", maintain_order=True).len()
        slots = {number * self.slot: rows for number, rows in counted.iter_rows()}
        with replacing(path) as temporary:
            self._write(temporary, readings, group_sizes(list(slots.values())))
        times = readings["event_at"]
        first, last = times.min(), times.max()
        assert isinstance(first, int)
        assert isinstance(last, int)
        return FileEntry(
            file=str(path.relative_to(self.home.root)),
            kind="landing",
            rows=len(readings),
            bytes=path.stat().st_size,
            sha256=sha256(path),
            first_event_at=first,
            last_event_at=last,
            slots=slots,
        )

    def ordered(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Sort by slot, device, metric, event time and position: by one number first, by all only where necessary."""
        devices, metrics = self.names.devices.ranks(), self.names.metrics.ranks()
        slot = readings["slot"].cast(pl.Int64).to_numpy()
        place = (slot - slot.min()) * len(devices) + devices[readings["device"].to_numpy()]
        group = place * len(metrics) + metrics[readings["metric"].to_numpy()]
        readings = readings.with_columns(pl.Series("group", group)).sort("group", maintain_order=True)
        if not is_in_time_order(readings):
            readings = readings.sort("group", "event_at", "position", maintain_order=True)
        return readings.drop("group")

    def _write(self, path: Path, readings: pl.DataFrame, groups: list[int]) -> None:
        tables = self._table(readings.head(0))
        with pq.ParquetWriter(
            path, tables.schema, compression="zstd", store_schema=False, **LANDING_ENCODINGS
        ) as writer:
            start = 0
            for rows in groups:
                writer.write_table(self._table(readings.slice(start, rows)), row_group_size=rows)
                start += rows

    def _table(self, readings: pl.DataFrame) -> pa.Table:
        rows, names = len(readings), self.names
        received_at = pa.array(np.full(rows, self.received_at)).cast(_TIME)
        has_text = "text" in readings.columns
        return pa.table(
            {
                "device_id": _dictionary(readings, "device", names.devices),
                "metric": _dictionary(readings, "metric", names.metrics),
                "event_at": pa.array(readings["event_at"].to_numpy()).cast(_TIME),
                "received_at": received_at,
                "value": readings["value"].to_arrow(),
                "text": readings["text"].to_arrow().cast(_TEXT) if has_text else pa.nulls(rows, _TEXT),
                "unit": _dictionary(readings, "unit", names.units),
                "quality": _dictionary(readings, "quality", names.qualities),
                "tags": self._tags(readings),
                "message_id": readings["message_id"].to_arrow().cast(_TEXT)
                if "message_id" in readings.columns
                else pa.nulls(rows, _TEXT),
                "topic": _dictionary(readings, "topic", names.topics),
                "segment": _constant(self.segment, rows),
                "position": pa.array(readings["position"].to_numpy()),
                "is_device_time": pa.array(np.ones(rows, np.bool_)),
                "is_suspect": pa.array(np.zeros(rows, np.bool_)),
            }
        )

    def _tags(self, readings: pl.DataFrame) -> pa.Array:
        rows = len(readings)
        if "tags" not in readings.columns:
            return _no_tags(rows)
        maps = [
            [(key, value) for key, value in orjson.loads(text).items() if value is not None]
            for text in self.names.tags.texts()
        ]
        sets = pa.array([*maps, []], _TAGS)
        return sets.take(pa.array(readings["tags"].fill_null(len(maps)).to_numpy()))


def _dictionary(readings: pl.DataFrame, column: str, codes: TextCodes) -> pa.Array:
    if column not in readings.columns:
        return pa.nulls(len(readings), _TEXT)
    indices = readings[column].cast(pl.Int32).to_arrow()
    return pa.DictionaryArray.from_arrays(indices, pa.array(codes.texts() or [""], _TEXT))


def _constant(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text], _TEXT))


def _no_tags(rows: int) -> pa.Array:
    return pa.MapArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], _TEXT), pa.array([], _TEXT))
