from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_models
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    folder = tmp_path / "catalog"
    folder.mkdir()
    return folder / "metrics.csv"


def clean(home: Home) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        return warehouse.execute(
            "select value, unit, verdict, rule, tags['original_unit'] from readings_clean order by event_at"
        ).fetchall()


def said(noon: datetime, *units: str | None, value: float | None = 50.0) -> list[dict[str, Any]]:
    return [reading("d", "temp", noon + timedelta(hours=n), value, unit=unit) for n, unit in enumerate(units)]


def test_a_value_in_another_unit_is_converted_to_the_catalogs_and_says_what_it_was(
    home: Home, landing: Landing, metrics: Path, noon: datetime
) -> None:
    metrics.write_text("metric,unit,max\ntemp,degC,40\n")
    landing.land(said(noon, "degF", "°C", None, "degC", "bar"))
    assert build(home, SiteStub(catalog=metrics.parent)).is_ok
    assert clean(home) == [
        (pytest.approx(10.0), "degC", "good", None, "degF"),
        (50.0, "degC", "bad", "above_range", None),
        (50.0, "degC", "bad", "above_range", None),
        (50.0, "degC", "bad", "above_range", None),
        (50.0, "bar", "bad", "above_range", None),
    ]


def test_a_unit_that_cannot_be_converted_makes_a_reading_uncertain(
    home: Home, landing: Landing, metrics: Path, noon: datetime
) -> None:
    metrics.write_text("metric,unit\ntemp,degC\n")
    landing.land(said(noon, "bar", "no unit at all", "degC"))
    landing.land(said(noon + timedelta(hours=5), "bar", value=None))
    assert build(home, SiteStub(catalog=metrics.parent)).is_ok
    assert [(unit, rule) for _, unit, _, rule, _ in clean(home)] == [
        ("bar", "unit_not_convertible"),
        ("no unit at all", "unit_not_convertible"),
        ("degC", None),
        ("bar", None),
    ]


def test_the_calibration_is_of_the_converted_value(home: Home, landing: Landing, metrics: Path, noon: datetime) -> None:
    metrics.write_text("metric,unit\ntemp,degC\n")
    (metrics.parent / "calibration.csv").write_text("device_id,metric,gain,offset\nd,temp,2,1\n")
    landing.land(said(noon, "degF"))
    assert build(home, SiteStub(catalog=metrics.parent)).is_ok
    assert clean(home)[0][0] == pytest.approx(21.0)


def test_a_unit_that_is_configured_later_ends_with_the_same_tables(
    tmp_path: Path, landing: Landing, home: Home, metrics: Path, noon: datetime
) -> None:
    site, rows = SiteStub(catalog=metrics.parent), said(noon, "degF", "degC", "kelvin", "bar")
    metrics.write_text("metric,unit\ntemp,\n")
    landing.land(rows)
    assert build(home, site).is_ok
    metrics.write_text("metric,unit\ntemp,degC\n")
    for _ in range(2):
        assert build(home, site, position=1).is_ok
    assert dirty_days(home, site, dbt_models()) == ()
    other = Home(tmp_path / "other")
    Landing(other).land(rows)
    assert build(other, site).is_ok
    assert fingerprints(home) == fingerprints(other)


def test_imported_history_is_not_late_and_a_collector_called_import_can_be(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    late = noon + timedelta(days=9)
    rows = [reading("d", "temp", noon, 1.0, received_at=late)]
    landing.land(rows)
    for name in ("import-0123456789abcdef", "import-1700000000000-00000001"):
        landing.land_as(name, rows)
    assert build(home, site).is_ok
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        found = dict(warehouse.execute("select segment, is_late from readings_clean").fetchall())
        assert warehouse.execute("select late_n, n from readings_1d").fetchall() == [(2, 3)]
    assert found == {
        "test-0-000001": True,
        "import-0123456789abcdef": False,
        "import-1700000000000-00000001": True,
    }
