from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from sensor_platform.demo.replay_table import read_table
from sensor_platform.errors import WrongUse

NAIVE = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as it stands in the file
AWARE = NAIVE.replace(tzinfo=UTC)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_parquet_csv_and_ndjson_give_the_same_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"station": ["a", "b"], "ts": [NAIVE, NAIVE + timedelta(hours=1)], "x": [1.5, None]})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    frame.write_ndjson(tmp_path / "t.ndjson")
    tables = [read_table(tmp_path / f"t.{kind}") for kind in ("parquet", "csv", "ndjson")]
    assert [list(table.rows()) for table in tables] == [frame.to_dicts()] * 3
    assert {(table.device_column, table.time_column) for table in tables} == {("station", "ts")}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-01-02T03:04:05", NAIVE),
        ("2026-01-02 03:04:05", NAIVE),
        ("2026-01-02T03:04:05Z", AWARE),
        ("2026-01-02T11:04:05+08:00", AWARE),
        ("1767323045", AWARE),
        ("1767323045000", AWARE),
        ("1767323045000000", AWARE),
        ("1767323045000000000", AWARE),
        ("1767323045.0", AWARE),
    ],
)
def test_times_are_understood_in_their_usual_forms(text: str, wanted: datetime, tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "t.csv", f"timestamp,x\n{text},1\n"))
    (row,) = table.rows()
    assert row["timestamp"] == wanted


def test_epoch_seconds_keep_their_microseconds(tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "t.csv", "time,x\n1767323045.123457,1\n"))
    (row,) = table.rows()
    assert row["time"] == AWARE.replace(microsecond=123457)


def test_rows_come_in_order_of_time_and_ties_in_order_of_the_file(tmp_path: Path) -> None:
    text = "ts,x\n2026-01-01T02:00:00,3\n2026-01-01T01:00:00,1\n2026-01-01T01:00:00,2\n"
    assert [row["x"] for row in read_table(written(tmp_path / "t.csv", text)).rows()] == [1, 2, 3]


@pytest.mark.parametrize("name", ["device_id", "sensorId", "generatorID", "DEVICE", "station"])
def test_the_device_column_is_found_by_its_usual_names(name: str, tmp_path: Path) -> None:
    assert read_table(written(tmp_path / "t.csv", f"{name},x\na,1\n")).device_column == name


def test_columns_can_be_named_and_a_wrong_name_lists_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "plc,when,x\na,2026-01-01T00:00:00,1\n")
    table = read_table(path, "plc", "when")
    assert (table.device_column, table.time_column) == ("plc", "when")
    with pytest.raises(WrongUse, match="column 'plx' does not exist") as caught:
        read_table(path, "plx")
    assert "plc, when, x" in caught.value.hint


def test_the_newest_time_is_aware_in_the_zone_asked_for(tmp_path: Path) -> None:
    china = timezone(timedelta(hours=8))
    table = read_table(written(tmp_path / "t.csv", "ts,x\n2026-01-02T03:04:05,1\n2026-01-01T00:00:00,2\n"))
    assert table.newest(china) == NAIVE.replace(tzinfo=china)
    assert read_table(written(tmp_path / "u.csv", "ts,x\n2026-01-02T03:04:05Z,1\n")).newest(china) == AWARE


def test_a_file_without_times_cannot_be_shifted(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no time column"):
        read_table(written(tmp_path / "t.csv", "a,x\nb,1\n")).newest(UTC)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.xlsx", "", "cannot replay"),
        ("t.parquet", "not parquet", "cannot be read"),
        ("t.csv", "ts,x\nyesterday,1\n", "holds no times"),
        ("t.csv", "ts,x\n2026-13-45T99:00:00,1\n", "holds no times"),
        ("t.ndjson", "{broken\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_wrong_use_in_one_line(name: str, text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=words) as caught:
        read_table(written(tmp_path / name, text))
    assert "\n" not in caught.value.message


def test_a_missing_file_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="cannot be read"):
        read_table(tmp_path / "none.csv")
