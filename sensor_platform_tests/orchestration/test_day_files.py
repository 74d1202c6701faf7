"""Verification of the landing files of some days by the landing asset."""

from datetime import timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.integrity.day_files import verify_days
from sensor_platform.orchestration.partitions import POSITION_TAG
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)
SLOT = timedelta(minutes=10)


def test_a_second_look_checks_new_files_only(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    assert platform.run(DAY, tags={POSITION_TAG: "1"}).success
    platform.arrive(("d2", at(DAY, 10), 1.0), ("d3", at(DAY, 9), 1.0), received_at=at(DAY, 10, 5))
    new = verify_days(platform.home, (DAY, DAY), is_whole=False, slot=SLOT)
    assert (new.checked_files, new.checked_rows, new.devices, new.late_rows) == (1, 2, 2, 1)
    assert new.rows == 3
    assert new.newest_event_at == at(DAY, 10)
    assert verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT).checked_files == 2


def test_files_of_other_days_are_not_checked(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 23, 59, 59), 1.0))
    platform.arrive(("d1", at(DAY + timedelta(days=1)), 1.0))
    found = verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT)
    assert (found.checked_files, [one.day for one in found.days]) == (1, [DAY])


def test_a_file_cut_short_is_damage(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    (path,) = platform.home.landing.glob("*/*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    (damage,) = verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT).damage
    assert damage.file == str(path.relative_to(platform.home.root))
    assert "bytes" in damage.what


def test_an_empty_home_has_nothing_to_verify(tmp_path: Path) -> None:
    assert verify_days(Home(tmp_path), (DAY, DAY), is_whole=True, slot=SLOT).rows == 0
