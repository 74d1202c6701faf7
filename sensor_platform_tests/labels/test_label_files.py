"""Labels from files."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.labels.label_files import LabelColumns, read_file

NOON = 1_772_366_400_000_000


def labels(folder: Path, columns: dict[str, list[Any]], **names: str) -> list[tuple[str, str, int, int]]:
    """Device, label, start and end of a file of these columns, which is written as Parquet."""
    file = folder / "labels.parquet"
    pl.DataFrame(columns).write_parquet(file)
    return [
        (each.device_id, each.label, each.start_at, each.end_at) for each in read_file(file, LabelColumns(**names), 5)
    ]


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-01T12:00:00",
        "2026-03-01T13:00:00+01:00",
        datetime(2026, 3, 1, 12),  # noqa: DTZ001 - as files have it
        datetime(2026, 3, 1, 12, tzinfo=UTC),
        1_772_366_400,
        1_772_366_400.0,
    ],
)
def test_times_are_utc_where_they_have_no_zone_and_numbers_are_seconds(tmp_path: Path, start: object) -> None:
    found = labels(tmp_path, {"device": ["a"], "time": [start], "label": ["failure"]})
    assert found == [("a", "failure", NOON, NOON)]


def test_columns_are_found_by_their_usual_names_or_by_those_given(tmp_path: Path) -> None:
    usual: dict[str, list[Any]] = {
        "Machine": [7],
        "start": [date(2026, 3, 1)],
        "until": [date(2026, 3, 2)],
        "class": ["worn"],
    }
    (found,) = labels(tmp_path, usual)
    assert (found[0], found[1], found[3] - found[2]) == ("7", "worn", 86_400_000_000)
    given: dict[str, list[Any]] = {"pump": ["a"], "t0": [1], "t1": [2]}
    assert labels(tmp_path, given, device="pump", start="t0", end="t1", text="failure") == [
        ("a", "failure", 1_000_000, 2_000_000)
    ]


def test_a_csv_file_is_read_alike_and_names_itself(tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    file.write_text("device,time,label\na,2026-03-01T12:00:00Z,failure\n")
    (found,) = read_file(file, LabelColumns(), 5)
    assert (found.start_at, found.source, found.created_at) == (NOON, "file:failures.csv", 5)


@pytest.mark.parametrize(
    ("columns", "names", "reason"),
    [
        ({"device": ["a"], "label": ["x"]}, {}, "no column is called start_at"),
        ({"device": ["a"], "time": [1], "label": ["x"]}, {"device": "pump"}, "no column 'pump'"),
        ({"device": ["a", None], "time": [1, 2], "label": ["x", "y"]}, {}, "row 2 lacks a device"),
        ({"device": ["a"], "time": [True], "label": ["x"]}, {}, "not times"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole(
    tmp_path: Path, columns: dict[str, list[Any]], names: dict[str, str], reason: str
) -> None:
    with pytest.raises(WrongUse, match=reason):
        labels(tmp_path, columns, **names)


def test_a_file_that_is_missing_or_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("something else")
    for name in ("missing.csv", "x.parquet"):
        with pytest.raises(WrongUse):
            read_file(tmp_path / name, LabelColumns(), 5)
