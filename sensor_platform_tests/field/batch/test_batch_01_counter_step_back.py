"""A meter whose total goes down by one rounding step has not started again from 0."""

import pytest

from sensor_platform_tests.field.batch.rig import Place

_SQL = "select first, last, increase, resets_n from {table} where device_id = '{device}' and metric = 'energy'"


@pytest.mark.parametrize("table", ["readings_1d", "readings_1h"])
def test_batch_01_a_step_back_of_a_tenth_is_not_a_reset(built: Place, table: str) -> None:
    rows = built.rows(_SQL.format(table=table, device="meter-dip"))
    assert sum(row["resets_n"] for row in rows) == 0
    for row in rows:
        used = row["last"] - row["first"]
        most = used + 0.21  # a step more where the fall is passed over, and one from the window before
        assert used - 0.01 <= row["increase"] <= most, f"the meter went from {row['first']} to {row['last']}"


def test_batch_01_a_meter_that_begins_near_zero_is_a_reset(built: Place) -> None:
    (row,) = built.rows(_SQL.format(table="readings_1d", device="meter-new"))
    assert row["resets_n"] == 1
    assert row["increase"] == pytest.approx(2.3 + 0.2 + 2.3)
