"""A changed catalog reaches every day that landing still has, whatever retention has trimmed of its tables."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, Site
from sensor_platform_tests.field.core.tables import ask, built, dirty, retain, site_with

MEANS = "select cast(window_start as date)::varchar, mean from readings_1d order by 1"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a catalog of its own, empty at first."""
    (tmp_path / "catalog").mkdir()
    return site_with(catalog=tmp_path / "catalog")


def fill(home: Home, site: Site, newest: int) -> None:
    """Three old days and a newer one; the old days are trimmed."""
    for seq, day in enumerate((0, 1, 2, newest), 1):
        send(home, seq, series("d", T0 + day * DAY, 20), T0 + day * DAY + HOUR)
    built(home, site, is_published=True)
    retain(home, site, T0 + newest * DAY + 2 * HOUR, is_confirmed=True)
    trimmed = ask(home.warehouse_file, "select count(*) from readings_clean where event_at < timestamp '2026-03-04'")
    need(trimmed == [(0,)], "single readings of the old days are gone")
    need(len(list(home.landing.glob("2026-03-0*/*.parquet"))) == 3, "landing of the old days is there")


def check_calibrated(home: Home, site: Site) -> None:
    """A gain of 2 makes every mean 20."""
    assert site.catalog is not None
    (site.catalog / "calibration.csv").write_text("device_id,metric,gain,offset\nd,t,2,0\n")
    built(home, site)
    if dirty(home, site):
        built(home, site)
    means = ask(home.warehouse_file, MEANS)
    assert [mean for _, mean in means] == [20.0] * 4, f"days with the old calibration: {means}"


def test_core_07_a_changed_catalog_reaches_trimmed_days(home: Home, site: Site) -> None:
    fill(home, site, newest=59)
    check_calibrated(home, site)


@pytest.mark.field_slow
def test_core_07_and_the_trimmed_days_after_a_late_reading(home: Home, site: Site) -> None:
    fill(home, site, newest=59)
    send(home, 9, series("d", T0 + 2 * HOUR, 1), T0 + 60 * DAY)
    built(home, site, is_published=True)
    check_calibrated(home, site)


@pytest.mark.field_slow
def test_core_07_and_days_whose_hours_are_trimmed_too(home: Home, site: Site) -> None:
    fill(home, site, newest=379)
    check_calibrated(home, site)
