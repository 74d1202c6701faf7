"""A release that counts a kind of metric in another way builds the windows of such metrics again, and no others."""

from datetime import datetime, timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC, as in files


def test_windows_of_an_earlier_version_are_built_again(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("metric,kind\nenergy,counter\nheat,gauge\n")
    home, site = Home(tmp_path / "home"), SiteStub(catalog=tmp_path)
    energy = [reading("d", "energy", NOON + timedelta(seconds=n), v) for n, v in enumerate((215.0, 214.9, 219.7))]
    Landing(home, count=2).land([*energy, reading("d", "heat", NOON + timedelta(hours=2), 20.0)])
    assert build(home, site, position=0).is_ok
    with open_warehouse(home, site.warehouse) as connection:
        connection.execute("drop table metric_kind_versions")
        connection.execute("update readings_1h set increase = 222 where metric = 'energy'")
        connection.execute("update readings_1h set mean = 7 where metric = 'heat'")
    assert build(home, site, position=0).is_ok
    with open_warehouse(home, site.warehouse) as connection:
        found = connection.execute("select metric, round(increase, 9), mean = 7 from readings_1h order by 1").fetchall()
        assert found == [("energy", 4.7, False), ("heat", None, True)]
