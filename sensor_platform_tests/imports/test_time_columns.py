"""Columns of times."""

from datetime import date, datetime

import polars as pl
import pytest

from sensor_platform.imports.time_columns import times_of
from sensor_platform.reading.contract import TimeSource
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
    assert "soon" in reasons[0]
    assert 1 not in reasons


def test_columns_agree_with_the_reader_of_single_times() -> None:
    texts = ["1772366400", "2026-03-01", "2026-03-01T12:00", "2026-03-29 02:30:00", "1e3", "x", "2026-03-01T12:00:00.5"]
    for zone_name in ("UTC", "Europe/Berlin", "+08:00"):
        read = time_reader("auto", zone(zone_name))
        at, reasons = times_of(pl.Series(texts), TimeSource(timezone=zone_name))
        found = [reasons.get(row, value) for row, value in enumerate(at.to_list())]
        assert found == [read(text) for text in texts]
