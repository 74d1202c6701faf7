"""Drift in the ledger is bounded by days of arrival and by rows."""

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import forget_past_drift, open_ledger

TODAY = 20_000 * DAY
ROWS = {0: 5, 1: 30, 9: 4, 10: 3, 11: 20}
"""Days ago to the number of rows."""


def left_after(home: Home, keep_days: int, most_rows: int) -> tuple[set[int], int]:
    with open_ledger(home) as ledger:
        for ago, count in ROWS.items():
            rows = [(f"s{ago}-{n}", TODAY - ago * DAY + n) for n in range(count)]
            ledger.executemany("insert into drift values (?, 1, ?, 'd', 'm', 'type', 'float', 'text')", rows)
        gone = forget_past_drift(ledger, keep_days, TODAY, most_rows)
        days = ledger.execute("select distinct received_at / ? from drift", (DAY,)).fetchall()
        marked = ledger.execute("select day from day_marks where name = 'drift' and rows > 0").fetchall()
        assert set(days) == set(marked), "what is published of those days follows"
    return {TODAY // DAY - day for (day,) in days}, gone


@pytest.mark.parametrize(
    ("keep_days", "most_rows", "days", "gone"),
    [
        pytest.param(10, 1000, {0, 1, 9, 10}, 20, id="by days; the last one is kept whole"),
        pytest.param(0, 1000, {0, 1, 9, 10, 11}, 0, id="for ever"),
        pytest.param(0, 42, {0, 1, 9, 10}, 20, id="by rows"),
        pytest.param(0, 41, {0, 1, 9}, 23, id="by rows, whole days"),
        pytest.param(9, 1, {0}, 57, id="by both; the newest day stays"),
    ],
)
def test_drift_leaves_by_whole_days(home: Home, keep_days: int, most_rows: int, days: set[int], gone: int) -> None:
    assert left_after(home, keep_days, most_rows) == (days, gone)
