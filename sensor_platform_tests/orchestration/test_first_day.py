"""The first partition of a code location."""

from datetime import date, timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.orchestration.first_day import first_partition
from sensor_platform.site import DEFAULT_START
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

CHOSEN = date(2020, 1, 1)


def test_without_a_data_folder_it_is_the_start(tmp_path: Path) -> None:
    home = Home(tmp_path / "none")
    assert first_partition(home, DEFAULT_START, TODAY) == DEFAULT_START
    assert first_partition(home, CHOSEN, TODAY) == CHOSEN


def test_a_new_data_folder_has_some_weeks_unless_somebody_chose_the_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert first_partition(home, DEFAULT_START, TODAY) == TODAY - timedelta(days=30)
    assert first_partition(home, CHOSEN, TODAY) == CHOSEN


def test_it_is_the_first_day_in_the_ledger_unless_the_start_is_later(platform: Platform) -> None:
    first = TODAY - timedelta(days=4)
    platform.arrive(("d1", at(first, 10), 1.0), ("d1", at(TODAY), 1.0))
    assert first_partition(platform.home, DEFAULT_START, TODAY) == first
    assert first_partition(platform.home, TODAY, TODAY) == TODAY
