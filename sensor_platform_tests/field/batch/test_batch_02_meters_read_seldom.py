"""Meters that are read once a day or once an hour: what they count is findable, and what is unknown is null, not 0."""

from collections.abc import Iterator, Sequence

import pytest

from sensor_platform_tests.field.batch.rig import Place


@pytest.mark.parametrize("table", ["readings_10s", "readings_1m", "readings_1h", "readings_1d"])
@pytest.mark.parametrize("device", ["meter-daily", "meter-hourly"])
def test_batch_02_an_increase_that_is_not_known_is_null(built: Place, table: str, device: str) -> None:
    rows = built.rows(f"select window_start, increase from {table} where device_id = '{device}'")
    if not rows:
        pytest.fail(f"set-up: {device} has no rows in {table}")
    zeros = [row["window_start"] for row in rows if row["increase"] == 0]
    assert not zeros, f"{len(zeros)} of {len(rows)} windows of {table} hold an increase of 0, which nobody measured"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 2")
@pytest.mark.parametrize(("device", "used", "most"), [("meter-daily", 72, 12), ("meter-hourly", 96, 2)])
def test_batch_02_what_a_meter_counted_is_in_a_table(built: Place, device: str, used: float, most: float) -> None:
    found = [name for name, values in _columns_of(built, device) if _is_consumption(values, used, most)]
    assert found, f"no column of a published table adds up to the {used} kWh of {device} in steps of at most {most}"


def _is_consumption(values: Sequence[float], used: float, most: float) -> bool:
    return sum(values) == pytest.approx(used) and all(-1e-9 <= value <= most + 1e-9 for value in values)


def _columns_of(place: Place, device: str) -> Iterator[tuple[str, list[float]]]:
    """Every column of numbers of every published table, of the rows of one device."""
    tables = place.tables_with("device_id", "metric", "window_start")
    if "readings_1d" not in tables:
        pytest.fail(f"set-up: readings_1d is not among the published tables {tables}")
    for table in tables:
        rows = place.rows(f"select * from \"{table}\" where device_id = '{device}'")
        for name in rows[0] if rows else ():
            values = [row[name] for row in rows if row[name] is not None]
            if values and all(isinstance(value, int | float) for value in values):
                yield f"{table}.{name}", values
