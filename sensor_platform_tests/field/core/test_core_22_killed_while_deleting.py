"""Killed between deleting files and forgetting them: what went on purpose is not damage."""

from datetime import date

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, delete_landing, land, seal, send, upkeep, verified
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, audit
from sensor_platform_tests.field.core.steps import UPKEEP_FORGETS, killed_at

NOW = T0 + 9 * DAY


@pytest.fixture
def old(home: Home) -> Home:
    """Segments of nine days ago, whose raw archive has expired, and an arrival on each day since."""
    for seq in range(1, 6):
        seal(home, seq, [{"device_id": "d", "ts": T0 / 1e6 + number, "v": number} for number in range(10)], T0 + seq)
    land(home, T0 + HOUR)
    for day in range(1, 10):
        send(home, 8 + day, [{"device_id": "later", "v": 1}], T0 + day * DAY)
    return home


def check_healed(home: Home, deleted: str) -> None:
    """The proof runs at once; upkeep and full verification of two days follow."""
    verified(home, NOW + HOUR, is_full=False)
    for hours in (2, 26, 50):
        upkeep(home, NOW + hours * HOUR)
        verified(home, NOW + hours * HOUR)
    found = audit(home)
    assert not found.damaged_files, f"{len(found.damaged_files)} files that were deleted on purpose count as damaged"
    assert found.is_whole
    assert not list(home.root.glob(deleted)), "what was old enough is gone"


def test_core_22_an_upkeep_that_was_killed_leaves_no_damage(old: Home) -> None:
    with killed_at(UPKEEP_FORGETS):
        upkeep(old, NOW)
    check_healed(old, "raw/2026-03-01/*")


def test_core_22_a_retention_that_was_killed_leaves_no_damage(old: Home) -> None:
    upkeep(old, NOW)
    upkeep(old, NOW + 2 * HOUR)
    need(len(list(old.landing.glob("2026-03-01/*"))) == 1, "the landing files of the old day are compacted")
    with killed_at(UPKEEP_FORGETS):
        delete_landing(old, date(2026, 3, 3), NOW)
    check_healed(old, "landing/2026-03-01/*")
