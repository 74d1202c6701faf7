"""Rows of a table to readings and rejects, column by column, by the plan of a message with these fields."""

from dataclasses import dataclass

import polars as pl

from sensor_platform.errors import WrongUse
from sensor_platform.imports.cells import Cells, cells_of, find_text
from sensor_platform.imports.row_batch import BatchReadings
from sensor_platform.imports.row_outcomes import Dictionaries, RowRejects, RowsRead
from sensor_platform.imports.sources import EXTRA
from sensor_platform.imports.time_columns import times_of
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract
from sensor_platform.reading.names import MAX_NAME, fold
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.record_plan import RecordKind, RecordPlan
from sensor_platform.reading.values import RejectReason

_OF_MESSAGES = (
    "device.template", "time.template", "time.fallback", "series", "quality.values", "quality.codes", "root",
    "elements", "block", "numbers", "sentinels", "charset", "compression",
)  # fmt: skip
"""Keys of a contract that are read from messages only."""


def plan_of(contract: Contract, columns: tuple[str, ...]) -> RecordPlan:
    """The plan that assigns a role to each column.

    Raises:
        WrongUse: no column holds the device, the time, or any value.
    """
    for key in _OF_MESSAGES:
        _refuse_key(contract, key)
    plan = make_plan(contract, columns, RecordKind.SAMPLE)
    names = ", ".join(columns[:20])
    if not plan.device.columns and contract.device.constant is None:
        raise WrongUse(
            f"no column names the device; the columns are {names}",
            "name it with --device, or use --device-id",
        )
    if not plan.time:
        raise WrongUse(f"no column holds the time; the columns are {names}", "name it with --time")
    if not plan.is_long and not plan.metrics:
        raise WrongUse(f"no column is left for values; the columns are {names}", "check --metric, --value and --ignore")
    return plan


def _refuse_key(contract: Contract, key: str) -> None:
    """Refuse a key that is read from messages only, where it is stated: a file would be read otherwise than they."""
    found, default = contract, Contract(name=contract.name, topic=contract.topic)
    for name in key.split("."):
        found, default = getattr(found, name), getattr(default, name)
    if found != default:
        raise WrongUse(
            f"the contract {contract.name!r} states {key!r}, which is not read from files",
            "give --device, --metric and --time a column each, which holds the whole name or time",
        )


