"""A `reland` that was killed before the ledger's commit, then the hourly upkeep: no reading may be lost."""

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, land, readings, reland, seal, send, upkeep
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.steps import RELAND_COMMITS, killed_at

MIDNIGHT = T0 - T0 % DAY + DAY
EXPIRED = MIDNIGHT + 7 * DAY + 2 * HOUR
"""When the raw archive of the first of the two days has gone."""


def count(home: Home) -> int:
    return sum(device != "later" for device in readings(home)["device_id"])


@pytest.fixture
def half_archived(home: Home) -> Home:
    """One compacted hour of two segments; only the second is still in the raw archive."""
    values = range(100)
    seal(home, 1, [{"device_id": "old", "ts": MIDNIGHT / 1e6 - 60 * v, "v": v} for v in values], MIDNIGHT - 1000)
    seal(home, 2, [{"device_id": "new", "ts": MIDNIGHT / 1e6 + v, "v": v} for v in values], MIDNIGHT + 1000)
    land(home, MIDNIGHT + 5_000_000)
    upkeep(home, MIDNIGHT + 2 * HOUR)
    for day in range(1, 8):  # ages are counted by days on which something arrives
        send(home, 10 + day, [{"device_id": "later", "v": 1}], MIDNIGHT + day * DAY)
    send(home, 3, [{"device_id": "later", "v": 1}], EXPIRED)
    upkeep(home, EXPIRED)
    archived = [path.name[-5 - 4 : -4] for path in sorted(home.raw.glob("*/*.zst"))]
    need("00001" not in archived, f"the first archive has gone, not {archived}")
    need({"00002", "00003"} <= {*archived}, f"the others are there, but {archived}")
    need(count(home) == 200, "200 readings are visible")
    return home


def test_core_01_upkeep_after_a_killed_reland_keeps_every_reading(
    half_archived: Home,
) -> None:
    home = half_archived
    with killed_at(RELAND_COMMITS):
        reland(home, EXPIRED)
    assert count(home) == 200
    upkeep(home, EXPIRED + HOUR)
    assert count(home) == 200
    reland(home, EXPIRED + HOUR)
    send(home, 4, [{"device_id": "later", "v": 1}], EXPIRED + 3 * HOUR)
    upkeep(home, EXPIRED + 3 * HOUR)
    assert count(home) == 200, "the readings that only the compacted file held are gone"
