"""The slot after a held slot is not built without the rows that it looks back at."""

from sensor_platform_tests.field.core.homes import HOUR, MINUTE, T0, land, seal, verified
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.tables import ask, asked, built, site_with

BORDER = T0 + 10 * MINUTE
REPEAT = [{"device_id": "d", "seq": 5, "v": 1.0}]
"""No time of its own: it takes that of its arrival, and is known again by its number."""
COPIES = "select count(*)::int from readings_clean where device_id = 'd'"


def test_core_12_a_repeat_is_not_counted_once_the_slot_before_is_held(home: Home) -> None:
    site = site_with()
    seal(home, 1, REPEAT, BORDER - 1_000_000)
    seal(home, 2, REPEAT, BORDER + 1_000_000)
    land(home, T0 + HOUR)
    built(home, site)
    need(ask(home.warehouse_file, COPIES) == [(1,)], "the repeat is known across the border of slots")

    next(home.raw.glob("*/*-00000001.zst")).unlink()
    path = next(home.landing.glob("*/*-00000001.parquet"))
    path.write_bytes(b"damaged" + path.read_bytes()[7:])
    verified(home, T0 + 2 * HOUR)
    need(not path.exists(), "the damaged file is set aside")
    seal(home, 3, [{"device_id": "other", "ts": (BORDER + 5_000_000) / 1e6, "v": 7.0}], T0 + 3 * HOUR)
    land(home, T0 + 3 * HOUR)
    asked(home, site)
    assert ask(home.warehouse_file, COPIES) == [(1,)], "a late reading of another device brought the repeat back"