@dataclass(slots=True)
class RowReader:
    """Turns batches of files with the same columns into readings."""

    plan: RecordPlan
    columns: tuple[str, ...]
    limits: TimeLimits
    now: int
    """Start of the import, microseconds: the receive time of all its readings."""
    names: Dictionaries

    def read(self, frame: pl.DataFrame, first_position: int) -> RowsRead:
        """Read one batch.

        Args:
            frame: rows of a source.
            first_position: of its first row in the import.
        """
        device = find_text(frame, self.columns, self.plan.device)
        assert device is not None
        at, base = self.times(frame), RowRejects(frame, device)
        self.check(frame, device, at, base)
        readings = BatchReadings(self.plan, self.columns, self.names, frame, device, at[0], first_position)
        if self.plan.is_long:
            self.read_long(frame, base, readings)
        else:
            self.read_wide(frame, base, readings)
        return readings.result(base)

    def times(self, frame: pl.DataFrame) -> tuple[pl.Series, dict[int, RejectReason]]:
        """Event time of each row, and reasons; the first column with a time is used."""
        source = self.plan.contract.time
        at, reasons = times_of(frame[self.columns[self.plan.time[0]]], source)
        for column in self.plan.time[1:]:
            if not at.has_nulls():
                break
            more, whys = times_of(frame[self.columns[column]], source)
            at, reasons = at.zip_with(at.is_not_null(), more), whys | reasons
        return at, reasons

    def check(
        self, frame: pl.DataFrame, device: pl.Series, times: tuple[pl.Series, dict[int, RejectReason]], base: RowRejects
    ) -> None:
        """Reject rows without a device or an acceptable time."""
        at, reasons = times
        if EXTRA in frame.columns:
            base.where(frame[EXTRA].is_not_null(), "undecodable", "the row has more cells than the first line")
        base.where(device.is_null(), "no_device", "the row names no device")
        if _longest(device) > MAX_NAME:
            base.where(device.str.len_chars() > MAX_NAME, "name_too_long", "the device id is too long")
        for row, why in reasons.items():
            base.one(row, why.rule, why.reason)
        if at.has_nulls():
            base.where(at.is_null(), "no_time", "the row has no time")
        if at.min() is None:
            return
        base.where(at < self.limits.start, "before_start", lambda row: f"{_iso(at[row])} is before the site's start")
        latest = self.now + self.limits.max_future
        base.where(at > latest, "in_the_future", lambda row: f"{_iso(at[row])} is later than the import")

    def read_wide(self, frame: pl.DataFrame, base: RowRejects, readings: BatchReadings) -> None:
        """Read every column without a role as a metric."""
        contract = self.plan.contract
        found = []
        for planned in self.plan.metrics:
            column = frame[self.columns[planned.column]]
            if planned.takes_text or column.dtype != pl.String:
                found.append((planned.metric, cells_of(column, contract.strings)))
        by_metric = dict(found)
        for name in self.plan.required:
            lacks = ~by_metric[name].has_reading if name in by_metric else base.all()
            base.where(lacks, "missing_required_metric", f"{name!r} is missing", name)
        readings.keep(base)
        for metric, cells in found:
            readings.add(metric, cells)
        for refused in self.plan.refused:
            readings.refuse(
                frame[self.columns[refused.column]].is_not_null(), refused.rule, refused.reason, refused.metric
            )

    def read_long(self, frame: pl.DataFrame, base: RowRejects, readings: BatchReadings) -> None:
        """Read one reading per row; of the other columns, numbers are metrics of their own and texts become tags."""
        contract = self.plan.contract
        names = self.long_names(frame, base)
        values = frame[self.columns[self.plan.value.columns[0]]]
        for column in self.plan.value.columns[1:]:
            values = values.zip_with(values.is_not_null(), frame[self.columns[column]].cast(values.dtype, strict=False))
        cells = cells_of(values, contract.strings)
        extras = [(extra, cells_of(frame[self.columns[extra.column]], "text")) for extra in self.plan.metrics]
        readings.more_tags = [(extra.metric, found.text) for extra, found in extras if found.text is not None]
        readings.keep(base)
        readings.add(names, cells)
        readings.refuse(values.is_null(), "no_value", "there is no value", None)
        for extra, found in extras:
            if extra.takes_numbers:
                numbers = Cells(found.value, None, found.refused, found.reason)
                readings.add(extra.metric, numbers, is_described=False)

    def long_names(self, frame: pl.DataFrame, base: RowRejects) -> pl.Series:
        """The metric of each row, renamed; rows whose metric has no usable name are rejected."""
        contract = self.plan.contract
        names = find_text(frame, self.columns, self.plan.metric)
        assert names is not None
        distinct = names.unique().drop_nulls().to_list()
        renames = {fold(path): metric for path, metric in contract.rename.items()}
        if any(fold(name) in renames for name in distinct):
            new = [renames.get(fold(name), name) for name in distinct]
            names = names.replace_strict(distinct, new, return_dtype=pl.String)
        base.where(names.is_null() | (names.str.strip_chars() == ""), "no_metric", "the row names no metric")
        if _longest(names) > MAX_NAME:
            base.where(names.str.len_chars() > MAX_NAME, "name_too_long", "the name of the metric is too long")
        if contract.unknown_fields != "evolve":
            rule = "unknown_field" if contract.unknown_fields == "quarantine" else "no_readings"
            base.where(~names.is_in(list(contract.metrics)), rule, "the metric is not in `metrics`")
        return names


def _longest(texts: pl.Series) -> int:
    longest = texts.str.len_bytes().max()
    return longest if isinstance(longest, int) else 0


def _iso(at: object) -> str:
    return utc_from_micros(at).isoformat() if isinstance(at, int) else ""
