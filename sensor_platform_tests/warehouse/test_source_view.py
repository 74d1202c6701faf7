"""The view over landing files reads files of every column set."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing.ledger import LandingFile, landing_files, read_ledger, slots_between
from sensor_platform.warehouse.dbt.source_view import COLUMNS, VIEW, make_source_view
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment

DAY = (to_micros(datetime(2026, 3, 1, tzinfo=UTC)), to_micros(datetime(2026, 3, 2, tzinfo=UTC)))


def landed(home: Home) -> list[LandingFile]:
    for number in range(1, 4):
        seal_segment(home, number, mixed_messages(number, 40))
    land_all(home)
    with read_ledger(home) as ledger:
        assert ledger is not None
        return list(landing_files(ledger, home, slots_between(ledger, T0 - 24 * HOUR, T0 + HOUR)))


def rows(files: list[LandingFile]) -> pl.DataFrame:
    connection = duckdb.connect()
    make_source_view(connection, files, [DAY])
    found: pl.DataFrame = connection.sql(f"select * exclude (tags) from {VIEW} order by all").pl()
    return found


def change(path: Path, columns: list[str], **more: str) -> None:
    frame = pl.read_parquet(path)
    frame.select(*columns, **{name: pl.lit(text) for name, text in more.items()}).write_parquet(path)


@pytest.mark.parametrize("without", [[0], [1], [0, 1, 2]])
def test_a_column_that_some_or_all_files_lack_is_null_and_order_and_more_columns_do_not_matter(
    tmp_path: Path, without: list[int]
) -> None:
    files = landed(Home(tmp_path))
    assert len(files) == 3
    whole = rows(files)
    names = list(COLUMNS)
    segments = [pl.read_parquet(files[number].path)["segment"][0] for number in without]
    for number in without:
        change(files[number].path, [name for name in names if name != "unit"], calibrated_by="x")
    change(files[2].path, [name for name in reversed(names) if 2 not in without or name != "unit"])
    is_without = pl.col("segment").is_in(segments)
    expected = whole.with_columns(unit=pl.when(is_without).then(None).otherwise(pl.col("unit")))
    keys = ["segment", "position", "metric", "event_at", "device_id"]
    assert rows(files).sort(keys, maintain_order=True).rows() == expected.sort(keys, maintain_order=True).rows()


def test_no_files_are_no_rows_in_the_same_columns() -> None:
    assert rows([]).columns == [name for name in COLUMNS if name != "tags"]
    assert rows([]).is_empty()
