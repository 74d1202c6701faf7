"""What the live store may delete: no jump of the clock, forwards or back, makes anything older than it is."""

from contextlib import closing
from pathlib import Path

import pytest

from sensor_platform.alert import store
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.live.engine.run_days import forgettable_before
from sensor_platform_tests.landing.homes import T0


@pytest.mark.parametrize("keep_hours", [1, 24, 240])
@pytest.mark.parametrize("jump", [-DAY, HOUR, 10 * DAY, 1095 * DAY])
def test_a_jump_of_the_clock_deletes_nothing_that_would_have_stayed(tmp_path: Path, keep_hours: int, jump: int) -> None:
    with closing(store.connect(tmp_path / "live.sqlite")) as connection:
        for day in range(30):
            right = forgettable_before(connection, T0 + day * DAY, keep_hours)
        assert right > T0
        now = T0 + 29 * DAY
        assert forgettable_before(connection, now + jump, keep_hours) <= now - keep_hours * HOUR
        assert forgettable_before(connection, now, keep_hours) <= now - keep_hours * HOUR
        later = now + 30 * DAY
        for day in range(30):
            forgettable_before(connection, now + day * DAY, keep_hours)
        assert forgettable_before(connection, later, keep_hours) > now, "it goes on afterwards"


def test_days_on_which_nothing_ran_keep_everything(tmp_path: Path) -> None:
    with closing(store.connect(tmp_path / "live.sqlite")) as connection:
        forgettable_before(connection, T0, 1)
        assert forgettable_before(connection, T0 + 1095 * DAY, 1) < T0
        assert forgettable_before(connection, T0 + 1096 * DAY, 1) < T0 + DAY
        assert forgettable_before(connection, T0 + 1097 * DAY, 1) > T0 + DAY
