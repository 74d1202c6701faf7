"""Columns of times."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from sensor_platform.imports.time_columns import times_of
from sensor_platform.kernel.clock import HOUR, to_micros
from sensor_platform.reading.contract import TimeSource
from sensor_platform.reading.local_times import UnclearTime
from sensor_platform.reading.times import time_reader, zone

NOON = 1_772_366_400_000_000
MOMENT = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - as files have it


@pytest.mark.parametrize(
    ("column", "source"),
    [
        (pl.Series([1_772_366_400]), TimeSource()),
        (pl.Series([1_772_366_400_000]), TimeSource()),
        (pl.Series([1_772_366_400.0]), TimeSource(format="s")),
        (pl.Series(["1772366400"]), TimeSource()),
        (pl.Series(["2026-03-01T12:00:00Z"]), TimeSource()),
        (pl.Series(["2026-03-01 13:00"]), TimeSource(timezone="Europe/Berlin")),
        (pl.Series(["2026-03-01T13:00:00.000+01:00"]), TimeSource(format="iso")),
        (pl.Series([MOMENT]), TimeSource()),
        (pl.Series([datetime(2026, 3, 1, 20)]), TimeSource(timezone="+08:00")),  # noqa: DTZ001
    ],
)
def test_a_time_in_any_usual_form_is_understood(column: pl.Series, source: TimeSource) -> None:
    at, reasons = times_of(column, source)
    assert (at.to_list(), reasons) == ([NOON], {})


def test_dates_begin_at_midnight() -> None:
    assert times_of(pl.Series([date(2026, 3, 1)]), TimeSource())[0].to_list() == [NOON - 43_200_000_000]


def test_what_is_no_time_has_a_reason_and_what_is_missing_has_none() -> None:
    at, reasons = times_of(pl.Series(["soon", None, "2026-03-01T12:00:00Z", ""]), TimeSource())
    assert at.to_list() == [None, None, NOON, None]
    assert (reasons[0].rule, "soon" in reasons[0].reason) == ("bad_time", True)
    assert 1 not in reasons


def test_columns_agree_with_the_reader_of_single_times() -> None:
    texts = ["1772366400", "2026-03-01", "2026-03-01T12:00", "2026-03-29 02:30:00", "1e3", "x", "2026-03-01T12:00:00.5"]
    for zone_name in ("UTC", "Europe/Berlin", "+08:00"):
        read = time_reader("auto", zone(zone_name))
        at, reasons = times_of(pl.Series(texts), TimeSource(timezone=zone_name))
        found = [reasons[row].reason if row in reasons else value for row, value in enumerate(at.to_list())]
        single = [read(text) for text in texts]
        assert found == [each.resolve(None, "refuse") if isinstance(each, UnclearTime) else each for each in single]


@pytest.mark.parametrize("kind", ["text", "moment"])
@pytest.mark.parametrize(("choice", "hours"), [("refuse", None), ("first", (0, 1)), ("second", (1, 0))])
def test_hours_that_clocks_repeat_or_skip_are_told_apart_by_the_mapping(
    kind: str, choice: Any, hours: tuple[int, int] | None
) -> None:
    """02:30 in Berlin is 00:30 or 01:30 UTC in October, and in March 01:30 by winter time, 00:30 by summer time."""
    texts = ["2026-10-25 02:30:00", "2026-03-29 02:30:00", "2026-10-25 03:30:00"]
    column = pl.Series(texts)
    if kind == "moment":
        column = column.str.to_datetime(time_unit="us")
    at, reasons = times_of(column, TimeSource(timezone="Europe/Berlin", repeated_hour=choice))
    assert at[2] == to_micros(datetime(2026, 10, 25, 2, 30, tzinfo=UTC))
    if hours is None:
        assert at.to_list()[:2] == [None, None]
        assert {row: why.rule for row, why in reasons.items()} == {0: "unclear_time", 1: "unclear_time"}
        assert ("twice" in reasons[0].reason, "never" in reasons[1].reason) == (True, True)
    else:
        days = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 0, 30, tzinfo=UTC)]
        spring = 1 - hours[0]
        assert (at.to_list()[:2], reasons) == (
            [to_micros(days[0]) + hours[0] * HOUR, to_micros(days[1]) + spring * HOUR],
            {},
        )
