"""Rows of a table to readings and refusals."""

from typing import Any

import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.imports.row_outcomes import Dictionaries, RowsRead
from sensor_platform.imports.rows import RowReader, plan_of
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract

NOON = 1_772_366_400
LIMITS = TimeLimits(1_262_304_000_000_000, 3_600_000_000)


class Tidy:
    """One batch, tidied."""

    def __init__(self, frame: pl.DataFrame, first_position: int = 0, **contract: Any) -> None:
        self.names = Dictionaries()
        columns = tuple(frame.columns)
        plan = plan_of(Contract(name="c", topic="#", **contract), columns)
        self.found: RowsRead = RowReader(plan, columns, LIMITS, NOON * 10**6, self.names).read(frame, first_position)

    def readings(self) -> list[tuple[str, str, float | str]]:
        devices, metrics = self.names.devices.texts(), self.names.metrics.texts()
        rows = self.found.readings.iter_rows(named=True)
        return sorted(
            (devices[row["device"]], metrics[row["metric"]], row["value"] if row["value"] is not None else row["text"])
            for row in rows
        )

    def rules(self) -> list[tuple[int, str, str]]:
        return self.found.refused.select("row", "rule", "scope").rows()


def frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(columns, strict=False)


def test_a_wide_row_has_a_reading_per_cell() -> None:
    tidy = Tidy(frame(id=["a", "b"], ts=[NOON, NOON], t=[1.5, None], state=["on", "off"]), first_position=10)
    assert tidy.readings() == [("a", "state", "on"), ("a", "t", 1.5), ("b", "state", "off")]
    assert set(tidy.found.readings["event_at"].to_list()) == {NOON * 10**6}
    assert set(tidy.found.readings["position"].to_list()) == {10, 11}
    assert (tidy.found.rows, tidy.rules()) == (2, [])


def test_a_long_row_is_one_reading_whose_metric_may_be_renamed() -> None:
    table = frame(
        id=["a", "a", "a"], ts=[NOON] * 3, metric=["T", "h", None], value=[1, 2, 3], unit=["degC", None, None]
    )
    tidy = Tidy(table, rename={"T": "temperature"})
    assert tidy.readings() == [("a", "h", 2.0), ("a", "temperature", 1.0)]
    assert tidy.rules() == [(2, "no_metric", "message")]
    assert tidy.names.units.texts() == ["degC"]


@pytest.mark.parametrize(
    ("device", "at", "rule"),
    [
        (None, NOON, "no_device"),
        ("x" * 300, NOON, "name_too_long"),
        ("a", None, "no_time"),
        ("a", 1_000_000_000, "before_start"),
        ("a", NOON + 3_601, "in_the_future"),
    ],
)
def test_a_row_that_is_wrong_is_refused_and_its_neighbours_are_not(
    device: str | None, at: int | None, rule: str
) -> None:
    tidy = Tidy(frame(id=["a", device, "b"], ts=[NOON, at, NOON + 3_600], t=[1, 2, 3]))
    assert tidy.rules() == [(1, rule, "message")]
    assert [value for *_, value in tidy.readings()] == [1.0, 3.0]


def test_every_row_has_an_outcome() -> None:
    tidy = Tidy(frame(id=["a", "a", "b"], ts=["2026-03-01", "soon", None], t=[1.0, 2.0, None]))
    assert tidy.found.outcomes["received"].sum() == 3
    assert tidy.found.outcomes["landed"].sum() == 1
    assert {(row, rule) for row, rule, _ in tidy.rules()} == {(1, "bad_time"), (2, "no_time")}


def test_a_required_metric_that_is_missing_refuses_the_row() -> None:
    tidy = Tidy(frame(id=["a", "b"], ts=[NOON] * 2, t=[1, None], h=[1, 2]), required_metrics=("t",))
    assert tidy.rules() == [(1, "missing_required_metric", "message")]
    assert tidy.readings() == [("a", "h", 1.0), ("a", "t", 1.0)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [(("ts", "t"), "no column names the device"), (("id", "t"), "no column holds the time"), (("id", "ts"), "values")],
)
def test_columns_that_lack_something_are_refused(columns: tuple[str, ...], reason: str) -> None:
    with pytest.raises(WrongUse, match=reason):
        plan_of(Contract(name="c", topic="#"), columns)
