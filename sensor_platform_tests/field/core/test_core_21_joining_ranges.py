"""Joining windows into ranges costs with their number, not with its square."""

from functools import partial
from itertools import pairwise

from sensor_platform_tests.field.core.homes import HOUR, MINUTE, T0
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import coalesce
from sensor_platform_tests.field.core.work import work_of

SLOT = 10 * MINUTE


def hours_apart(count: int) -> list[int]:
    """Slots of one reading an hour, with some longer gaps."""
    return [T0 + hour * HOUR + hour // 24 * MINUTE for hour in range(count)]


def test_core_21_the_largest_gaps_stay_open() -> None:
    windows = hours_apart(240)
    ranges = coalesce(windows, SLOT, 5)
    assert len(ranges) == 5
    assert (ranges[0][0], ranges[-1][1]) == (windows[0], windows[-1] + SLOT)
    gaps = [after[0] - before[1] for before, after in pairwise(ranges)]
    assert gaps == [HOUR + MINUTE - SLOT] * 4


def test_core_21_ten_times_the_windows_cost_ten_times_the_work() -> None:
    few, many = (work_of(partial(coalesce, hours_apart(count), SLOT)) for count in (60, 600))
    need(few > 0, "work is counted")
    assert many < 20 * few, f"60 windows apart take {few} steps, 600 take {many}"
