"""Collects the readings of one batch of rows, column by column."""

import polars as pl

from sensor_platform.imports.cells import Cells, find_text
from sensor_platform.imports.row_outcomes import REFUSED, Dictionaries, RowRejects, RowsRead, rejects_frame
from sensor_platform.reading.record_plan import RecordPlan


class BatchReadings:
    """Collects the readings of one batch."""

    def __init__(
        self,
        plan: RecordPlan,
        columns: tuple[str, ...],
        names: Dictionaries,
        frame: pl.DataFrame,
        device: pl.Series,
        at: pl.Series,
        first_position: int,
    ) -> None:
        self.plan = plan
        self.columns = columns
        self.names = names
        self.frame = frame
        self.device = device
        self.at = at
        self.first = first_position
        self.more_tags: list[tuple[str, pl.Series]] = []
        self.kept: pl.Series | None = None
        self.shared = pl.DataFrame()
        self.parts: list[pl.DataFrame] = []
        self.cell_refusals: list[pl.DataFrame] = []
        self.landed: pl.Series | None = None

    def keep(self, base: RowRejects) -> None:
        """Settle which rows are kept, and what their readings share."""
        plan, names = self.plan, self.names
        self.kept = base.kept()
        columns = [
            names.devices.of_series(self._pick(self.device)).alias("device"),
            self._pick(self.at).alias("event_at"),
            self._pick(pl.int_range(self.first, self.first + len(self.frame), eager=True)).alias("position"),
        ]
        for name, codes, lookup in (("unit", names.units, plan.unit), ("quality", names.qualities, plan.quality)):
            texts = find_text(self.frame, self.columns, lookup, only_text=not plan.is_long)
            if texts is not None and texts.null_count() < len(texts):
                columns.append(codes.of_series(self._pick(texts)).alias(name))
        if (ids := find_text(self.frame, self.columns, plan.message_id)) is not None and ids.null_count() < len(ids):
            columns.append(self._pick(ids).alias("message_id"))
        if (tags := self._tags()) is not None:
            columns.append(names.tags.of_series(self._pick(tags)).alias("tags"))
        self.shared = pl.DataFrame(columns)

    def add(self, metric: str | pl.Series, cells: Cells, *, is_described: bool = True) -> None:
        """Add the readings of one column of cells."""
        codes = self.names.metrics
        text = None if cells.text is None else self._pick(cells.text)
        part = self.shared.with_columns(self._pick(cells.value).alias("value"))
        if isinstance(metric, str):
            part = part.with_columns(pl.lit(codes.one(metric), pl.UInt32).alias("metric"))
        else:
            part = part.with_columns(codes.of_series(self._pick(metric)).alias("metric"))
        has = part["value"].is_not_null()
        if text is not None and text.null_count() < len(text):
            part = part.with_columns(text.alias("text"))
            has = has | text.is_not_null()
        if not is_described:
            part = part.drop("unit", "quality", strict=False)
        if not has.all():
            part = part.filter(has)
        self.landed = has if self.landed is None else self.landed | has
        self.parts.append(part)
        if cells.refused is not None:
            name = metric if isinstance(metric, str) else None
            self.refuse(
                cells.refused, "not_a_number" if "finite" in cells.reason else "nested_value", cells.reason, name
            )

    def refuse(self, mask: pl.Series, rule: str, reason: str, metric: str | None) -> None:
        """Reject single cells of rows that are kept."""
        wanted = mask if self.kept is None else mask & self.kept
        if not wanted.any():
            return
        rows = wanted.arg_true().cast(pl.UInt32)
        why = f"{metric!r}: {reason}" if metric else reason
        self.cell_refusals.append(
            pl.DataFrame({"row": rows, "device_id": self.device.gather(rows)}).with_columns(
                rule=pl.lit(rule), reason=pl.lit(why), metric=pl.lit(metric, pl.String)
            )
        )

    def result(self, base: RowRejects) -> RowsRead:
        """The whole batch. Rows without a reading are rejected, so that every row has an outcome."""
        landed = self.landed if self.landed is not None else pl.Series([], dtype=pl.Boolean)
        whole = rejects_frame(base.rows, self.device)
        cells = pl.concat([pl.DataFrame(schema=REFUSED), *(part.select(*REFUSED) for part in self.cell_refusals)])
        is_landed = self._spread(landed)
        cells = cells.with_columns(is_landed=is_landed.gather(cells["row"]))
        spoilt = cells.filter(~pl.col("is_landed")).unique("row", keep="first", maintain_order=True)
        empty = ~is_landed if self.kept is None else ~is_landed & self.kept
        rest = set(empty.arg_true().to_list()) - set(spoilt["row"].to_list()) if empty.any() else set()
        nothing = rejects_frame(
            dict.fromkeys(rest, ("no_readings", "the row holds nothing to read", None)), self.device
        )
        single = cells.filter("is_landed")
        messages = pl.concat([whole, spoilt.select(*REFUSED), nothing]).with_columns(scope=pl.lit("message"))
        readings = single.select(*REFUSED).with_columns(scope=pl.lit("reading"))
        parts = [part for part in self.parts if len(part)]
        table = pl.concat(parts, how="diagonal", rechunk=False) if parts else pl.DataFrame()
        return RowsRead(
            len(self.frame),
            table,
            pl.concat([messages, readings]).sort("row", maintain_order=True),
            self._outcome_counts(is_landed, single["row"]),
        )

    def _outcome_counts(self, is_landed: pl.Series, rejected_rows: pl.Series) -> pl.DataFrame:
        device = self.names.devices.of_series(self.device) if not self.device.is_null().all() else None
        frame = pl.DataFrame(
            {
                "device": device
                if device is not None
                else pl.repeat(None, len(self.frame), dtype=pl.UInt32, eager=True),
                "landed": is_landed,
            }
        )
        outcomes = frame.group_by("device").agg(
            received=pl.len().cast(pl.Int64), landed=pl.col("landed").sum().cast(pl.Int64)
        )
        if rejected_rows.is_empty():
            return outcomes.with_columns(rejected_readings=pl.lit(0, pl.Int64))
        rejected = frame["device"].gather(rejected_rows).value_counts(name="rejected_readings")
        outcomes = outcomes.join(rejected, "device", how="left", nulls_equal=True)
        return outcomes.with_columns(pl.col("rejected_readings").fill_null(0).cast(pl.Int64))

    def _tags(self) -> pl.Series | None:
        """JSON of the tag map of each row; None without tags."""
        found = [(name, find_text(self.frame, self.columns, lookup)) for name, lookup in self.plan.tags]
        texts = [series.alias(name) for name, series in [*found, *self.more_tags] if series is not None]
        if not texts:
            return None
        unique = list({series.name: series for series in texts}.values())
        return pl.DataFrame(unique).select(pl.struct(pl.all()).struct.json_encode().alias("tags"))["tags"]

    def _pick(self, column: pl.Series) -> pl.Series:
        return column if self.kept is None else column.filter(self.kept)

    def _spread(self, landed: pl.Series) -> pl.Series:
        """One element for each row, from one for each kept row."""
        if self.kept is None:
            return landed if len(landed) else pl.repeat(value=False, n=len(self.frame), dtype=pl.Boolean, eager=True)
        none = pl.repeat(value=False, n=len(self.frame), dtype=pl.Boolean, eager=True)
        rows = self.kept.arg_true()
        return none.scatter(rows, landed) if len(landed) else none
