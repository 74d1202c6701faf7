"""The quarantine file of an import: every rejected row as JSON with rule, reason and hint, written row by row."""

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow.parquet as pq

from sensor_platform.home import Home
from sensor_platform.imports.sources import EXTRA
from sensor_platform.kernel.clock import from_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.landing.files.parquet import file_entry
from sensor_platform.landing.ledger import FileEntry
from sensor_platform.landing.rejects import QUARANTINE_SCHEMA
from sensor_platform.reading.reject_rules import HINTS


@dataclass(slots=True)
class RejectedRows:
    """Writes rejected rows; a context manager. A failed import leaves no file."""

    home: Home
    path: Path
    segment: str
    received_at: int
    rules: Counter[str] = field(default_factory=Counter)
    """Number of rejected rows and cells by rule."""
    examples: dict[str, str] = field(default_factory=dict)
    """Reason of the first of each rule."""
    least_reasons: dict[str, str] = field(default_factory=dict)
    """The least reason of each rule in text order; one that begins with a time is about the oldest row."""
    count: int = 0
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, frame: pl.DataFrame, refused: pl.DataFrame, topic: str, first_position: int) -> None:
        """Write the rejects of a batch.

        Args:
            frame: the batch as it was read.
            refused: the rejects, as in `Tidied`.
            topic: of its file.
            first_position: of its first row.
        """
        if refused.is_empty():
            return
        self.rules.update(refused["rule"].to_list())
        for rule, reason in refused.unique("rule", keep="first").select("rule", "reason").iter_rows():
            self.examples.setdefault(rule, reason)
        for rule, reason in refused.group_by("rule").agg(pl.col("reason").min()).iter_rows():
            self.least_reasons[rule] = min(reason, self.least_reasons.get(rule, reason))
        rows = frame[refused["row"]].drop(EXTRA, strict=False)
        table = refused.with_columns(
            received_at=pl.lit(from_micros(self.received_at), pl.Datetime("us")),
            topic=pl.lit(topic),
            payload=rows.select(pl.struct(pl.all()).struct.json_encode().cast(pl.Binary).alias("payload"))["payload"],
            hint=pl.col("rule").replace_strict(HINTS, return_dtype=pl.String),
            segment=pl.lit(self.segment),
            position=pl.col("row").cast(pl.Int64) + first_position,
            qos=pl.lit(0, pl.UInt8),
            retain=pl.lit(value=False),
            user_properties=pl.lit([], QUARANTINE_SCHEMA["user_properties"]),
            key=pl.lit(None, pl.Binary),
        ).select(pl.col(name).cast(kind) for name, kind in QUARANTINE_SCHEMA.items())
        self._write(table)

    def close(self) -> FileEntry | None:
        """Make the file durable and return its entry; None without rejects."""
        self._stack.close()
        return file_entry(self.home, self.path, "quarantine", self.count) if self.count else None

    def _write(self, table: pl.DataFrame) -> None:
        rows = table.to_arrow()
        if self._writer is None:
            temporary = self._stack.enter_context(replacing(self.path))
            self._writer = self._stack.enter_context(pq.ParquetWriter(temporary, rows.schema, compression="zstd"))
        self._writer.write_table(rows)
        self.count += len(table)
