"""A valve that sends on change: the filled view carries its last value, and some mean weighs time."""

import pytest

from sensor_platform_tests.field.batch.rig import Place

OPEN_SHARE = 100 * 350 / 86_400
"""Per cent of the day that the valve was open."""


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 5")
def test_batch_05_the_filled_view_carries_the_last_value(built: Place) -> None:
    rows = built.rows(
        "select window_start, mean_locf from readings_1m_filled where device_id = 'valve-1'"
        " and window_start between timestamp '2025-03-10 09:01' and timestamp '2025-03-10 09:05' order by 1"
    )
    if len(rows) != 5:
        pytest.fail(f"set-up: the filled view has {len(rows)} of the five minutes")
    assert [row["mean_locf"] for row in rows] == [100.0] * 5


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="batch 5")
def test_batch_05_a_mean_that_weighs_time_is_in_a_table_of_days(built: Place) -> None:
    means: dict[str, float] = {}
    for table in built.tables_with("device_id", "window_start"):
        rows = built.rows(f"select * from \"{table}\" where device_id = 'valve-1'")
        if len(rows) == 1:
            means |= {f"{table}.{name}": value for name, value in rows[0].items() if isinstance(value, int | float)}
    if means.get("readings_1d.mean") is None:
        pytest.fail(f"set-up: the valve has no day in readings_1d, only {means}")
    assert any(mean == pytest.approx(OPEN_SHARE, rel=0.01) for mean in means.values()), (
        f"the valve was open {OPEN_SHARE:.3f} % of the day, readings_1d holds {means['readings_1d.mean']}"
    )
